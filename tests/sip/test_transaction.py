"""The state tables, and what all transactions share."""

from __future__ import annotations

from math import inf

import pytest
from tests.support.sip_messages import flow_to

from hookflash.sip.effects import SendBytes, SipEffect
from hookflash.sip.timers import Timers
from hookflash.sip.transaction import (
    INVITE_CLIENT,
    INVITE_SERVER,
    NON_INVITE_CLIENT,
    NON_INVITE_SERVER,
    Event,
    State,
    Table,
    Transaction,
    event_of,
)

ALL = {
    "invite client": INVITE_CLIENT,
    "non-invite client": NON_INVITE_CLIENT,
    "invite server": INVITE_SERVER,
    "non-invite server": NON_INVITE_SERVER,
}


class Bare(Transaction):
    """A transaction with a table and nothing else."""

    __slots__ = ()

    table = NON_INVITE_CLIENT


def bare() -> Bare:
    return Bare("k", ("k",), State.TRYING, flow_to(), Timers())


@pytest.mark.parametrize("table", ALL.values(), ids=ALL.keys())
def test_every_state_leads_to_the_end(table: Table) -> None:
    for start in table:
        seen = {start}
        waiting = [start]
        while waiting:
            for target in table[waiting.pop()].values():
                assert target in table
                if target not in seen:
                    seen.add(target)
                    waiting.append(target)
        assert State.TERMINATED in seen
    assert not table[State.TERMINATED]


@pytest.mark.parametrize("table", ALL.values(), ids=ALL.keys())
def test_no_state_is_out_of_reach(table: Table) -> None:
    targets = {target for moves in table.values() for target in moves.values()}
    first = next(iter(table))
    assert targets | {first} == set(table)


def test_events_of_statuses() -> None:
    assert [event_of(status) for status in (100, 199, 200, 299, 300, 699)] == [
        Event.PROVISIONAL,
        Event.PROVISIONAL,
        Event.SUCCESS,
        Event.SUCCESS,
        Event.FAILURE,
        Event.FAILURE,
    ]


def test_an_illegal_event_changes_nothing() -> None:
    tx = bare()
    assert not tx.move(Event.ACK)
    assert tx.state is State.TRYING


def test_stop_lets_go_of_everything() -> None:
    tx = bare()
    tx.data = b"x"
    tx.retransmit_at = 1.0
    tx.expires_at = 2.0
    assert tx.due == 1.0
    tx.stop()
    assert tx.terminated
    assert (tx.data, tx.due) == (b"", inf)


def test_send_needs_something_to_send() -> None:
    tx = bare()
    out: list[SipEffect] = []
    tx.send(out)
    assert out == []
    tx.data = b"x"
    tx.send(out)
    assert out == [SendBytes(b"x", flow_to())]


def test_linger_of_no_time_is_the_end() -> None:
    tx = bare()
    tx.move(Event.SUCCESS)
    tx.linger(10.0, 5.0)
    assert tx.due == 15.0
    tx.linger(10.0, 0.0)
    assert tx.terminated


def test_the_base_has_no_rules_of_its_own() -> None:
    with pytest.raises(NotImplementedError):
        bare().handle_deadline(0.0, [])
    with pytest.raises(NotImplementedError):
        bare().flow_failed([])
