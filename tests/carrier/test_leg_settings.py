"""What the legs of the carrier are told."""

from __future__ import annotations

from dataclasses import replace

from tests.support.carrier_rig import ORIGINATION, network

from hookflash.calls.legs.settings import Credential
from hookflash.carrier.leg_settings import allow, leg_settings, timers
from hookflash.carrier.manners import CarrierManners
from hookflash.sip.timers import Timers


def test_manners_that_are_a_legs() -> None:
    manners = CarrierManners(
        codecs=("PCMA",), ptime=40, session_expires=90, early_media=True, user_agent="Mine"
    )
    found = leg_settings(manners, "outbound", ORIGINATION, None)
    assert (found.media.codecs, found.media.ptime) == (("PCMA",), 40)
    assert (found.session_expires, found.early_media, found.user_agent) == (90, True, "Mine")
    assert found.accepts_refer
    assert found.credentials() is None


def test_how_soon_something_is_said_again() -> None:
    """T1, and what RFC 3261 derives from it."""
    assert timers(CarrierManners()) == Timers()
    found = timers(CarrierManners(t1=200))
    assert (found.t1, found.t2, found.transaction) == (0.2, 4.0, 12.8)


def test_the_password_of_a_trunk() -> None:
    (trunk,) = network(username="me", password="secret").trunks
    found = leg_settings(CarrierManners(), "inbound", ORIGINATION, trunk)
    assert found.credentials() == Credential("me", "secret")
    nobody = leg_settings(CarrierManners(), "inbound", ORIGINATION, replace(trunk, username=""))
    assert nobody.credentials() is None


def test_whether_refer_is_allowed() -> None:
    assert "REFER" in allow(CarrierManners())
    assert "REFER" not in allow(CarrierManners(refer="never"))


def test_encryption_of_a_trunk() -> None:
    (trunk,) = network().trunks
    for srtp, encryption in (("none", "disable"), ("allowed", "allow"), ("required", "require")):
        by_manners = CarrierManners(srtp=srtp)  # type: ignore[arg-type]
        assert (
            leg_settings(by_manners, "inbound", ORIGINATION, trunk).media.encryption == encryption
        )
        own = replace(trunk, srtp=srtp)  # type: ignore[arg-type]
        found = leg_settings(CarrierManners(), "outbound", ORIGINATION, own)
        assert found.media.encryption == encryption
