"""Every profile with every sort of telephone: what the exchange is told, who talks to whom, and
what the doctor makes of it."""

from __future__ import annotations

import pytest
from tests.support.carrier_matrix import OFF, OUTCOMES, Cell, cell, cells, outcomes
from tests.support.carrier_rig import CALLER, LINE

from hookflash.carrier.profile_files import profile_names

CELLS = [(profile, outcome) for profile in profile_names() for outcome in outcomes(profile)]
FAILED = {
    "busy": "target-busy",
    "declines": "target-declined",
    "never answers": "target-no-answer",
    "unreachable": "target-no-answer",
    "no such number": "target-unknown",
}
"""Outcome → the doctor's rule, where the carrier reports it."""
REFUSED = {
    "azure": "microsoft-no-word",
    "didlogic": "didlogic-ask",
    "didww": "didww-max-transfers",
    "exotel": "exotel-never",
    "no-refer": "refer-not-known",
    "signalwire": "signalwire-unknown",
    "teams": "microsoft-no-word",
    "telnyx": "telnyx-not-enabled",
    "twilio": "twilio-transfer-off",
    "vonage": "no-word-on-refer",
    "whatsapp": "whatsapp-no-refer",
    "zadarma": "zadarma-ask",
}
"""Profile → the doctor's rule, where the carrier carries out no REFER, or not yet."""
UNREPORTED = {"none": "accepted-and-hung-up", "100-terminated": "ended-with-trying"}
"""Trait `notify` → the doctor's rule, whatever became of the target."""
PECULIAR = {("asterisk", "busy"): "asterisk-target-busy"}


def expected_rule(one: Cell) -> str:
    """The doctor's, "" where it finds nothing wrong."""
    manners = one.manners
    if manners.refer == "never" or one.outcome == OFF:
        return REFUSED[one.profile]
    if manners.notify in UNREPORTED:
        return UNREPORTED[manners.notify]
    return PECULIAR.get((one.profile, one.outcome), FAILED.get(one.outcome, ""))


@pytest.mark.parametrize(("profile", "outcome"), CELLS)
def test_one_verdict_and_nothing_left(profile: str, outcome: str) -> None:
    one = cell.__wrapped__(profile, outcome)  # of its own: it is hung up here
    rig, manners = one.rig, one.manners
    number, status = OUTCOMES["answers" if outcome == OFF else outcome]
    (verdict,) = rig.verdicts
    answered = status == 200
    if manners.refer == "never" or outcome == OFF:
        assert str(manners.refused_status) in one.answer
        assert rig.hear_each_other(CALLER, LINE)
    elif manners.notify in {"all", "final"}:
        assert one.answer == "OK" if answered else str(status) in one.answer
        assert rig.hear_each_other(CALLER, number if answered else LINE)
    else:
        # Who asked is hung up on at once: the outcome is never known, or guessed by the BYE.
        told = "OK" if verdict is None else verdict.code
        assert told == ("aborted" if manners.notify == "none" else "OK")
        assert rig.left == ["remote"]
        assert rig.hear_each_other(CALLER, number) is answered
    assert len(rig.switch.conversations) <= 1
    for conversation in list(rig.switch.conversations.values()):
        rig.carrier(rig.switch.hang_up(rig.now, conversation.caller))
    rig.advance(400)
    switch = rig.switch
    left = (*switch.conversations, *switch.ends, *rig.joined, *rig.open, *switch.board.legs())
    assert left == ()


@pytest.mark.parametrize(("profile", "outcome"), CELLS)
def test_the_doctor_names_the_cause_and_nothing_else(profile: str, outcome: str) -> None:
    one = cell(profile, outcome)
    finding = one.finding
    assert finding.rule == expected_rule(one), finding
    if finding.rule:
        assert finding.remedy
        assert "unknown" not in finding.meaning
        assert "not said" not in finding.meaning
    if one.answer == "OK":
        assert finding.gravity in {"ok", "note"}, finding
    else:
        assert finding.gravity in {"note", "error"}, finding
    status = OUTCOMES.get(outcome, ("", 0))[1]
    if one.verdict == "rejected":
        assert str(status) in finding.meaning


def test_each_profile_is_there_with_each_outcome() -> None:
    found = {(one.profile, one.outcome) for one in cells()}
    assert found == set(CELLS)
    assert found >= {(profile, outcome) for profile in profile_names() for outcome in OUTCOMES}
    assert {profile for profile, outcome in found if outcome == OFF} == {
        name
        for name in profile_names()
        if cell(name, "answers").manners.transfer_mode != "enable-all"
    }
