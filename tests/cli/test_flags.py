"""Settings as flags."""

from __future__ import annotations

import pytest

from hookflash.base.errors import ConfigError
from hookflash.cli.flags import parse_flags


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
