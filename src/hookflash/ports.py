"""What the cores, the exchange and the API want of the outer layers, as Protocols."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Literal, Protocol

from livekit.protocol.sip import CreateSIPParticipantRequest, SIPOutboundTrunkInfo

from .audio.mixer import Pcm
from .base.light import light_dataclass
from .calls.effects import TransferAnswered
from .calls.records import CallRecord, DialogRecord, TransferRecord
from .calls.switchboard import Resolve
from .media.events import MediaEvent
from .media.phone_port import PhonePort
from .rooms.room import Room
from .sip.effects import SendBytes
from .sip.flow import Address, Flow, Transport
from .sip.location import Target
from .sip.trace import SipTraces, Trace
from .sip.uri import Uri

Prompts = Mapping[str, tuple[Pcm, int]]
"""Recordings by name, as (mono int16 samples, rate in Hz)."""


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


class Due(Protocol):
    """Anything with a deadline."""

    def next_deadline(self) -> float | None:
        """When it wants to be called, in the clock's seconds; None: not at all."""
        ...

    def handle_deadline(self, now: float) -> None:
        """Do what is due."""
        ...


class DeadlineTimer(Protocol):
    """Calls machines when they are due: `adapters.alarm.Alarm`."""

    def add(self, machine: Due) -> None:
        """One more machine."""
        ...

    def arm(self) -> None:
        """One of the machines had an input."""
        ...

    def arm_for(self, deadline: float | None) -> None:
        """The same, of a machine whose next deadline that is."""
        ...


class AddressChoice(Protocol):
    """Which of our addresses is for which peer: `adapters.addresses.Addresses`."""

    def bind(self, remote_ip: str) -> str:
        """The address to bind media to for this peer."""
        ...

    def advertised(self, remote_ip: str) -> str:
        """The address that this peer is told."""
        ...


class SipWays(Protocol):
    """The way of each SIP message to its peer: `runtime.sip_stack.SipStack`."""

    traces: SipTraces
    """What went by, of each call."""

    def contact(self, flow: Flow) -> Uri:
        """Our Contact for a dialog whose peer is at the end of `flow`."""
        ...

    def contact_at(self, target: Target) -> Uri:
        """Our Contact for an INVITE that goes to `target`."""
        ...

    def local(self, transport: Transport, remote_ip: str, /) -> Address:
        """Where requests to a peer leave from."""
        ...

    def locate(self, uri: Uri, then: Callable[[list[Target]], None]) -> None:
        """Look up where a request for `uri` may go; `then` gets the targets, none for failure."""
        ...

    def resolve(self, effect: Resolve) -> None:
        """Find the way of a request; the switchboard is told."""
        ...

    def send(self, effect: SendBytes) -> None:
        """Put a message on the wire."""
        ...

    def arm(self) -> None:
        """All effects of an input are performed: the deadlines may be others."""
        ...


class PhonePorts(Protocol):
    """The sound of telephones: `runtime.media.engine.MediaEngine`."""

    def open(
        self,
        leg_id: str,
        local_ip: str,
        advertised_ip: str,
        on_event: Callable[[MediaEvent], None],
    ) -> PhonePort:
        """Take a port pair for a leg. Raises NoPorts (`media.port_pool`)."""
        ...

    def join(self, name: str, port: PhonePort) -> None:
        """Let the phone speak and hear in the room of sound of that name."""
        ...

    def leave(self, port: PhonePort) -> None:
        """The phone is alone again."""
        ...

    def room_of(self, port: PhonePort) -> str | None:
        """The name of the room of sound that the phone is in; None where it is in none."""
        ...

    def drop_room(self, name: str) -> None:
        """Nobody is in the room of that name any more."""
        ...


class RecordKeeper(Protocol):
    """What is written down of calls and transfers: `runtime.call_records.CallRecords`. Nothing
    here waits."""

    def dialog(self, record: DialogRecord, call: CallRecord) -> None:
        """A confirmed dialog, or its new target, and its call as it is."""
        ...

    def forget_dialog(self, call_id: str) -> None:
        """Nothing to hang up after a crash."""
        ...

    def call_ended(self, record: CallRecord, messages: Trace | None) -> None:
        """One line of the call history; once more, with the SIP messages of the call where they are
        kept, when no more of them can come."""
        ...

    def transfer(self, record: TransferRecord) -> None:
        """A transfer as it is now."""
        ...

    def transfer_then(
        self, record: TransferRecord, stored: Callable[[], None], failed: Callable[[], None]
    ) -> None:
        """Store it, then go on by one of the two."""
        ...

    def once_stored(self, go_on: Callable[[], None]) -> None:
        """Go on when everything written so far is safe, or could not be made so."""
        ...


class TransferRequests(Protocol):
    """The API requests that ask for transfers: `runtime.transfers.TransferRegistry`."""

    def changed(self, record: TransferRecord) -> None:
        """A transfer was made or changed."""
        ...

    def answered(
        self, effect: TransferAnswered, once_stored: Callable[[Callable[[], None]], None]
    ) -> None:
        """The transferor resolved a ticket; who waits is told when `once_stored` goes on."""
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

    Of what happens in rooms a `exchange.rooms.RoomListener` is told.
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
