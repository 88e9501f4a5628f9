"""`python -m bench.soak` loads an exchange for half an hour and looks at what is left of it.

Ten calls a second, half of them transferred, each with its webhooks; then quiet. The figures belong
into docs/performance.md. Exit code 1 where memory grows or anything is left.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from .caller import Caller
from .exchange import Exchange
from .hooks import HookReceiver
from .load import CLEAN_UP, Load
from .report import Row, Run, print_rows, row
from .watched import COLLECTED, WATCHED

MINUTES = 30.0
CALLS_PER_SECOND = 10.0
WARM_PAIRS = 200
"""Before the first look at what an exchange without calls holds."""
COLD_SHARE = 1 / 3
"""Of the run, whose memory is not judged: pools and caches fill."""
SAMPLE = 5.0
JUDGED_FROM = 20.0
"""Minutes of load below which a slope says nothing: one allocation more is megabytes an hour."""
FORGETTING = 240.0
"""Seconds after the last call in which all of it is to be forgotten: a transfer may be watched for
three minutes."""
GARBAGE = 1.0
"""Objects of a call: what a library leaves now and then, and no more. A leg that refers to itself
is fifty, its sockets among them, and waits for hours."""
TURN = 0.05


@dataclass(frozen=True, slots=True)
class Holding:
    """What the exchange holds at one moment: `counts` by what it is. `collected`: objects that the
    garbage collector freed until then, since nothing else did."""

    counts: Mapping[str, int]
    collected: int = 0

    def more_than(self, before: Holding) -> dict[str, int]:
        """What there is more of than before."""
        more = {name: n - before.counts.get(name, 0) for name, n in self.counts.items()}
        return {name: count for name, count in sorted(more.items()) if count > 0}


def slope_mb_per_hour(samples: Sequence[tuple[float, int]]) -> float:
    """Of the straight line through (seconds, kB of resident memory), without the first third of the
    time; 0 where there are fewer than two samples left."""
    if not samples:
        return 0.0
    begin, end = samples[0][0], samples[-1][0]
    warm = [one for one in samples if one[0] >= begin + COLD_SHARE * (end - begin)]
    if len(warm) < 2:
        return 0.0
    times, sizes = [one[0] for one in warm], [float(one[1]) for one in warm]
    return statistics.linear_regression(times, sizes).slope * 3600 / 1024


class Soak:
    """One run."""

    def __init__(self, exchange: Exchange, watched: Path, minutes: float) -> None:
        self._exchange = exchange
        self._watched = watched
        self._seconds = minutes * 60
        self._caller = Caller(exchange.sip_port, exchange.http_port, connections=16)
        self._load = Load.on(self._caller, window=1 << 30)
        self._samples: list[tuple[float, int]] = []

    def run(self) -> list[Row]:
        """Warm up, load, wait; the figures."""
        self._load.run(WARM_PAIRS)
        before = self._settled(lambda holding: not holding.counts.get("legs"))
        start = time.monotonic()
        first = self._load.started
        next_sample = 0.0
        while (passed := time.monotonic() - start) < self._seconds:
            self._load.grow(first + int(passed * CALLS_PER_SECOND / 2))
            self._caller.pause(TURN)
            if passed >= next_sample:
                self._samples.append((passed, self._exchange.resident_kb()))
                next_sample += SAMPLE
        self._caller.run_until(lambda: self._load.done >= self._load.limit, 30)
        after = self._settled(lambda holding: not holding.more_than(before))
        failed = self._load.limit - self._load.done + len(self._caller.errors)
        pairs = self._load.done - first
        self._caller.close()
        garbage = (after.collected - before.collected) / max(1, 2 * pairs)
        return self._rows(after.more_than(before), pairs, failed, garbage)

    def _settled(self, done: Callable[[Holding], bool]) -> Holding:
        """What is held when that is so, or in the end."""
        self._caller.pause(CLEAN_UP)
        end = time.monotonic() + FORGETTING
        while not done(holding := self._holding()) and time.monotonic() < end:
            self._caller.pause(SAMPLE)
        return holding

    def _holding(self) -> Holding:
        with socket.socket(socket.AF_UNIX) as sock, sock.makefile() as answer:
            sock.connect(str(self._watched))
            counts: dict[str, int] = json.loads(answer.readline())
        gauges = self._exchange.gauges()
        for name in ("calls_active", "legs", "rooms", "transactions", "webhooks_pending"):
            counts[name] = int(gauges[f"hookflash_{name}"])
        counts["ports in use"] = -int(gauges["hookflash_rtp_ports_free"])
        process = Path(f"/proc/{self._exchange.pid}")
        counts["open files"] = len(list((process / "fd").iterdir()))
        counts["threads"] = len(list((process / "task").iterdir()))
        database = f"file:{self._exchange.database}?mode=ro"
        connection = sqlite3.connect(database, uri=True)
        (counts["stored dialogs"],) = connection.execute("SELECT count(*) FROM dialogs").fetchone()
        connection.close()
        return Holding(counts, counts.pop(COLLECTED))

    def _rows(self, left: dict[str, int], pairs: int, failed: int, garbage: float) -> list[Row]:
        minutes = self._seconds / 60
        slope = slope_mb_per_hour(self._samples)
        sizes = [size / 1024 for _, size in self._samples]
        judged = minutes >= JUDGED_FROM
        name = f"{minutes:g} minutes at {CALLS_PER_SECOND:g} calls/s, half of them transferred"
        told = ", ".join(f"{count} {what}" for what, count in left.items())
        growth = row(
            "the same: slope of resident memory, once warm",
            slope,
            1.0,
            unit=" MB/h",
            digits=1,
            note=f" ({sizes[0]:.0f} MB at first, {sizes[-1]:.0f} MB at last"
            f"{'' if judged else '; too short to judge'})",
        )
        return [
            row(f"{name}, webhooks: calls failed", failed, 0, digits=0, note=f" of {2 * pairs}"),
            growth if judged else replace(growth, ok=""),
            row(
                "the same: objects of a call that only the garbage collector freed",
                garbage,
                GARBAGE,
                digits=2,
            ),
            row(
                "the same: tasks, timers, files, dialogs, transactions, rows left",
                sum(left.values()),
                0,
                digits=0,
                note=f" ({told})" if told else "",
            ),
        ]


def main() -> None:
    """Load, print, judge."""
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=MINUTES, help="of load (%(default)g)")
    minutes: float = parser.parse_args().minutes
    run = Run()
    with tempfile.TemporaryDirectory(prefix="hookflash-soak-") as folder:
        watched = Path(folder) / "watched"
        os.environ[WATCHED] = str(watched)
        with (
            HookReceiver() as hooks,
            Exchange(webhook=hooks.url, module="bench.watched") as exchange,
        ):
            run.rows.extend(Soak(exchange, watched, minutes).run())
    print(run.facts)
    print_rows(run.rows)
    if any(each.ok == "no" for each in run.rows):
        sys.exit("something is left, or was lost")


if __name__ == "__main__":
    main()
