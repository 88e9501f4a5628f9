"""Which REFER a NOTIFY belongs to (transfer.md §4), and the states of one REFER."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from math import inf
from pathlib import Path

import pytest
from tests.support.sip_messages import request_of

import hookflash
from hookflash.calls.effects import LegEffect, StopTone
from hookflash.calls.transfers.attempt import (
    AttemptAccepted,
    AttemptDeferred,
    AttemptFinal,
    AttemptLost,
    AttemptProgress,
    AttemptRefused,
    AttemptRemark,
    AttemptSent,
    AttemptUnanswered,
)
from hookflash.calls.transfers.refer_usage import STEPS, ReferState, ReferUsage, select
from hookflash.calls.transfers.transferor_effects import SendSubscribe
from hookflash.sip.message import Response
from hookflash.sip.refer import ReferTarget
from hookflash.sip.subscription import MOST_IDS, read_notify
from hookflash.sip.timers import Timers

NO_SUBSCRIPTION = (("Refer-Sub", "false"),)


class Refer:
    """One REFER with CSeq `cseq`, a peer, and a clock."""

    def __init__(self, cseq: int = 2) -> None:
        self.now = 100.0
        self.next_cseq = cseq
        self.notify_cseq = 10
        self.usage = ReferUsage("STR_1", ReferTarget("sip:a@b"), Timers(), self._send, lambda: 1.5)

    def _send(self) -> tuple[int, LegEffect]:
        self.next_cseq += 1
        return self.next_cseq - 1, StopTone()

    def sent(self) -> Refer:
        """It is out."""
        self.usage.stored()
        assert self.usage.start(self.now) == [StopTone(), AttemptSent()]
        return self

    def answer(self, status: int, headers: Sequence[tuple[str, str]] = ()) -> list[object]:
        return list(self.usage.answered(self.now, Response(status, headers=headers)))

    def notify(self, status: int, state: str = "active", cseq: int = 0) -> list[object]:
        self.notify_cseq += 1
        headers = (("Event", "refer"), ("Subscription-State", state))
        body = f"SIP/2.0 {status} X".encode() if status else b""
        request = request_of("NOTIFY", cseq=cseq or self.notify_cseq, headers=headers, body=body)
        return list(self.usage.notified(self.now, read_notify(request)))

    def verdict(self, *, counts: bool = True) -> Refer:
        """The verdict of its transfer falls."""
        self.usage.cancel(self.now, counts=counts)
        return self

    def at(self, now: float) -> list[object]:
        self.now = now
        return list(self.usage.handle_deadline(now))


def accepted(cseq: int = 2) -> Refer:
    refer = Refer(cseq).sent()
    refer.answer(202)
    return refer


# --- the states ---------------------------------------------------------------------------------


def idle() -> Refer:
    return Refer()


def held() -> Refer:
    refer = Refer()
    refer.usage.stored()
    return refer


def sent() -> Refer:
    return Refer().sent()


def backoff() -> Refer:
    refer = sent()
    assert refer.answer(491) == [AttemptDeferred(491, "Request Pending")]
    return refer


def silent() -> Refer:
    refer = sent()
    refer.answer(100)
    assert refer.usage.unanswered("timeout") == [AttemptUnanswered("timeout", 1)]
    return refer


def lapsed() -> Refer:
    refer = accepted()
    assert refer.notify(180, "terminated") == [AttemptProgress(180, "X")]
    return refer


def asking() -> Refer:
    refer = accepted()
    assert refer.notify(0, "terminated;reason=timeout") == [SendSubscribe("STR_1", 2)]
    return refer


def failed() -> Refer:
    refer = sent()
    refer.notify(180)
    assert refer.answer(481) == [AttemptRefused(481, "Call/Transaction Does Not Exist", "")]
    return refer


def reported() -> Refer:
    refer = accepted()
    assert refer.notify(200) == [AttemptFinal(200, "X")]
    return refer


def watched() -> Refer:
    return failed().verdict()


def overtaken() -> Refer:
    refer = accepted().verdict()
    refer.usage.call_ended()
    assert refer.notify(0, "terminated") == []
    return refer


def unreported() -> Refer:
    refer = sent()
    said = refer.answer(202, NO_SUBSCRIPTION)
    assert said == [AttemptAccepted(202, "Accepted"), AttemptFinal(202, "Accepted", reported=False)]
    return refer


def refused() -> Refer:
    refer = sent()
    refer.answer(603)
    return refer.verdict()


def closed() -> Refer:
    return idle().verdict()


STATES: dict[ReferState, Callable[[], Refer]] = {
    ReferState.IDLE: idle,
    ReferState.HELD: held,
    ReferState.SENT: sent,
    ReferState.BACKOFF: backoff,
    ReferState.SILENT: silent,
    ReferState.ACCEPTED: accepted,
    ReferState.LAPSED: lapsed,
    ReferState.ASKING: asking,
    ReferState.FAILED: failed,
    ReferState.REPORTED: reported,
    ReferState.WATCHED: watched,
    ReferState.OVERTAKEN: overtaken,
    ReferState.UNREPORTED: unreported,
    ReferState.REFUSED: refused,
    ReferState.CLOSED: closed,
}
OVER = {ReferState.UNREPORTED, ReferState.REFUSED, ReferState.CLOSED}


@pytest.mark.parametrize("state", ReferState)
def test_every_state_is_reached_by_what_happens(state: ReferState) -> None:
    usage = STATES[state]().usage
    assert usage._state is state
    assert (usage.watch_end() == -inf) == (state in OVER)


@pytest.mark.parametrize("before", ReferState)
@pytest.mark.parametrize("after", ReferState)
def test_another_step_than_those_of_the_table_is_a_mistake_of_ours(
    before: ReferState, after: ReferState
) -> None:
    usage = STATES[before]().usage
    if after in STEPS[before]:
        usage._become(after)
        assert usage._state is after
    else:
        with pytest.raises(AssertionError, match=f"{before.value} -> {after.value}"):
            usage._become(after)
        assert usage._state is before


INPUTS: list[Callable[[Refer], object]] = [
    lambda refer: refer.usage.stored(),
    lambda refer: refer.usage.start(refer.now),
    lambda refer: refer.answer(100),
    lambda refer: refer.answer(202),
    lambda refer: refer.answer(202, NO_SUBSCRIPTION),
    lambda refer: refer.answer(491),
    lambda refer: refer.answer(603),
    lambda refer: refer.usage.unanswered("transport"),
    lambda refer: refer.notify(0),
    lambda refer: refer.notify(180),
    lambda refer: refer.notify(200),
    lambda refer: refer.notify(486, "terminated"),
    lambda refer: refer.notify(100, "terminated"),
    lambda refer: refer.notify(0, "terminated;reason=timeout"),
    lambda refer: refer.notify(100, "terminated", cseq=1),
    lambda refer: refer.usage.subscribed(refer.now, 200),
    lambda refer: refer.usage.subscribed(refer.now, None),
    lambda refer: refer.usage.call_ended(),
    lambda refer: refer.at(refer.now + 2),
    lambda refer: refer.at(refer.now + 400),
    lambda refer: refer.verdict(),
    lambda refer: refer.verdict(counts=False).usage.close(),
]
VERDICTS = INPUTS[-2:]
ENDS = (AttemptFinal, AttemptLost, AttemptUnanswered)


def happens(refer: Refer, what: Callable[[Refer], object]) -> None:
    """As the transferor has it: one verdict, at once where the REFER has ended; NOTIFYs only to
    those that `select` would find."""
    usage = refer.usage
    if not usage._awaited and what in VERDICTS:
        return
    if INPUTS.index(what) in range(8, 15) and (
        usage.standing == "unsent" or usage._state is ReferState.REFUSED
    ):
        return
    said = what(refer)
    ended = isinstance(said, list) and any(isinstance(each, ENDS) for each in said)
    if ended and usage._awaited:
        refer.verdict()


@pytest.mark.parametrize("state", ReferState)
def test_nothing_that_happens_in_any_state_is_a_step_that_the_table_lacks(
    state: ReferState,
) -> None:
    for first in INPUTS:
        for second in INPUTS:
            for third in INPUTS:
                refer = STATES[state]()
                if state in {ReferState.REPORTED, ReferState.UNREPORTED}:
                    refer.verdict()
                for what in (first, second, third):
                    happens(refer, what)


def test_nothing_comes_after_the_end() -> None:
    assert {state for state, steps in STEPS.items() if not steps} == OVER
    assert set(STEPS) == set(ReferState)


def test_no_other_module_reads_or_sets_what_a_refer_is_like() -> None:
    inside = {name for name in ReferUsage.__slots__ if name.startswith("_")}
    assert set(ReferUsage.__slots__) - inside == {"target", "transfer_id"}
    root = Path(hookflash.__file__).parent
    for path in root.rglob("*.py"):
        if path.name == "refer_usage.py":
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Attribute) and node.attr in inside:
                own = isinstance(node.value, ast.Name) and node.value.id == "self"
                assert own, f"{path}:{node.lineno}: {node.attr}"


# --- what comes of it ---------------------------------------------------------------------------


def test_a_notify_before_the_202_is_acceptance() -> None:
    refer = sent()
    assert refer.notify(100) == [AttemptAccepted(0, ""), AttemptProgress(100, "X")]
    assert refer.answer(202) == []


def test_after_491_it_waits_and_goes_out_again() -> None:
    refer = backoff()
    assert (refer.usage.start_at(), refer.usage.start(101.4)) == (101.5, [])
    assert refer.usage.start(101.5) == [StopTone(), AttemptSent()]
    assert refer.usage.start_at() == inf


@pytest.mark.parametrize("status", [481, 603, None])
def test_a_subscribe_that_is_refused_ends_the_wait_after_the_two_seconds(
    status: int | None,
) -> None:
    refer = asking()
    assert refer.usage.subscribed(refer.now, status) == []
    assert refer.at(101.9) == []
    assert refer.at(102.0) == [AttemptLost("timeout", 0)]


def test_a_subscribe_that_is_unanswered_for_four_seconds_ends_the_wait() -> None:
    refer = asking()
    assert refer.at(103.9) == []
    assert refer.at(104.0) == [AttemptLost("timeout", 0)]
    assert refer.usage.subscribed(104.1, 200) == []


def test_after_the_verdict_a_subscribe_without_an_answer_ends_the_watch() -> None:
    refer = asking().verdict()
    assert refer.usage.watch_end() == 280.0
    assert refer.at(104.0) == []
    assert refer.usage.watch_end() == -inf


def test_a_status_after_an_error_answer_is_not_the_latest_word() -> None:
    assert failed().notify(183) == [AttemptProgress(183, "X", latest=False)]


def test_what_comes_although_nothing_was_to_come_is_a_remark() -> None:
    refer = unreported()
    assert refer.notify(486, "terminated") == [AttemptRemark(486, "X")]
    assert refer.notify(0, "terminated") == []


def test_may_still_report() -> None:
    may = {state for state, made in STATES.items() if made().usage.may_still_report}
    out = {"sent", "silent", "accepted", "lapsed", "asking", "failed"}
    assert {state.value for state in may} == out
    lost = sent()
    lost.usage.unanswered("transport")
    assert not lost.usage.may_still_report
    lost.notify(180)
    assert lost.usage.may_still_report


def test_how_it_stands() -> None:
    standing = {state.value: made().usage.standing for state, made in STATES.items()}
    assert standing["idle"] == standing["held"] == "unsent"
    assert standing["backoff"] == "deferred"
    assert standing["sent"] == "unanswered"
    assert standing["accepted"] == "unreported"
    assert standing["lapsed"] == standing["silent"] == "going"


def test_it_is_watched_for_three_minutes_after_the_last_verdict() -> None:
    refer = accepted()
    assert refer.usage.watch_end() == inf
    refer.now = 110.0
    assert refer.verdict().usage.watch_end() == 290.0
    assert refer.usage.join()
    assert refer.usage.watch_end() == inf
    refer.now = 130.0
    assert refer.verdict().usage.watch_end() == 310.0
    refer.at(310.0)
    assert refer.usage.watch_end() == -inf


# --- which REFER a NOTIFY belongs to ------------------------------------------------------------


def selected(refers: list[Refer], event: str, *, writes_ids: bool = False) -> int | None:
    notify = read_notify(request_of("NOTIFY", headers=[("Event", event)]))
    usages = [refer.usage for refer in refers]
    found = select(usages, notify, writes_ids=writes_ids or notify.event_id is not None)
    return None if found is None else usages.index(found)


@pytest.mark.parametrize("event", ["refer", "refer;id=2", "refer;id=999", "refer;id=x", "o"])
@pytest.mark.parametrize("made", [sent, accepted, reported, lapsed])
def test_one_refer_ever_accepted_takes_any_id_or_none(
    event: str, made: Callable[[], Refer]
) -> None:
    assert selected([made()], event) == 0


def test_a_refused_refer_does_not_count() -> None:
    assert selected([refused()], "refer") is None
    assert selected([refused(), accepted(3)], "refer;id=77") == 1
    assert selected([idle(), accepted(3)], "refer;id=77") == 1


def resent(cseq: int) -> Refer:
    refer = Refer(cseq).sent()
    refer.usage.sent_again(cseq + 1)
    refer.answer(202)
    return refer


def test_of_several_the_id_selects_by_the_cseq_of_any_attempt() -> None:
    several = [resent(2), resent(4)]
    assert selected(several, "refer;id=2") == selected(several, "refer;id=3") == 0
    assert selected(several, "refer;id=4") == selected(several, "refer;id=005") == 1


def test_of_several_none_has_an_unknown_id() -> None:
    assert selected([accepted(2), accepted(3)], "refer;id=9") is None


def test_of_several_the_newest_that_was_accepted_has_no_id() -> None:
    assert selected([accepted(2), accepted(3)], "refer") == 1
    assert selected([accepted(2), Refer(3).sent()], "refer") == 0
    assert selected([accepted(2), accepted(3), refused()], "refer") == 1
    assert selected([accepted(2), reported()], "refer") == 1, "it repeats itself"
    over = accepted(3)
    over.notify(486, "terminated")
    assert selected([accepted(2), over], "refer") == 0, "of that one nothing more comes"
    assert selected([over, Refer(4).sent()], "refer") == 1, "before its 202"
    assert selected([Refer(2).sent(), Refer(3).sent()], "refer") == 0, "none was accepted"


def test_of_a_peer_that_writes_ids_the_oldest_open_one_has_none() -> None:
    several = [accepted(2), accepted(3)]
    assert selected(several, "refer", writes_ids=True) == 0
    assert selected([reported(), accepted(3)], "refer", writes_ids=True) == 1
    assert selected([reported(), Refer(3).sent()], "refer", writes_ids=True) == 1
    assert selected([reported(), reported()], "refer", writes_ids=True) is None


def test_an_id_of_the_peers_own_making_stays_with_the_refer_it_came_for() -> None:
    first = accepted(2)
    assert selected([first], "refer;id=77") == 0
    assert selected([first, accepted(3)], "refer;id=77") == 0
    assert selected([first, accepted(77)], "refer;id=77") == 1


def test_so_many_ids_of_the_peers_own_making_are_remembered() -> None:
    first = accepted(2)
    for number in range(100, 100 + 3 * MOST_IDS):
        assert selected([first], f"refer;id={number}") == 0
    known = [selected([first, accepted(3)], f"refer;id={100 + n}") for n in range(3 * MOST_IDS)]
    assert known == [0] * MOST_IDS + [None] * 2 * MOST_IDS


def test_a_refer_whose_connection_failed_counts_only_if_there_is_no_other() -> None:
    lost = Refer(2).sent()
    lost.usage.unanswered("transport")
    assert selected([lost], "refer") == 0
    assert selected([lost, Refer(3).sent()], "refer") == 1
    assert selected([lost, accepted(3)], "refer;id=77") == 1
    assert selected([lost, accepted(3)], "refer;id=2") == 0
    lost.notify(180)
    assert selected([lost, Refer(3).sent()], "refer") == 0
