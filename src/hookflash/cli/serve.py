"""`hookflash serve`: the process around the server."""

from __future__ import annotations

import asyncio
import time

import uvloop

from ..adapters.gc_schedule import GcSchedule
from ..base.errors import HookflashError
from ..config import Settings
from ..logs import configure
from ..server import Server
from .signals import Signals, has_terminal


class StartError(HookflashError):
    """A port is taken or a file cannot be opened."""


def run(settings: Settings) -> None:
    """Serve until a signal ends it (`signals.py`). Raises HookflashError."""
    configure(settings.log.level, settings.log.format)
    uvloop.run(_serve(settings))


async def _serve(settings: Settings) -> None:
    gc_schedule = GcSchedule(time.monotonic)
    server = Server(settings, between_ticks=gc_schedule.ticked)
    loop = asyncio.get_running_loop()
    signals = Signals(terminal=has_terminal())
    signals.install(loop)
    try:
        await server.start()
    except OSError as error:
        raise StartError(f"cannot start: {error}") from None
    gc_schedule.begin(loop)
    await signals.asked.wait()
    draining = loop.create_task(server.drain(0.0 if settings.dev else settings.drain))
    impatient = loop.create_task(signals.at_once.wait())
    await asyncio.wait({draining, impatient}, return_when=asyncio.FIRST_COMPLETED)
    if not draining.done():
        draining.cancel()
        await server.drain(0.0)
    impatient.cancel()
    await server.stop()
    gc_schedule.end()
