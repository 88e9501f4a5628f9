"""One version, read from the package."""

from __future__ import annotations

import tomllib
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from unittest.mock import patch

from hookflash.version import hookflash_version


def test_it_is_the_one_of_pyproject() -> None:
    text = (Path(__file__).parent.parent / "pyproject.toml").read_text(encoding="utf-8")
    assert hookflash_version() == tomllib.loads(text)["project"]["version"]


def test_a_bare_source_tree_has_none() -> None:
    with patch("hookflash.version.version", side_effect=PackageNotFoundError):
        assert hookflash_version.__wrapped__() == "0.0.0"
