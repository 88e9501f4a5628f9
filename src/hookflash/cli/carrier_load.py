"""`hookflash carrier --load`: calls at a rate, a line while it goes on, a table at the end."""

from __future__ import annotations

import asyncio
import time
import warnings
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Any, BinaryIO, Final

import typer
import uvloop
from livekit.protocol.room import ListRoomsRequest, ListRoomsResponse

from ..adapters.gc_schedule import GcSchedule
from ..adapters.limits import raise_open_files
from ..carrier.call_load import CallLoad
from ..carrier.config import NetworkConfig
from ..carrier.load_figures import LoadFigures, LoadTimes
from ..carrier.load_order import LoadOrder, dialled_numbers, load_network
from ..carrier.load_runner import LoadRunner
from ..carrier.manners import Profile
from ..carrier.packets import Packets
from ..carrier.service import CarrierService
from ..logs import configure
from ..sip.flow import Address
from .carrier_run import new_service, standing
from .carrier_tls import CarrierTls
from .client import Client
from .load_options import LoadAsked
from .output import Progress, clock, print_json, print_table
from .signals import Signals, has_terminal

COLUMNS: Final = ("what", "number", "median", "95 %", "longest")
NEWS: Final = 1.0
"""Seconds between two changes of the line on a terminal."""
NEWS_ELSEWHERE: Final = 10.0
MOST_REASONS: Final = 10
"""Reasons of each sort in the table; JSON has all."""


def run(
    profile: Profile,
    config: NetworkConfig,
    sip: Address,
    http: Address | None,
    order: LoadOrder,
    api: LoadAsked,
    *,
    as_json: bool,
    pcap: BinaryIO | None = None,
    tls: CarrierTls | None = None,
) -> None:
    """Make the calls, and print how they went; Ctrl-C ends them early.

    Raises:
        OSError: a port is taken.
        ClientError: there are to be transfers, and the API does not answer or refuses.
        ConfigError: there is nobody to call.
        typer.Exit: 1, calls failed.
    """
    configure("warning", "text")
    raise_open_files()
    # The secret of `serve --dev` is short, and whoever runs that knows it.
    warnings.filterwarnings("ignore", message="The HMAC key is")
    if order.transfers:
        client = Client(api.url, api.api_key, api.api_secret)
        client.call("RoomService/ListRooms", ListRoomsRequest(), ListRoomsResponse)
    done = uvloop.run(_main(profile, config, sip, http, order, api, pcap, tls))
    if as_json:
        print_json({"profile": profile.name, **done.as_json()})
    else:
        print_table(COLUMNS, done.rows(), "")
    if done.figures.failed:
        raise typer.Exit(1)


async def _main(
    profile: Profile,
    config: NetworkConfig,
    sip: Address,
    http: Address | None,
    order: LoadOrder,
    api: LoadAsked,
    pcap: BinaryIO | None,
    tls: CarrierTls | None,
) -> LoadDone:
    network, callers = load_network(order, config)
    service = new_service(profile, network, sip, tls, muted=not order.sound)
    load = CallLoad(order, callers, dialled_numbers(config))
    loop = asyncio.get_running_loop()
    signals = Signals(terminal=has_terminal())
    signals.install(loop)
    gc_schedule = GcSchedule(time.monotonic)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(standing(service, network, http, pcap))
        asks = None
        if order.transfers:
            from .load_transfers import LoadTransfers

            asks = await stack.enter_async_context(
                LoadTransfers(api, profile.manners, order.to, order.room)
            )
        progress = stack.enter_context(Progress())
        began = service.now()
        telling = asyncio.ensure_future(_tell(progress, service, load, began))
        stack.callback(telling.cancel)
        gc_schedule.begin(loop)
        stack.callback(gc_schedule.end)
        await LoadRunner(service, load, asks).run(signals.asked)
        return LoadDone(order, load.figures, service.packets, service.ticks, service.now() - began)


async def _tell(progress: Progress, service: CarrierService, load: CallLoad, began: float) -> None:
    while True:
        progress.say(said(load.figures, service.now() - began))
        await asyncio.sleep(NEWS if progress.live else NEWS_ELSEWHERE)


def said(figures: LoadFigures, seconds: float) -> str:
    """How it goes, in one line."""
    line = f"{clock(seconds)}: {figures.up} calls up, {figures.tried} made, {figures.failed} failed"
    if figures.transfers:
        line += f", {figures.verdicts['completed']} of {figures.transfers} transfers completed"
    return line


class LoadDone:
    """What a load run came to."""

    def __init__(
        self,
        order: LoadOrder,
        figures: LoadFigures,
        packets: Packets,
        ticks: tuple[int, int],
        seconds: float,
    ) -> None:
        self.figures = figures
        self._order = order
        self._packets = packets
        self._ticks = ticks
        self._seconds = seconds

    def as_json(self) -> dict[str, Any]:
        """For --json; times in seconds."""
        order, packets = self._order, self._packets
        wanted = {name: getattr(order, name) for name in ("calls", "rate", "hold", "transfers")}
        return {
            "load": {**wanted, "for": order.seconds, "to": order.to, "sound": order.sound},
            "seconds": round(self._seconds, 3),
            **self.figures.as_json(),
            "rtp": {"sent": packets.sent, "received": packets.received, "lost": packets.lost},
            "ticks": {"all": self._ticks[0], "late": self._ticks[1]},
        }

    def rows(self) -> list[list[str]]:
        """For `COLUMNS`."""
        figures = self.figures
        rate = f"{figures.tried} ({figures.tried / max(0.001, self._placing):.1f}/s)"
        rows = [
            _row("calls made", rate),
            _row("  answered", str(figures.answers), figures.set_up),
            _row("  up at once", str(figures.at_once)),
            _row("  failed", str(figures.failed)),
            *_reasons(figures.failures.most_common(MOST_REASONS)),
        ]
        if figures.ended_early:
            rows.append(_row("  ended by the end of the run", str(figures.ended_early)))
        if self._order.transfers:
            rows += self._transfer_rows()
        if self._order.sound:
            rows += self._sound_rows()
        return rows

    @property
    def _placing(self) -> float:
        """Seconds for which calls were made."""
        return min(self._seconds, self._order.seconds)

    def _transfer_rows(self) -> list[list[str]]:
        figures = self.figures
        return [
            _row("transfers asked for", str(figures.transfers)),
            _row("  completed", str(figures.verdicts["completed"]), figures.transfer),
            _row("  not completed", str(sum(figures.not_completed.values()))),
            *_reasons(figures.not_completed.most_common(MOST_REASONS)),
            _row("  verdicts that are wrong", str(figures.verdicts["wrong"])),
        ]

    def _sound_rows(self) -> list[list[str]]:
        packets, (ticks, late) = self._packets, self._ticks
        came = packets.received + packets.lost
        loss = 100 * packets.lost / came if came else 0.0
        return [
            _row("RTP packets sent", str(packets.sent)),
            _row("  received", str(packets.received)),
            _row("  lost on the way here", f"{packets.lost} ({loss:.2f} %)"),
            _row("20 ms ticks that came late", f"{late} of {ticks}"),
        ]


def _row(what: str, number: str, times: LoadTimes | None = None) -> list[str]:
    shown = ("", "", "")
    if times is not None:
        shown = (_time(times.median), _time(times.most_of_them), _time(times.longest))
    return [what, number, *shown]


def _reasons(found: Sequence[tuple[str, int]]) -> list[list[str]]:
    return [_row(f"    {reason}", str(count)) for reason, count in found]


def _time(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.2f} s"
