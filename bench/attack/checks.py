"""Strangers at the WebRTC ports: garbage and ICE checks (RFC 8445) that nobody asked for."""

from __future__ import annotations

import os
import random
import re
import socket
import struct
import zlib
from collections.abc import Callable, Iterator
from hashlib import sha1
from hmac import digest

from .floods import DATAGRAMS_PER_SECOND, Stream, connection, paced
from .scene import RTC_TCP, RTC_UDP, SERVER, STRANGER, Scene
from .signals import token, upgrade
from .verdict import Report

PORTS = 500
"""From which one stranger sends."""
UDP = SERVER, RTC_UDP
TCP = SERVER, RTC_TCP
_COOKIE = 0x2112A442
_CHANCE = random.Random(0)


def attribute(kind: int, value: bytes) -> bytes:
    """Of a STUN message (RFC 8489 §14)."""
    return struct.pack("!HH", kind, len(value)) + value + bytes(-len(value) % 4)


def check(username: str, password: str = "", chance: random.Random = _CHANCE) -> bytes:
    """A binding request; "": without MESSAGE-INTEGRITY."""
    body = attribute(6, username.encode()) + attribute(0x24, bytes(4))
    body += attribute(0x802A, bytes(8)) + attribute(0x25, b"")
    ids = chance.randbytes(12)

    def head(more: int) -> bytes:
        return struct.pack("!HHI", 1, len(body) + more, _COOKIE) + ids

    if password:
        body += attribute(8, digest(password.encode(), head(24) + body, sha1().name))
    seal = zlib.crc32(head(8) + body) ^ 0x5354554E
    body += attribute(0x8028, struct.pack("!I", seal))
    return head(0) + body


def flood(
    make: Callable[[Scene], Iterator[bytes]], ports: int = 1, per_second: int = DATAGRAMS_PER_SECOND
) -> Callable[[Scene, float], Report]:
    """These datagrams to the UDP port. No answer is to be larger than what was sent."""

    def stranger(scene: Scene, seconds: float) -> Report:
        sockets = []
        for _ in range(ports):
            sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            sock.bind((STRANGER, 0))
            sock.setblocking(False)
            sockets.append(sock)
        made = make(scene)
        sent = octets = answers = 0
        largest = smallest = 0
        for number in paced(per_second, seconds):
            sock = sockets[number % ports]
            data = next(made)
            try:
                sock.sendto(data, UDP)
            except BlockingIOError:
                continue
            sent += 1
            octets += len(data)
            smallest = min(smallest or len(data), len(data))
            if number % 5 == 0:
                size = _answer(sock)
                answers += size > 0
                largest = max(largest, size)
        for sock in sockets:
            size = 1
            while size:
                size = _answer(sock)
                answers += size > 0
                largest = max(largest, size)
            sock.close()
        faults = (f"an answer of {largest} octets to {smallest}",) if largest > smallest else ()
        return Report(f"{sent / seconds:,.0f} a second, {answers:,} answers", faults)

    return stranger


def _answer(sock: socket.socket) -> int:
    try:
        return len(sock.recv(65536))
    except OSError:
        return 0


def garbage(_: Scene) -> Iterator[bytes]:
    """Of every first octet (RFC 7983 §7), and of all sizes."""
    chance = random.Random(1)
    while True:
        first = chance.choice((0, 1, 20, 22, 63, 128, 144, 191, 255))
        yield bytes([first]) + chance.randbytes(chance.choice((0, 3, 19, 50, 200, 1199)))


def unsigned(_: Scene) -> Iterator[bytes]:
    """Well-formed checks for nobody, and of nobody."""
    chance = random.Random(2)
    while True:
        yield check(f"{chance.getrandbits(40):x}:abcd", chance=chance)
        yield check(f"{chance.getrandbits(40):x}:abcd", "w" * 24, chance)


def guessing(scene: Scene) -> Iterator[bytes]:
    """Checks for a peer connection that is there, with a password that is not its."""
    ufrag = ufrag_of(scene)
    chance = random.Random(3)
    while True:
        yield check(f"{ufrag}:abcd", chance.randbytes(12).hex(), chance)
        yield check(f"{ufrag}:abcd", "", chance)


_sockets: list[socket.socket] = []
"""Those of the clients whose names are known, open to the end."""


def ufrag_of(scene: Scene) -> str:
    """What one client is told of its connection, in the offer of the older signalling."""
    sock = connection(scene.http)
    sock.settimeout(5)
    sock.sendall(upgrade("/rtc", token(f"known-{os.getpid()}")))
    _sockets.append(sock)
    told = b""
    while True:
        octets = sock.recv(65536)
        if not octets:
            raise ConnectionResetError
        told += octets
        found = re.search(rb"a=ice-ufrag:(\S+)", told)
        if found:
            return found[1].decode()


def framed(data: bytes) -> bytes:
    """On a stream (RFC 4571)."""
    return struct.pack("!H", len(data)) + data


def tcp_checks(_: Scene) -> list[Stream]:
    """Checks for nobody as fast as they are read."""
    chance = random.Random(4)
    piece = b"".join(
        framed(check(f"{chance.getrandbits(40):x}:abcd", "w" * 24, chance)) for _ in range(500)
    )
    return [Stream(TCP, piece) for _ in range(20)]


def tcp_slow(_: Scene) -> list[Stream]:
    """Frames that come an octet at a time."""
    data = framed(check("nobody:abcd", "w" * 24))
    return [Stream(TCP, data[n : n + 1], first=data[:n]) for n in range(30, 60)]


def tcp_garbage(_: Scene) -> list[Stream]:
    """No frames."""
    return [Stream(TCP, os.urandom(65536)) for _ in range(20)]
