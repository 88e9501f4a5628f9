"""What happens in the room, as one client is told of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from livekit.protocol.models import DisconnectReason

from ..base.performers import on, performers
from ..rooms import events as ev
from ..rooms.info import room_info
from ..rooms.room import Participant
from .data import dtmf_packet, user_packet
from .effects import FollowMove, SendPacket
from .publishing import Publishing
from .reports import Reports
from .responses import is_shown, room_moved
from .state import SessionState, TokenMaker
from .subscriptions import Subscriptions

_NO_MATTER = (
    ev.RoomStarted
    | ev.RoomFinished
    | ev.ParticipantAborted
    | ev.ParticipantDisplaced
    | ev.ParticipantMoved
    | ev.DtmfPause
    | ev.DispatchCreated
    | ev.DispatchDeleted
)
"""What nobody else is told of; of its own end and move a session knows besides."""

_GONE = (ev.ParticipantLeft, ev.ParticipantAborted)


class Happenings:
    """Events of the participant's room; those of other rooms pass by."""

    def __init__(
        self,
        state: SessionState,
        publishing: Publishing,
        subscriptions: Subscriptions,
        reports: Reports,
        make_token: TokenMaker,
        refresh_token: Callable[[], None],
    ) -> None:
        self._state = state
        self._publishing = publishing
        self._subscriptions = subscriptions
        self._reports = reports
        self._make_token = make_token
        self._refresh_token = refresh_token
        self._grants_changed = False
        self._unsettled: dict[str, Participant] = {}
        """Whose tracks, or whose wishes, are to be looked at anew, by SID."""
        self._performers = performers(
            ev.RoomEvent,
            on(ev.ParticipantJoined, self._joined),
            on(ev.ParticipantLeft, self._left),
            on(ev.ParticipantUpdated, self._updated),
            on(ev.AttributesChanged, self._updated),
            on(ev.TrackPublished, self._published),
            on(ev.TrackUnpublished, self._unpublished),
            on(ev.TrackMuted, self._muted),
            on(ev.SubscriptionsChanged, self._taken_otherwise),
            on(ev.SubscribersChanged, self._taken_otherwise),
            on(ev.RoomUpdated, self._room_updated),
            on(ev.DtmfReceived, self._digit),
            on(ev.DataReceived, self._data),
            but=_NO_MATTER,
        )

    def release(self) -> None:
        """The session has ended."""
        self._performers = {}
        self._refresh_token = _nothing

    def tell(self, now: float, events: Sequence[ev.RoomEvent]) -> DisconnectReason | None:
        """Announce them. A reason: the participant is out of the room, and nothing follows."""
        for event in events:
            me = self._state.participant
            if isinstance(event, ev.ParticipantMoved) and event.participant is me:
                self._moved(now, event)
            if event.room is not self._state.participant.room:
                continue
            if isinstance(event, _GONE) and event.participant is me:
                return event.reason
            performer = self._performers.get(type(event))
            if performer is not None:
                performer(event)
        if self._grants_changed:
            self._grants_changed = False
            self._refresh_token()
        if self._unsettled:
            # Of all in a large room this costs much, for each of them and each event.
            concerned = list(self._unsettled.values())
            everybody = self._state.participant.sid in self._unsettled
            self._unsettled = {}
            self._subscriptions.settle(None if everybody else concerned)
            self._publishing.settle(None if everybody else concerned)
        return None

    def _announce(self, event: Any) -> None:
        participant: Participant = event.participant
        if participant is self._state.participant or is_shown(participant):
            self._state.outbox.announce(event.at, participant)

    def _look_at(self, participant: Participant) -> None:
        self._unsettled[participant.sid] = participant

    def _joined(self, event: ev.ParticipantJoined) -> None:
        self._announce(event)
        self._look_at(event.participant)

    def _left(self, event: ev.ParticipantLeft) -> None:
        if not event.participant.permission.hidden:
            self._state.outbox.announce(event.at, event.participant)
        self._look_at(event.participant)

    def _updated(self, event: ev.ParticipantUpdated | ev.AttributesChanged) -> None:
        self._announce(event)
        if isinstance(event, ev.ParticipantUpdated):
            self._look_at(event.participant)
        if event.participant is self._state.participant:
            self._grants_changed = True

    def _published(self, event: ev.TrackPublished) -> None:
        self._announce(event)
        self._look_at(event.participant)

    def _unpublished(self, event: ev.TrackUnpublished) -> None:
        """Of somebody who leaves nothing is said here: its leaving says it."""
        self._look_at(event.participant)
        if event.participant.left:
            return
        if event.participant is self._state.participant:
            self._publishing.unpublished(event)
        self._announce(event)

    def _muted(self, event: ev.TrackMuted) -> None:
        if event.participant is self._state.participant:
            self._publishing.muted(event)
        self._announce(event)

    def _taken_otherwise(self, event: ev.SubscriptionsChanged | ev.SubscribersChanged) -> None:
        self._look_at(event.participant)

    def _room_updated(self, event: ev.RoomUpdated) -> None:
        self._reports.room()

    def _moved(self, now: float, event: ev.ParticipantMoved) -> None:
        """The client learns of the other room at once, and of all who are there."""
        state = self._state
        self._subscriptions.drop()
        state.participant = event.newcomer
        state.outbox.add(FollowMove(event.newcomer))
        room = event.newcomer.room
        counts = room.counts()
        token = self._make_token(event.newcomer)
        state.outbox.send(room_moved(event.newcomer, room_info(room, counts), token))
        self._reports.forget()
        self._reports.begin(now, counts)
        self._look_at(event.newcomer)
        # SDKs that take no token out of `room_moved` would come back to the former room.
        self._grants_changed = True

    def _digit(self, event: ev.DtmfReceived) -> None:
        if self._is_for_me(event):
            self._state.outbox.add(SendPacket(dtmf_packet(event), True))

    def _data(self, event: ev.DataReceived) -> None:
        if self._is_for_me(event):
            self._state.outbox.add(SendPacket(user_packet(event), event.reliable))

    def _is_for_me(self, event: ev.DtmfReceived | ev.DataReceived) -> bool:
        me = self._state.participant
        if event.participant is me or not me.active:
            return False
        return not event.destinations or me.identity in event.destinations


def _nothing() -> None:
    """What a session that has ended does."""
