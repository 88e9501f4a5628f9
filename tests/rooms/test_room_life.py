"""Rooms over time: how they end by themselves, and the agents they ask for."""

from __future__ import annotations

import pytest
from livekit.protocol.models import DisconnectReason
from tests.rooms.kit import T, active, kinds, make, run_out, speaking

from hookflash.base.counts import MOST_ENTRIES
from hookflash.rooms.events import (
    DispatchCreated,
    DispatchDeleted,
    ParticipantAborted,
    ParticipantLeft,
    RoomFinished,
    RoomStarted,
    TrackUnpublished,
)
from hookflash.rooms.orders import AgentOrder, Join, Kind, RoomOptions
from hookflash.rooms.rules import RoomRefused

# --- how rooms end by themselves ------------------------------------------------------------------


def test_nobody_ever_came() -> None:
    rooms = make()
    room, _ = rooms.create(T, "r")
    assert rooms.next_deadline() == T + 300
    assert rooms.handle_deadline(T + 299.9) == []
    assert rooms.handle_deadline(T + 300) == [
        RoomFinished(room, DisconnectReason.ROOM_CLOSED, T + 300)
    ]
    assert len(rooms) == 0


def test_departure_timeout_counts_from_the_last_leaving() -> None:
    rooms = make()
    first, second = active(rooms, "a"), active(rooms, "b")
    rooms.leave(T + 10, first)
    assert rooms.handle_deadline(T + 100) == []  # somebody is there
    rooms.leave(T + 110, second)
    assert rooms.handle_deadline(T + 129.9) == []
    assert kinds(rooms.handle_deadline(T + 130)) == [RoomFinished]


def test_a_return_within_the_departure_timeout_keeps_the_room() -> None:
    rooms = make()
    first = active(rooms, "a")
    sid = first.room.sid
    rooms.leave(T + 10, first)
    second = active(rooms, "b", at=T + 25)
    assert rooms.handle_deadline(T + 30) == []
    assert second.room.sid == sid
    rooms.leave(T + 40, second)
    assert rooms.next_deadline() is not None
    events = run_out(rooms)
    assert [event.at for event in events if isinstance(event, RoomFinished)] == [T + 60]


def test_agents_and_egress_do_not_keep_a_room_open() -> None:
    rooms = make()
    caller = active(rooms, "caller", kind=Kind.SIP)
    agent = speaking(rooms, "agent", kind=Kind.AGENT)
    active(rooms, "egress", kind=Kind.EGRESS)
    rooms.leave(T + 10, caller)
    events = rooms.handle_deadline(T + 30)
    assert kinds(events) == [TrackUnpublished, ParticipantLeft, ParticipantLeft, RoomFinished]
    assert agent.disconnect_reason == DisconnectReason.ROOM_CLOSED


def test_an_agent_alone_waits_for_the_empty_timeout() -> None:
    rooms = make()
    agent = active(rooms, "agent", kind=Kind.AGENT)
    rooms.leave(T + 10, agent)
    assert [event.at for event in run_out(rooms)] == [T + 300]


def test_a_room_whose_only_participant_never_became_active() -> None:
    rooms = make()
    rooms.join(T, "r", Join("a"))
    events = run_out(rooms)
    assert [(type(event), event.at) for event in events] == [
        (ParticipantAborted, T + 60),
        (RoomFinished, T + 80),
    ]


def test_a_longer_join_timeout_does_not_hide_the_end_of_the_room() -> None:
    rooms = make(departure_timeout=20)
    caller = active(rooms, "a")
    rooms.join(T, "r", Join("agent", kind=Kind.AGENT))  # still joining
    rooms.leave(T + 1, caller)
    assert rooms.next_deadline() == T + 21
    assert kinds(rooms.handle_deadline(T + 21)) == [ParticipantAborted, RoomFinished]


def test_the_heap_stays_small_whatever_comes_and_goes() -> None:
    rooms = make()
    active(rooms, "stays")
    for number in range(1000):
        rooms.leave(T, active(rooms, f"x{number}"))
    assert len(rooms._heap) < 5


def test_rooms_end_in_order_of_their_deadlines() -> None:
    rooms = make()
    rooms.create(T, "late", RoomOptions(empty_timeout=50))
    rooms.create(T, "soon", RoomOptions(empty_timeout=5))
    assert [event.room.name for event in run_out(rooms)] == ["soon", "late"]


# --- agent dispatches -----------------------------------------------------------------------------


def test_a_room_has_one_nameless_dispatch_by_default() -> None:
    rooms = make()
    participant, _ = rooms.join(T, "r", Join("a"))
    (dispatch,) = rooms.list_dispatches("r")
    assert dispatch.order == AgentOrder()
    assert dispatch.dispatch_id.startswith("AD_")
    assert participant.room.dispatches == {dispatch.dispatch_id: dispatch}


def test_dispatches_come_and_go() -> None:
    rooms = make()
    room, _ = rooms.create(T, "r")
    dispatch, events = rooms.create_dispatch(T + 1, "r", AgentOrder("phone"))
    assert events == [DispatchCreated(room, dispatch, T + 1)]
    assert [d.order.agent_name for d in rooms.list_dispatches("r")] == ["", "phone"]
    assert rooms.list_dispatches("r", dispatch.dispatch_id) == [dispatch]
    assert rooms.list_dispatches("r", "AD_x") == []
    assert rooms.delete_dispatch(T + 2, "r", dispatch.dispatch_id) == (
        dispatch,
        [DispatchDeleted(room, dispatch, T + 2)],
    )
    assert dispatch.deleted_at == T + 2
    with pytest.raises(RoomRefused, match="dispatch ID not found"):
        rooms.delete_dispatch(T, "r", dispatch.dispatch_id)
    for ask in (
        lambda: rooms.list_dispatches("nowhere"),
        lambda: rooms.delete_dispatch(T, "nowhere", "AD_x"),
    ):
        with pytest.raises(RoomRefused, match="no response from servers"):
            ask()
    with pytest.raises(RoomRefused, match="metadata size exceeds limits"):
        rooms.create_dispatch(T, "r", AgentOrder(metadata="x" * 524289))


def test_a_room_holds_so_many_dispatches() -> None:
    """Who may administer one room could fill the memory with what is kept for its agents."""
    rooms = make()
    rooms.create(T, "r")
    large = AgentOrder("a", metadata="m" * 500_000, attributes={"k": "v" * 24_287})
    for _ in range(8):
        rooms.create_dispatch(T, "r", large)
    small = AgentOrder("b", metadata="m")
    with pytest.raises(RoomRefused, match="at most 4194304 characters of metadata in") as refused:
        rooms.create_dispatch(T, "r", small)
    assert refused.value.code == "resource_exhausted"
    first = rooms.list_dispatches("r")[1].dispatch_id
    rooms.delete_dispatch(T, "r", first)
    rooms.create_dispatch(T, "r", small)
    for _ in range(MOST_ENTRIES - 9):
        rooms.create_dispatch(T, "r", AgentOrder("c"))
    with pytest.raises(RoomRefused, match="at most 10000 dispatches: delete some"):
        rooms.create_dispatch(T, "r", AgentOrder("c"))


def test_a_dispatch_for_a_room_that_is_not_there_makes_it() -> None:
    rooms = make()
    dispatch, events = rooms.create_dispatch(T, "r", AgentOrder("phone"))
    assert kinds(events) == [RoomStarted]
    assert rooms.list_dispatches("r") == [dispatch]
    assert rooms.next_deadline() == T + 300
