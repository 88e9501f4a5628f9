"""What the cores and the API want of the outer layers, as Protocols."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, Protocol

from livekit.protocol.sip import CreateSIPParticipantRequest, SIPOutboundTrunkInfo

from .base.light import light_dataclass
from .calls.records import CallRecord, TransferRecord
from .rooms.events import RoomEvent
from .rooms.room import Room


class Clock(Protocol):
    """The one clock of the process."""

    def now(self) -> float:
        """Seconds since the epoch; never less than it said before."""
        ...


class EventSink(Protocol):
    """Who is told what happened: webhooks, later the agents and the signalling sockets.

    Called at once, before the next input goes to the rooms; nothing here waits.
    """

    def room_events(self, events: Iterable[RoomEvent]) -> None:
        """What an input to `Rooms` returned, in order."""
        ...

    def transfer_changed(
        self,
        record: TransferRecord,
        kind: Literal["started", "updated", "ended"],
        room: Room | None,
    ) -> None:
        """A transfer reached a stage or its verdict; `room` where it still lives."""
        ...

    def call_ended(self, record: CallRecord, room: Room | None, participant_sid: str) -> None:
        """A leg is over; `participant_sid` "" where it never joined a room."""
        ...


@light_dataclass(frozen=True, slots=True)
class DialRequest:
    """CreateSIPParticipant, checked, with its trunk: the stored one, or one made of the inline
    one (without an id)."""

    request: CreateSIPParticipantRequest
    trunk: SIPOutboundTrunkInfo
    number: str
    """Our number: `sip_number` or one of the trunk's."""
    wait: float | None
    api_key: str
    request_id: str
