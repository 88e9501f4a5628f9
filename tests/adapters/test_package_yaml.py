"""YAML files that come with a package."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from hookflash.adapters import package_yaml
from hookflash.adapters.package_yaml import yaml_content, yaml_names

PROFILES = ("hookflash.carrier", "profiles")


def test_all_are_named_in_order_and_each_can_be_read() -> None:
    names = yaml_names(*PROFILES)
    assert list(names) == sorted(names)
    assert "twilio" in names
    assert all(isinstance(yaml_content(*PROFILES, name), dict) for name in names)


@pytest.mark.parametrize("text", ["a: [1", "a: !!python/object/apply:os.getcwd []"])
def test_what_is_no_yaml_or_not_safe(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "name.yaml").write_text(text, "utf-8")
    monkeypatch.setattr(package_yaml, "files", lambda _: tmp_path)
    with pytest.raises(yaml.YAMLError):
        yaml_content("any", ".", "name")
