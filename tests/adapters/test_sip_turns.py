"""How many SIP datagrams one turn of the loop takes."""

from __future__ import annotations

import asyncio
import socket

import pytest

from hookflash.adapters import sip_sockets
from hookflash.adapters.sip_sockets import SipSockets
from hookflash.base.errors import SipError
from hookflash.sip.flow import Flow
from hookflash.sip.message import Request, Response

OPTIONS = (
    b"OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK%d\r\nTo: <sip:a@b>\r\n"
    b"From: <sip:c@d>;tag=1\r\nCall-ID: %d\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
)
COUNT = 40


class Slow:
    """Takes 1 ms for each message; `turns` counts those of each turn of the loop."""

    def __init__(self) -> None:
        self.time = 100.0
        self.turns: list[int] = []
        self.all = asyncio.Event()
        self._open = False

    def message_received(self, message: Request | Response, flow: Flow) -> None:
        self.time += 0.001
        if not self._open:
            self._open = True
            self.turns.append(0)
            asyncio.get_running_loop().call_soon(self._over)
        self.turns[-1] += 1
        if sum(self.turns) == COUNT:
            self.all.set()

    def _over(self) -> None:
        self._open = False

    def bad_message(self, error: SipError, flow: Flow) -> None:
        raise error

    def flow_failed(self, flow: Flow) -> None:
        raise AssertionError(flow)


@pytest.mark.parametrize(
    ("until_tick", "most"), [(-0.5, 2), (0.0, 2), (0.005, 5), (0.015, 15), (9.0, 20)]
)
def test_a_turn_lasts_until_the_next_tick(
    monkeypatch: pytest.MonkeyPatch, until_tick: float, most: int
) -> None:
    async def main() -> list[int]:
        receiver = Slow()
        monkeypatch.setattr(sip_sockets, "perf_counter", lambda: receiver.time)
        sockets = SipSockets(spare=lambda: until_tick)
        sockets.attach(receiver)
        await sockets.start("127.0.0.1", 0)
        try:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
                for number in range(COUNT):
                    peer.sendto(OPTIONS % (number, number), sockets.local["udp"])
                async with asyncio.timeout(10):
                    await receiver.all.wait()
        finally:
            await sockets.stop()
        return receiver.turns

    assert max(asyncio.run(main())) == most
