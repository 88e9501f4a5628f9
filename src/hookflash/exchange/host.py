"""What the parts of the exchange share, and what they ask of it.

Each (phones, placing, PINs, restored dialogs) has one subject. It is given its `CallHost`, what it
leans on and what it works with; none of them imports the exchange, which wires them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from ..base.ids import Ids
from ..base.light import light_dataclass
from ..calls.admission import Admission
from ..calls.effects import LegEffect
from ..calls.switchboard import BoardEffect, Incoming, Switchboard
from ..calls.trunks.table import TrunkTable
from ..ports import (
    AddressChoice,
    Clock,
    DeadlineTimer,
    EventSink,
    PhonePorts,
    Prompts,
    RecordKeeper,
    SipWays,
    TransferRequests,
)
from ..sip.timers import Timers
from .call import Call
from .call_metrics import CallMetrics
from .rooms import RoomHost


@dataclass(slots=True)
class Parts:
    """What the exchange is built from; wired once, in `server.py`. Everything else takes what it
    needs in its constructor."""

    clock: Clock
    ids: Ids
    timers: Timers
    board: Switchboard
    stack: SipWays
    engine: PhonePorts
    addresses: AddressChoice
    admission: Admission
    trunks: TrunkTable
    rooms: RoomHost
    sink: EventSink
    alarm: DeadlineTimer
    call_records: RecordKeeper
    call_metrics: CallMetrics
    transfers: TransferRequests
    prompts: Callable[[], Prompts]
    """Reads the prompts of PIN dialogues, where they are wanted for the first time."""


@light_dataclass(frozen=True, slots=True)
class ExchangeSettings:
    """Of the `sip` section, and --dev."""

    answer_immediately: bool = False
    codecs: tuple[str, ...] = ("PCMU", "PCMA", "G722")
    fallback_codecs: tuple[str, ...] = ()
    """Taken where an offer has none of them, unless trunk or rule say which they want alone."""
    missing_codecs: frozenset[str] = frozenset()
    """Those whose library is not there: neither offered nor taken, whoever lists them."""
    user_agent: str = "Hookflash"
    follow_redirects: bool = False


class CallHost(Protocol):
    """The exchange, as its parts see it."""

    parts: Parts
    settings: ExchangeSettings
    calls: dict[str, Call]
    """Every leg that lives, by SCL_ id."""

    def admit(self, call: Call, sip_call_id: str, incoming: Incoming | None = None) -> None:
        """A new call, in either direction."""
        ...

    def drive(self, call: Call, ask: Callable[[float], Iterable[LegEffect]]) -> None:
        """Give this call's leg an input, with the time, and perform what it returns. One that
        raises is no matter of whoever asks: it concerns this call alone."""
        ...

    def perform(self, effects: Iterable[BoardEffect]) -> None:
        """Do these, and everything that they cause, in order."""
        ...
