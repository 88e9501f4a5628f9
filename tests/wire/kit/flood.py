"""A stranger who sends as fast as he is read, as a process of his own.

    python -m tests.wire.kit.flood HOST PORT KIND CONNECTIONS SECONDS

Prints "flooding" when it begins. KIND is a key of `PIECES`, one of them with `unread:` before it
(answers are not read), `connect` (connections opened and closed) or `datagrams`.
"""

from __future__ import annotations

import contextlib
import itertools
import selectors
import socket
import sys
import time

from .message import build

_TO = "sip:somebody@example.com"
_ROUND = "ROUND___"
"""Replaced each time, so that no request is the retransmission of another one."""
_PING = b"\r\n\r\n"


def request(method: str, number: int, extra: str = "", body: str = "") -> bytes:
    """One that belongs to no call."""
    return build(
        f"{method} {_TO} SIP/2.0",
        [
            ("Via", f"SIP/2.0/TCP 192.0.2.1:5999;branch=z9hG4bK{_ROUND}.{number};rport"),
            ("Max-Forwards", "70"),
            ("From", "<sip:stranger@example.com>;tag=1"),
            ("To", f"<{_TO}>{extra}"),
            ("Call-ID", f"{_ROUND}.{number}"),
            ("CSeq", f"1 {method}"),
            ("Contact", "<sip:stranger@192.0.2.1>"),
        ],
        body,
    )


def _many(method: str, extra: str = "", body: str = "", count: int = 150) -> bytes:
    return b"".join(request(method, number, extra, body) for number in range(count))


PIECES = {
    "options": lambda: _many("OPTIONS"),
    "invites": lambda: _many("INVITE", body="v=0\r\n"),
    "byes": lambda: _many("BYE", ";tag=SCL_nothing"),
    "unknown": lambda: _many("NOTHING"),
    "large": lambda: _many("MESSAGE", body="x" * 60_000, count=5),
    "lists": lambda: _many("OPTIONS").replace(b"Contact: ", b"Route: " + b"<sip:a;lr>," * 200),
    "malformed": lambda: _many("OPTIONS").replace(b"CSeq: 1 ", b"CSeq: one "),
    "responses": lambda: _many("OPTIONS").replace(
        b"OPTIONS " + _TO.encode() + b" SIP/2.0", b"SIP/2.0 200 OK"
    ),
    "crlf": lambda: _PING * 16384,
    "pings": lambda: b"".join(_PING + request("OPTIONS", number) for number in range(150)),
}


class _Sender:
    """What one connection has sent of its piece."""

    def __init__(self, piece: bytes, number: int) -> None:
        self._piece = piece
        self._rounds = (b"%08d" % count for count in itertools.count(number * 100_000))
        self._left = memoryview(b"")

    def send(self, sock: socket.socket) -> None:
        if not self._left:
            piece = self._piece.replace(_ROUND.encode(), next(self._rounds))
            self._left = memoryview(piece)
        self._left = self._left[sock.send(self._left) :]


def flood(address: tuple[str, int], kind: str, connections: int, seconds: float) -> None:
    """Until the time is over; a connection that is closed is opened again."""
    unread, _, kind = kind.rpartition(":")
    piece = PIECES[kind]()
    selector = selectors.DefaultSelector()
    numbers = itertools.count()

    def connect() -> None:
        made = socket.create_connection(address)
        made.setblocking(False)
        wanted = selectors.EVENT_WRITE | (0 if unread else selectors.EVENT_READ)
        selector.register(made, wanted, _Sender(piece, next(numbers)))

    for _ in range(connections):
        connect()
    print("flooding", flush=True)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for key, _ in selector.select(0.1):
            sock = key.fileobj
            assert isinstance(sock, socket.socket)
            try:
                if not unread:
                    with contextlib.suppress(BlockingIOError):
                        sock.recv(1 << 20)
                key.data.send(sock)
            except BlockingIOError:
                continue
            except OSError:
                selector.unregister(sock)
                sock.close()
                connect()


def connect_and_close(address: tuple[str, int], seconds: float) -> None:
    """As many connections as can be had."""
    print("flooding", flush=True)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with contextlib.suppress(OSError):
            socket.create_connection(address).close()


def datagrams(address: tuple[str, int], seconds: float) -> None:
    """OPTIONS by UDP, as many as a socket's buffer stands: some 10,000 a second."""
    print("flooding", flush=True)
    data, begun = request("OPTIONS", 1), time.monotonic()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        for count in itertools.count():
            sock.sendto(data.replace(_ROUND.encode(), b"%08d" % count), address)
            ahead = count / 10_000 - (time.monotonic() - begun)
            if ahead > 0.001:
                time.sleep(ahead)
            if count > seconds * 10_000:
                return


def main(host: str, port: str, kind: str, connections: str, seconds: str) -> None:
    """Of the command line."""
    address = host, int(port)
    if kind == "connect":
        connect_and_close(address, float(seconds))
    elif kind == "datagrams":
        datagrams(address, float(seconds))
    else:
        flood(address, kind, int(connections), float(seconds))


if __name__ == "__main__":
    main(*sys.argv[1:])
