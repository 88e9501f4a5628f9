"""What a room of two phones costs in each tick of the media clock: the engine alone, no sockets."""

from __future__ import annotations

import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from statistics import median

from tests.support.studio import Studio

from hookflash.sdp.plan import CodecName

from .report import Row, row

ROOMS = 20
WARM_UP = 100
TICKS = 400


def tick_cost(*codecs: CodecName) -> float:
    """Seconds of CPU of a tick for one room in which a phone speaks each of `codecs`; a median."""
    studio = Studio()
    phones = [studio.phone(codec, f"room{room}") for room in range(ROOMS) for codec in codecs]
    taken = []
    for tick in range(WARM_UP + TICKS):
        for number, phone in enumerate(phones):
            phone.hum(200 + 7 * number + 2 * (tick % 100))
            phone.clear()
        studio.clock.advance(0.02)
        start = time.process_time()
        studio.engine.tick()
        taken.append(time.process_time() - start)
    studio.close()
    return median(taken[WARM_UP:]) / ROOMS


def rooms() -> list[Row]:
    """In a process of its own, as the server is."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        opus = pool.submit(tick_cost, "PCMU", "opus").result()
        wide = pool.submit(tick_cost, "PCMU", "G722").result()
    return [
        row("PCMU + Opus phone in a room, a tick", opus * 1e6, 70, unit=" µs", digits=0),
        row("G.722 + PCMU phone in a room, a tick", wide * 1e6, 100, unit=" µs", digits=0),
    ]
