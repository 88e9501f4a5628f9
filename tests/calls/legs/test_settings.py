"""The header values and defaults that calls.md names."""

from __future__ import annotations

from tests.simulation.legs import CONTACT

from hookflash.calls.legs.settings import ALLOW, EXTENSIONS, SUPPORTED, LegSettings
from hookflash.sip.uri import Uri


def test_allow_and_supported_are_exactly_what_is_done() -> None:
    """calls.md §2, last paragraph: never norefersub, no REFER."""
    assert ALLOW == "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, PRACK, NOTIFY"
    assert SUPPORTED == "100rel, timer"
    assert ", ".join(sorted(EXTENSIONS)) == SUPPORTED


def test_defaults() -> None:
    settings = LegSettings(contact=Uri.parse(CONTACT))
    assert settings.ringing_interval == 60
    assert settings.ringing_timeout == 180
    assert settings.ringing_timeout_status == 480
    assert settings.max_call_duration == 24 * 3600
    assert (settings.first_media_timeout, settings.media_timeout) == (30, 15)
    assert settings.session_expires == 1800
    assert settings.credentials() is None
