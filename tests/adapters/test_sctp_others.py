"""`Dtls` and `Sctp` with aiortc's own stack at the other end, over a network that loses packets."""

from __future__ import annotations

import asyncio
import random
from typing import cast

import pytest
from aiortc import (
    RTCCertificate,
    RTCDataChannel,
    RTCDataChannelParameters,
    RTCDtlsFingerprint,
    RTCDtlsParameters,
    RTCDtlsTransport,
    RTCIceTransport,
    RTCSctpTransport,
)

from hookflash.adapters.dtls import Dtls, DtlsCertificate
from hookflash.adapters.sctp import LOCAL_PORT, Sctp

OURS = DtlsCertificate.make()


class Network:
    """Our end of a peer connection, and what aiortc takes for its ICE transport."""

    def __init__(self, dtls: Dtls, loss: float, seed: int) -> None:
        self.dtls, self.loss, self.chance = dtls, loss, random.Random(seed)
        self.role, self.state = "controlling", "completed"
        self.queue: asyncio.Queue[bytes] = asyncio.Queue()
        self.loop = asyncio.get_running_loop()
        self.sctp = Sctp(self, client=True, loop=self.loop)
        self.timer: asyncio.TimerHandle | None = None
        self.got: list[tuple[str, bytes]] = []
        self.changed = asyncio.Event()
        self.flush()

    def passes(self) -> bool:
        return self.chance.random() >= self.loss

    def delay(self) -> float:
        return self.chance.random() * self.loss / 50

    async def _recv(self) -> bytes:
        return await self.queue.get()

    async def _send(self, data: bytes) -> None:
        if self.passes():
            self.loop.call_later(self.delay(), self.receive, data)

    def receive(self, data: bytes) -> None:
        before = self.dtls.state
        self.dtls.receive(data)
        if before != "connected" and self.dtls.state == "connected":
            self.sctp.start(LOCAL_PORT, 65_536)
        for packet in self.dtls.read():
            self.sctp.receive(packet)
        self.flush()

    def flush(self) -> None:
        for datagram in self.dtls.take():
            if self.passes():
                self.loop.call_later(self.delay(), self.queue.put_nowait, datagram)
        if self.timer is not None:
            self.timer.cancel()
        left = self.dtls.next_timeout()
        self.timer = None if left is None else self.loop.call_later(left, self.expired)
        self.changed.set()

    def expired(self) -> None:
        self.dtls.handle_timeout()
        self.flush()

    def sctp_send(self, data: bytes) -> None:
        self.dtls.write(data)
        self.flush()

    def channel_opened(self, label: str) -> None:
        self.changed.set()

    def channel_message(self, label: str, data: bytes) -> None:
        self.got.append((label, data))
        self.sctp.send(label, data[::-1])
        self.changed.set()


@pytest.mark.parametrize(("loss", "seed"), [(0.0, 0), (0.05, 1), (0.05, 2)])
def test_aiortc(loss: float, seed: int) -> None:
    asyncio.run(asyncio.wait_for(_aiortc(loss, seed), 100))


async def _aiortc(loss: float, seed: int) -> None:
    certificate = RTCCertificate.generateCertificate()
    lines = [f"{f.algorithm} {f.value}" for f in certificate.getFingerprints()]
    network = Network(Dtls(OURS, client=True, fingerprints=lines), loss, seed)
    dtls = RTCDtlsTransport(cast(RTCIceTransport, network), [certificate])
    dtls._set_role("server")
    sctp = RTCSctpTransport(dtls, LOCAL_PORT)
    reliable = RTCDataChannel(sctp, RTCDataChannelParameters(label="_reliable"))
    lossy = RTCDataChannel(
        sctp, RTCDataChannelParameters(label="_lossy", ordered=False, maxRetransmits=0)
    )
    back: list[tuple[str, bytes]] = []
    opened: list[str] = []
    for channel in (reliable, lossy):
        channel.on("message", lambda data, name=channel.label: back.append((name, data)))
        channel.on("open", lambda name=channel.label: opened.append(name))
    digest = OURS.fingerprint.split()[1]
    await dtls.start(RTCDtlsParameters([RTCDtlsFingerprint("sha-256", digest)]))
    assert dtls.state == "connected"
    await sctp.start(RTCSctpTransport.getCapabilities(), LOCAL_PORT)
    while len(opened) < 2:
        network.changed.clear()
        await network.changed.wait()
    sent = [bytes([n, *range(50)]) * (1 + n * 10) for n in range(40)]
    for data in sent:
        reliable.send(data)
        lossy.send(data[:51])
    while len([1 for name, _ in back if name == "_reliable"]) < 40:
        network.changed.clear()
        await network.changed.wait()
    assert [data for name, data in network.got if name == "_reliable"] == sent
    assert [data for name, data in back if name == "_reliable"] == [data[::-1] for data in sent]
    few = [data for name, data in network.got if name == "_lossy"]
    assert len(few) == 40 if loss == 0 else 20 < len(few) <= 40
    assert set(few) <= {data[:51] for data in sent}
    await sctp.stop()
    await dtls.stop()
    network.loss = 0.0
    network.sctp.stop()
    assert network.sctp.state == "closed"
