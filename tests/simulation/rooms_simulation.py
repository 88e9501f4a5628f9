"""Rooms of telephones and clients, by a seed: each step is told to the rooms and to the oracle.

python -m tests.simulation.rooms_simulation SEED
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterable, Sequence

from livekit.protocol.models import ParticipantTracks, TrackSource
from livekit.protocol.rtc import (
    AddTrackRequest,
    LeaveRequest,
    MuteTrackRequest,
    Ping,
    SessionDescription,
    SubscriptionPermission,
    SyncState,
    TrackPermission,
    UpdateSubscription,
)
from tests.simulation import rooms_oracle as says
from tests.simulation.rooms_world import SimulatedClient, World, shown

from hookflash.rooms import room as real
from hookflash.rooms.orders import ParticipantChange, Permission
from hookflash.rooms.rules import RoomRefused

ROOMS = ("blue", "red")
NAMES = ("ann", "bob", "eve", "joe", "kim", "leo", "mia", "sip_1", "sip_2")
SOURCES = (TrackSource.MICROPHONE, TrackSource.SCREEN_SHARE_AUDIO)
STEPS = 60
LONGEST = 400.0
"""Seconds after which the last room has closed."""


class RoomsSimulation:
    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.chance = random.Random(seed)
        self.world = World(seed)
        self.oracle = says.RoomsOracle()
        self.trace: list[str] = []
        self.problems: list[str] = []
        self._cids = 0

    def run(self) -> list[str]:
        """What was wrong, at the first step where anything was; nothing, then."""
        for _ in range(self.chance.randint(20, STEPS)):
            self._step()
            if self.problems:
                return self.problems
        self._finish()
        return self.problems

    # --- steps ------------------------------------------------------------------------------------

    def _step(self) -> None:
        people = list(self.oracle.present.values())
        if len(people) < 2 or (len(people) < 8 and self.chance.random() < 0.5 - len(people) / 16):
            self._join()
        else:
            self._act(self.chance.choice(people))
        self._settle(0.02)
        if self.chance.random() < 0.15:
            self._settle(self.chance.choice((1.0, 3.0, 9.0, 16.0, 25.0)))

    def _act(self, person: says.ExpectedParticipant) -> None:
        actions = [self._subscribe, self._subscribe, self._mute, self._mute, self._permit]
        client, ends = self._client(person), [self._remove, self._delete]
        if client is not None and person.active and not person.due:
            actions += [self._add, self._add, self._begin, self._end, self._allow, self._lose]
            actions.append(self._resume)  # by a new socket, while the former one seems well
            ends += [self._leave, self._close, self._fail, self._hush, self._lose]
        elif client is not None and "kept" in person.due and client.can_resume():
            actions += [self._resume] * 2
            ends += [self._fail, self._close]
        elif client is not None and "going" in person.due:
            ends += [self._lose] * 4
        chance = self.chance.random()
        if chance < 0.06:
            self.chance.choice(ends)(person)
        elif chance < 0.12:
            self._move(person)
        else:
            self.chance.choice(actions)(person)

    def _settle(self, seconds: float) -> None:
        self.oracle.advance(self._now + seconds)
        self.world.advance(seconds)
        self._check()

    def _join(self) -> None:
        name, room = self.chance.choice(NAMES), self.chance.choice(ROOMS)
        if name.startswith("sip"):
            person = says.ExpectedParticipant(name, room, kind="phone", auto=True)
            self._note(f"{name} joins {room}")
            self.oracle.join(self._now, person)
            person.tracks[name] = says.ExpectedTrack(TrackSource.MICROPHONE, published=True)
            self.world.telephone(name, room)
            return
        kind = self.chance.choice(("client", "client", "agent"))
        auto, two = self.chance.random() < 0.7, self.chance.random() < 0.4
        connects = self.chance.random() < 0.9
        self._note(f"{name} joins {room}: {kind} auto={auto} two={two} connects={connects}")
        person = says.ExpectedParticipant(name, room, kind=kind, auto=auto)
        self.oracle.join(self._now, person, connects=connects)
        agent = kind == "agent"
        self.world.client(name, room, auto=auto, two=two, agent=agent, connects=connects)

    def _add(self, person: says.ExpectedParticipant) -> None:
        self._cids += 1
        cid, source = f"c{self._cids}", self.chance.choice(SOURCES)
        if person.tracks and self.chance.random() < 0.1:
            cid = next(iter(person.tracks))
        muted = self.chance.random() < 0.2
        added = self.oracle.add(person, cid, source, muted=muted)
        self._note(f"{person.identity} adds {cid} muted={muted}: {added}")
        client = self._need(person)
        client.says(add_track=AddTrackRequest(cid=cid, name=cid, source=source, muted=muted))
        client.says(offer=SessionDescription(type="offer", sdp="offer"))
        if self.chance.random() < 0.7:
            self._begin(person)

    def _begin(self, person: says.ExpectedParticipant) -> None:
        for cid, track in person.tracks.items():
            self._note(f"media of {person.identity} {cid}")
            track.published = True
            client = self._need(person)
            client.perform(client.session.media_began(self._now, cid, cid, "audio/opus"))

    def _end(self, person: says.ExpectedParticipant) -> None:
        if person.tracks:
            cid = self.chance.choice(list(person.tracks))
            self._note(f"{person.identity} ends {cid}")
            del person.tracks[cid]
            client = self._need(person)
            client.perform(client.session.media_ended(self._now, cid))

    def _mute(self, person: says.ExpectedParticipant) -> None:
        if not person.tracks:
            return
        cid, muted = self.chance.choice(list(person.tracks)), self.chance.random() < 0.6
        track, client = person.tracks[cid], self._client(person)
        sid = self._sid(person, cid)
        if client is not None and not client.hushed and self.chance.random() < 0.6:
            self._note(f"{person.identity} mutes {cid}: {muted}")
            track.muted = muted
            client.says(mute=MuteTrackRequest(sid=sid, muted=muted))
            return
        self._note(f"API mutes {cid} of {person.identity}: {muted}")
        told = track.published and track.muted != muted and person.socket
        if track.published:
            track.muted = muted
        self.world.rooms.mute_published_track(self._real(person), sid, muted)
        if client is not None and told and client.told_muted.get(sid) != muted:
            self.problems.append(f"{person.identity} is not told of its mute")

    def _subscribe(self, person: says.ExpectedParticipant) -> None:
        others = [(o, cid) for o in self.oracle.of(person.room) for cid in o.tracks]
        some = self.chance.sample(others, min(len(others), self.chance.randint(1, 3)))
        wanted, sids = self.chance.random() < 0.6, [self._sid(o, cid) for o, cid in some]
        names = [f"{o.identity} {cid}" for o, cid in some]
        tracks = [o.tracks[c] for o, c in some if o is not person and o.tracks[c].published]
        self.oracle.subscribe(person, tracks, wanted)
        client = self._client(person)
        if client is None or client.hushed or self.chance.random() < 0.4:
            self._note(f"API: {person.identity} takes {names}: {wanted}")
            self.world.rooms.set_subscriptions(self._real(person), sids, wanted)
            return
        self._note(f"{person.identity} takes {names}: {wanted}")
        update = UpdateSubscription(track_sids=sids, subscribe=wanted)
        if self.chance.random() < 0.3:
            named = [ParticipantTracks(participant_sid="PA_x", track_sids=sids)]
            update = UpdateSubscription(participant_tracks=named, subscribe=wanted)
        client.says(subscription=update)

    def _allow(self, person: says.ExpectedParticipant) -> None:
        others = [o for o in self.oracle.of(person.room) if o is not person]
        message = SubscriptionPermission(all_participants=self.chance.random() < 0.3)
        allowed: dict[object, frozenset[says.ExpectedTrack] | None] = {}
        for other in self.chance.sample(others, self.chance.randint(0, len(others))):
            cids = [cid for cid in person.tracks if self.chance.random() < 0.5]
            everything, by_sid = self.chance.random() < 0.4, self.chance.random() < 0.4
            allowed[other if by_sid else other.identity] = (
                None if everything else frozenset(person.tracks[cid] for cid in cids)
            )
            entry = TrackPermission(
                participant_sid=self._real(other).sid if by_sid else "",
                participant_identity="" if by_sid else other.identity,
                all_tracks=everything,
                track_sids=[] if everything else [self._sid(person, cid) for cid in cids],
            )
            message.track_permissions.append(entry)
        person.allowed = None if message.all_participants else allowed
        self._note(f"{person.identity} allows {str(message)!r}")
        self._need(person).says(subscription_permission=message)

    def _permit(self, person: says.ExpectedParticipant) -> None:
        publish, subscribe = self.chance.random() < 0.8, self.chance.random() < 0.7
        sources = self.chance.choice(((), (), (), SOURCES[:1])) if person.kind != "phone" else ()
        self._note(f"API: {person.identity} publishes {publish} {sources} subscribes {subscribe}")
        client, allowed = self._client(person), (publish, subscribe, tuple(sources))
        before = {self._sid(person, cid) for cid, t in person.tracks.items() if t.published}
        person.permit(*allowed)
        after = {self._sid(person, cid) for cid in person.tracks}
        permission = Permission(
            can_publish=publish,
            can_subscribe=subscribe,
            can_publish_sources=tuple(sources),
            agent=person.kind == "agent",
        )
        change = ParticipantChange("", "", permission, {})
        self.world.rooms.update_participant(self._real(person), change)
        if client is not None and person.socket and not before - after <= client.told_gone:
            self.problems.append(f"{person.identity} is not told of what was taken away")

    def _move(self, person: says.ExpectedParticipant) -> None:
        room, before = self.chance.choice(ROOMS), self._real(person)
        moved = self.oracle.move(self._now, person, room)
        self._note(f"API: {person.identity} of {person.room} to {room}: {moved}")
        try:
            self.world.rooms.move(before, room)
            self._same("moved", True, moved)
        except RoomRefused:
            self._same("moved", False, moved)

    # --- ends -------------------------------------------------------------------------------------

    def _lose(self, person: says.ExpectedParticipant) -> None:
        self._note(f"{person.identity} loses its socket")
        client = self._need(person)
        if "going" in person.due:
            self.oracle.out(self._now, person)
        else:
            self.oracle.lost(self._now, person)
        client.hushed = True
        client.perform(client.session.socket_lost(self._now))

    def _resume(self, person: says.ExpectedParticipant) -> None:
        self._note(f"{person.identity} is back")
        client = self._need(person)
        others = [(o, c) for o in self.oracle.of(person.room) for c in o.tracks if o is not person]
        some = self.chance.sample(others, self.chance.randint(0, len(others)))
        tracks = [o.tracks[cid] for o, cid in some if o.tracks[cid].published]
        self.oracle.subscribe(person, tracks, not person.auto)
        person.socket = True
        person.due.pop("kept", None)
        update = UpdateSubscription(
            track_sids=[self._sid(o, cid) for o, cid in some], subscribe=not person.auto
        )
        client.hushed = False
        client.perform(client.session.resumed(self._now, SyncState(subscription=update)))

    def _hush(self, person: says.ExpectedParticipant) -> None:
        self._note(f"{person.identity} says no more")
        client = self._need(person)
        client.says(ping_req=Ping(timestamp=1))
        client.hushed = True
        person.due["silent"] = self._now + says.SILENT

    def _leave(self, person: says.ExpectedParticipant) -> None:
        self._note(f"{person.identity} leaves")
        client = self._need(person)
        self.oracle.out(self._now, person)
        client.says(leave=LeaveRequest())

    def _close(self, person: says.ExpectedParticipant) -> None:
        self._note(f"{person.identity} closes its media")
        client = self._need(person)
        if person.socket:
            person.due["going"] = self._now + says.GOING
        else:
            self.oracle.out(self._now, person)
        client.perform(client.session.peer_closed(self._now))

    def _fail(self, person: says.ExpectedParticipant) -> None:
        self._note(f"{person.identity} loses its media")
        client = self._need(person)
        self.oracle.out(self._now, person)
        client.perform(client.session.peer_lost(self._now))

    def _remove(self, person: says.ExpectedParticipant) -> None:
        self._note(f"API removes {person.identity}")
        self.oracle.out(self._now, person)
        self.world.rooms.remove(person.room, person.identity)

    def _delete(self, person: says.ExpectedParticipant) -> None:
        self._note(f"API deletes {person.room}")
        self.oracle.delete(person.room)
        self.world.rooms.delete(person.room)

    def _finish(self) -> None:
        for person in list(self.oracle.present.values()):
            ends = [self._remove]
            if self._client(person) is not None and person.active and not person.due:
                ends = [self._leave, self._lose, self._fail, self._close, self._hush]
            self.chance.choice(ends)(person)
            self._settle(0.02)
        self._settle(LONGEST)
        rooms = self.world.rooms
        left = (len(rooms), len(self.world.members), len(self.world.sound), rooms.next_deadline())
        if left != (0, 0, 0, None):
            self.problems.append(f"rooms, sessions, tracks and a deadline are left: {left}")
        kept = [p.identity for p in self.world.seen.values() if p.tracks or p.pending or not p.left]
        self._same("who keeps tracks", kept, [])

    # --- checks -----------------------------------------------------------------------------------

    def _check(self) -> None:
        self._same("present", self._present(), set(self.oracle.present))
        if self.problems:
            return
        self._same("hears", self._hears(), self.oracle.hears())
        for person in self.oracle.present.values():
            tracks = {cid: (t.published, t.muted) for cid, t in person.tracks.items()}
            self._same(f"tracks of {person.identity}", self._tracks(person), tracks)
        for client in (m for m in self.world.members if isinstance(m, SimulatedClient)):
            self.problems += client.problems
            person = self.oracle.present[client.participant.room.name, client.participant.identity]
            self._same(f"{person.identity} ended", client.over, False)
            if not person.socket:
                continue
            others = {o.identity: o.shown() for o in self.oracle.of(person.room) if o.active}
            others.pop(person.identity, None)
            self._same(f"{person.identity} knows", client.knows(), others)
            self._same(f"{person.identity} itself", shown(client.me), person.shown())
            permission = client.me.permission
            allowed = (permission.can_publish, permission.can_subscribe)
            self._same("permission", allowed, (person.can_publish, person.can_subscribe))

    def _present(self) -> set[tuple[str, str]]:
        return {(room.name, name) for room in self.world.rooms.all() for name in room.participants}

    def _hears(self) -> set[tuple[str, str, str, str]]:
        """As the oracle's; a track of elsewhere, or of nobody, is under a name of its own."""
        heard = set()
        for room in self.world.rooms.all():
            for listener in filter(lambda p: p.active, room.participants.values()):
                for track in self._taken(listener):
                    other = track.participant.identity
                    if track.sid not in self.world.sound or track.participant.room is not room:
                        heard.add((room.name, listener.identity, f"former {other}", track.name))
                    elif not self.world.sound[track.sid]:
                        heard.add((room.name, listener.identity, other, track.name))
        return heard

    def _taken(self, listener: real.Participant) -> list[real.Track]:
        client = self.world.of(listener)
        if client is not None:
            return client.taken()
        tracks = (t for other in listener.room.others(listener) for t in other.tracks.values())
        return [track for track in tracks if listener.takes(track)]

    def _same(self, what: str, is_so: object, should_be: object) -> None:
        if is_so != should_be:
            self.problems.append(f"{what}: {is_so}, not {should_be}")

    # --- of both ----------------------------------------------------------------------------------

    @property
    def _now(self) -> float:
        return self.world.clock.now()

    def _real(self, person: says.ExpectedParticipant) -> real.Participant:
        return self.world.rooms.find(person.room, person.identity)

    def _client(self, person: says.ExpectedParticipant) -> SimulatedClient | None:
        return self.world.of(self._real(person))

    def _need(self, person: says.ExpectedParticipant) -> SimulatedClient:
        client = self._client(person)
        assert client is not None
        return client

    def _tracks(self, person: says.ExpectedParticipant) -> dict[str, tuple[bool, bool]]:
        participant = self._real(person)
        added = {track.name: (False, track.muted) for track in participant.pending.values()}
        return added | {track.name: (True, track.muted) for track in participant.tracks.values()}

    def _sid(self, person: says.ExpectedParticipant, cid: str) -> str:
        participant = self._real(person)
        tracks: Iterable[real.Track] = (
            *participant.tracks.values(),
            *participant.pending.values(),
        )
        return next(track.sid for track in tracks if track.name == cid)

    def _note(self, text: str) -> None:
        self.trace.append(f"{self._now - 1_700_000_000:8.2f} {text}")


def first_wrong(seeds: Iterable[int]) -> int | None:
    """The first seed whose rooms are not as they should be."""
    return next((seed for seed in seeds if RoomsSimulation(seed).run()), None)


def main(arguments: Sequence[str]) -> int:
    """One seed again, with its trace."""
    simulation = RoomsSimulation(int(arguments[0]))
    problems = simulation.run()
    end = f"seed {simulation.seed}: as it should {'not be' if problems else 'be'}"
    sys.stdout.write("\n".join((*simulation.trace, *problems, end, "")))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
