"""`hookflash settings` and the table for the docs."""

from __future__ import annotations

import pytest

from hookflash.cli.settings import default_text, markdown_table, print_settings
from hookflash.config import SettingLine, setting_lines


def test_every_setting_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    print_settings()
    printed = capsys.readouterr().out
    for line in setting_lines():
        assert line.key in printed


def test_the_table_for_the_docs_has_a_row_for_each() -> None:
    assert len(markdown_table().splitlines()) == 2 + len(list(setting_lines()))


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        ("number", None, "unset"),
        ("yes or no", True, "yes"),
        ("yes or no", False, "no"),
        ("range of ports", (1, 2), "1-2"),
        ("list of text", [], "none"),
        ("list of text", ["a", "b"], "a, b"),
        ("map of key to secret", {}, "none"),
        ("duration", 2592000.0, "30d"),
        ("duration", 30.0, "30s"),
        ("text", "", "empty"),
        ("number", 5060, "5060"),
    ],
)
def test_defaults_as_one_would_write_them(kind: str, value: object, text: str) -> None:
    assert default_text(SettingLine("k", kind, value, "h")) == text
