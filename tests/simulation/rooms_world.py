"""The real rooms and sessions in virtual time, with clients that keep what they are told."""

from __future__ import annotations

from collections.abc import Sequence

from livekit.protocol.models import ParticipantInfo
from livekit.protocol.rtc import JoinResponse, Ping, SignalResponse
from tests.signalling.kit import Lobby, Member, one_connection, token_of

from hookflash.access.grants import Claims, VideoGrant
from hookflash.rooms import events as ev
from hookflash.rooms.orders import ClientTraits, Join, Kind
from hookflash.rooms.room import Participant, Track
from hookflash.signalling import effects as ef
from hookflash.signalling.joining import JoinParameters, join_of
from hookflash.signalling.session import SignalSession

Shown = dict[str, set[tuple[str, bool]]]
"""Tracks by identity: name, and whether it is muted."""


class SimulatedClient(Member):
    """A client as an SDK is: it knows what its messages said, and nothing else."""

    def __init__(self, lobby: Lobby, session: SignalSession) -> None:
        super().__init__(lobby, session)
        self.me = ParticipantInfo()
        self.known: dict[str, ParticipantInfo] = {}
        """The others, by SID."""
        self.told_muted: dict[str, bool] = {}
        """By track SID, what `mute` said last."""
        self.told_gone: set[str] = set()
        """SIDs of which `track_unpublished` said that they are gone."""
        self.left = False
        self.over = False
        self.hushed = False
        self.problems: list[str] = []
        self._first = True

    def perform(self, effects: Sequence[ef.SignalEffect]) -> None:
        if effects and self.over:
            self.problems.append("effects after the end")
        for effect in effects:
            if isinstance(effect, ef.SendSignal):
                self._told(SignalResponse.FromString(effect.message.SerializeToString()))
            elif isinstance(effect, ef.EndPeer):
                self.over = True
            super()._peer(effect)

    def _told(self, message: SignalResponse) -> None:
        kind = message.WhichOneof("message")
        if self._first != (kind == "join"):
            self.problems.append(f"{kind} as the first or join as a later message")
        self._first = False
        if self.left:
            self.problems.append(f"{kind} after leave")
        if kind == "join":
            self._check_join(message.join)
            self._begin(message.join.participant, message.join.other_participants)
        elif kind == "room_moved":
            moved = message.room_moved
            self._begin(moved.participant, moved.other_participants)
        elif kind == "update":
            for info in message.update.participants:
                self._update(info)
        elif kind == "leave":
            self.left = True
        elif kind == "mute":
            self.told_muted[message.mute.sid] = message.mute.muted
        elif kind == "track_unpublished":
            self.told_gone.add(message.track_unpublished.track_sid)

    def _check_join(self, join: JoinResponse) -> None:
        sids = [(join.room.sid, "RM_")]
        for info in (join.participant, *join.other_participants):
            sids += [(info.sid, "PA_"), *((track.sid, "TR_") for track in info.tracks)]
        if not all(sid.startswith(prefix) for sid, prefix in sids):
            self.problems.append(f"prefixes of {sids}")
        if join.ping_interval <= 0 or join.ping_timeout <= 0:
            self.problems.append("no ping interval or timeout")

    def _begin(self, me: ParticipantInfo, others: Sequence[ParticipantInfo]) -> None:
        self.me, self.known = me, {}
        for info in others:
            self._update(info)

    def _update(self, info: ParticipantInfo) -> None:
        former = self.me if info.sid == self.me.sid else self.known.get(info.sid)
        if former is not None and info.version < former.version:
            self.problems.append(f"an older state of {info.identity}")
        if info.sid == self.me.sid:
            self.me = info
        elif info.state == ParticipantInfo.DISCONNECTED:
            self.known.pop(info.sid, None)
        else:
            if any(o.identity == info.identity and o is not former for o in self.known.values()):
                self.problems.append(f"two of {info.identity}")
            self.known[info.sid] = info

    def can_resume(self) -> bool:
        """Not who was moved without a socket: the SID that it knows is nobody's any more."""
        return self.me.sid == self.participant.sid

    def knows(self) -> Shown:
        return {info.identity: shown(info) for info in self.known.values()}

    def taken(self) -> list[Track]:
        """What its connection carries."""
        return [*self.sections.values(), *self.waiting]


def shown(info: ParticipantInfo) -> set[tuple[str, bool]]:
    return {(track.name, track.muted) for track in info.tracks}


class World(Lobby):
    """Rooms, clients, telephones; and what the media would carry, by the events alone."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed, enable_remote_unmute=True)
        self.sound: dict[str, bool] = {}
        """Published tracks by SID, and whether they are muted."""
        self.seen: dict[str, Participant] = {}
        """Everybody who was ever in a room, by SID."""

    def room_events(self, events: Sequence[ev.RoomEvent]) -> None:
        for event in events:
            if isinstance(event, ev.TrackPublished):
                self.sound[event.track.sid] = event.track.muted
            elif isinstance(event, ev.TrackMuted):
                self.sound[event.track.sid] = event.muted
            elif isinstance(event, ev.TrackUnpublished):
                del self.sound[event.track.sid]
        for room in self.rooms.all():
            self.seen.update((p.sid, p) for p in room.participants.values())
        super().room_events(events)
        for member in [m for m in self.members if m.session.ended]:
            self.members.remove(member)

    def client(
        self, identity: str, room: str, *, auto: bool, two: bool, agent: bool, connects: bool
    ) -> SimulatedClient:
        changes = {"offer": None} if two else {}
        parameters: JoinParameters = one_connection(
            auto_subscribe=auto, two_connections=two, **changes
        )
        claims = Claims("key", identity, kind="agent" if agent else "", video=VideoGrant(True))
        participant = self.rooms.join(room, join_of(claims, parameters))
        self.seen[participant.sid] = participant
        member = SimulatedClient(self, SignalSession(participant, parameters, self.rooms, token_of))
        member.connects = connects
        self.members.append(member)
        member.perform(member.session.start(self.clock.now()))
        if two and connects:
            member.perform(member.session.peer_connected(self.clock.now()))
        return member

    def telephone(self, identity: str, room: str) -> None:
        participant = self.rooms.join(room, Join(identity, kind=Kind.SIP, client=ClientTraits()))
        self.rooms.activate(participant)
        self.rooms.publish_audio(participant)

    def of(self, participant: Participant) -> SimulatedClient | None:
        found = [m for m in self.members if m.participant is participant]
        return found[0] if found and isinstance(found[0], SimulatedClient) else None

    def advance(self, seconds: float) -> None:
        """All that is due, in its order; a client that is there says something every 4 s."""
        end = self.clock.now() + seconds
        while self.clock.now() < end:
            self._advance(min(end, self.clock.now() + 4.0))
            for member in list(self.members):
                if isinstance(member, SimulatedClient) and not member.hushed:
                    member.says(ping_req=Ping(timestamp=1))

    def _advance(self, end: float) -> None:
        while True:
            times = [(at, m) for m in self.members if (at := m.session.next_deadline()) is not None]
            at, member = min(times, key=lambda pair: pair[0], default=(end + 1, None))
            closes = self.rooms.next_deadline()
            if closes is not None and closes <= min(at, end):
                self.rooms.handle_deadline(self.clock.set(max(closes, self.clock.now())))
            elif member is not None and at <= end:
                now = self.clock.set(max(at, self.clock.now()))
                member.perform(member.session.handle_deadline(now))
                self.members = [m for m in self.members if not m.session.ended]
            else:
                break
        self.clock.set(end)
