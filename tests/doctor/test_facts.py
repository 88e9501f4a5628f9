"""Where a call or its transfer stopped, and what decided that."""

from __future__ import annotations

import pytest
from tests.doctor.examples import BASIC, accepted, dialled, refused
from tests.doctor.talk import Talk

from hookflash.doctor.facts import CaseFacts, is_private


def test_the_last_transfer_is_looked_at_or_the_one_that_is_asked_about() -> None:
    talk = refused("sip.example.org", 603, target="tel:+1").wait(1)
    talk.refer("tel:+2").answer(202, "Accepted").notify("486 Busy Here", "terminated")
    assert (talk.facts().stage, talk.facts().target) == ("target failed", "tel:+2")
    first = talk.facts({"refer_to": "<tel:+1>"})
    assert (first.stage, first.status, first.target) == ("refer refused", 603, "tel:+1")
    other = talk.facts({"refer_to": "<tel:+3>"})
    assert other.target == "tel:+2"


def test_the_trunk_knows_better_than_the_messages_who_the_peer_is() -> None:
    talk = refused("sip.pstnhub.microsoft.com", 603)
    assert talk.facts({"provider": ""}).peer == "teams"
    assert talk.facts({"provider": "azure"}).peer == "azure"
    assert talk.facts({"provider": "nobody"}).peer == "teams"


def test_a_challenged_refer_is_one() -> None:
    talk = Talk().came().refer().answer(407, "No").refer(**BASIC).wait(2).answer(202, "Accepted")
    facts = talk.notify("200 OK", "terminated").facts()
    assert (facts.stage, facts.status, facts.gave_password) == ("transferred", 200, True)
    assert facts.since_request == pytest.approx(2.2, abs=0.01)


def test_a_notify_before_the_202_and_after_the_bye() -> None:
    talk = Talk().came().refer().notify("100 Trying").answer(202, "Accepted").bye(ours=True)
    facts = talk.notify("603 Decline", "terminated").facts()
    assert (facts.stage, facts.status, facts.notified) == ("target failed", 603, (100, 603))


def test_a_notify_that_is_repeated_is_one() -> None:
    """Our 200 to it was lost."""
    talk = accepted().notify("180 Ringing")
    talk.entries.append({**talk.entries[-2], "at": talk.now + 0.5})
    talk.notify("180 Ringing", "active;expires=60")
    assert talk.facts().notified == (180, 180)


def test_the_newest_allow_counts() -> None:
    """A peer may take REFER in a call that it did not take before."""
    talk = Talk(allow="INVITE, REFER").came(answered=False)
    assert talk.facts().allow == frozenset({"INVITE", "REFER"})
    talk.allow = "INVITE, ACK, BYE"
    assert talk.refer().answer(405, "No").facts().allow == frozenset({"INVITE", "ACK", "BYE"})
    assert Talk().came().facts().allow is None


@pytest.mark.parametrize(
    ("talk", "stage"),
    [
        (Talk(), "nothing"),
        (Talk().called(), "call unanswered"),
        (Talk().called().answer(180, "Ringing").wait(30), "call rang out"),
        (Talk().called().answered(), "call up"),
        (Talk().came(answered=False), "call up"),
        (dialled(487), "call refused"),
        (Talk().came().again(3).bye(), "call ended"),
    ],
)
def test_stages_of_a_call(talk: Talk, stage: str) -> None:
    assert talk.facts().stage == stage


@pytest.mark.parametrize(
    ("target", "scheme", "host", "at_ip"),
    [
        ("tel:+1", "tel", "", False),
        ("sip:a@Host.example:5080;transport=tcp", "sip", "host.example", False),
        ("sips:203.0.113.9", "sips", "203.0.113.9", True),
        ("sip:a@[2001:db8::1]:5060", "sip", "2001:db8::1", True),
    ],
)
def test_targets(target: str, scheme: str, host: str, at_ip: bool) -> None:
    facts = accepted().facts() if not target else Talk().came().refer(target).facts()
    assert (facts.target, facts.scheme, facts.host, facts.at_ip) == (target, scheme, host, at_ip)


def test_what_there_is_not_is_empty() -> None:
    facts = CaseFacts("nothing")
    assert (facts.target, facts.host, facts.header("X"), facts.asked("X"), facts.reason) == (
        "",
    ) * 5
    assert facts.allow is None


@pytest.mark.parametrize(
    ("address", "private"),
    [("10.0.0.1", True), ("fd00::1", True), ("93.184.216.34", False), ("host.example", False)],
)
def test_private_addresses(address: str, private: bool) -> None:
    assert is_private(address) is private
