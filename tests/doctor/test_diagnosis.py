"""Each rule fits its own example, and the others do not."""

from __future__ import annotations

import pytest
from tests.doctor.examples import EXAMPLES, FINE
from tests.doctor.talk import Talk

from hookflash.doctor.diagnosis import RULES, diagnose, diagnose_call, fitting


def test_there_is_an_example_for_each_rule_and_a_rule_for_each_example() -> None:
    assert len(RULES) >= 60
    assert [rule.name for rule in RULES] == list(EXAMPLES)


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_rule_fits_its_example_and_no_other_does(name: str) -> None:
    facts = EXAMPLES[name].facts()
    assert [rule.name for rule in fitting(facts)] == [name], facts


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_what_a_rule_says_is_whole(rule: object) -> None:
    name = rule.name  # type: ignore[attr-defined]
    finding = diagnose(EXAMPLES[name].facts(), "the call")
    assert finding.rule == name
    for text in (finding.meaning, finding.remedy, finding.source):
        assert text.strip()
        assert "{" not in text
        assert "not said" not in text
        assert text == text.strip()


@pytest.mark.parametrize("name", FINE)
def test_nothing_is_found_where_nothing_is_wrong(name: str) -> None:
    finding = diagnose(FINE[name].facts(), "the call")
    assert (finding.gravity, finding.rule) == ("ok", ""), finding


def test_what_nobody_knows_is_said_to_be_unknown() -> None:
    finding = diagnose(Talk().called().answer(499, "Whatever").facts(), "the call")
    assert finding.meaning == "unknown: call refused with 499 Whatever by the peer; no rule fits"
    assert "ladder" in finding.remedy
    assert finding.rule == ""


def test_what_a_person_reads_of_the_commonest_failure() -> None:
    finding = diagnose(EXAMPLES["twilio-transfer-off"].facts(), "transfer STR_1")
    assert finding.meaning.startswith("603 from Twilio to REFER: call transfer is switched off")
    assert "--transfer-mode enable-all" in finding.remedy
    assert "`hookflash provider twilio setup`" in finding.remedy


def test_a_transfer_without_its_messages_is_told_by_its_record() -> None:
    transfer = {"transfer_id": "STR_1", "verdict": "refused", "sip_status": 603}
    finding = diagnose_call([], {}, {**transfer, "sip_reason": "Decline"})
    assert (finding.rule, finding.subject) == ("refer-declined", "transfer STR_1")


@pytest.mark.parametrize("verdict", ["interrupted", "canceled", "call ended", "timed out"])
def test_a_transfer_for_which_no_refer_was_sent(verdict: str) -> None:
    seen = Talk().came().facts().seen
    finding = diagnose_call(seen, {}, {"transfer_id": "STR_1", "verdict": verdict})
    assert finding.gravity == "error"
    assert not finding.meaning.startswith("unknown")
    assert finding.remedy


def test_a_transfer_of_which_nothing_is_known() -> None:
    finding = diagnose_call([], {}, {"transfer_id": "STR_1", "verdict": "subscription ended"})
    assert finding.meaning == "unknown: subscription ended: no messages are kept of it"


def test_a_call_by_its_messages() -> None:
    finding = diagnose_call(EXAMPLES["call-busy"].facts().seen, {"call_id": "SCL_1"}, None)
    assert (finding.rule, finding.subject, finding.gravity) == ("call-busy", "call SCL_1", "note")


@pytest.mark.parametrize(
    ("record", "gravity", "rule", "words"),
    [
        ({"direction": "outbound", "answer_status": 486}, "note", "call-busy", "busy"),
        ({"direction": "inbound", "answer_status": 488}, "error", "no-common-codec", "488"),
        ({"direction": "outbound", "end_reason": "unresolved"}, "error", "", "unresolved"),
        (
            {"direction": "inbound", "end_reason": "odd"},
            "error",
            "",
            "unknown: it was not answered",
        ),
        ({"answered_at": 1.5, "end_reason": "hangup"}, "note", "", "its end: hangup"),
        ({"ended_at": None}, "note", "", "no messages are kept"),
    ],
)
def test_a_call_without_messages(
    record: dict[str, object], gravity: str, rule: str, words: str
) -> None:
    finding = diagnose_call([], {"call_id": "SCL_1", "ended_at": 2.0, **record}, None)
    assert (finding.gravity, finding.rule) == (gravity, rule)
    assert words in finding.meaning
