"""Figures of long lists: what a slice takes, and whether calls hear anything of it."""

from __future__ import annotations

import asyncio
import json
import statistics
import subprocess
import sys
import time
from itertools import pairwise

from livekit.protocol import sip as proto

from hookflash.api.context import Listing
from hookflash.api.slices import SliceWriter
from hookflash.base.protojson import JsonWriter
from hookflash.twirp.codec import JSON, PROTOBUF

from .clients import fill, trunk
from .exchange import Exchange
from .held import Holder
from .report import Row, row

COUNT = 10_000
PHONES = 51
SECONDS = 60.0
IN_TIME = "0.01"
"""The limit of the histogram that counts."""


def lists() -> list[Row]:
    """The two parts."""
    return [*_slices(), *_ticks()]


def _slices() -> list[Row]:
    """The longest time that writing a list keeps the loop, in CPU; the best of three lists."""
    items = [trunk(number) for number in range(COUNT)]
    rows = []
    for name, kind in (("JSON", JSON), ("protobuf", PROTOBUF)):
        longest = min(asyncio.run(_longest(kind, items)) for _ in range(3))
        what = f"longest slice of a list of {COUNT:,} trunks, {name}"
        rows.append(row(what, longest * 1000, 5.0, unit=" ms"))
    return rows


async def _longest(kind: str, items: list[proto.SIPInboundTrunkInfo]) -> float:
    turns = [time.thread_time()]
    writer = SliceWriter(JsonWriter())
    listing = Listing(proto.ListSIPInboundTrunkResponse, items)
    writing = asyncio.create_task(writer.write(kind, listing))
    while not writing.done():
        await asyncio.sleep(0)
        turns.append(time.thread_time())
    return max(after - before for before, after in pairwise(turns))


def _ticks() -> list[Row]:
    """Ticks of the media clock that came in time, without the lists and with them."""
    with Exchange() as exchange:
        fill(exchange.http_port, COUNT)
        holder = Holder(exchange, 3)
        holder.measure(PHONES, 1.0)
        shares = []
        for listing in (False, True):
            process = _lister(exchange.http_port, SECONDS + 5) if listing else None
            before = exchange.late()
            held = holder.measure(PHONES, SECONDS)
            after = exchange.late()
            ticks = after["+Inf"] - before["+Inf"]
            shares.append(100 * (after[IN_TIME] - before[IN_TIME]) / ticks)
        assert process is not None
        times = json.loads(process.communicate(timeout=60)[0])
        holder.close()
    notes = ", ".join(f"{kind} {statistics.median(found):.0f} ms" for kind, found in times.items())
    what = f"20 ms ticks within 10 ms, {PHONES} calls mixed"
    return [
        row(what, shares[0], 99.9, more=True, unit=" %", note=f" ({ticks} ticks)"),
        row(
            f"the same, while {COUNT:,} trunks and as many rules are listed all the time",
            shares[1],
            99.9,
            more=True,
            unit=" %",
            note=f" (a list: {notes}; {held.lost:.3f} % lost)",
        ),
    ]


def _lister(port: int, seconds: float) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "bench.lister", str(port), str(seconds)]
    return subprocess.Popen(command, stdout=subprocess.PIPE)
