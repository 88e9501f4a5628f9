"""Which REFER a NOTIFY belongs to (transfer.md §4), and the states of one REFER."""

from __future__ import annotations

from math import inf

import pytest

from hookflash.calls.transfers.refer_usage import STEPS, ReferState, ReferUsage, select
from hookflash.calls.transfers.transfer import Transfer
from hookflash.calls.transfers.transferor_effects import TransferOrder
from hookflash.sip.refer import parse_target
from hookflash.sip.subscription import read_notify
from hookflash.testing.sip_messages import request_of

IDLE, SENT, BACKOFF, OPEN, CLOSED = ReferState


def usage(*attempts: int, state: ReferState = OPEN, accepted: bool = True) -> ReferUsage:
    order = TransferOrder(
        "STR_1", "r", "i", "PA_1", parse_target("sip:a@b"), (), False, 30.0, None, "k", ""
    )
    made = ReferUsage(Transfer(100.0, "SCL_1", order, "<sip:a@b>"))
    made.attempts = [str(cseq) for cseq in attempts]
    made.accepted = accepted
    made.state = state
    return made


def selected(usages: list[ReferUsage], event: str) -> int | None:
    notify = read_notify(request_of("NOTIFY", headers=[("Event", event)]))
    found = select(usages, notify)
    return None if found is None else usages.index(found)


@pytest.mark.parametrize("event", ["refer", "refer;id=2", "refer;id=999", "refer;id=x", "o"])
@pytest.mark.parametrize("state", [SENT, OPEN, CLOSED])
def test_one_refer_ever_accepted_takes_any_id_or_none(event: str, state: ReferState) -> None:
    assert selected([usage(2, state=state)], event) == 0


def test_a_refused_refer_does_not_count() -> None:
    refused = usage(2, state=CLOSED, accepted=False)
    refused.refused = True
    assert selected([refused], "refer") is None
    assert selected([refused, usage(3)], "refer;id=77") == 1
    assert selected([usage(state=IDLE, accepted=False), usage(3)], "refer;id=77") == 1


def test_of_several_the_id_selects_by_the_cseq_of_any_attempt() -> None:
    several = [usage(2, 3), usage(4, 5)]
    assert selected(several, "refer;id=2") == selected(several, "refer;id=3") == 0
    assert selected(several, "refer;id=4") == selected(several, "refer;id=005") == 1


def test_of_several_none_has_an_unknown_id() -> None:
    assert selected([usage(2), usage(3)], "refer;id=9") is None


def test_of_several_the_oldest_open_one_has_no_id() -> None:
    assert selected([usage(2), usage(3)], "refer") == 0
    assert selected([usage(2, state=CLOSED), usage(3)], "refer") == 1
    assert selected([usage(2, state=CLOSED), usage(3, state=SENT)], "refer") == 1
    decided = usage(2)
    decided.final = 486
    assert selected([decided, usage(3)], "refer") == 1
    assert selected([decided, usage(3, state=CLOSED)], "refer") is None


def test_an_id_of_the_peers_own_making_stays_with_the_refer_it_came_for() -> None:
    first = usage(2)
    assert selected([first], "refer;id=77") == 0
    assert selected([first, usage(3)], "refer;id=77") == 0
    assert selected([first, usage(77)], "refer;id=77") == 1


def test_a_refer_whose_connection_failed_counts_only_if_there_is_no_other() -> None:
    lost = usage(2, state=SENT, accepted=False)
    lost.undelivered = True
    assert selected([lost], "refer") == 0
    assert selected([lost, usage(3)], "refer") == 1
    assert selected([lost, usage(3)], "refer;id=77") == 1
    assert selected([lost, usage(3)], "refer;id=2") == 0
    lost.accepted = True
    assert selected([lost, usage(3)], "refer") == 0


@pytest.mark.parametrize("before", ReferState)
@pytest.mark.parametrize("after", ReferState)
def test_only_steps_of_the_table_are_taken(before: ReferState, after: ReferState) -> None:
    made = usage(2, state=before)
    made.become(after)
    assert made.state is (after if after in STEPS[before] else before)


def test_nothing_comes_after_closed() -> None:
    assert STEPS[CLOSED] == frozenset()
    assert all(CLOSED in steps for state, steps in STEPS.items() if state is not CLOSED)


def test_it_is_watched_for_three_minutes_after_the_last_verdict() -> None:
    made = usage(2)
    assert made.watch_end() == inf
    made.riders[0].decide(110.0, "timed out")
    assert made.watch_end() == 290.0
    made.riders.append(Transfer(120.0, "SCL_1", made.riders[0].order, "<sip:a@b>"))
    assert made.watch_end() == inf
    made.riders[1].decide(130.0, "timed out")
    assert made.watch_end() == 310.0
    made.become(CLOSED)
    assert made.watch_end() == -inf


def test_may_report() -> None:
    assert [state for state in ReferState if usage(2, state=state).may_report] == [SENT, OPEN]
