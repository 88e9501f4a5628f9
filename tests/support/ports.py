"""Ports that are free now: below those that the kernel picks for others (32768 and up) and those
of servers that take another one where theirs is in use (30000 and up, tests/support/lab.py).

Tests run in several processes at once (pytest-xdist): each has a part of the range for itself, for
a server that is given ports binds most of them only when a call comes.
"""

from __future__ import annotations

import os
import random
import socket

LOW = 10000
HIGH = 30000


def part_of(worker: str, workers: int) -> tuple[int, int]:
    """(first port, last port + 1) of worker `gw0`, `gw1`, … of that many; "": all of them."""
    size = (HIGH - LOW) // workers
    low = LOW + size * int(worker.removeprefix("gw") or 0)
    return low, low + size


class Ports:
    """Hands out ports, from a random one on: what ended a moment ago may still hold its own."""

    def __init__(self) -> None:
        worker = os.environ.get("PYTEST_XDIST_WORKER", "")
        workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")) if worker else 1
        self._low, self._high = part_of(worker, workers)
        self._next = random.SystemRandom().randrange(self._low, self._high)

    def take(self, count: int = 1, ip: str = "0.0.0.0") -> int:
        """The first of `count` ports in a row, even, free over UDP and TCP at `ip`."""
        for _ in range(self._high - self._low):
            first = self._next + self._next % 2
            self._next = first + count
            if self._next > self._high:
                self._next = self._low
                continue
            if all(_is_free(ip, port) for port in range(first, first + count)):
                return first
        raise AssertionError("no free ports")

    def range(self, count: int) -> str:
        """`count` of them as a setting has it: first-last."""
        first = self.take(count)
        return f"{first}-{first + count - 1}"


PORTS = Ports()
"""This process's: none is given out again before all others were."""


def _is_free(ip: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in ip else socket.AF_INET
    for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
        with socket.socket(family, kind) as probe:
            if kind == socket.SOCK_STREAM:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((ip, port))
            except OSError:
                return False
    return True
