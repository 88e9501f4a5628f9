"""Strangers who send as much as they can. Each function is one of them, for so many seconds."""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Callable, Iterator

from .scene import STRANGER, Scene
from .verdict import Report

DATAGRAMS_PER_SECOND = 15_000
UNREAD_CONNECTIONS = 20
UPGRADE_CONNECTIONS = 20
DRIBBLING = 200
BODIES = 30
BODY = 9 << 20
"""Within what a body may have, were there a token."""

_REQUEST = (
    "%(method)s sip:+15550100@%(server)s SIP/2.0\r\n"
    "Via: SIP/2.0/%(transport)s %(here)s:5999;branch=z9hG4bK%(number)07d;rport\r\n"
    "Max-Forwards: 70\r\nFrom: <sip:a@%(here)s>;tag=1\r\nTo: <sip:+15550100@%(server)s>\r\n"
    "Call-ID: x%(number)07d@%(here)s\r\nCSeq: 1 %(method)s\r\n"
    "Contact: <sip:a@%(here)s:5999>\r\nContent-Length: 0\r\n\r\n"
)


def request(method: str, number: int, transport: str, scene: Scene, here: str = STRANGER) -> bytes:
    """A request outside of any dialog; the next number is another transaction."""
    values = {
        "method": method,
        "number": number,
        "transport": transport,
        "server": f"{scene.sip[0]}:{scene.sip[1]}",
        "here": here,
    }
    return (_REQUEST % values).encode()


def paced(per_second: float, seconds: float) -> Iterator[int]:
    """0, 1, 2 … at that rate; on a busy machine fewer, never all at once afterwards."""
    start = last = time.monotonic()
    number = 0
    budget = 0.0
    while (now := time.monotonic()) - start < seconds:
        budget = min(budget + (now - last) * per_second, per_second / 20)
        last = now
        while budget >= 1:
            budget -= 1
            yield number
            number += 1
        time.sleep(0.001)


def by_udp(method: str, per_second: int = DATAGRAMS_PER_SECOND) -> Callable[..., Report]:
    """A flood of datagrams."""

    def flood(scene: Scene, seconds: float) -> Report:
        sent = 0
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind((STRANGER, 0))
            for number in paced(per_second, seconds):
                sock.sendto(request(method, number, "UDP", scene), scene.sip)
                sent += 1
        return Report(f"{sent / seconds:,.0f} a second")

    return flood


def connection(address: tuple[str, int]) -> socket.socket:
    """A TCP connection that does not block any more."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        sock.bind((STRANGER, 0))
        sock.connect(address)
    except OSError:
        sock.close()
        raise
    sock.setblocking(False)
    return sock


class Stream:
    """One connection on which pieces go out again and again; opened anew when it is closed.
    `waits`: for the first answer, after the first words."""

    def __init__(
        self,
        address: tuple[str, int],
        piece: bytes,
        *,
        first: bytes = b"",
        reads: bool = True,
        waits: bool = False,
    ) -> None:
        self._address, self._piece, self._first, self._reads = address, piece, first, reads
        self._waits = waits
        self._answered = False
        self._socket: socket.socket | None = None
        self._at = 0
        self._rest = b""
        self.sent = 0
        self.opened = 0

    def turn(self) -> bool:
        """Send and read what can be; False if nothing could."""
        if self._socket is None:
            try:
                self._socket = connection(self._address)
            except OSError:
                return False
            self.opened += 1
            self._rest, self._at, self._answered = self._first, 0, not self._waits
        return self._send() | self._read()

    def _send(self) -> bool:
        assert self._socket is not None
        try:
            if self._rest:
                self._rest = self._rest[self._socket.send(self._rest) :]
                return True
            if not self._answered:
                return False
            count = self._socket.send(self._piece[self._at :])
        except BlockingIOError:
            return False
        except OSError:
            self.close()
            return True
        self.sent += count
        self._at = (self._at + count) % len(self._piece)
        return True

    def _read(self) -> bool:
        if self._socket is None or not self._reads:
            return False
        try:
            if self._socket.recv(1 << 20):
                self._answered = True
                return True
        except BlockingIOError:
            return False
        except OSError:
            pass
        self.close()
        return True

    def close(self) -> None:
        """Until the next turn."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def streams(make: Callable[[Scene], list[Stream]], rest: float = 0.0) -> Callable[..., Report]:
    """As much by TCP as is read; `rest`: seconds between two turns."""

    def flood(scene: Scene, seconds: float) -> Report:
        made = make(scene)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            busy = [stream.turn() for stream in made]
            if rest or not any(busy):
                time.sleep(rest or 0.0005)
        for stream in made:
            stream.close()
        megabytes = sum(stream.sent for stream in made) / 1e6
        opened = sum(stream.opened for stream in made)
        return Report(f"{megabytes / seconds:.1f} MB/s by {opened} connections")

    return flood


def tcp_options(scene: Scene) -> list[Stream]:
    """Requests as fast as they are read."""
    piece = b"".join(request("OPTIONS", number, "TCP", scene) for number in range(150))
    return [Stream(scene.sip, piece)]


def tcp_crlf(scene: Scene) -> list[Stream]:
    """Keep-alives as fast as they are read."""
    return [Stream(scene.sip, b"\r\n" * 32768)]


def tcp_unread(scene: Scene) -> list[Stream]:
    """Requests whose answers nobody reads."""
    piece = b"".join(request("OPTIONS", number, "TCP", scene) for number in range(150))
    return [Stream(scene.sip, piece, reads=False) for _ in range(UNREAD_CONNECTIONS)]


_START = b"GET / HTTP/1.1\r\nHost: a\r\n"


def http_lines(scene: Scene) -> list[Stream]:
    """A head of lines without end."""
    return [Stream(scene.http, b"X: y\r\n" * 10_000, first=_START)]


def http_line(scene: Scene) -> list[Stream]:
    """A head with one line without end."""
    return [Stream(scene.http, b"a" * 65536, first=_START + b"X: ")]


def http_url(scene: Scene) -> list[Stream]:
    """A URL without end."""
    return [Stream(scene.http, b"a" * 65536, first=b"GET /")]


def http_dribble(scene: Scene) -> list[Stream]:
    """Heads that come an octet at a time."""
    return [Stream(scene.http, b"a", first=_START + b"X: ") for _ in range(DRIBBLING)]


def http_upgrade(scene: Scene) -> list[Stream]:
    """Upgrades to a WebSocket that lack what makes one."""
    ask = b"GET /rtc HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    return [Stream(scene.http, ask) for _ in range(UPGRADE_CONNECTIONS)]


def http_bodies(scene: Scene, seconds: float) -> Report:
    """Large bodies without a token, all but their last octets, and then silence."""
    head = (
        b"POST /twirp/livekit.SIP/CreateSIPInboundTrunk HTTP/1.1\r\nHost: a\r\n"
        b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % (BODY + 1)
    )
    end = time.monotonic() + seconds
    left: dict[socket.socket, int] = {}
    for _ in range(BODIES):
        try:
            sock = connection(scene.http)
            sock.send(head)
        except OSError:
            continue
        left[sock] = BODY
    piece, sent = b" " * 65536, 0
    while (now := time.monotonic()) < end:
        open_ones = [sock for sock in left if left[sock]]
        _, ready, _ = select.select([], open_ones, [], min(0.1, end - now))
        if not open_ones:
            time.sleep(0.05)
        for sock in ready:
            try:
                count = sock.send(piece[: left[sock]])
            except OSError:
                left[sock] = count = 0  # refused
            left[sock] -= count
            sent += count
    for sock in left:
        sock.close()
    return Report(f"{BODIES} bodies, {sent / 1e6:.0f} MB")
