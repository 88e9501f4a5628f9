"""The rooms of the process: the only place that changes them, and tells who wants to know.

An input goes to the registry (`rooms.registry.Rooms`), then every listener is told what came of it,
one after the other, before the next input. So each of them gets the events in one order, and sees
rooms and participants as they were when it happened.

What a listener wants to do in its turn waits until all have been told: it hands that to
`RoomHost.when_told`. An input in the middle of the telling would show the listeners behind it a
state that is further on than the event; it raises RuntimeError and changes nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from typing import Protocol

import structlog
from livekit.protocol.models import DisconnectReason
from livekit.protocol.rtc import AddTrackRequest, SubscriptionPermission

from ..base.ids import Ids
from ..ports import DeadlineTimer, WorldClock
from ..rooms.events import RoomEvent
from ..rooms.moving import move
from ..rooms.orders import (
    AgentOrder,
    Dispatch,
    Join,
    ParticipantChange,
    RoomDefaults,
    RoomOptions,
)
from ..rooms.registry import Rooms
from ..rooms.room import Participant, Room, Track
from ..rooms.tracks import permit

_log = structlog.get_logger("rooms")

Rpc = Callable[[str, str, float], Awaitable[str]]
"""(method, payload, seconds to wait) to the answer's payload; raises ApiError."""


class RoomListener(Protocol):
    """Whoever is to know what happens in the rooms: webhooks, telephones; later WebRTC sessions
    and agents. `server.py` lists them, in the order in which they are told."""

    def room_events(self, events: Sequence[RoomEvent]) -> None:
        """What one input caused, in order. Called at once; nothing here waits, nor gives the
        rooms an input (`RoomHost.when_told`)."""
        ...


class ParticipantOwner(Protocol):
    """A listener that holds the connections of participants, asked for what only these can do.

    Of a participant whose connection is another's, each says False or None.
    """

    def can_move(self, participant: Participant) -> bool:
        """Whether it follows `ParticipantMoved`. Raises ApiError where it could, but not now."""
        ...

    def rpc(self, participant: Participant) -> Rpc | None:
        """How the participant is called."""
        ...


class RoomHost:
    """Reading is free to all; what it gives is the registry's own and not to be changed. Inputs
    raise RoomRefused as the registry's do (`rooms.registry.Rooms`); time is the clock's."""

    def __init__(
        self,
        clock: WorldClock,
        ids: Ids,
        alarm: DeadlineTimer,
        defaults: RoomDefaults | None = None,
    ) -> None:
        self.listeners: list[RoomListener] = []
        self._clock = clock
        self._rooms = Rooms(ids, defaults, clock.shift)
        self._alarm = alarm
        self._telling = False
        self._acts: deque[Callable[[], object]] = deque()
        self._acting = False
        alarm.add(self)

    # --- reading --------------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self._rooms)

    def get(self, name: str) -> Room | None:
        """The living room of that name."""
        return self._rooms.get(name)

    def all(self) -> Collection[Room]:
        """Every living room; a view, in order of creation."""
        return self._rooms.all()

    @property
    def auto_create(self) -> bool:
        """Whether a join makes the room that is not there."""
        return self._rooms.settings.auto_create

    def find(self, room_name: str, identity: str) -> Participant:
        """The participant, or RoomRefused (404; the same where the room is unknown)."""
        return self._rooms.find(room_name, identity)

    def reach(self, room_name: str, identity: str) -> Participant:
        """The same for the methods that LiveKit sends to a node: RoomRefused is 503 there."""
        return self._rooms.reach(room_name, identity)

    def list_dispatches(self, room_name: str, dispatch_id: str = "") -> list[Dispatch]:
        """Those of a room, or the one; RoomRefused (503) where the room is unknown."""
        return self._rooms.list_dispatches(room_name, dispatch_id)

    # --- inputs: rooms --------------------------------------------------------------------------

    def create(self, name: str, options: RoomOptions | None = None, preset: str = "") -> Room:
        """CreateRoom: an existing room comes back as it is."""
        room, events = self._rooms.create(self._now(), name, options, preset)
        self._tell(events)
        return room

    def update_metadata(self, name: str, metadata: str) -> Room:
        """UpdateRoomMetadata."""
        room, events = self._rooms.update_metadata(self._now(), name, metadata)
        self._tell(events)
        return room

    def delete(self, name: str) -> None:
        """DeleteRoom: everybody is out."""
        self._tell(self._rooms.delete(self._now(), name))

    def send_data(
        self,
        room_name: str,
        payload: bytes,
        *,
        topic: str = "",
        reliable: bool = True,
        destinations: Sequence[str] = (),
        digits: str = "",
    ) -> None:
        """SendData; `digits` are pressed besides (`rooms.dtmf.server_dtmf`)."""
        now = self._now()
        events: list[RoomEvent] = self._rooms.send_data(
            now, room_name, payload, topic=topic, reliable=reliable, destinations=destinations
        )
        room = self._rooms.get(room_name)
        if digits and room is not None:
            events += self._rooms.server_dtmf(now, room, digits, destinations)
        self._tell(events)

    def create_dispatch(self, room_name: str, order: AgentOrder) -> Dispatch:
        """CreateDispatch; the room is made if there is none."""
        dispatch, events = self._rooms.create_dispatch(self._now(), room_name, order)
        self._tell(events)
        return dispatch

    def delete_dispatch(self, room_name: str, dispatch_id: str) -> Dispatch:
        """DeleteDispatch."""
        dispatch, events = self._rooms.delete_dispatch(self._now(), room_name, dispatch_id)
        self._tell(events)
        return dispatch

    # --- inputs: participants -------------------------------------------------------------------

    def check_join(self, room_name: str, join: Join) -> None:
        """RoomRefused where `join` would say no by what is asked for."""
        self._rooms.check_join(room_name, join)

    def join(self, room_name: str, join: Join) -> Participant:
        """A participant that joins; `activate` follows when its connection stands."""
        participant, events = self._rooms.join(self._now(), room_name, join)
        self._tell(events)
        return participant

    def activate(self, participant: Participant) -> None:
        """Its connection stands: the others see it."""
        self._tell(self._rooms.activate(self._now(), participant))

    def listen(self, participant: Participant) -> None:
        """It takes the tracks of others from now on."""
        self._tell(self._rooms.listen(self._now(), participant))

    def leave(
        self,
        participant: Participant,
        reason: DisconnectReason = DisconnectReason.CLIENT_INITIATED,
    ) -> None:
        """It went by itself. Nothing happens if it is out already."""
        self._tell(self._rooms.leave(self._now(), participant, reason))

    def remove(self, room_name: str, identity: str) -> None:
        """RemoveParticipant."""
        self._tell(self._rooms.remove(self._now(), room_name, identity))

    def move(self, participant: Participant, destination: str) -> Participant:
        """MoveParticipant: what it is in the other room. Whoever holds its connection goes by
        `ParticipantMoved`, and was asked before whether it can (`ParticipantOwner`)."""
        newcomer, events = move(self._rooms, self._now(), participant, destination)
        self._tell(events)
        return newcomer

    def set_attributes(self, participant: Participant, changes: Mapping[str, str]) -> None:
        """Change attributes; "" deletes one."""
        self._tell(self._rooms.set_attributes(self._now(), participant, changes))

    def update_participant(self, participant: Participant, change: ParticipantChange) -> None:
        """UpdateParticipant."""
        self._tell(self._rooms.update_participant(self._now(), participant, change))

    # --- inputs: tracks and keys ----------------------------------------------------------------

    def publish_audio(self, participant: Participant) -> None:
        """Its one microphone track."""
        self._tell(self._rooms.publish_audio(self._now(), participant))

    def mute_published_track(
        self, participant: Participant, track_sid: str, muted: bool
    ) -> Track | None:
        """MutePublishedTrack; None where there is no such track."""
        now = self._now()
        track, events = self._rooms.mute_published_track(now, participant, track_sid, muted)
        self._tell(events)
        return track

    def set_subscriptions(
        self, participant: Participant, track_sids: Iterable[str], subscribe: bool
    ) -> None:
        """UpdateSubscriptions."""
        now = self._now()
        self._tell(self._rooms.set_subscriptions(now, participant, track_sids, subscribe))

    def send_dtmf(
        self,
        participant: Participant,
        digit: str,
        duration_ms: int | None,
        *,
        relayed: bool,
        destinations: Sequence[str] = (),
    ) -> None:
        """It pressed a key (`rooms.events.DtmfReceived`)."""
        now = self._now()
        self._tell(
            self._rooms.send_dtmf(
                now, participant, digit, destinations, duration_ms=duration_ms, relayed=relayed
            )
        )

    # --- inputs: what clients publish and take ----------------------------------------------------

    def add_track(self, participant: Participant, request: AddTrackRequest) -> Track:
        """AddTrackRequest (`rooms.tracks.Tracks.add`); nobody else is told."""
        return self._rooms.tracks.add(self._now(), participant, request)

    def publish_track(self, track: Track, mime_type: str, mid: str) -> None:
        """Its media began: the others are told."""
        self._tell(self._rooms.tracks.publish(self._now(), track, mime_type, mid))

    def unpublish_track(self, track: Track) -> None:
        """Its client no longer sends it."""
        self._tell(self._rooms.tracks.unpublish(self._now(), track))

    def mute_track(self, track: Track, muted: bool) -> None:
        """Its owner mutes or unmutes it."""
        self._tell(self._rooms.tracks.mute(self._now(), track, muted))

    def describe_track(
        self,
        track: Track,
        *,
        features: Sequence[int] | None = None,
        size: tuple[int, int] | None = None,
    ) -> None:
        """UpdateLocalAudioTrack, UpdateLocalVideoTrack."""
        now = self._now()
        self._tell(self._rooms.tracks.describe(now, track, features=features, size=size))

    def permit_subscriptions(
        self, participant: Participant, message: SubscriptionPermission
    ) -> None:
        """SubscriptionPermission: who may take its tracks."""
        self._tell(permit(self._now(), participant, message))

    # --- time -----------------------------------------------------------------------------------

    def next_deadline(self) -> float | None:
        """When a room closes, or somebody who joins is given up."""
        return self._rooms.next_deadline()

    def handle_deadline(self, now: float) -> None:
        """Empty rooms close."""
        self._tell(self._rooms.handle_deadline(now))

    # --- telling --------------------------------------------------------------------------------

    def when_told(self, act: Callable[[], object]) -> None:
        """Do this when all listeners have been told what the last input caused; at once, where
        they have been. Acts are done in the order of their asking."""
        if self._telling:
            self._acts.append(act)
        else:
            act()

    def _now(self) -> float:
        """The time of an input, where one may come."""
        if self._telling:
            raise RuntimeError("an input to the rooms while their listeners are told")
        return self._clock.now()

    def _tell(self, events: Sequence[RoomEvent]) -> None:
        if events:
            self._telling = True
            for listener in self.listeners:
                try:
                    listener.room_events(events)
                except Exception:  # noqa: BLE001  # logged; the others are told all the same
                    _log.exception("internal_error", listener=type(listener).__name__)
            self._telling = False
        self._alarm.arm_for(self._rooms.next_deadline())
        if self._acts and not self._acting:
            self._act()

    def _act(self) -> None:
        """Acts that are inputs themselves add to the queue, and do not begin with it anew."""
        self._acting = True
        while self._acts:
            act = self._acts.popleft()
            try:
                act()
            except Exception:  # noqa: BLE001  # logged; the others have their turn
                _log.exception("internal_error", act=repr(act))
        self._acting = False
