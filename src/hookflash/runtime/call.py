"""One call of the exchange: a leg, its audio and its place in a room, side by side.

The leg knows no room and the room no leg; this is where they meet.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from operator import attrgetter

from ..calls.admission import CallPlan
from ..calls.legs.leg import Leg
from ..calls.pin import PinDialog
from ..calls.records import CallRecord, MediaStats
from ..ports import DialRequest
from ..rooms.participant import Participant
from ..rooms.room import Room
from ..sip.flow import Flow
from .media.phone_port import PhonePort
from .placements import Placed

_FIELDS = tuple(entry.name for entry in fields(CallRecord))
_values_of = attrgetter(*_FIELDS)


@dataclass(slots=True, eq=False)
class Outgoing:
    """What a call that we make has besides."""

    order: DialRequest
    placed: Placed
    """Who asked for it, and is told of its outcome."""
    digits: str = ""
    """To be pressed when it is answered."""
    keys_until: float | None = None
    """They are being pressed."""
    active: bool = False
    """It became active meanwhile."""


@dataclass(slots=True, eq=False)
class Call:
    """Everything that the exchange holds of one leg. `eq=False`: compared by identity."""

    leg: Leg
    plan: CallPlan
    flow: Flow | None
    """Where the INVITE came from or goes to; None while that is not known."""
    base: CallRecord
    """The call record without its last changes; `record` has them."""
    attributes: dict[str, str] = field(default_factory=dict)
    """Attributes at joining."""
    stream: PhonePort | None = None
    participant: Participant | None = None
    pin: PinDialog | None = None
    outgoing: Outgoing | None = None
    """Of a call that we make."""
    answered: bool = False
    ended: bool = False
    left: bool = False
    reported: bool = False
    codec: str = ""
    _changes: dict[str, object] = field(default_factory=dict)
    remote_headers: Sequence[tuple[str, str]] = ()
    """Of the peer's INVITE, or of its 200 to ours."""

    @property
    def call_id(self) -> str:
        """SCL_ id."""
        return self.leg.call_id

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
