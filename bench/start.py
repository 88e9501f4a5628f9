"""From exec to the 100 of the first INVITE on a stored trunk, second start."""

from __future__ import annotations

import socket
import statistics
import time

from .caller import Caller
from .exchange import Exchange
from .report import Row, row


def start(repeats: int = 5) -> Row:
    """The INVITE is sent every 5 ms until something answers it."""
    times, used = [], []
    with Exchange() as exchange:
        for number in range(repeats):
            exchange.stop()
            started = exchange.launch()
            times.append(_first_answer(exchange, number) - started)
            used.append(exchange.cpu())
    return row(
        "exec → 100 of the first INVITE, second start, median",
        statistics.median(times),
        1.5,
        unit=" s",
        note=f" ({statistics.median(used):.2f} s of CPU)",
    )


def _first_answer(exchange: Exchange, number: int) -> float:
    caller = Caller(exchange.sip_port, exchange.http_port)
    invite = caller.render(f"+1444{number:07d}", "+15105550100")
    caller.close()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect(("127.0.0.1", exchange.sip_port))
        sock.settimeout(0.005)
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            try:
                sock.send(invite)
                answer = sock.recv(65536)
            except ConnectionRefusedError:
                time.sleep(0.005)  # nobody listens yet
                continue
            except TimeoutError:
                continue
            assert answer.startswith(b"SIP/2.0 100"), answer
            return time.monotonic()
    raise RuntimeError("no answer to the first INVITE")
