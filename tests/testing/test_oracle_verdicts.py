"""What time and outcomes do in the oracle; whole calls are in test_oracle."""

from __future__ import annotations

from math import inf

from hookflash.testing.evidence import Facts, Fate
from hookflash.testing.oracle_refer import Refer
from hookflash.testing.oracle_verdicts import Transfer, Verdicts


def pending() -> Verdicts:
    state = Verdicts(Facts(silent_since=0.0))
    state.now = 10.0
    refer = Refer("sip:a@example.com")
    state.refers.append(refer)
    state.pending = Transfer(refer, 40.0)
    state.transfers.append(state.pending)
    state.sent(1)
    return state


def test_the_next_thing_to_come() -> None:
    state = pending()
    assert min(at for at, _ in state.due()) == 40.0
    state.refers[0].fails_at = 35.0
    assert min(at for at, _ in state.due()) == 35.0
    state.end()
    assert min(at for at, _ in state.due()) == 11.0


def test_a_success_that_nobody_reports_leaves_the_bye_to_the_peer_for_ten_seconds() -> None:
    state = pending()
    state.refers[0].mute = True
    state.outcome(state.refers[0], 202)
    assert (state.bye_at, state.over) == (20.0, False)
    assert state.transfers[0].fate == Fate("succeeded", 0, False)


def test_nobody_sends_refer_without_a_transfer_or_a_call() -> None:
    state = Verdicts(Facts())
    state.now = 1.0
    state.sent(1)
    assert state.out.faults == ["REFER 1 may not go out at 1.000"]


def test_without_a_connection_nothing_is_reached() -> None:
    state = pending()
    state.unconnected("REFER", 2)
    assert state.pending is not None
    state.unconnected("REFER", 1)
    assert state.transfers[0].fate.verdict == "unreachable"
    assert (state.probe, state.over) == (14.0, False)
    state.unconnected("OPTIONS", 2)
    assert (state.probe, state.over) == (inf, True)
