"""The client that lives elsewhere."""

from __future__ import annotations

import asyncio

import pytest
from livekit import api

from hookflash.testing.api_client import ClientThere
from hookflash.testing.exchange import RunningExchange


def test_it_is_used_from_one_loop_after_the_other() -> None:
    async def main() -> int:
        await exchange.api.room.create_room(api.CreateRoomRequest(name="one"))
        rooms = await exchange.api.room.list_rooms(api.ListRoomsRequest())
        with pytest.raises(api.TwirpError, match="participant does not exist"):
            await exchange.api.room.get_participant(
                api.RoomParticipantIdentity(room="one", identity="nobody")
            )
        return len(rooms.rooms)

    with RunningExchange() as exchange:
        assert [asyncio.run(main()), asyncio.run(main())] == [1, 1]
        assert isinstance(exchange.api, ClientThere)
        error = api.TwirpError("unknown", "it is so", status=500)
        assert ClientThere(exchange.loop, error).message == "it is so"
        with pytest.raises(AttributeError):
            exchange.api.nothing  # noqa: B018
