"""`hookflash serve`: the process around the server."""

from __future__ import annotations

import asyncio
import signal
import time

import uvloop

from ..adapters.gc_schedule import GcSchedule
from ..base.errors import HookflashError
from ..config import Settings
from ..logs import configure
from ..server import Server


class StartError(HookflashError):
    """A port is taken or a file cannot be opened."""


def run(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT; a second one ends the draining. Raises HookflashError."""
    configure(settings.log.level, settings.log.format)
    uvloop.run(_serve(settings))


async def _serve(settings: Settings) -> None:
    gc_schedule = GcSchedule(time.monotonic)
    server = Server(settings, between_ticks=gc_schedule.ticked)
    loop = asyncio.get_running_loop()
    asked, again = asyncio.Event(), asyncio.Event()

    def on_signal() -> None:
        (again if asked.is_set() else asked).set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal)
    try:
        await server.start()
    except OSError as error:
        raise StartError(f"cannot start: {error}") from None
    gc_schedule.begin(loop)
    await asked.wait()
    draining = loop.create_task(server.drain(0.0 if settings.dev else settings.drain))
    impatient = loop.create_task(again.wait())
    await asyncio.wait({draining, impatient}, return_when=asyncio.FIRST_COMPLETED)
    if not draining.done():
        draining.cancel()
        await server.drain(0.0)
    impatient.cancel()
    await server.stop()
    gc_schedule.end()
