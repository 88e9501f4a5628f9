"""The UDP port and the TCP port of all peer connections, with real sockets."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from functools import partial
from time import monotonic, time
from typing import Any

import pytest
import uvloop
from tests.support.stamps import stamping

from hookflash.adapters import rtc_socket
from hookflash.adapters.rtc_connection import LONGEST_DATAGRAM, RtcPath
from hookflash.adapters.rtc_socket import RtcSockets, UdpPath
from hookflash.webrtc import stun


class Owner:
    """Notes what comes in; admits whoever has sent a Binding request."""

    def __init__(self) -> None:
        self.packets: list[tuple[RtcPath, bytes, float]] = []
        self.turns: list[int] = []
        """Packets in each turn of the loop."""
        self.gone: list[RtcPath] = []
        self.checked: set[RtcPath] = set()
        self._same_turn = False
        self._changed = asyncio.Event()
        self.then: Callable[[], object] = lambda: None
        """Done with each packet."""

    def received(self, path: RtcPath, data: bytes, now: float) -> None:
        self.packets.append((path, data, now))
        if stun.is_stun(data):
            self.checked.add(path)
        if not self._same_turn:
            self._same_turn = True
            self.turns.append(0)
            asyncio.get_running_loop().call_soon(self._next_turn)
        self.turns[-1] += 1
        self._changed.set()
        self.then()

    def admits(self, path: RtcPath) -> bool:
        return path in self.checked

    def closed(self, path: RtcPath) -> None:
        self.gone.append(path)
        self._changed.set()

    def has(self, count: int) -> bool:
        return len(self.packets) == count

    async def until(self, true: Callable[[], object]) -> None:
        while not true():
            self._changed.clear()
            await self._changed.wait()

    def _next_turn(self) -> None:
        self._same_turn = False


def run(story: Callable[[], Awaitable[Any]]) -> None:
    asyncio.run(asyncio.wait_for(story(), 20))
    uvloop.run(asyncio.wait_for(story(), 20))


def peer(ip: str) -> socket.socket:
    sock = socket.socket(socket.AF_INET6 if ":" in ip else socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind((ip, 0))
    sock.settimeout(10)
    return sock


@pytest.mark.parametrize("ip", ["127.0.0.1", "::1"])
def test_a_datagram_and_its_answer(ip: str) -> None:
    async def story() -> None:
        owner = Owner()
        sockets = RtcSockets(owner, lambda: 123.0)
        await sockets.start([ip], 0)
        assert sockets.udp_port
        assert not sockets.tcp_port
        with peer(ip) as client, peer(ip) as other:
            client.sendto(b"one", (ip, sockets.udp_port))
            client.sendto(b"two", (ip, sockets.udp_port))
            other.sendto(b"three", (ip, sockets.udp_port))
            await owner.until(lambda: len(owner.packets) == 3)
            (first, _, now), (second, data, _), (third, _, _) = owner.packets
            assert (data, now) == (b"two", 123.0)
            assert first is second
            assert first != third
            assert first.remote == client.getsockname()[:2]
            first.send(b"answer")
            third.send(b"other")
            assert client.recvfrom(100)[0] == b"answer"
            assert other.recvfrom(100)[0] == b"other"
            client.sendto(b"four", (ip, sockets.udp_port))
            await owner.until(lambda: len(owner.packets) == 4)
        await sockets.stop()
        first.send(b"late")
        assert sockets.dropped["send_failed"] == 1

    run(story)


def test_a_patient_port_is_read_when_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each datagram with the time at which it came."""
    monkeypatch.setattr(rtc_socket, "PATIENCE", 20.0)

    async def story() -> None:
        owner, loop = Owner(), asyncio.get_running_loop()
        sockets = RtcSockets(owner)
        await sockets.start(["127.0.0.1", "::1"], 0)
        sockets.be_patient(True)
        sockets.be_patient(True)
        there = ("127.0.0.1", sockets.udp_port)
        with peer("127.0.0.1") as client:
            before = monotonic()
            for data in (b"one", b"x" * (LONGEST_DATAGRAM + 1), b"three"):
                client.sendto(data, there)
            after = monotonic()
            while monotonic() < after + 0.005:
                await loop.run_in_executor(None, int)  # turns in which the loop would have read
            assert owner.packets == []
            sockets.read_waiting()
            assert [data for _, data, _ in owner.packets] == [b"one", b"three"]
            assert all(before - 0.001 < now < after + 0.001 for _, _, now in owner.packets)
            assert sockets.dropped["too_long"] == 1
            sockets.be_patient(False)
            sockets.read_waiting()
            client.sendto(b"four", there)
            await owner.until(lambda: len(owner.packets) == 3)
            owner.then = lambda: sockets.be_patient(False)
            sockets.be_patient(True)
            client.sendto(b"five", there)
            client.sendto(b"six", there)
            sockets.read_waiting()
            assert len(owner.packets) == 4
            await owner.until(lambda: len(owner.packets) == 5)  # by the loop
        sockets.be_patient(True)
        await sockets.stop()
        sockets.be_patient(True)
        sockets.read_waiting()

    with stamping():
        run(story)


def test_a_patient_port_is_read_by_itself_in_the_end() -> None:
    async def story() -> None:
        owner = Owner()
        sockets = RtcSockets(owner)
        await sockets.start(["127.0.0.1"], 0)
        sockets.be_patient(True)
        with peer("127.0.0.1") as client:
            for count in (1, 2):
                sent = monotonic()
                client.sendto(b"one", ("127.0.0.1", sockets.udp_port))
                await owner.until(partial(owner.has, count))
            assert monotonic() - sent > 0.5 * rtc_socket.PATIENCE
        await sockets.stop()

    run(story)


def test_a_patient_port_that_is_flooded_is_read_by_the_loop() -> None:
    async def story() -> None:
        owner = Owner()
        sockets = RtcSockets(owner)
        await sockets.start(["127.0.0.1"], 0)
        sockets.be_patient(True)
        with peer("127.0.0.1") as client:
            for _ in range(rtc_socket._BURST):
                client.sendto(b"x", ("127.0.0.1", sockets.udp_port))
            sockets.read_waiting()
            assert len(owner.packets) == rtc_socket._BURST
            client.sendto(b"y", ("127.0.0.1", sockets.udp_port))
            sockets.read_waiting()
            assert len(owner.packets) == rtc_socket._BURST
            await owner.until(lambda: len(owner.packets) > rtc_socket._BURST)
        await sockets.stop()

    run(story)


def test_the_machines_clock_may_be_set_while_datagrams_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def story() -> None:
        owner = Owner()
        sockets = RtcSockets(owner, lambda: 500.0)
        await sockets.start(["127.0.0.1"], 0)
        sockets.be_patient(True)
        with peer("127.0.0.1") as client:
            client.sendto(b"x", ("127.0.0.1", sockets.udp_port))
            for wrong in (-100.0, 100.0):
                monkeypatch.setattr(rtc_socket, "time", lambda wrong=wrong: time() + wrong)
                client.sendto(b"x", ("127.0.0.1", sockets.udp_port))
                sockets.read_waiting()
            assert [now for _, _, now in owner.packets] == [500.0] * 3
        await sockets.stop()

    run(story)


def test_where_the_system_does_not_say_when_nobody_is_patient(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sys.platform", "darwin")

    async def story() -> None:
        owner = Owner()
        sockets = RtcSockets(owner)
        await sockets.start(["127.0.0.1"], 0)
        sockets.be_patient(True)
        with peer("127.0.0.1") as client:
            client.sendto(b"x", ("127.0.0.1", sockets.udp_port))
            sockets.read_waiting()
            assert owner.packets == []
            await owner.until(lambda: owner.packets)
        await sockets.stop()

    run(story)


def test_paths_of_one_pair_are_equal_though_they_are_made_anew() -> None:
    async def story() -> None:
        owner = Owner()
        one, two = RtcSockets(owner), RtcSockets(owner)
        await one.start(["127.0.0.1"], 0)
        await two.start(["127.0.0.1"], 0)
        address = ("192.0.2.1", 5000)
        first, again = (UdpPath(one._sockets[0], address) for _ in range(2))
        assert first == again
        assert hash(first) == hash(again)
        assert first != UdpPath(two._sockets[0], address)
        assert first != UdpPath(one._sockets[0], ("192.0.2.1", 5001))
        assert first != address
        assert "192.0.2.1" in repr(first)
        await one.stop()
        await two.stop()

    run(story)


def test_ipv4_on_the_wildcard_of_ipv6_has_its_own_address() -> None:
    async def story() -> None:
        owner = Owner()
        sockets = RtcSockets(owner)
        await sockets.start(["::"], 0, 0)
        with peer("127.0.0.1") as client:
            client.sendto(b"hello", ("127.0.0.1", sockets.udp_port))
            await owner.until(lambda: owner.packets)
            path = owner.packets[0][0]
            assert path.remote == client.getsockname()
            path.send(b"answer")
            assert client.recv(100) == b"answer"
        _, writer = await asyncio.open_connection("127.0.0.1", sockets.tcp_port)
        frame = stun.request(bytes(12))
        writer.write(len(frame).to_bytes(2, "big") + frame)
        await owner.until(lambda: len(owner.packets) == 2)
        assert owner.packets[1][0].remote == writer.get_extra_info("sockname")
        writer.close()
        await sockets.stop()

    run(story)


def test_both_families_share_the_ports() -> None:
    async def story() -> None:
        owner = Owner()
        sockets = RtcSockets(owner)
        await sockets.start(["0.0.0.0", "::"], 0, 0)
        for ip in ("127.0.0.1", "::1"):
            with peer(ip) as client:
                client.sendto(ip.encode(), (ip, sockets.udp_port))
                expected = len(owner.packets) + 1
                await owner.until(lambda expected=expected: len(owner.packets) == expected)  # type: ignore[misc]
                assert owner.packets[-1][0].remote == client.getsockname()[:2]
            _, writer = await asyncio.open_connection(ip, sockets.tcp_port)
            writer.close()
        await sockets.stop()

    run(story)


def test_many_datagrams_leave_the_loop_to_others() -> None:
    async def story() -> None:
        owner = Owner()
        sockets = RtcSockets(owner)
        await sockets.start(["127.0.0.1"], 0)
        with peer("127.0.0.1") as client:
            for number in range(200):
                client.sendto(b"%d" % number, ("127.0.0.1", sockets.udp_port))
            await owner.until(lambda: len(owner.packets) == 200)
        assert [data for _, data, _ in owner.packets] == [b"%d" % number for number in range(200)]
        assert owner.turns[0] == 1
        assert 16 <= max(owner.turns) <= 64, "more where there are always more"
        owner.packets.clear()
        owner.turns.clear()
        with peer("127.0.0.1") as client:
            for number in range(1, 13):
                client.sendto(b"alone", ("127.0.0.1", sockets.udp_port))
                await owner.until(lambda number=number: len(owner.packets) == number)  # type: ignore[misc]
        assert sockets._sockets[0]._most <= 2
        await sockets.stop()

    run(story)


def test_slow_work_ends_the_turn() -> None:
    async def story() -> None:
        owner = Owner()
        time = 0.0

        def work() -> None:
            nonlocal time
            time += 0.003

        owner.then = work
        sockets = RtcSockets(owner, lambda: time)
        await sockets.start(["127.0.0.1"], 0)
        with peer("127.0.0.1") as client:
            for _ in range(40):
                client.sendto(b"packet", ("127.0.0.1", sockets.udp_port))
            await owner.until(lambda: len(owner.packets) == 40)
        assert max(owner.turns) == 2
        await sockets.stop()

    run(story)


def test_the_owner_may_stop_it_with_a_packet() -> None:
    async def story() -> None:
        owner = Owner()
        sockets = RtcSockets(owner)
        await sockets.start(["127.0.0.1"], 0)
        done = asyncio.Event()

        async def stop() -> None:
            await sockets.stop()
            done.set()

        def at_once() -> None:
            stopping = stop()
            with pytest.raises(StopIteration):
                stopping.send(None)

        owner.then = at_once
        with peer("127.0.0.1") as client:
            client.sendto(b"one", ("127.0.0.1", sockets.udp_port))
            client.sendto(b"two", ("127.0.0.1", sockets.udp_port))
            await done.wait()
        assert len(owner.packets) == 1

    run(story)


def test_what_is_too_long_is_counted() -> None:
    async def story() -> None:
        owner = Owner()
        sockets = RtcSockets(owner)
        await sockets.start(["127.0.0.1"], 0)
        with peer("127.0.0.1") as client:
            client.sendto(bytes(LONGEST_DATAGRAM + 1), ("127.0.0.1", sockets.udp_port))
            client.sendto(bytes(LONGEST_DATAGRAM), ("127.0.0.1", sockets.udp_port))
            await owner.until(lambda: owner.packets)
        assert [len(data) for _, data, _ in owner.packets] == [LONGEST_DATAGRAM]
        assert sockets.dropped["too_long"] == 1
        owner.packets[0][0].send(bytes(70_000))
        assert sockets.dropped["send_failed"] == 1
        await sockets.stop()

    run(story)


def test_what_finds_no_room_in_the_kernel_is_counted() -> None:
    async def story() -> None:
        owner = Owner()
        sockets = RtcSockets(owner)
        await sockets.start(["127.0.0.1"], 0)
        sockets._sockets[0].sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        with peer("127.0.0.1") as client:
            for _ in range(100):
                client.sendto(bytes(1000), ("127.0.0.1", sockets.udp_port))
            await owner.until(lambda: owner.packets)
            received = len(owner.packets)
        assert 0 < received < 100
        assert sockets.dropped["receive_buffer_full"] == 100 - received
        await sockets.stop()
        assert sockets.dropped["receive_buffer_full"] == 100 - received

    run(story)


class Troubled(socket.socket):
    """A socket whose buffer is full, and that has heard of a datagram that did not arrive: what no
    test can order from the kernel."""

    def __init__(self) -> None:
        super().__init__(socket.AF_INET, socket.SOCK_DGRAM)
        self.errors = 1

    def sendto(self, *_: Any) -> int:
        raise BlockingIOError

    def recvfrom(self, size: int, flags: int = 0) -> tuple[bytes, Any]:
        if self.errors:
            self.errors -= 1
            raise ConnectionRefusedError
        return super().recvfrom(size, flags)


def test_a_full_buffer_drops_and_an_error_does_not_stop_the_reading(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def story() -> None:
        owner = Owner()
        sockets = RtcSockets(owner)
        with monkeypatch.context() as patch:
            patch.setattr(socket, "socket", lambda *_: Troubled())
            await sockets.start(["127.0.0.1"], 0)
        with peer("127.0.0.1") as client:
            client.sendto(b"packet", ("127.0.0.1", sockets.udp_port))
            await owner.until(lambda: owner.packets)
        owner.packets[0][0].send(b"answer")
        assert sockets.dropped["send_buffer_full"] == 1
        await sockets.stop()

    asyncio.run(asyncio.wait_for(story(), 20))


def test_a_taken_port_leaves_nothing_open() -> None:
    async def story() -> None:
        owner = Owner()
        first, second = RtcSockets(owner), RtcSockets(owner)
        await first.start(["127.0.0.1"], 0, 0)
        with peer("127.0.0.1") as free:
            port = free.getsockname()[1]
        with pytest.raises(OSError, match="in use"):
            await second.start(["127.0.0.1"], port, first.tcp_port)
        with pytest.raises(OSError, match="in use"):
            await second.start(["127.0.0.2", "127.0.0.1"], first.udp_port)
        await second.start(["127.0.0.2", "127.0.0.1"], port)
        await first.stop()
        await second.stop()

    run(story)


def test_another_port_is_tried_where_any_will_do(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        owner = Owner()
        taken = peer("127.0.0.1")
        port = taken.getsockname()[1]
        asked: list[int] = []
        real = socket.socket.bind

        class Drawn(socket.socket):
            """The kernel's first draw is a port that is taken at the other address."""

            def bind(self, address: Any) -> None:
                asked.append(address[1])
                real(self, (address[0], port if len(asked) == 1 else address[1]))

        sockets = RtcSockets(owner)
        with monkeypatch.context() as patch:
            patch.setattr(socket, "socket", Drawn)
            await sockets.start(["127.0.0.2", "127.0.0.1"], 0)
        assert asked[:3] == [0, port, 0]
        assert sockets.udp_port != port
        taken.close()
        await sockets.stop()

    asyncio.run(asyncio.wait_for(story(), 20))


def test_stopping_closes_connections() -> None:
    async def story() -> None:
        owner = Owner()
        sockets = RtcSockets(owner)
        await sockets.start(["127.0.0.1"], 0, 0)
        reader, writer = await asyncio.open_connection("127.0.0.1", sockets.tcp_port)
        frame = stun.request(bytes(12))
        writer.write(len(frame).to_bytes(2, "big") + frame)
        await owner.until(lambda: owner.packets)
        assert sockets.connections == 1
        await sockets.stop()
        await owner.until(lambda: owner.gone)
        assert sockets.connections == 0
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            await reader.readexactly(1)
        writer.close()

    run(story)


def test_a_system_that_counts_no_lost_datagrams_says_none(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        sockets = RtcSockets(Owner())
        await sockets.start(["127.0.0.1"], 0)
        with monkeypatch.context() as patch:
            patch.setattr("sys.platform", "darwin")
            patch.setattr(rtc_socket, "_MEMORY_INFORMATION", -1)  # there it is no option
            assert sockets.dropped["receive_buffer_full"] == 0
        await sockets.stop()

    run(story)
