"""Ports that are free now, below the range from which the kernel picks for others."""

from __future__ import annotations

import random
import socket

LOW = 20000
HIGH = 32000


class Ports:
    """Hands out ports, from a random one on: what ended a moment ago may still hold its own."""

    def __init__(self) -> None:
        self._next = random.randrange(LOW, HIGH)

    def take(self, count: int = 1) -> int:
        """The first of `count` ports in a row, even, free over UDP and TCP."""
        for _ in range(HIGH - LOW):
            first = self._next + self._next % 2
            self._next = first + count
            if self._next >= HIGH:
                self._next = LOW
                continue
            if all(_is_free(port) for port in range(first, first + count)):
                return first
        raise AssertionError("no free ports")


def _is_free(port: int) -> bool:
    for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
        with socket.socket(socket.AF_INET, kind) as probe:
            if kind == socket.SOCK_STREAM:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("0.0.0.0", port))
            except OSError:
                return False
    return True
