"""What packets and sounds of WebRTC clients wait for in the exchange (webrtc.md §9), as clients see
it that say when each packet left and came: aiortc's, and telephones of a few lines. All that they
take themselves counts, so the figures are bounds from above."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any, cast

import aiohttp
import numpy as np
from aiortc.rtp import RtpPacket
from livekit import api
from livekit.protocol.agent import AvailabilityRequest
from numpy.typing import NDArray
from tests.support.rtc_peer import Ear, RtcPeer, Voice
from tests.support.worker import AgentWorker

from hookflash.audio import g711
from hookflash.audio.opus import OpusDecoder

from .caller import Caller
from .exchange import KEY, SECRET, Exchange
from .media import HEADER
from .report import Row, row
from .rtc import join_token

Pcm = NDArray[np.int16]

CLIENT_RATE, PHONE_RATE = 48000, 8000
EVERY, LASTS = 50, 5
"""Frames of 20 ms from one sound to the next, and of the sound itself."""
LOUD = 1500
"""Amplitude by which it is known; it has 8,000."""
PACKETS = 500
SOUNDS = 20
ROOMS = 30


def noise(number: int) -> Pcm:
    """No two packets of it are alike."""
    random = np.random.default_rng(number)
    return random.integers(-8000, 8000, CLIENT_RATE // 50).astype(np.int16)


def sounds(rate: int) -> Callable[[int], Pcm]:
    """A tone of 100 ms every second, and silence."""
    size = rate // 50

    def wave(number: int) -> Pcm:
        if number % EVERY >= LASTS:
            return np.zeros(size, np.int16)
        at = (np.arange(size) + number % EVERY * size) / rate
        return (8000 * np.sin(2 * np.pi * 440 * at + np.pi / 2)).astype(np.int16)

    return wave


class Peer(RtcPeer):
    """`RtcPeer` for the exchange of a bench, which notes when each packet of its track left."""

    def __init__(self, exchange: Exchange, identity: str, room: str) -> None:
        lab: Any = type("Lab", (), {"server": exchange})
        super().__init__(cast(Any, lab), identity, room)
        self.token = join_token(room, identity)
        self.sent: list[tuple[float, bytes]] = []
        """When, and the payload."""

    async def say(self, wave: Callable[[int], Pcm]) -> str:
        """Publish it; the track's SID."""
        assert self.publisher.sctp is not None
        dtls: Any = self.publisher.sctp.transport
        send = dtls._send_rtp

        async def noted(data: bytes) -> None:
            if not 192 <= data[1] <= 223:
                self.sent.append((time.monotonic(), RtpPacket.parse(data).payload))
            await send(data)

        dtls._send_rtp = noted
        voice = Voice(wave)
        sid = await self.announce(voice.id)
        self.send(voice)
        await self.offer()
        return sid

    async def hears_packets(self, track_sid: str, count: int) -> Ear:
        """The ear of that track, once so many packets have come."""
        async with asyncio.timeout(60):
            while (ear := self.ear(track_sid)) is None or len(ear.packets) < count:
                self._news.clear()
                await self._news.wait()
        return ear


class Phone(asyncio.DatagramProtocol):
    """A telephone with PCMU: says `sounds`, and keeps what it hears."""

    def __init__(self) -> None:
        self.sent: list[float] = []
        """When each packet left."""
        self.heard: list[tuple[float, bytes]] = []
        self._transport: asyncio.DatagramTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, _: Any) -> None:
        if data[1] & 0x7F == 0:
            self.heard.append((time.monotonic(), data[12:]))

    @property
    def port(self) -> int:
        """Of its sound."""
        port: int = self._transport.get_extra_info("sockname")[1]
        return port

    async def talk(self, remote_port: int) -> None:
        """Until cancelled."""
        wave, began = sounds(PHONE_RATE), time.monotonic()
        while True:
            number = len(self.sent)
            await asyncio.sleep(max(0.0, began + number / 50 - time.monotonic()))
            head = HEADER.pack(0x80, 0, number & 0xFFFF, number * 160, 7)
            self.sent.append(time.monotonic())
            payload = bytes(g711.encode("PCMU", wave(number)))
            self._transport.sendto(head + payload, ("127.0.0.1", remote_port))


def onsets(packets: Sequence[tuple[float, Pcm]], rate: int) -> list[float]:
    """When each sound began that follows a pause: the time of its packet, and its place in it."""
    found, quiet = [], 0
    for came, samples in packets:
        for start in range(0, len(samples), rate // 1000):
            if np.abs(samples[start : start + rate // 1000]).max() < LOUD:
                quiet += 1
                continue
            if quiet > 300:
                found.append(came + start / rate)
            quiet = 0
    return found


def delays(said: Sequence[float], heard: Sequence[float]) -> list[float]:
    """Milliseconds from each sound that was heard back to the last that had been said."""
    return [
        1000 * (at - max(before))
        for at in heard
        if (before := [said for said in said if said < at])
    ]


async def _forwarded(exchange: Exchange) -> list[float]:
    """Milliseconds that each packet took from one client to the other."""
    async with Peer(exchange, "ann", "pair") as ann, Peer(exchange, "bob", "pair") as bob:
        ear = await bob.hears_packets(await ann.say(noise), PACKETS + 50)
        left = {payload: at for at, payload in ann.sent}
        came = zip(ear.times[50:], ear.packets[50:], strict=True)
        return sorted(1000 * (at - left[packet.payload]) for at, packet in came)


def forwarded() -> Row:
    """Client to client."""
    with Exchange() as exchange:
        took = asyncio.run(_forwarded(exchange))
    p99 = took[int(0.99 * (len(took) - 1))]
    return row(
        "packet from one client to another: p99",
        p99,
        5,
        2,
        unit=" ms",
        note=f" (median {statistics.median(took):.2f} ms)",
    )


async def _mouth_to_ear(exchange: Exchange) -> tuple[list[float], list[float]]:
    """Milliseconds of each sound from the phone to the client, and from the client to the phone."""
    loop = asyncio.get_running_loop()
    number = "+15105550199"
    async with Peer(exchange, "agent", f"r_{number}") as agent:
        await agent.say(sounds(CLIENT_RATE))
        transport, phone = await loop.create_datagram_endpoint(Phone, local_addr=("127.0.0.1", 0))
        caller = Caller(exchange.sip_port, exchange.http_port)
        call = caller.invite("+14445550100", number, phone.port)
        await asyncio.to_thread(caller.wait_answered, call)
        talk = asyncio.create_task(phone.talk(call.remote_port))
        joined = await agent.told("update", 1, lambda m: any(p.tracks for p in m.participants))
        (sid,) = [t.sid for p in joined.participants for t in p.tracks if p.identity != "agent"]
        ear = await agent.hears_packets(sid, EVERY * (SOUNDS + 8))
        talk.cancel()
        caller.hang_up(call)
        await asyncio.to_thread(caller.wait_gone, call)
        caller.close()
        transport.close()
    decoder = OpusDecoder(CLIENT_RATE)
    at_agent = [
        (at, decoder.decode(packet.payload))
        for at, packet in zip(ear.times, ear.packets, strict=True)
    ]
    at_phone = [(at, g711.decode("PCMU", payload)) for at, payload in phone.heard]
    by_agent = [at for at, _ in agent.sent[::EVERY]]
    return (
        delays(phone.sent[::EVERY], onsets(at_agent, CLIENT_RATE)[-SOUNDS:]),
        delays(by_agent, onsets(at_phone, PHONE_RATE)[-SOUNDS:]),
    )


def mouth_to_ear() -> list[Row]:
    """A telephone and an agent, from the packet with a sound to the same sound out of a packet."""
    with Exchange(answer="subscribed") as exchange:
        ways = asyncio.run(_mouth_to_ear(exchange))
    return [
        row(
            f"mouth to ear, {way}: median",
            statistics.median(took),
            60,
            45,
            unit=" ms",
            digits=0,
            note=f" (longest of {len(took)}: {max(took):.0f} ms)",
            also=len(took) >= SOUNDS // 2,
        )
        for way, took in zip(("phone → agent", "agent → phone"), ways, strict=True)
    ]


async def _asked(exchange: Exchange) -> list[float]:
    """Milliseconds from the request that makes a room until the worker is asked."""
    agent = api.AccessToken(KEY, SECRET).with_grants(api.VideoGrants(agent=True)).to_jwt()
    url, took = f"http://127.0.0.1:{exchange.http_port}", []
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{url}/agent", headers={"Authorization": f"Bearer {agent}"}) as socket,
        api.LiveKitAPI(url, KEY, SECRET) as client,
    ):
        worker = AgentWorker(socket)
        await worker.register("asked")
        await worker.status()
        for number in range(ROOMS):
            order = api.CreateRoomRequest(
                name=f"a{number}", agents=[api.RoomAgentDispatch(agent_name="asked")]
            )
            start = time.monotonic()
            made = asyncio.create_task(client.room.create_room(order))
            await worker.hear(AvailabilityRequest)
            took.append(1000 * (time.monotonic() - start))
            await made
            await client.room.delete_room(api.DeleteRoomRequest(room=order.name))
    return took


def asked() -> Row:
    """A room with a dispatch."""
    with Exchange() as exchange:
        took = asyncio.run(_asked(exchange))
    return row(
        "CreateRoom → availability asked of the worker: p50",
        statistics.median(took),
        5,
        2,
        unit=" ms",
    )


def latencies() -> list[Row]:
    """All of them."""
    return [forwarded(), *mouth_to_ear(), asked()]
