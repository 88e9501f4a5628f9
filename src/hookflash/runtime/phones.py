"""The exchange's side of the rooms: what happens there reaches legs and audio, and back."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import structlog
from livekit.protocol.models import DisconnectReason

from ..calls import attributes as names
from ..calls.dispatch import distinct_identity
from ..rooms import events as ev
from ..rooms.dtmf import PAUSE
from ..rooms.moving import move
from ..rooms.participant import Join, Kind, Participant, Permission
from ..rooms.room import Room
from ..rooms.rules import RoomRefused
from .call import Call
from .host import CallHost
from .media.phone_port import PhonePort
from .phone_attributes import refresh_headers, room_options

_log = structlog.get_logger("calls")

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


class PhoneParticipants:
    """Joins calls and participants: by participant object, which never changes its call."""

    def __init__(self, host: CallHost) -> None:
        self._host = host
        self._parts = host.parts
        self._calls: dict[str, Call] = {}
        self._digit: tuple[Call, int, bool] | None = None
        self._performers: dict[type, Callable[[Any], None]] = {
            ev.ParticipantLeft: self._gone,
            ev.ParticipantAborted: self._gone,
            ev.AttributesChanged: self._attributes_changed,
            ev.TrackMuted: lambda event: self._track_changed(event.participant),
            ev.TrackUnpublished: lambda event: self._track_changed(event.participant),
            ev.SubscriptionsChanged: self._takes_others,
            ev.ParticipantUpdated: self._takes_others,
            ev.TrackPublished: self._published,
            ev.ParticipantJoined: lambda event: self._later_answer(event.room),
            ev.DtmfReceived: self._send_digit,
            ev.DtmfPause: self._pause,
            ev.RoomFinished: lambda event: self._parts.engine.drop_room(event.room.sid),
        }

    def call_of(self, participant: Participant) -> Call | None:
        """The call of a phone participant; None for any other kind."""
        return self._calls.get(participant.sid)

    # --- from calls -----------------------------------------------------------------------------

    def join(self, call: Call) -> bool:
        """Put the caller into its room; a refusal there ends the call with 480."""
        try:
            self.enter(call)
        except RoomRefused as error:
            _log.warning(
                "join_refused", call_id=call.call_id, room=call.plan.dispatch.room, why=error.msg
            )
            if call.answered:
                self._host.drive(call, lambda now: call.leg.hangup(now, "room refused"))
            else:
                self._host.drive(call, lambda now: call.leg.reject(now, 480))
            return False
        return True

    def enter(self, call: Call, *, displace: bool = False) -> None:
        """Put the caller into its room; raises RoomRefused. Where its identity is taken it gets
        another one, or takes the other's place (`displace`)."""
        parts, now = self._parts, self._parts.clock.now()
        place = call.plan.dispatch
        room = parts.rooms.get(place.room)
        identity = place.identity
        if room is not None and identity in room.participants and not displace:
            identity = distinct_identity(identity, call.call_id)
        join = Join(
            identity=identity,
            name=place.name,
            kind=Kind.SIP,
            permission=Permission(can_update_metadata=True),
            attributes=call.attributes,
            metadata=place.metadata,
            room_options=room_options(place),
            room_preset=place.room_preset,
        )
        participant, events = parts.rooms.join(now, place.room, join)
        call.participant = participant
        call.note(identity=identity, room=participant.room.name)
        self.joined(call)
        self.tell(events)
        self.tell(parts.rooms.activate(now, participant))
        self.tell(parts.rooms.publish_audio(now, participant))

    def joined(self, call: Call) -> None:
        """The call has its participant."""
        if call.participant is not None:
            self._calls[call.participant.sid] = call
            refresh_headers(call)

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

    def move(self, call: Call, destination: str) -> None:
        """The caller keeps the call and finds itself in another room. Raises RoomRefused."""
        former = call.participant
        assert former is not None
        now, stream = self._parts.clock.now(), call.stream
        newcomer, events = move(self._parts.rooms, now, former, destination)
        bridged = stream is not None and self._parts.engine.room_of(stream) is not None
        if stream is not None:
            self.unbridge(call, stream)
        del self._calls[former.sid]
        call.participant = newcomer
        call.note(room=newcomer.room.name)
        self.joined(call)
        _log.info("call_moved", call_id=call.call_id, room=call.record.room, left=former.room.name)
        if bridged:
            self.bridge(call)
        self.tell(events)

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
        self._apply_mute(call, held=held)

    def _apply_mute(self, call: Call, *, held: bool) -> None:
        """The room hears who is not on hold and has a track that is not muted, as that track."""
        if call.stream is not None and call.participant is not None:
            call.stream.track_sid = next(iter(call.participant.tracks), "")
            tracks = call.participant.tracks.values()
            call.stream.muted = held or all(track.muted for track in tracks)

    def bridge(self, call: Call) -> None:
        """The caller hears the room and is heard."""
        if call.stream is not None and call.participant is not None:
            self._parts.engine.join(call.participant.room.sid, call.stream)
            self._apply_mute(call, held=call.leg.held)
            self._apply_subscriptions(call.participant)

    def unbridge(self, call: Call, stream: PhonePort) -> None:
        """The caller hears the room no more."""
        engine, room = self._parts.engine, call.room
        if room is not None and engine.room_of(stream) == room.sid:
            engine.leave(stream)

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
                self._host.drive(call, call.leg.answer)

    # --- from rooms -----------------------------------------------------------------------------

    def tell(self, events: Iterable[ev.RoomEvent]) -> None:
        """Deal with what an input to the rooms returned, before the next input."""
        events = list(events)
        if not events:
            return
        self._parts.sink.room_events(events)
        for event in events:
            performer = self._performers.get(type(event))
            if performer is not None:
                performer(event)
        for event in events:
            if isinstance(event, ev.ParticipantUpdated):
                self._publish_again(event.participant)
        self.arm()

    def _gone(self, event: ev.ParticipantLeft | ev.ParticipantAborted) -> None:
        if event.by_room:
            self._put_out(event.participant, event.reason)

    def _attributes_changed(self, event: ev.AttributesChanged) -> None:
        call = self._calls.get(event.participant.sid)
        if call is not None:
            refresh_headers(call)

    def _takes_others(self, event: ev.SubscriptionsChanged | ev.ParticipantUpdated) -> None:
        self._apply_subscriptions(event.participant)
        self._later_answer(event.room)

    def _published(self, event: ev.TrackPublished) -> None:
        self._track_changed(event.participant)
        self._widen_subscriptions(event.room)
        self._later_answer(event.room)

    def _later_answer(self, room: Room) -> None:
        if not self._host.settings.answer_immediately:
            self.answer_those_heard(room)

    def _put_out(self, participant: Participant, reason: DisconnectReason) -> None:
        call = self._calls.get(participant.sid)
        if call is None or call.ended:
            return
        why = _WHY.get(reason, "room")
        self._host.drive(call, lambda now: call.leg.hangup(now, why))

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

    def _pause(self, event: ev.DtmfPause) -> None:
        for participant in event.room.participants.values():
            call = self._calls.get(participant.sid)
            if call is None or call.stream is None:
                continue
            if not event.destinations or participant.identity in event.destinations:
                call.stream.send_dtmf(PAUSE)

    def _track_changed(self, participant: Participant) -> None:
        call = self._calls.get(participant.sid)
        if call is not None and not participant.left:
            self._apply_mute(call, held=call.leg.held)

    def _publish_again(self, participant: Participant) -> None:
        """A phone that may publish again does: nobody could tell it to."""
        call = self._calls.get(participant.sid)
        if call is None or participant.left or participant.tracks:
            return
        if participant.permission.can_publish:
            now = self._parts.clock.now()
            self.tell(self._parts.rooms.publish_audio(now, participant))

    def _widen_subscriptions(self, room: Room) -> None:
        """Who takes a part of the tracks only takes each new one."""
        for participant in room.participants.values():
            if participant.unsubscribed:
                self._apply_subscriptions(participant)

    def _apply_subscriptions(self, participant: Participant) -> None:
        call = self._calls.get(participant.sid)
        if call is None or call.stream is None:
            return
        if not participant.unsubscribed and participant.permission.can_subscribe:
            call.stream.hears = None
            return
        call.stream.hears = frozenset(
            track.sid
            for other in participant.room.others(participant)
            for track in other.tracks.values()
            if participant.takes(track)
        )

    # --- time -----------------------------------------------------------------------------------

    def arm(self) -> None:
        """The rooms may have a new deadline."""
        self._parts.alarm.arm_for(self.next_deadline())

    def next_deadline(self) -> float | None:
        """Of the rooms."""
        return self._parts.rooms.next_deadline()

    def handle_deadline(self, now: float) -> None:
        """Empty rooms close."""
        self.tell(self._parts.rooms.handle_deadline(now))
