"""Who the peer is, by its addresses, its software, its headers."""

from __future__ import annotations

import pytest
from tests.doctor.talk import Talk

from hookflash.doctor.peers import TITLES


@pytest.mark.parametrize(
    ("host", "server", "peer"),
    [
        ("company.pstn.twilio.com", "", "twilio"),
        ("sip.telnyx.com", "FreeSWITCH", "telnyx"),
        ("10.1.2.3", "FPBX-16.0", "asterisk"),
        ("10.1.2.3", "3CXPhoneSystem 18", "3cx"),
        ("10.1.2.3", "drachtio", "jambonz"),
        ("sip.pstnhub.microsoft.com", "", "teams"),
        ("nottwilio.com.example.org", "", ""),
        ("10.1.2.3", "", ""),
    ],
)
def test_by_address_and_software(host: str, server: str, peer: str) -> None:
    for talk in (Talk(host, server=server).came(), Talk(host, server=server).called().answered()):
        facts = talk.facts()
        assert facts.peer == peer
        assert facts.title == TITLES.get(peer, "the peer")


def test_by_a_header_of_its_own() -> None:
    talk = Talk("10.1.2.3").called().answer(200, "OK", X_Twilio_CallSid="CA1")
    assert talk.facts().peer == "twilio"


def test_a_proxy_on_the_way_is_not_the_peer() -> None:
    """What refuses a REFER may be other software than what placed the call."""
    talk = Talk("10.1.2.3").came().refer().answer(405, "No", Server="Asterisk PBX 22.1.0")
    assert talk.facts().peer == ""


def test_a_target_says_nothing_of_the_peer() -> None:
    talk = Talk("10.1.2.3").came().refer("sip:+1@company.pstn.twilio.com").answer(603, "No")
    assert talk.facts().peer == ""
