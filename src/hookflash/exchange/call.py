"""One call of the exchange: a leg, its audio and its place in a room, side by side.

The leg knows no room and the room no leg; this is where they meet.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from operator import attrgetter
from typing import Protocol

from ..calls.admission import CallPlan
from ..calls.dial_outcome import DialOutcome
from ..calls.legs.leg import Leg
from ..calls.legs.settings import HeaderItems
from ..calls.records import CallRecord, MediaStats
from ..media.phone_port import PhonePort
from ..rooms.room import Participant, Room
from ..sip.flow import Flow
from ..sip.trace import CallTrace

_FIELDS = tuple(entry.name for entry in fields(CallRecord))
_values_of = attrgetter(*_FIELDS)


@dataclass(slots=True, eq=False)
class Call:
    """Everything that the exchange holds of one leg. `eq=False`: compared by identity."""

    leg: Leg
    plan: CallPlan
    flow: Flow | None
    """Where the INVITE came from or goes to; None while that is not known."""
    base: CallRecord
    """The call record without its last changes; `record` has them."""
    sip_call_id: str = ""
    """The Call-ID as it is on the wire; the record has it as text."""
    attributes: dict[str, str] = field(default_factory=dict)
    """Attributes at joining."""
    stream: PhonePort | None = None
    participant: Participant | None = None
    owner: LegOwner | None = None
    """Who had it placed; None where the INVITE was the peer's."""
    unconfirmed: bool = False
    """The peer's INVITE made it, and its ACK has not come."""
    answered: bool = False
    ended: bool = False
    left: bool = False
    reported: bool = False
    codec: str = ""
    trace: CallTrace | None = None
    """Its SIP messages so far; None where none are kept."""
    _changes: dict[str, object] = field(default_factory=dict)
    remote_headers: Sequence[tuple[str, str]] = ()
    """Of the peer's INVITE, or of its 200 to ours."""

    @property
    def call_id(self) -> str:
        """SCL_ id."""
        return self.leg.call_id

    @property
    def port(self) -> PhonePort:
        """`stream`, where there must be one: from the first offer or answer to the end."""
        assert self.stream is not None
        return self.stream

    @property
    def trunk_id(self) -> str:
        """ST_ id, "" without a trunk."""
        return self.plan.parties.trunk_id

    @property
    def room(self) -> Room | None:
        """The room that the caller is or was in."""
        return self.participant.room if self.participant is not None else None

    def note(self, **changes: object) -> None:
        """Change the call record."""
        self._changes |= changes

    @property
    def record(self) -> CallRecord:
        """The call record, put together when read: it changes far more often."""
        if self._changes:
            values = dict(zip(_FIELDS, _values_of(self.base), strict=True))
            self.base = CallRecord(**(values | self._changes))
            self._changes.clear()
        return self.base

    @property
    def room_name(self) -> str:
        """Its name, also before the caller is in it."""
        room = self.room
        return room.name if room is not None else self.base.room

    def stats(self) -> MediaStats:
        """Counters of the audio so far."""
        return self.stream.stats() if self.stream is not None else self.record.stats


class LegOwner(Protocol):
    """Who had a leg placed (`placing`), and hears at once what becomes of it.

    Either `answered` or `failed` comes, unless a mistake of ours ends the leg; `ended` always does.
    What need not concern an owner does nothing here, and one that is a subclass may leave it out.
    """

    def before_call(self, call: Call, go: Callable[[], None]) -> None:
        """Nobody is looked up, let alone called, before `go`, now or later. Once more for each
        redirect that is followed."""
        go()

    def media_opened(self, call: Call) -> None:
        """It has its port and its `stream`: no peer yet, but the exchange may play to others."""
        return

    def responded(self, call: Call, status: int, headers: HeaderItems) -> None:
        """A response to the INVITE, 100 excepted, before what it means is told."""
        return

    def early_media(self, call: Call) -> None:
        """Audio may come before the answer."""
        return

    def early_sound(self, call: Call) -> None:
        """And there it is: the first packet before the answer."""
        return

    def ringing(self, call: Call) -> None:
        """180, or a 18x that means as much; once."""
        ...

    def answered(self, call: Call) -> None:
        """2xx, and its audio is agreed on."""
        ...

    def active(self, call: Call) -> None:
        """The first packet of an answered call, or a second after its ACK."""
        return

    def failed(self, call: Call, outcome: DialOutcome) -> None:
        """Nobody answered: refused, silent, not reachable, or hung up by us before the answer."""
        ...

    def ended(self, call: Call) -> None:
        """The call is over, answered or not."""
        ...
