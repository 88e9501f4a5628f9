"""The sound of a telephone by a WebSocket, with a carrier that runs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from urllib.parse import quote

import numpy as np
import pytest
import uvloop
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Origin

from hookflash.adapters.http import HttpServers
from hookflash.audio.elastic_buffer import LIMIT
from hookflash.audio.tone_bank import Pcm, hears
from hookflash.carrier.config import NetworkConfig, PhoneConfig
from hookflash.carrier.http_face import http_app
from hookflash.carrier.profile_files import load_profile
from hookflash.carrier.service import CarrierService
from hookflash.carrier.sound_face import LONGEST, PATH, WAITING, Heard, sound_routes
from hookflash.carrier.speech import FRAME, RATE

CALLER, CALLED = "+14155550100", "+15105550123"
OWN, OTHER, SPOKEN = 330.0, 1000.0, 400.0
Come = Callable[..., connect]
Test = Callable[[CarrierService, Come], Awaitable[None]]


def run(test: Test) -> None:
    async def main() -> None:
        phones = (PhoneConfig(CALLER, tone=OWN), PhoneConfig(CALLED, after=0.1, tone=OTHER))
        servers = HttpServers()
        async with (
            asyncio.timeout(30),
            CarrierService(load_profile("plain"), NetworkConfig((), phones)) as carrier,
        ):
            app = http_app(carrier, sound_routes(carrier.people))
            await servers.start(app, ["127.0.0.1"], 0, websockets=[PATH])

            def come(number: str = CALLER, origin: str | None = None) -> connect:
                url = f"ws://127.0.0.1:{servers.port}{PATH}?number={quote(number, safe='')}"
                return connect(url, origin=None if origin is None else Origin(origin))

            try:
                await test(carrier, come)
            finally:
                await servers.stop()

    uvloop.run(main())


def tone(frequency: float, samples: int) -> Pcm:
    return (np.sin(2 * np.pi * frequency * np.arange(samples) / RATE) * 8000).astype(np.int16)


async def say(socket: ClientConnection) -> None:
    """So much as fits, in pieces of 20 ms."""
    spoken = tone(SPOKEN, LIMIT)
    for start in range(0, LIMIT, FRAME):
        await socket.send(spoken[start : start + FRAME].astype("<i2").tobytes())


async def until_heard(socket: ClientConnection, frequency: float) -> None:
    heard = np.zeros(0, np.int16)
    while not (len(heard) >= RATE // 10 and hears(heard[-RATE // 10 :], frequency, RATE)):
        data = await socket.recv()
        assert isinstance(data, bytes)
        heard = np.concatenate([heard, np.frombuffer(data, "<i2")])


def test_a_person_speaks_and_listens_and_hangs_up() -> None:
    async def test(carrier: CarrierService, come: Come) -> None:
        async with come() as socket:
            carrier.call(CALLER, CALLED)
            await carrier.happened("call_answered")
            await say(socket)
            await carrier.hears(CALLED, SPOKEN)
            assert not carrier.sound(CALLED).hears_now(OWN)
            await until_heard(socket, OTHER)
        await carrier.happened("call_ended")

    run(test)


def test_who_comes_later_speaks_from_then_on() -> None:
    """And is in the next call as well, if that is his telephone's."""

    async def test(carrier: CarrierService, come: Come) -> None:
        carrier.call(CALLER, CALLED)
        await carrier.happened("call_answered")
        await carrier.hears(CALLED, OWN)
        async with come() as socket:
            await until_heard(socket, OTHER)
            await carrier.sound(CALLED).misses(OWN, 2.0)
            carrier.hang_up(CALLED)
            await carrier.happened("call_ended")
            carrier.call(CALLED, CALLER)
            await carrier.happened("call_answered", 2)
            await say(socket)
            await carrier.hears(CALLED, SPOKEN)

    run(test)


def test_who_is_at_a_telephone_with_two_calls_is_in_the_second_when_the_first_is_over() -> None:
    async def test(carrier: CarrierService, come: Come) -> None:
        first = carrier.call(CALLER, CALLED)
        await carrier.happened("call_answered")
        carrier.call(CALLER, CALLED)
        await carrier.happened("call_answered", 2)
        async with come() as socket:
            await until_heard(socket, OTHER)
            carrier.end_call(first.id)
            await carrier.happened("call_ended")
            await say(socket)
            await carrier.hears(CALLED, SPOKEN)

    run(test)


def test_who_may_not_come() -> None:
    async def test(carrier: CarrierService, come: Come) -> None:
        async def refused(
            status: int, why: str, number: str = CALLER, origin: str | None = None
        ) -> None:
            with pytest.raises(InvalidStatus) as caught:
                await come(number, origin)
            assert caught.value.response.status_code == status
            assert why.encode() in caught.value.response.body

        await refused(404, "no telephone has the number +1999", "+1999")
        await refused(404, "no telephone has the number", "")
        await refused(403, "this is not for pages in a browser", origin="http://127.0.0.1")
        async with come():
            await refused(409, f"somebody is at the telephone {CALLER} already")
            async with come(CALLED):
                pass

    run(test)


@pytest.mark.parametrize(
    "message", ["words", b"\0", bytes(LONGEST + 2)], ids=["text", "half a sample", "too long"]
)
def test_what_is_no_sound_ends_it(message: str | bytes) -> None:
    async def test(carrier: CarrierService, come: Come) -> None:
        async with come() as socket:
            carrier.call(CALLER, CALLED)
            await carrier.happened("call_answered")
            await socket.send(bytes(LONGEST))
            await socket.send(message)
            with pytest.raises(ConnectionClosed) as caught:
                while True:
                    await socket.recv()
            assert caught.value.rcvd is not None
            assert caught.value.rcvd.code == 1003
            await carrier.happened("call_ended")

    run(test)


def test_who_does_not_listen_is_not_waited_for() -> None:
    """The newest is what counts."""

    async def test() -> None:
        heard = Heard()
        for number in range(WAITING + 3):
            heard.put(np.array([number], np.int16))
        kept = [await heard.get() for _ in range(WAITING)]
        assert kept == [np.array([number], "<i2").tobytes() for number in range(3, WAITING + 3)]

    asyncio.run(test())
