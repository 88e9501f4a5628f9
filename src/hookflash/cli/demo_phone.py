"""`hookflash demo phone`: a phone on loopback that answers whoever calls it, until Ctrl-C.

A softphone that is alone on a machine has nobody to be transferred to. This one has a port of its
own, says a tone, and prints who is there and whether they are heard.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import Final

import typer
import uvloop

from ..base.text import printable
from ..carrier.agent import CarrierError
from ..carrier.call import CallState, CarrierCall
from ..carrier.network import Carrier
from ..carrier.phone import Behaviour, Phone
from ..logs import configure

USER: Final = "demo"
TONE: Final = 440
"""Hz."""
RING: Final = 1.0
"""Seconds for which it rings."""
LISTEN: Final = 3.0
"""Seconds after which a caller who says nothing is told of."""
GOODBYE: Final = 1.0
"""Seconds for the answers to our BYEs at the end."""


def run(port: int) -> None:
    """Answer calls until Ctrl-C; `port` 0 is any free one. Raises OSError where it is taken."""
    configure("warning", "text")
    with contextlib.suppress(KeyboardInterrupt):
        uvloop.run(_main(port))


async def _main(port: int) -> None:
    async with Carrier() as carrier:
        phone = await carrier.phone(USER, tone=TONE, behaviour=Behaviour(ring=RING), port=port)
        ip, port = phone.address
        typer.echo(f"the phone sip:{USER}@{ip}:{port} answers whoever calls it; Ctrl-C ends it")
        async with asyncio.TaskGroup() as calls:
            try:
                while True:
                    calls.create_task(_tell(await phone.called(within=None)))
            finally:
                await _hang_up(phone)


async def _tell(call: CarrierCall) -> None:
    """Print who is there, whether they are heard, and that they are gone."""
    who, began = printable(call.peer), time.monotonic()
    typer.echo(f"{who} is there, and hears a tone of {TONE} Hz")
    try:
        await call.sound.hears_anything(LISTEN)
        typer.echo(f"{who} is heard")
    except CarrierError:
        typer.echo(f"{who} is not heard: there was silence, or no sound at all")
    await call.ended(within=None)
    typer.echo(f"{who} is gone after {time.monotonic() - began:.0f} s")


async def _hang_up(phone: Phone) -> None:
    """Nobody is left in a call with a phone that is switched off."""
    up = [call for call in phone.calls if call.state is CallState.UP]
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(GOODBYE):
            await asyncio.gather(*(call.hang_up() for call in up))
