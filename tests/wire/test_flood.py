"""calls.md §5: one stranger, as fast as he can, and calls go on."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from tests.wire.kit.call import Call
from tests.wire.kit.phone import Phone, TcpPhone
from tests.wire.kit.server import Exchange, Line
from tests.wire.kit.sound import Packet

pytestmark = pytest.mark.interop

CALLS = 10
FRAMES = 50
"""RTP packets a second."""
LENGTH = 4.0
"""Seconds for which is measured."""
TRIES = 12


def _as_many(count: int, packets: list[Packet]) -> bool:
    return len(packets) >= count


@contextlib.contextmanager
def flooded(exchange: Exchange, kind: str, connections: int) -> Iterator[None]:
    """While a stranger sends."""
    host, port = exchange.sip
    # A stranger is on another machine: he takes no time of the processors that calls need here.
    command = ("nice", "-n", "10", sys.executable, "-m", "tests.wire.kit.flood")
    with subprocess.Popen(
        [*command, host, str(port), kind, str(connections), "60"], stdout=subprocess.PIPE, text=True
    ) as stranger:
        try:
            assert stranger.stdout is not None
            assert stranger.stdout.readline() == "flooding\n"
            yield
            assert stranger.poll() is None
        finally:
            stranger.kill()


def _share_heard(exchange: Exchange, line: Line, calls: list[Call]) -> float:
    """What came of the sound of these calls while others came and went; each of them at once."""
    begun = time.monotonic()
    before = [len(call.sound.packets) for call in calls]
    while time.monotonic() < begun + LENGTH:
        phone = exchange.phone()
        asked = time.monotonic()
        call = Call(phone, line.number)
        call.connect()
        assert time.monotonic() - asked < 1
        call.hang_up()
        phone.close()
        more = len(calls[0].sound.packets) + FRAMES // 5
        calls[0].sound.heard(partial(_as_many, more), "sound")
    length = time.monotonic() - begun
    came = [len(call.sound.packets) - first for call, first in zip(calls, before, strict=True)]
    return sum(came) / len(came) / (length * FRAMES)


@pytest.mark.parametrize(
    ("kind", "connections"),
    [
        ("options", 1),
        ("crlf", 1),
        ("options", 20),
        ("unread:options", 20),
        ("invites", 2),
        ("byes", 5),
        ("large", 2),
        ("lists", 2),
        ("malformed", 5),
        ("responses", 5),
        ("pings", 5),
        ("connect", 1),
    ],
)
def test_calls_are_answered_and_heard_in_a_flood(
    exchange: Exchange, kind: str, connections: int
) -> None:
    """TCP: what one turn of the loop takes from all streams has a limit."""
    line = exchange.line()
    calls = []
    for _ in range(CALLS):
        calls.append(Call(exchange.phone(), line.number))
        calls[-1].connect()
        calls[-1].sound.listen()
    with flooded(exchange, kind, connections):
        # A flood that takes the sound's time takes it in each; another load of the machine may.
        shares = (_share_heard(exchange, line, calls) for _ in range(TRIES))
        assert any(share > 0.97 for share in shares)
    for call in calls:
        call.hang_up()
        call.phone.close()


@pytest.mark.parametrize("kind", [Phone, TcpPhone])
def test_silent_connections_do_not_end_service(tmp_path: Path, kind: type[Phone]) -> None:
    """Open files: calls come first, and the longest silent connection makes room."""
    exchange = Exchange.configured(tmp_path)
    exchange.files = 256
    exchange.start()
    try:
        line = exchange.line()
        with contextlib.ExitStack() as strangers:
            for _ in range(256):
                strangers.enter_context(socket.create_connection(exchange.sip))
            for _ in range(8):
                Call(exchange.phone(kind), line.number).connect()
            assert exchange.ok("RoomService/ListRooms", {})["rooms"]
            assert exchange.metrics()["hookflash_sip_connections"] <= 256 / 8
            assert not exchange.logged("no_open_files")
    finally:
        exchange.close()
    assert not exchange.logged("Traceback")
