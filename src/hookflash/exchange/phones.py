"""Telephones in rooms: what happens there reaches legs and audio, and back."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import structlog
from livekit.protocol.models import DisconnectReason

from ..base.errors import ApiError
from ..base.performers import on, performers
from ..calls import attributes as names
from ..calls.dispatch import distinct_identity
from ..calls.legs.core import OVER
from ..calls.status import PREFIX
from ..media.phone_port import PhonePort
from ..ports import PhonePorts
from ..rooms import events as ev
from ..rooms.dtmf import PAUSE
from ..rooms.orders import Join, Kind, Permission
from ..rooms.room import Participant, Room
from ..rooms.rules import RoomRefused
from . import rpc
from .call import Call
from .host import CallHost
from .phone_attributes import refresh_headers, room_options
from .rooms import RoomHost, Rpc

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
_NO_MATTER = (
    ev.RoomStarted
    | ev.RoomUpdated
    | ev.ParticipantDisplaced
    | ev.DataReceived
    | ev.DispatchCreated
    | ev.DispatchDeleted
)
"""Events that change nothing for a phone."""


class PhoneParticipants:
    """Joins calls and participants: by participant object, which never changes its call.

    A `RoomListener`, and the `ParticipantOwner` of telephones.
    """

    def __init__(
        self, host: CallHost, rooms: RoomHost, engine: PhonePorts, *, answer_immediately: bool
    ) -> None:
        self._host = host
        self._rooms = rooms
        self._engine = engine
        self._answer_immediately = answer_immediately
        self._calls: dict[str, Call] = {}
        self._performers = performers(
            ev.RoomEvent,
            on(ev.ParticipantLeft, self._gone),
            on(ev.ParticipantAborted, self._gone),
            on(ev.ParticipantMoved, self._moved),
            on(ev.AttributesChanged, self._attributes_changed),
            on(ev.TrackMuted, lambda event: self._track_changed(event.participant)),
            on(ev.TrackUnpublished, lambda event: self._track_changed(event.participant)),
            on(ev.SubscriptionsChanged, self._takes_others),
            on(ev.SubscribersChanged, self._subscribers_changed),
            on(ev.ParticipantUpdated, self._updated),
            on(ev.TrackPublished, self._published),
            on(ev.ParticipantJoined, lambda event: self._later_answer(event.room)),
            on(ev.DtmfReceived, self._send_digit),
            on(ev.DtmfPause, self._pause),
            on(ev.RoomFinished, lambda event: self._engine.drop_room(event.room.sid)),
            but=_NO_MATTER,
        )

    def call_of(self, participant: Participant) -> Call | None:
        """The call of a phone participant; None for any other kind."""
        return self._calls.get(participant.sid)

    # --- from calls -----------------------------------------------------------------------------

    def join(self, call: Call) -> Room | None:
        """Put the caller into its room; a refusal there ends the call with 480, and gives None."""
        try:
            return self.enter(call)
        except RoomRefused as error:
            _log.warning(
                "join_refused", call_id=call.call_id, room=call.plan.dispatch.room, why=error.msg
            )
            if call.answered:
                self._host.drive(call, lambda now: call.leg.hangup(now, "room refused"))
            else:
                self._host.drive(call, lambda now: call.leg.reject(now, 480))
            return None

    def enter(self, call: Call, *, displace: bool = False) -> Room:
        """Put the caller into its room; raises RoomRefused. Where its identity is taken it gets
        another one, or takes the other's place (`displace`)."""
        rooms, place = self._rooms, call.plan.dispatch
        room = rooms.get(place.room)
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
            listens=call.answered or call.record.direction == "inbound",
        )
        participant = rooms.join(place.room, join)
        call.note(identity=identity, room=participant.room.name)
        self._is(call, participant)
        rooms.activate(participant)
        rooms.publish_audio(participant)
        return participant.room

    def _is(self, call: Call, participant: Participant) -> None:
        """The call is that participant."""
        call.participant = participant
        self._calls[participant.sid] = call
        refresh_headers(call)

    def leave(self, call: Call, reason: str) -> None:
        """The caller goes, if the room did not put it out already."""
        participant = call.participant
        if participant is None:
            return
        if not participant.left and reason in STATUS_AT_END:
            self.status(call, "hangup")
        why = DisconnectReason.CLIENT_INITIATED
        if call.owner is not None:
            why = _DISCONNECTED.get(reason, why)
        self._rooms.leave(participant, why)
        self._calls.pop(participant.sid, None)
        if call.stream is not None and call.leg.state not in OVER:  # else it is closed at once
            self.unbridge(call, call.stream)

    def listen(self, call: Call) -> None:
        """Whoever was called hears the room from now on, and the room is told."""
        if call.participant is not None:
            self._rooms.listen(call.participant)

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
        if participant is not None and not participant.left:
            self._rooms.set_attributes(participant, changes)

    def held(self, call: Call, held: bool) -> None:
        """A caller on hold is muted to the room."""
        self._apply_mute(call, held=held)

    def _apply_mute(self, call: Call, *, held: bool) -> None:
        """The room hears who is not on hold and has a track that is not muted, as that track; it
        gets the keys of who may publish data."""
        if call.stream is not None and call.participant is not None:
            call.stream.track_sid = next(iter(call.participant.tracks), "")
            tracks = call.participant.tracks.values()
            call.stream.muted = held or all(track.muted for track in tracks)
            call.stream.no_keys = not call.participant.permission.can_publish_data

    def bridge(self, call: Call) -> None:
        """The caller hears the room and is heard."""
        if call.stream is not None and call.participant is not None:
            self._engine.join(call.participant.room.sid, call.stream)
            self._apply_mute(call, held=call.leg.held)
            self._apply_subscriptions(call.participant)

    def unbridge(self, call: Call, stream: PhonePort) -> None:
        """The caller hears the room no more."""
        engine, room = self._engine, call.room
        if room is not None and engine.room_of(stream) == room.sid:
            engine.leave(stream)

    def digit(self, call: Call, digit: str, duration_ms: int, *, relayed: bool) -> None:
        """A caller pressed a key: the room gets LiveKit's SipDTMF event."""
        if call.participant is not None:
            self._rooms.send_dtmf(call.participant, digit, duration_ms, relayed=relayed)

    def answer_those_heard(self, room: Room) -> None:
        """sip.answer `subscribed`: answer every caller who has somebody's audio to hear."""
        for participant in list(room.participants.values()):
            call = self._calls.get(participant.sid)
            if call is not None and not call.answered and room.hears_somebody(participant):
                self._rooms.when_told(partial(self._host.drive, call, call.leg.answer))

    # --- of participants ------------------------------------------------------------------------

    def can_move(self, participant: Participant) -> bool:
        """A caller keeps the call and is in the other room at once; not while it is transferred
        (ApiError)."""
        call = self._calls.get(participant.sid)
        if call is None:
            return False
        transferor = call.leg.transferor
        if transferor is not None and transferor.pending:
            raise ApiError("failed_precondition", PREFIX + "transfer in progress")
        return True

    def rpc(self, participant: Participant) -> Rpc | None:
        """A phone answers at once."""
        call = self._calls.get(participant.sid)
        return partial(self._perform_rpc, call) if call is not None else None

    async def _perform_rpc(self, call: Call, method: str, payload: str, _: float) -> str:
        if method == rpc.GET_REMOTE_HEADERS:
            return rpc.remote_headers(call.remote_headers, rpc.arguments(payload))
        if method != rpc.END_CALL:
            raise rpc.unsupported_method()
        headers = rpc.bye_headers(rpc.arguments(payload))
        self._host.drive(call, lambda now: call.leg.hangup(now, "ended by RPC", headers))
        return "{}"

    # --- from rooms -----------------------------------------------------------------------------

    def room_events(self, events: Sequence[ev.RoomEvent]) -> None:
        """`exchange.rooms.RoomListener`. What goes back to legs and rooms waits until all have been
        told."""
        for event in events:
            performer = self._performers.get(type(event))
            if performer is not None:
                performer(event)

    def _gone(self, event: ev.ParticipantLeft | ev.ParticipantAborted) -> None:
        call = self._calls.get(event.participant.sid)
        if event.by_room and call is not None:
            self._rooms.when_told(partial(self._put_out, call, event.reason))

    def _moved(self, event: ev.ParticipantMoved) -> None:
        call = self._calls.pop(event.participant.sid, None)
        if call is None:
            return
        stream = call.stream
        bridged = stream is not None and self._engine.room_of(stream) is not None
        if stream is not None:
            self.unbridge(call, stream)
        room = event.newcomer.room.name
        call.note(room=room)
        self._is(call, event.newcomer)
        _log.info("call_moved", call_id=call.call_id, room=room, left=event.room.name)
        if bridged:
            self.bridge(call)

    def _attributes_changed(self, event: ev.AttributesChanged) -> None:
        call = self._calls.get(event.participant.sid)
        if call is not None:
            refresh_headers(call)

    def _takes_others(self, event: ev.SubscriptionsChanged | ev.ParticipantUpdated) -> None:
        self._apply_subscriptions(event.participant)
        self._later_answer(event.room)

    def _subscribers_changed(self, event: ev.SubscribersChanged) -> None:
        """A client lets others have its tracks, or no longer."""
        for participant in event.room.others(event.participant):
            self._apply_subscriptions(participant)
        self._later_answer(event.room)

    def _updated(self, event: ev.ParticipantUpdated) -> None:
        self._takes_others(event)
        participant = event.participant
        self._track_changed(participant)
        if participant.sid in self._calls and participant.permission.can_publish:
            self._rooms.when_told(partial(self._publish_again, participant))

    def _published(self, event: ev.TrackPublished) -> None:
        self._track_changed(event.participant)
        self._widen_subscriptions(event.room)
        self._later_answer(event.room)

    def _later_answer(self, room: Room) -> None:
        if not self._answer_immediately:
            self.answer_those_heard(room)

    def _put_out(self, call: Call, reason: DisconnectReason) -> None:
        if not call.ended:
            why = _WHY.get(reason, "room")
            self._host.drive(call, lambda now: call.leg.hangup(now, why))

    def _send_digit(self, event: ev.DtmfReceived) -> None:
        """Digits reach the other phones of the room as DTMF (calls.md §3, *DTMF out*)."""
        if event.relayed:
            return
        for participant in event.room.participants.values():
            call = self._calls.get(participant.sid)
            if participant is event.participant or call is None or call.stream is None:
                continue
            if event.destinations and participant.identity not in event.destinations:
                continue
            if event.duration_ms is None:
                call.stream.send_dtmf(event.digit)
            else:
                length = max(DTMF_MIN_MS, event.duration_ms)
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
        if not participant.left and not participant.tracks:
            self._rooms.publish_audio(participant)

    def _widen_subscriptions(self, room: Room) -> None:
        """Who takes a part of the tracks only takes each new one that it may."""
        for participant in room.participants.values():
            if not participant.takes_all():
                self._apply_subscriptions(participant)

    def _apply_subscriptions(self, participant: Participant) -> None:
        call = self._calls.get(participant.sid)
        if call is None or call.stream is None:
            return
        if participant.takes_all():
            call.stream.hears = None
            return
        call.stream.hears = frozenset(
            track.sid
            for other in participant.room.others(participant)
            for track in other.tracks.values()
            if participant.takes(track)
        )
