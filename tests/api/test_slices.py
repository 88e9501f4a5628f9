"""Long lists are written in slices, and read the same."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Generator, Iterator
from itertools import pairwise

import pytest
from livekit.protocol import sip as proto
from livekit.protocol.models import Room
from livekit.protocol.room import ListRoomsResponse
from tests.api.support import GRANTS, api, sign

from hookflash.api.context import Context, Listing, Method, Service
from hookflash.api.slices import BATCH, SLICE, SliceWriter
from hookflash.base.protojson import JsonWriter
from hookflash.twirp.codec import JSON, PROTOBUF

STEP = SLICE / 10
"""What an item costs on the clock of these tests."""


class Turn:
    """One turn of the loop."""

    def __await__(self) -> Generator[None, None, None]:
        yield


class Clock:
    def __init__(self) -> None:
        self.time = 0.0

    def now(self) -> float:
        return self.time


def rooms(count: int, clock: Clock, step: float = STEP) -> Iterator[Room]:
    for number in range(count):
        clock.time += step
        yield Room(name=f"room {number}")


def whole(count: int) -> ListRoomsResponse:
    return ListRoomsResponse(rooms=rooms(count, Clock()))


@pytest.mark.parametrize("count", [0, 1, BATCH - 1, BATCH, BATCH + 1, 1000])
def test_the_body_is_that_of_the_whole_answer(count: int) -> None:
    clock = Clock()
    writer = SliceWriter(JsonWriter(), clock.now)

    async def body(kind: str) -> bytes:
        listing = Listing(ListRoomsResponse, rooms(count, clock), "rooms")
        return b"".join(await writer.write(kind, listing))

    assert asyncio.run(body(JSON)) == JsonWriter().encode(whole(count))
    assert asyncio.run(body(PROTOBUF)) == whole(count).SerializeToString()


@pytest.mark.parametrize("kind", [JSON, PROTOBUF])
def test_between_two_slices_the_loop_gets_its_turn(kind: str) -> None:
    async def run() -> None:
        clock = Clock()
        writer = SliceWriter(JsonWriter(), clock.now)
        turns: list[float] = []

        async def others() -> None:
            while True:
                turns.append(clock.time)
                await Turn()

        other = asyncio.create_task(others())
        pieces = await writer.write(kind, Listing(ListRoomsResponse, rooms(500, clock), "rooms"))
        other.cancel()
        waits = [after - before for before, after in pairwise(turns)]
        assert max(waits) <= SLICE + BATCH * STEP
        assert len(pieces) >= 500 * STEP / (SLICE + BATCH * STEP)

    asyncio.run(run())


def test_of_several_long_lists_one_is_written_in_a_turn() -> None:
    async def run() -> None:
        clock = Clock()
        writer = SliceWriter(JsonWriter(), clock.now)
        turns: list[float] = []

        async def others() -> None:
            while True:
                turns.append(clock.time)
                await Turn()

        async def listed() -> deque[bytes]:
            listing = Listing(ListRoomsResponse, rooms(500, clock), "rooms")
            return await writer.write(JSON, listing)

        other = asyncio.create_task(others())
        lists = [asyncio.create_task(listed()) for _ in range(4)]
        bodies = [b"".join(pieces) for pieces in await asyncio.gather(*lists)]
        other.cancel()
        assert bodies == [JsonWriter().encode(whole(500))] * 4
        waits = sorted(after - before for before, after in pairwise(turns))
        # Each has its first batch at once, all in one turn; from then on they take turns.
        assert waits[-2] <= SLICE + BATCH * STEP + 1e-9
        assert waits[-1] <= 4 * BATCH * STEP + 1e-9

    asyncio.run(run())


def test_a_shorter_list_need_not_wait_for_the_end_of_a_longer_one() -> None:
    async def run() -> None:
        clock = Clock()
        writer = SliceWriter(JsonWriter(), clock.now)
        long = Listing(ListRoomsResponse, rooms(1000, clock), "rooms")
        task = asyncio.create_task(writer.write(JSON, long))
        await Turn()
        await writer.write(JSON, Listing(ListRoomsResponse, rooms(100, clock), "rooms"))
        assert not task.done()
        await task

    asyncio.run(run())


def test_a_short_list_is_one_piece_and_waits_for_nobody() -> None:
    async def run() -> None:
        clock = Clock()
        writer = SliceWriter(JsonWriter(), clock.now)
        long = Listing(ListRoomsResponse, rooms(10_000, clock), "rooms")
        task = asyncio.create_task(writer.write(JSON, long))
        await Turn()
        short = Listing(ListRoomsResponse, rooms(3, clock, 0.0), "rooms")
        assert len(await writer.write(JSON, short)) == 1
        assert not task.done()
        await task

    asyncio.run(run())


def test_over_http_it_has_its_length() -> None:
    async def listed(context: Context, request: proto.ListSIPTrunkRequest) -> Listing:
        return Listing(ListRoomsResponse, rooms(3000, Clock()), "rooms")

    service = Service(
        "livekit.Test", {"Do": Method(proto.ListSIPTrunkRequest, listed, lambda claims: claims)}
    )
    with api(services=[service]) as client:
        for kind, body in (("json", b"{}"), ("protobuf", b"")):
            headers = {"content-type": f"application/{kind}"}
            answer = client.http("POST", "/twirp/livekit.Test/Do", body, headers)
            assert answer.status == 200
            assert answer.content_type == f"application/{kind}"
            assert answer.headers[b"content-length"] == b"%d" % len(answer.body)
        assert answer.body == whole(3000).SerializeToString()
        empty = client.call("ListSIPInboundTrunk")
        assert empty.json == {"items": []}
        headers["authorization"] = "Bearer " + sign(GRANTS)
        nothing = client.http("POST", "/twirp/livekit.SIP/ListSIPTrunk", b"", headers)
        assert (nothing.status, nothing.body) == (200, b"")
        assert nothing.headers[b"content-length"] == b"0"
