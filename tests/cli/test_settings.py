"""`hookflash settings`, the table for the docs, and settings as flags."""

from __future__ import annotations

import pytest

from hookflash.base.errors import ConfigError
from hookflash.cli.flags import parse_flags
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


def test_values_behind_a_space_or_an_equals_sign() -> None:
    assert parse_flags(["--sip.sip-port", "5070", "--sip.rtp_port=1-2"]) == {
        "sip.sip_port": "5070",
        "sip.rtp_port": "1-2",
    }


def test_yes_and_no() -> None:
    assert parse_flags(["--sip.shield", "no", "--sip.hide-passwords", "--dev=true"]) == {
        "sip.shield": False,
        "sip.hide_passwords": True,
        "dev": True,
    }


def test_lists_by_commas_or_by_repeating() -> None:
    assert parse_flags(["--webhook.urls", "http://a,http://b", "--webhook.urls", "http://c"]) == {
        "webhook.urls": ["http://a", "http://b", "http://c"]
    }


@pytest.mark.parametrize(
    "arguments",
    [["--nope", "1"], ["--keys", "k: s"], ["--port"], ["--sip.shield=perhaps"], ["word"]],
)
def test_what_is_no_flag_is_refused(arguments: list[str]) -> None:
    with pytest.raises(ConfigError):
        parse_flags(arguments)


def test_what_a_flag_may_have_been_meant_to_be() -> None:
    with pytest.raises(ConfigError) as caught:
        parse_flags(["--sip.port", "5070"])
    told, _, near = str(caught.value).partition(" (")
    assert told == (
        "serve: '--sip.port' is unknown; allowed: a flag that `hookflash settings` lists"
    )
    assert "--sip.sip-port" in near.removesuffix("?)").split(", ")
