"""Strangers who open connections and say nothing, or nothing whole: as many as they get."""

from __future__ import annotations

import select
import socket
import struct
import time
from collections.abc import Callable

from .floods import connection
from .scene import RTC_TCP, SERVER, Scene
from .verdict import Report

SILENT = 2500
"""Connections of one stranger; two of them are more than the exchange has open files."""
ENDLESS = 1000
ENDLESS_OCTETS = 65_000
PER_TURN = 50

_CLIENT_HELLO = b"\x16\x03\x01" + struct.pack("!H", 512) + b"\x01\x00\x01\xfc\x03\x03"
"""The begin of a handshake (RFC 8446 §4.1.2), whose rest never comes."""
_SIP_HEAD = b"OPTIONS sip:a@b SIP/2.0\r\nSubject: "
_HTTP_HEAD = b"GET / HTTP/1.1\r\n"


def hold(
    address: Callable[[Scene], tuple[str, int]], count: int, first: bytes = b""
) -> Callable[..., Report]:
    """Open up to `count` connections, say `first` on each, and keep them; those that the exchange
    closes are opened again."""

    def holder(scene: Scene, seconds: float) -> Report:
        end = time.monotonic() + seconds
        poll = select.epoll()
        held: dict[int, tuple[socket.socket, bytes]] = {}
        opened = refused = most = 0
        while time.monotonic() < end:
            for _ in range(min(PER_TURN, count - len(held))):
                try:
                    sock = connection(address(scene))
                except OSError:
                    refused += 1
                    break
                opened += 1
                held[sock.fileno()] = sock, first
                poll.register(sock, select.EPOLLIN | select.EPOLLOUT if first else select.EPOLLIN)
            most = max(most, len(held))
            for number, event in poll.poll(0.01):
                _serve(poll, held, number, event)
        for sock, _ in held.values():
            sock.close()
        poll.close()
        return Report(f"{opened:,} opened, {most:,} at once, {refused} refused")

    return holder


def _serve(
    poll: select.epoll, held: dict[int, tuple[socket.socket, bytes]], number: int, event: int
) -> None:
    """Send what is left of the first words; a connection that is closed is forgotten."""
    sock, rest = held[number]
    try:
        if event & select.EPOLLOUT and rest:
            rest = rest[sock.send(rest) :]
            held[number] = sock, rest
            if not rest:
                poll.modify(sock, select.EPOLLIN)
        if event & ~select.EPOLLOUT and not sock.recv(65536):
            raise ConnectionResetError
    except BlockingIOError:
        return
    except OSError:
        poll.unregister(sock)
        sock.close()
        del held[number]


def _sip(scene: Scene) -> tuple[str, int]:
    return scene.sip


def _http(scene: Scene) -> tuple[str, int]:
    return scene.http


def _tls(scene: Scene) -> tuple[str, int]:
    return SERVER, scene.tls_port


def _rtc(_: Scene) -> tuple[str, int]:
    return SERVER, RTC_TCP


sip_silent = hold(_sip, SILENT)
sip_endless = hold(_sip, ENDLESS, _SIP_HEAD + b"x" * ENDLESS_OCTETS)
tls_silent = hold(_tls, SILENT)
tls_begun = hold(_tls, SILENT, _CLIENT_HELLO)
http_silent = hold(_http, SILENT)
http_begun = hold(_http, SILENT, _HTTP_HEAD)
rtc_silent = hold(_rtc, SILENT)
rtc_begun = hold(_rtc, SILENT, b"\x00\x64\x00\x01")
