"""`hookflash serve`: the process around the server."""

from __future__ import annotations

import asyncio
import gc
import signal
from typing import TYPE_CHECKING

import uvloop

from ..base.errors import HookflashError
from ..logs import configure
from ..server import Server

if TYPE_CHECKING:
    from ..config import Settings


GC_THRESHOLDS = (20_000, 20, 20)
"""Objects made before the young, and collections before the older generations are searched: most
of ours live for half a minute after their call, and looking at them early finds nothing."""


class StartError(HookflashError):
    """A port is taken or a file cannot be opened."""


def run(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT; a second one ends the draining. Raises HookflashError."""
    configure(settings.log.level, settings.log.format)
    uvloop.run(_serve(settings))


async def _serve(settings: Settings) -> None:
    server = Server(settings)
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
    gc.collect()
    gc.freeze()  # what the start built stays: no use in looking through it again and again
    gc.set_threshold(*GC_THRESHOLDS)
    gc.enable()
    await asked.wait()
    draining = loop.create_task(server.drain(0.0 if settings.dev else settings.drain))
    impatient = loop.create_task(again.wait())
    await asyncio.wait({draining, impatient}, return_when=asyncio.FIRST_COMPLETED)
    if not draining.done():
        draining.cancel()
        await server.drain(0.0)
    impatient.cancel()
    await server.stop()
