"""What an INVITE costs with ten trunks and with ten thousand."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from contextlib import ExitStack

from .caller import Call, Caller
from .clients import fill, number_of
from .exchange import Exchange
from .report import Row, row

FEW, MANY = 10, 10_000
BATCH = 500
ROUNDS = 9
WINDOW = 8

Called = Callable[[int, int], str]
"""From the number of trunks and the number of the call to the number called."""


class Side:
    """An exchange with that many trunks, each with a rule but the first, and a caller."""

    def __init__(self, exchange: Exchange, trunks: int) -> None:
        self._exchange = exchange
        self.trunks = trunks
        fill(exchange.http_port, trunks, first_rule=1)
        self._caller = Caller(exchange.sip_port, exchange.http_port)
        self._caller.patient = True
        self._caller.on_answered = self._caller.hang_up
        self._calls = 0

    def close(self) -> None:
        """The caller."""
        self._caller.close()

    def batch(self, called: Called, refusal: str, count: int = BATCH) -> float:
        """Seconds of CPU for that many INVITEs, refused or (refusal "") answered and ended."""
        caller, left = self._caller, count
        caller.refusal = refusal

        def gone(call: Call | None) -> None:
            nonlocal left
            if call is not None:
                left -= 1
            if self._calls < last:
                self._calls += 1
                caller.invite(f"+1444{self._calls:07d}", called(self.trunks, self._calls))

        caller.on_gone = gone
        last = self._calls + count
        before = self._exchange.cpu()
        for _ in range(WINDOW):
            gone(None)
        if not caller.run_until(lambda: left == 0, 60) or caller.errors:
            raise RuntimeError(f"{left} calls missing, {caller.errors[:3]}")
        return self._exchange.cpu() - before


def match() -> list[Row]:
    """The same INVITEs to both, in turn; the medians are compared."""
    kinds: dict[str, tuple[str, Called]] = {
        "answered and ended": ("", lambda trunks, n: number_of(1 + n % (trunks - 1))),
        "refused, no rule": ("404 Not Found", lambda trunks, n: number_of(0)),
        "refused, no trunk": ("403 Forbidden", lambda trunks, n: f"+1999{n:07d}"),
    }
    with ExitStack() as stack:
        sides = []
        for trunks in (FEW, MANY):
            exchange = Exchange(answer="immediately", open_to_all=False)
            side = Side(stack.enter_context(exchange), trunks)
            stack.callback(side.close)
            sides.append(side)
        rows = []
        for kind, (refusal, called) in kinds.items():
            used: list[list[float]] = [[], []]
            for number in range(ROUNDS + 1):
                for side, times in zip(sides, used, strict=True):
                    seconds = side.batch(called, refusal)
                    if number:  # the first is to warm up
                        times.append(seconds)
            few, many = map(statistics.median, used)
            rows.append(
                row(
                    f"CPU of an INVITE with {MANY:,} trunks / with {FEW}: {kind}",
                    many / few,
                    1.2,
                    note=f" ({many / BATCH * 1000:.2f} / {few / BATCH * 1000:.2f} ms)",
                )
            )
    return rows
