"""The backends of the API over rooms of this process; the services themselves: tests/api."""

from __future__ import annotations

import asyncio
import random

import pytest
from livekit.protocol import room as proto
from tests.exchange.kit import HandTimer
from tests.support.manual_clock import ManualClock

from hookflash.base.errors import ApiError
from hookflash.base.ids import Ids
from hookflash.exchange.local_rooms import LocalParticipants, LocalRooms
from hookflash.exchange.rooms import RoomHost, Rpc
from hookflash.rooms.orders import Join
from hookflash.rooms.room import Participant
from hookflash.rooms.rules import RoomRefused


class Owner:
    """Holds the connection of one identity, which can be moved unless it is `busy`."""

    def __init__(self, identity: str, *, busy: bool = False) -> None:
        self.identity = identity
        self.busy = busy

    def can_move(self, participant: Participant) -> bool:
        if participant.identity == self.identity and self.busy:
            raise ApiError("failed_precondition", "busy")
        return participant.identity == self.identity

    def rpc(self, participant: Participant) -> Rpc | None:
        async def call(method: str, payload: str, wait: float) -> str:
            return f"{self.identity}: {method}({payload}) within {wait} s"

        return call if participant.identity == self.identity else None


def host() -> RoomHost:
    clock = ManualClock()
    rooms = RoomHost(clock, Ids(random.Random(1)), HandTimer(clock))
    for identity in ("a", "b", "c"):
        rooms.activate(rooms.join("r", Join(identity)))
    return rooms


def test_the_owner_of_the_connection_is_found_by_what_it_can_do() -> None:
    async def check() -> None:
        rooms = host()
        backend = LocalParticipants(rooms, [Owner("a", busy=True), Owner("b")])
        asked = proto.PerformRpcRequest(room="r", destination_identity="b", method="m", payload="p")
        assert (await backend.perform_rpc(asked)).payload == "b: m(p) within 10.0 s"
        asked.response_timeout_ms = 500
        assert (await backend.perform_rpc(asked)).payload == "b: m(p) within 0.5 s"
        asked.destination_identity = "c"
        with pytest.raises(ApiError, match="RPC not supported by server"):
            await backend.perform_rpc(asked)

        move = proto.MoveParticipantRequest(room="r", identity="b", destination_room="s")
        await backend.move(move)
        assert rooms.find("s", "b").active
        for identity, code in (("a", "failed_precondition"), ("c", "unknown")):
            move.identity = identity
            with pytest.raises(ApiError) as caught:
                await backend.move(move)
            assert caught.value.code == code
            assert rooms.find("r", identity).active

    asyncio.run(check())


def test_who_is_not_here_is_answered_as_livekit_answers() -> None:
    async def check() -> None:
        rooms = host()
        backend = LocalParticipants(rooms)
        gone = proto.RoomParticipantIdentity(room="r", identity="x")
        with pytest.raises(RoomRefused) as caught:
            await backend.remove(gone)
        assert caught.value.code == "not_found"
        with pytest.raises(RoomRefused) as caught:
            await backend.forward(proto.ForwardParticipantRequest(room="r", identity="x"))
        assert caught.value.code == "unavailable"
        with pytest.raises(RoomRefused) as caught:
            await LocalRooms(rooms).send_data(proto.SendDataRequest(room="x"))
        assert caught.value.code == "unavailable"
        listed = proto.ListParticipantsRequest(room="x")
        assert not (await LocalRooms(rooms).list_participants(listed)).participants

    asyncio.run(check())
