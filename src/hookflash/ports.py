"""What the cores and the API want of the outer layers, as Protocols."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Literal, Protocol

from livekit.protocol.sip import CreateSIPParticipantRequest, SIPOutboundTrunkInfo

from .base.light import light_dataclass
from .calls.records import CallRecord, TransferRecord
from .rooms.room import Room


class Clock(Protocol):
    """The time of deadlines: no timer is early or late because the machine's clock is set."""

    def now(self) -> float:
        """Seconds since the epoch as they were at the start; never less than it said before."""
        ...


class WorldClock(Clock, Protocol):
    """That and the time that other people read and write. Machines get `now`; what leaves the
    process (records, events, signatures) and what comes from others (tokens) has the world's."""

    def world(self) -> float:
        """Seconds since the epoch as the machine's clock says them; may jump."""
        ...

    def shift(self) -> float:
        """Seconds from a `now` to the world's time; 0.0 unless the machine's clock was set."""
        ...


class MessageSocket(Protocol):
    """An open WebSocket: iterate over what the client sends (bytes, str for a text frame) until one
    of both has closed it. `send` and `close` never wait and never raise."""

    def send(self, message: bytes | str) -> None:
        """One message. A client for whom too much waits is cut off."""
        ...

    def close(self, code: int = 1000) -> None:
        """When all that was sent has gone out."""
        ...

    def __aiter__(self) -> AsyncIterator[bytes | str]: ...


class EventSink(Protocol):
    """Who is told of calls and transfers: webhooks. Called at once; nothing here waits.

    Of what happens in rooms a `runtime.rooms.RoomListener` is told.
    """

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
