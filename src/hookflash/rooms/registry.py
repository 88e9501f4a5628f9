"""All rooms of the process: who is in them, and when they end (facts §4.6, §6).

Every input takes `now` (seconds since the epoch) and returns what happened, in order. An input
that is refused raises `RoomRefused` and changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from heapq import heappop, heappush

from livekit.protocol.models import DisconnectReason

from ..base.ids import Ids
from ..base.text import clean
from . import rules
from .dtmf import dtmf, server_dtmf
from .events import (
    AttributesChanged,
    DataReceived,
    DispatchCreated,
    DispatchDeleted,
    ParticipantAborted,
    ParticipantDisplaced,
    ParticipantJoined,
    ParticipantLeft,
    ParticipantUpdated,
    RoomEvent,
    RoomFinished,
    RoomStarted,
    RoomUpdated,
    SubscriptionsChanged,
    TrackPublished,
)
from .orders import (
    AgentOrder,
    Dispatch,
    Join,
    ParticipantChange,
    RoomDefaults,
    RoomOptions,
    check_dispatches,
    resolve,
)
from .room import ACTIVE, DISCONNECTED, JOIN_TIMEOUT, JOINING, Participant, Room, Track
from .tracks import Tracks, set_subscriptions, unpublish_all, withdraw


class Rooms:
    """The registry. Rooms are found by name, participants by room and identity. `shift` leads from
    `now` to the world's time (`ports.WorldClock`), which messages tell."""

    def __init__(
        self,
        ids: Ids,
        settings: RoomDefaults | None = None,
        shift: Callable[[], float] = float,
    ) -> None:
        self._ids = ids
        self._shift = shift
        self.settings = settings or RoomDefaults()
        self.tracks = Tracks(ids, self._micros)
        self._rooms: dict[str, Room] = {}
        self._heap: list[tuple[float, int, Room]] = []
        self._entries = 0

    # --- looking ------------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self._rooms)

    def get(self, name: str) -> Room | None:
        """The living room of that name."""
        return self._rooms.get(name)

    def all(self) -> Collection[Room]:
        """Every living room; a view, in order of creation."""
        return self._rooms.values()

    def need(self, name: str) -> Room:
        """The room, or RoomRefused (404)."""
        room = self._rooms.get(name)
        if room is None:
            raise rules.room_missing()
        return room

    def find(self, room_name: str, identity: str) -> Participant:
        """The participant, or RoomRefused (404; the same where the room is unknown)."""
        room = self._rooms.get(room_name)
        participant = room.participants.get(identity) if room is not None else None
        if participant is None:
            raise rules.participant_missing()
        return participant

    def reach(self, room_name: str, identity: str) -> Participant:
        """The same for the methods that LiveKit sends to a node: RoomRefused is 503 there."""
        room = self._rooms.get(room_name)
        participant = room.participants.get(identity) if room is not None else None
        if participant is None:
            raise rules.nobody_answers()
        return participant

    # --- rooms --------------------------------------------------------------------------------

    def create(
        self, now: float, name: str, options: RoomOptions | None = None, preset: str = ""
    ) -> tuple[Room, list[RoomEvent]]:
        """CreateRoom: an existing room comes back as it is. Sizes and preset are checked first."""
        name = clean(name)
        options = options or RoomOptions()
        options.check(name)
        found = self._preset(preset)
        room = self._rooms.get(name)
        if room is not None:
            return room, []
        room = self._make(now, name, options, found)
        self._schedule(room)
        return room, [RoomStarted(room, now)]

    def update_metadata(self, now: float, name: str, metadata: str) -> tuple[Room, list[RoomEvent]]:
        """UpdateRoomMetadata; the size is checked before the room is looked for."""
        metadata = clean(metadata)
        rules.check_metadata(metadata)
        room = self.need(name)
        room.metadata = metadata
        room.memo = None
        return room, [RoomUpdated(room, now)]

    def delete(self, now: float, name: str) -> list[RoomEvent]:
        """DeleteRoom: everybody is out, the room is gone."""
        return self._finish(now, self.need(name), DisconnectReason.ROOM_DELETED)

    # --- participants -------------------------------------------------------------------------

    def check_join(self, room_name: str, join: Join) -> None:
        """Raise RoomRefused for a participant, or options of the room that it would make, that are
        over their limits or unknown. Changes nothing."""
        _texts(join)
        room_name = clean(room_name)
        if self._rooms.get(room_name) is None:
            (join.room_options or RoomOptions()).check(room_name)
            self._preset(join.room_preset)

    def join(self, now: float, room_name: str, join: Join) -> tuple[Participant, list[RoomEvent]]:
        """Take a participant in, still joining; the room is made if there is none.

        A participant of the same identity is displaced. Unless `activate` follows within 60 s,
        it is given up.
        """
        room_name = clean(room_name)
        identity, name, metadata, attributes = _texts(join)
        events: list[RoomEvent] = []
        room = self._rooms.get(room_name) or self._open(now, room_name, join, events)
        participant = Participant(
            room,
            self._ids.new("PA_"),
            identity,
            now,
            name=name,
            kind=join.kind,
            attributes=attributes,
            metadata=metadata,
            permission=join.permission,
            client=join.client,
            listens=join.listens,
            shift=self._shift(),
        )
        former = room.participants.get(identity)
        room.check_space(participant, former)
        if former is not None:
            events.append(ParticipantDisplaced(room, former, participant, now))
            self._take_out(now, former, DisconnectReason.DUPLICATE_IDENTITY, True, events)
        room.participants[identity] = participant
        room.joining[participant.sid] = participant
        if not participant.dependent:
            room.keepers += 1
        self._schedule(room)
        return participant, events

    def activate(self, now: float, participant: Participant) -> list[RoomEvent]:
        """Its connection stands: the others see it from now on."""
        if participant.state != JOINING:
            return []
        room = participant.room
        room.joining.pop(participant.sid, None)
        participant.state = ACTIVE
        participant.version += 3  # joining, joined, active: as LiveKit counts them
        return [ParticipantJoined(room, participant, now)]

    def listen(self, now: float, participant: Participant) -> list[RoomEvent]:
        """It takes the tracks of others from now on; nothing happens where it did before."""
        if participant.listens or participant.left:
            return []
        participant.listens = True
        room = participant.room
        tracks = [track for other in room.others(participant) for track in other.tracks.values()]
        taken = tuple(track for track in tracks if participant.takes(track))
        return [SubscriptionsChanged(room, participant, taken, True, now)] if taken else []

    def leave(
        self,
        now: float,
        participant: Participant,
        reason: DisconnectReason = DisconnectReason.CLIENT_INITIATED,
    ) -> list[RoomEvent]:
        """The participant went by itself. Nothing happens if it is out already."""
        events: list[RoomEvent] = []
        self._take_out(now, participant, reason, False, events)
        return events

    def remove(self, now: float, room_name: str, identity: str) -> list[RoomEvent]:
        """RemoveParticipant."""
        participant = self.find(room_name, identity)
        events: list[RoomEvent] = []
        self._take_out(now, participant, DisconnectReason.PARTICIPANT_REMOVED, True, events)
        return events

    def set_attributes(
        self, now: float, participant: Participant, changes: Mapping[str, str]
    ) -> list[RoomEvent]:
        """Change attributes; "" deletes one. Nothing happens where nothing changes."""
        changed, merged = participant.merged(changes)
        if not changed:
            return []
        rules.check_attributes(merged)
        participant.attributes = merged
        participant.version += 1
        return [AttributesChanged(participant.room, participant, changed, now)]

    def update_participant(
        self, now: float, participant: Participant, change: ParticipantChange
    ) -> list[RoomEvent]:
        """UpdateParticipant. Tracks that may not be published any more are taken away."""
        name, metadata = clean(change.name), clean(change.metadata)
        rules.check_name(name)
        rules.check_metadata(metadata)
        rules.check_attributes(change.attributes)  # names of those that go, too
        _, merged = participant.merged(change.attributes)
        rules.check_attributes(merged)
        room = participant.room
        events: list[RoomEvent] = []
        if name or metadata or change.permission is not None:
            participant.name = name or participant.name
            participant.metadata = metadata or participant.metadata
            participant.permission = change.permission or participant.permission
            participant.version += 1
            events.append(ParticipantUpdated(room, participant, now))
        withdraw(now, participant, events)
        events += self.set_attributes(now, participant, change.attributes)
        return events

    # --- tracks -------------------------------------------------------------------------------

    def publish_audio(
        self, now: float, participant: Participant, name: str | None = None
    ) -> list[RoomEvent]:
        """A telephone's audio: one microphone track, named as the identity by default."""
        if participant.left:
            return []
        if not participant.permission.can_publish:
            raise rules.may_not_publish()
        title = participant.identity if name is None else clean(name)
        track = Track(participant, self._ids.new("TR_AM"), title, self._micros(now))
        participant.tracks[track.sid] = track
        participant.is_publisher = True
        participant.version += 1
        return [TrackPublished(participant.room, participant, track, now)]

    def mute(self, now: float, track: Track, muted: bool) -> list[RoomEvent]:
        """The track's owner mutes or unmutes it (a telephone on hold)."""
        return self.tracks.mute(now, track, muted)

    def mute_published_track(
        self, now: float, participant: Participant, track_sid: str, muted: bool
    ) -> tuple[Track | None, list[RoomEvent]]:
        """MutePublishedTrack; unmuting needs enable_remote_unmute. None: no such track."""
        if not muted and not self.settings.enable_remote_unmute:
            raise rules.unmute_disabled()
        track = participant.tracks.get(track_sid)
        return track, [] if track is None else self.mute(now, track, muted)

    def set_subscriptions(
        self, now: float, participant: Participant, track_sids: Iterable[str], subscribe: bool
    ) -> list[RoomEvent]:
        """UpdateSubscriptions. Unknown tracks and tracks of its own are passed over."""
        return set_subscriptions(now, participant, track_sids, subscribe)

    # --- data ---------------------------------------------------------------------------------

    def send_dtmf(
        self,
        now: float,
        participant: Participant,
        digit: str,
        destinations: Sequence[str] = (),
        *,
        duration_ms: int | None = None,
        relayed: bool = False,
    ) -> list[RoomEvent]:
        """A digit of who may publish data, a phone too, to the others (or to some identities)."""
        if participant.left or not participant.permission.can_publish_data:
            return []
        room = participant.room
        return dtmf(
            now, room, participant, digit, destinations, duration_ms=duration_ms, relayed=relayed
        )

    def server_dtmf(
        self, now: float, room: Room, digits: str, destinations: Sequence[str] = ()
    ) -> list[RoomEvent]:
        """Digits and pauses (`w`) that a server-side client sends."""
        return server_dtmf(now, room, digits, destinations)

    def send_data(
        self,
        now: float,
        room_name: str,
        payload: bytes,
        *,
        topic: str = "",
        reliable: bool = True,
        destinations: Sequence[str] = (),
        sender: Participant | None = None,
    ) -> list[RoomEvent]:
        """SendData; RoomRefused (503) where there is no such room."""
        room = self._rooms.get(room_name)
        if room is None:
            raise rules.nobody_answers()
        return [DataReceived(room, sender, payload, topic, reliable, tuple(destinations), now)]

    # --- agent dispatches ---------------------------------------------------------------------

    def create_dispatch(
        self, now: float, room_name: str, order: AgentOrder
    ) -> tuple[Dispatch, list[RoomEvent]]:
        """CreateDispatch; the room is made if there is none, then with no default dispatch."""
        room_name = clean(room_name)
        rules.check_dispatch(order.metadata, order.attributes)
        rules.check_agent(order.agent_name, order.deployment)
        rules.check_room_name(room_name)
        room = self._rooms.get(room_name)
        if room is None:
            if not self.settings.auto_create:
                raise rules.room_missing()
            room = self._make(now, room_name, RoomOptions(agents=(order,)), None)
            self._schedule(room)
            return next(iter(room.dispatches.values())), [RoomStarted(room, now)]
        check_dispatches(room.dispatches.values(), order)
        dispatch = self._dispatch(now, room, order)
        return dispatch, [DispatchCreated(room, dispatch, now)]

    def delete_dispatch(
        self, now: float, room_name: str, dispatch_id: str
    ) -> tuple[Dispatch, list[RoomEvent]]:
        """DeleteDispatch; RoomRefused (404) where it is unknown, 503 where the room is."""
        room = self._rooms.get(room_name)
        if room is None:
            raise rules.nobody_answers()
        dispatch = room.dispatches.pop(dispatch_id, None)
        if dispatch is None:
            raise rules.dispatch_missing()
        dispatch.deleted_at = now + self._shift()
        return dispatch, [DispatchDeleted(room, dispatch, now)]

    def list_dispatches(self, room_name: str, dispatch_id: str = "") -> list[Dispatch]:
        """ListDispatch; RoomRefused (503) where the room is unknown."""
        room = self._rooms.get(room_name)
        if room is None:
            raise rules.nobody_answers()
        return [d for d in room.dispatches.values() if dispatch_id in ("", d.dispatch_id)]

    # --- time ---------------------------------------------------------------------------------

    def next_deadline(self) -> float | None:
        """When `handle_deadline` is due; it may turn out that nothing is to be done."""
        heap = self._heap
        while heap and heap[0][2].finished:
            heappop(heap)
        return heap[0][0] if heap else None

    def handle_deadline(self, now: float) -> list[RoomEvent]:
        """Give up who did not become active; close rooms that nobody keeps."""
        events: list[RoomEvent] = []
        while self._heap and self._heap[0][0] <= now:
            room = heappop(self._heap)[2]
            if room.finished:
                continue
            room.scheduled_at = None
            for participant in list(room.joining.values()):
                if participant.joined_at + JOIN_TIMEOUT > now:
                    break
                self._take_out(now, participant, DisconnectReason.JOIN_FAILURE, True, events)
            closes_at = room.closes_at()
            if closes_at is not None and closes_at <= now:
                events += self._finish(now, room, DisconnectReason.ROOM_CLOSED)
            else:
                self._schedule(room)
        return events

    # --- inside -------------------------------------------------------------------------------

    def _micros(self, now: float) -> int:
        return int((now + self._shift()) * 1e6)

    def _preset(self, name: str) -> RoomOptions | None:
        if not name:
            return None
        preset = self.settings.presets.get(name)
        if preset is None:
            raise rules.preset_unknown()
        return preset

    def _open(self, now: float, name: str, join: Join, events: list[RoomEvent]) -> Room:
        """The room that this join makes, by its room_config and room_preset."""
        if not self.settings.auto_create:
            raise rules.room_missing()
        options = join.room_options or RoomOptions()
        options.check(name)
        room = self._make(now, name, options, self._preset(join.room_preset))
        events.append(RoomStarted(room, now))
        return room

    def _make(
        self, now: float, name: str, options: RoomOptions, preset: RoomOptions | None
    ) -> Room:
        chosen = resolve(options, preset, self.settings)
        room = Room(
            self._ids.new("RM_"),
            name,
            now,
            chosen,
            turn_password=self._ids.token(32),
            codecs=self.settings.enabled_codecs,
            shift=self._shift(),
        )
        for order in chosen.agents:
            self._dispatch(now, room, order)
        self._rooms[name] = room
        return room

    def _dispatch(self, now: float, room: Room, order: AgentOrder) -> Dispatch:
        dispatch = Dispatch(self._ids.new("AD_"), room.name, order, now + self._shift())
        room.dispatches[dispatch.dispatch_id] = dispatch
        return dispatch

    def _take_out(
        self,
        now: float,
        participant: Participant,
        reason: DisconnectReason,
        by_room: bool,
        events: list[RoomEvent],
    ) -> None:
        if participant.left:
            return
        room = participant.room
        unpublish_all(now, participant, events)
        was_active = participant.active
        participant.state = DISCONNECTED
        participant.disconnect_reason = reason
        participant.version += 1
        del room.participants[participant.identity]
        room.joining.pop(participant.sid, None)
        if not participant.dependent:
            room.keepers -= 1
            room.last_left_at = now
        kind = ParticipantLeft if was_active else ParticipantAborted
        events.append(kind(room, participant, reason, by_room, now))
        self._schedule(room)

    def _finish(self, now: float, room: Room, reason: DisconnectReason) -> list[RoomEvent]:
        del self._rooms[room.name]
        events: list[RoomEvent] = []
        for participant in list(room.participants.values()):
            self._take_out(now, participant, reason, True, events)
        room.finished = True
        events.append(RoomFinished(room, reason, now))
        return events

    def _schedule(self, room: Room) -> None:
        """One heap entry per room is enough: a later deadline waits until it comes up."""
        deadline = room.next_deadline()
        if deadline is None:
            return
        if room.scheduled_at is None or deadline < room.scheduled_at:
            room.scheduled_at = deadline
            self._entries += 1
            heappush(self._heap, (deadline, self._entries, room))


def _texts(join: Join) -> tuple[str, str, str, dict[str, str]]:
    """Identity, name, metadata and attributes, as others can be told them. RoomRefused where they
    are over their limits."""
    identity, name, metadata = clean(join.identity), clean(join.name), clean(join.metadata)
    attributes = {clean(k): clean(v) for k, v in join.attributes.items() if v}
    rules.check_identity(identity)
    rules.check_name(name)
    rules.check_metadata(metadata)
    rules.check_attributes(attributes)
    return identity, name, metadata, attributes
