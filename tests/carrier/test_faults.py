"""Faults as data: what may be asked for, and what is said of what may not."""

from __future__ import annotations

from dataclasses import fields

import pytest

from hookflash.base.errors import ConfigError
from hookflash.carrier import faults
from hookflash.carrier.faults import Faults, read_faults, shown
from hookflash.carrier.reading import NotAllowed

ALL = {
    "sip_loss": 0.5,
    "sip_duplicate": 1.0,
    "sip_delay": 2.0,
    "sip_reorder": 0.6,
    "rtp_loss": 0.1,
    "rtp_duplicate": 0.2,
    "rtp_delay": 0.3,
    "rtp_reorder": 0.4,
    "one_way": True,
    "wrong_address": "192.0.2.99",
    "unavailable": True,
    "no_dns": True,
    "wrong_host": "edge.carrier.invalid",
}


def test_every_fault_can_be_asked_for_and_is_shown() -> None:
    assert set(ALL) == {entry.name for entry in fields(Faults)}
    assert shown(read_faults("body", ALL)) == ALL
    assert faults.faults(ALL) == Faults(**ALL)  # type: ignore[arg-type]
    assert read_faults("body", {}) == Faults()
    assert shown(Faults()) == {}


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("sip_loss", 1.1, "a share from 0 to 1"),
        ("rtp_loss", True, "a share from 0 to 1"),
        ("sip_delay", -1, "seconds from 0 to 60"),
        ("rtp_delay", "1", "seconds from 0 to 60"),
        ("one_way", 1, "true or false"),
        ("wrong_address", "nowhere", "an IP address"),
        ("sip_reorder", -0.1, "a share from 0 to 1"),
        ("rtp_reorder", True, "a share from 0 to 1"),
        ("no_dns", "yes", "true or false"),
        ("wrong_host", "a host", "a host name such as edge.carrier.invalid"),
        ("wrong_host", True, "a host name such as edge.carrier.invalid"),
        ("dns", True, "sip_loss, sip_duplicate"),
    ],
)
def test_what_may_not_be_asked_for(name: str, value: object, allowed: str) -> None:
    with pytest.raises(ConfigError, match=allowed):
        read_faults("body", {name: value})
    with pytest.raises(NotAllowed, match="some of sip_loss, "):
        faults.faults({name: value})
