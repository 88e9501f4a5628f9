"""The exchange's side of the rooms: what happens there reaches legs and audio, and back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from livekit.protocol.models import DisconnectReason

from ..calls import attributes as names
from ..rooms import events as ev

if TYPE_CHECKING:
    from ..rooms.participant import Participant
    from ..rooms.room import Room
    from .call import Call
    from .exchange import Exchange
    from .media.stream import MediaStream

DTMF_MIN_MS = 100
DTMF_GAP_MS = 50
STATUS_AT_END = frozenset({"hangup", "transfer", "canceled"})
"""Ways of leaving after which callStatus says `hangup`; else it is left as it was (facts §4.6)."""
_DISCONNECTED = {
    "rejected": DisconnectReason.USER_REJECTED,
    "unavailable": DisconnectReason.USER_UNAVAILABLE,
}
"""What the room sees of a call of ours that failed (facts §5.7)."""
_WHY = {
    DisconnectReason.PARTICIPANT_REMOVED: "removed from the room",
    DisconnectReason.ROOM_DELETED: "room deleted",
    DisconnectReason.ROOM_CLOSED: "room closed",
    DisconnectReason.DUPLICATE_IDENTITY: "duplicate identity",
    DisconnectReason.JOIN_FAILURE: "join failure",
}


class RoomDesk:
    """Joins calls and participants: by participant object, which never changes its call."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._parts = exchange.parts
        self._calls: dict[str, Call] = {}
        self._digit: tuple[Call, int, bool] | None = None

    def call_of(self, participant: Participant) -> Call | None:
        """The call of a phone participant; None for any other kind."""
        return self._calls.get(participant.sid)

    # --- from calls -----------------------------------------------------------------------------

    def joined(self, call: Call) -> None:
        """The call has its participant."""
        if call.participant is not None:
            self._calls[call.participant.sid] = call
            self._exchange.refresh_headers(call)

    def leave(self, call: Call, reason: str) -> None:
        """The caller goes, if the room did not put it out already."""
        participant = call.participant
        if participant is None:
            return
        if not participant.left and reason in STATUS_AT_END:
            self.status(call, "hangup")
        why = DisconnectReason.CLIENT_INITIATED
        if call.outgoing is not None:
            why = _DISCONNECTED.get(reason, why)
        self.tell(self._parts.rooms.leave(self._parts.clock.now(), participant, why))
        self._calls.pop(participant.sid, None)
        if call.stream is not None:
            self.unbridge(call, call.stream)

    def status(self, call: Call, status: names.CallStatus) -> None:
        """Set sip.callStatus."""
        self._set(call, {names.CALL_STATUS: status})

    def codec_known(self, call: Call) -> None:
        """The leg's codec was agreed on or changed."""
        call.attributes[names.CODEC] = call.codec
        self._set(call, {names.CODEC: call.codec})

    def attributes(self, call: Call, changes: dict[str, str]) -> None:
        """Add attributes that the answer to an INVITE brought."""
        self._set(call, changes)

    def _set(self, call: Call, changes: dict[str, str]) -> None:
        participant = call.participant
        if participant is None or participant.left:
            return
        now = self._parts.clock.now()
        self.tell(self._parts.rooms.set_attributes(now, participant, changes))

    def held(self, call: Call, held: bool) -> None:
        """A caller on hold is muted to the room."""
        if call.stream is not None:
            call.stream.muted = held or self._muted_by_room(call)

    def _muted_by_room(self, call: Call) -> bool:
        participant = call.participant
        return participant is not None and any(t.muted for t in participant.tracks.values())

    def bridge(self, call: Call) -> None:
        """The caller hears the room and is heard."""
        if call.stream is not None and call.participant is not None:
            self._parts.engine.bridge(call.participant.room.sid).add(call.stream)
            self._apply_subscriptions(call.participant)

    def unbridge(self, call: Call, stream: MediaStream) -> None:
        """The caller hears the room no more."""
        if call.participant is not None:
            bridge = self._parts.engine.bridges.get(call.participant.room.sid)
            if bridge is not None and stream in bridge.streams:
                bridge.remove(stream)

    def digit(self, call: Call, digit: str, duration_ms: int, *, relayed: bool) -> None:
        """A caller pressed a key: the room gets LiveKit's SipDTMF event."""
        if call.participant is None:
            return
        self._digit = (call, duration_ms, relayed)
        now = self._parts.clock.now()
        self.tell(self._parts.rooms.send_dtmf(now, call.participant, digit))
        self._digit = None

    def answer_those_heard(self, room: Room | None) -> None:
        """sip.answer `subscribed`: answer every caller whose audio somebody takes."""
        if room is None:
            return
        for participant in list(room.participants.values()):
            call = self._calls.get(participant.sid)
            if call is not None and not call.answered and room.is_heard(participant):
                self._exchange.drive(call, call.leg.answer(self._parts.clock.now()))

    # --- from rooms -----------------------------------------------------------------------------

    def tell(self, events: Iterable[ev.RoomEvent]) -> None:
        """Deal with what an input to the rooms returned, before the next input."""
        events = list(events)
        if not events:
            return
        self._parts.sink.room_events(events)
        for event in events:
            self._one(event)
        self.arm()

    def _one(self, event: ev.RoomEvent) -> None:
        if isinstance(event, ev.ParticipantLeft | ev.ParticipantAborted):
            if event.by_room:
                self._put_out(event.participant, event.reason)
        elif isinstance(event, ev.AttributesChanged):
            call = self._calls.get(event.participant.sid)
            if call is not None:
                self._exchange.refresh_headers(call)
        elif isinstance(event, ev.TrackMuted):
            call = self._calls.get(event.participant.sid)
            if call is not None and call.stream is not None:
                call.stream.muted = event.muted or call.leg.held
        elif isinstance(event, ev.SubscriptionsChanged):
            self._apply_subscriptions(event.participant)
            self._later_answer(event.room)
        elif isinstance(event, ev.TrackPublished | ev.ParticipantJoined):
            self._later_answer(event.room)
        elif isinstance(event, ev.DtmfReceived):
            self._send_digit(event)
        elif isinstance(event, ev.RoomFinished):
            self._parts.engine.drop_bridge(event.room.sid)

    def _later_answer(self, room: Room) -> None:
        if not self._exchange.settings.answer_immediately:
            self.answer_those_heard(room)

    def _put_out(self, participant: Participant, reason: DisconnectReason) -> None:
        call = self._calls.get(participant.sid)
        if call is None or call.ended:
            return
        why = _WHY.get(reason, "room")
        self._exchange.drive(call, call.leg.hangup(self._parts.clock.now(), why))

    def _send_digit(self, event: ev.DtmfReceived) -> None:
        """Digits reach the other phones of the room as DTMF (calls.md §3, *DTMF out*)."""
        pressed = self._digit
        for participant in list(event.room.participants.values()):
            call = self._calls.get(participant.sid)
            if participant is event.participant or call is None or call.stream is None:
                continue
            if event.destinations and participant.identity not in event.destinations:
                continue
            if pressed is None:
                call.stream.send_dtmf(event.digit)
            elif not pressed[2]:
                length = max(DTMF_MIN_MS, pressed[1])
                call.stream.send_dtmf(event.digit, on_ms=length, off_ms=DTMF_GAP_MS)

    def _apply_subscriptions(self, participant: Participant) -> None:
        call = self._calls.get(participant.sid)
        if call is None or call.stream is None:
            return
        if not participant.unsubscribed:
            call.stream.hears = None
            return
        heard = set()
        for other in participant.room.others(participant):
            source = self._calls.get(other.sid)
            if source is not None and any(participant.takes(t) for t in other.tracks.values()):
                heard.add(source.call_id)
        call.stream.hears = frozenset(heard)

    # --- time -----------------------------------------------------------------------------------

    def arm(self) -> None:
        """The rooms may have a new deadline."""
        self._exchange.timers.arm()

    def next_deadline(self) -> float | None:
        """Of the rooms."""
        return self._parts.rooms.next_deadline()

    def handle_deadline(self, now: float) -> None:
        """Empty rooms close."""
        self.tell(self._parts.rooms.handle_deadline(now))
