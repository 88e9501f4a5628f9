"""Clients with a connection for media who are bad: floods of data, to whoever does not read them,
and what is no data at all. They speak by aiortc."""

from __future__ import annotations

import asyncio
import os
import struct
import threading
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from types import SimpleNamespace
from typing import Any, cast

from aiortc.rtcsctptransport import Chunk, DataChunk, ForwardTsnChunk
from google_crc32c import value as crc32c
from livekit.protocol.models import DataPacket, UserPacket
from livekit.protocol.rtc import LeaveRequest
from tests.support.lab import Lab
from tests.support.rtc_peer import RtcPeer

from .scene import SHARED, Scene
from .signals import token
from .verdict import Report

MESSAGE = 60_000
"""Octets of one message."""
READERS = 3
AHEAD = 2048
"""TSNs of one round of fragments."""
IN_A_PACKET = 57

Work = Callable[[RtcPeer, float], Awaitable[int]]


def peer(scene: Scene, identity: str) -> RtcPeer:
    """One who will join the room of the first pair of calls."""
    lab = SimpleNamespace(server=SimpleNamespace(http_port=scene.http_port))
    made = RtcPeer(cast(Lab, lab), identity, SHARED)
    made.token = token(identity)
    return made


def by_channel(work: Work) -> Callable[[Scene, float], Report]:
    """What one client does once it is connected."""

    def stranger(scene: Scene, seconds: float) -> Report:
        return asyncio.run(_connected(scene, seconds, work))

    return stranger


async def _connected(scene: Scene, seconds: float, work: Work) -> Report:
    end = time.monotonic() + seconds
    name = f"bad-{os.getpid()}"
    bad = peer(scene, name)
    count = 0
    try:
        async with asyncio.timeout(seconds), bad:
            count = await work(bad, end)
    except (TimeoutError, OSError):
        pass
    return Report(f"{count:,} sent")


def message(size: int) -> bytes:
    """A packet of data for everybody."""
    user = UserPacket(payload=os.urandom(size))
    return DataPacket(kind=DataPacket.Kind.RELIABLE, user=user).SerializeToString()


async def small(bad: RtcPeer, end: float) -> int:
    """Small messages, by the channel that may lose some."""
    return await _send(bad, end, "_lossy", message(50))


async def large(bad: RtcPeer, end: float) -> int:
    """Messages as large as they may be, by the one that may not."""
    return await _send(bad, end, "_reliable", message(MESSAGE))


async def _send(bad: RtcPeer, end: float, label: str, data: bytes) -> int:
    channel = bad.channels[label]
    await bad.until(lambda: channel.readyState == "open")
    count = 0
    while time.monotonic() < end - 0.3 and channel.readyState == "open":
        for _ in range(20):
            if channel.bufferedAmount < 1 << 20:
                channel.send(data)
                count += 1
        await asyncio.sleep(0)
    return count


async def junk(bad: RtcPeer, end: float) -> int:
    """SCTP packets that are none, DTLS records that are none, and RTP that nobody can decrypt."""
    sctp: Any = bad.publisher.sctp
    dtls = sctp.transport
    ice = dtls.transport
    count = 0
    while time.monotonic() < end - 0.3:
        for size in (12, 30, 300, 1100):
            await dtls._send_data(os.urandom(size))
            await ice._send(b"\x80\x6f" + os.urandom(size))
            await ice._send(b"\x16\xfe\xfd" + os.urandom(size))
            count += 3
        await asyncio.sleep(0)
    return count


async def fragments(bad: RtcPeer, end: float) -> int:
    """Packets full of chunks of one octet, each the first fragment of an unordered message that
    never goes on: every second TSN, then those in between, and all are given up."""
    channel = bad.channels["_lossy"]
    await bad.until(lambda: channel.readyState == "open")
    sctp: Any = bad.publisher.sctp
    tag, first, count = sctp._remote_verification_tag, sctp._local_tsn, 0
    while time.monotonic() < end - 0.3:
        chunks: list[Chunk] = [_beginning(first + at) for at in (*range(1, AHEAD, 2),
                                                                *range(2, AHEAD, 2))]  # fmt: skip
        given_up = ForwardTsnChunk()
        given_up.cumulative_tsn = (first + AHEAD - 1) % 2**32
        chunks.append(given_up)
        first += AHEAD
        for at in range(0, len(chunks), IN_A_PACKET):
            body = b"".join(bytes(chunk) for chunk in chunks[at : at + IN_A_PACKET])
            await sctp.transport._send_data(_packet(tag, body))
            count += 1
        await asyncio.sleep(0)
    return count


def _beginning(tsn: int) -> DataChunk:
    chunk = DataChunk(flags=2 | 4)
    chunk.tsn, chunk.stream_id, chunk.protocol, chunk.user_data = tsn % 2**32, 1, 53, b"x"
    return chunk


def _packet(tag: int, chunks: bytes) -> bytes:
    head = struct.pack("!HHL", 5000, 5000, tag)
    return head + struct.pack("<L", crc32c(head + bytes(4) + chunks)) + chunks


def deaf(scene: Scene, seconds: float) -> Report:
    """Others in the room, who are there and read nothing."""

    async def listen() -> None:
        end = time.monotonic() + seconds
        there = [peer(scene, f"deaf-{n}") for n in range(READERS)]
        for one in there:
            await one.__aenter__()
        # Nothing of this process is read from now on.
        stopped = threading.Event()
        stopped.wait(max(0.0, end - time.monotonic()))

    with suppress(TimeoutError, OSError):
        asyncio.run(asyncio.wait_for(listen(), seconds + 1))
    return Report()


def first(scene: Scene) -> None:
    """A good client comes and goes: what clients need is loaded then, which is no harm.

    Raises:
        TimeoutError: it does not connect.
    """

    async def come() -> None:
        async with peer(scene, "first") as good:
            await good.send_data(DataPacket(user=UserPacket(payload=b"hello")))
            await good.ask(leave=LeaveRequest())
            await good.ended()

    asyncio.run(come())


def begun(scene: Scene, seconds: float) -> Report:
    """Handshakes of DTLS that are begun and left: one client after the other goes when it has
    its answer."""

    async def begin() -> int:
        end, count = time.monotonic() + seconds, 0
        while time.monotonic() < end - 0.5:
            one = peer(scene, f"begun-{os.getpid()}-{count}")
            try:
                async with asyncio.timeout_at(asyncio.get_running_loop().time() + 2):
                    await one.open()
                    await one.told("join")
                    await one.negotiate()
            except (TimeoutError, OSError):
                continue
            finally:
                await one.drop()
                for task in one._tasks:
                    task.cancel()
            count += 1
        return count

    return Report(f"{asyncio.run(begin()):,} handshakes")
