"""The kernel's times of arrival, for tests that compare them."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from time import time

from hookflash.adapters.udp import STAMP_ROOM, came, stamps


@contextmanager
def stamping() -> Iterator[None]:
    """In here each datagram has the time at which it came. The kernel begins with that some time
    after the first socket asks for it, and gives until then the time at which it is read."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        assert stamps(sock)
        while True:
            sock.sendto(b"x", sock.getsockname())
            sent = time()
            while time() < sent + 0.002:
                pass
            _, ancillary, _, _ = sock.recvmsg(1, STAMP_ROOM)
            if came(ancillary) < sent + 0.001:
                break
        yield
