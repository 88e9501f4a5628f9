"""Who is in which room, shows what and hears whom, by the inputs and LiveKit's rules alone.

Nothing here looks at what is simulated. Times are seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from math import inf

CONNECT, KEPT, GOING, SILENT = 15.0, 15.0, 2.0, 15.0
"""Until a client's media stands, without a socket, after it closed its media, without a ping."""
EMPTY, DEPARTURE = 300.0, 20.0
"""A room closes so long after it was made, or after the last one left who keeps it open."""


class ExpectedTrack:
    def __init__(self, source: int, *, published: bool = False, muted: bool = False) -> None:
        self.source, self.published, self.muted = source, published, muted


Allowed = Mapping[object, frozenset[ExpectedTrack] | None]
"""By a subscriber's identity, or by the subscriber: None for all tracks."""


class ExpectedParticipant:
    def __init__(self, identity: str, room: str, *, kind: str, auto: bool) -> None:
        self.identity, self.room, self.kind, self.auto = identity, room, kind, auto
        self.active = self.can_publish = self.can_subscribe = True
        self.sources: tuple[int, ...] = ()
        self.tracks: dict[str, ExpectedTrack] = {}
        self.otherwise: set[ExpectedTrack] = set()
        """Unsubscribed, where it takes all by itself; else subscribed."""
        self.allowed: Allowed | None = None
        """Who may take its tracks; None: everybody."""
        self.due: dict[str, float] = {}
        self.socket = True

    def wants(self, track: ExpectedTrack) -> bool:
        return (track in self.otherwise) != self.auto

    def admits(self, other: ExpectedParticipant, track: ExpectedTrack) -> bool:
        if self.allowed is None:
            return True
        key = other.identity if other.identity in self.allowed else other
        tracks = self.allowed.get(key, frozenset())
        return tracks is None or track in tracks

    def permit(self, publish: bool, subscribe: bool, sources: tuple[int, ...]) -> None:
        self.can_publish, self.can_subscribe, self.sources = publish, subscribe, sources
        for cid, track in list(self.tracks.items()):
            if not publish or (sources and track.source not in sources):
                del self.tracks[cid]

    def shown(self) -> set[tuple[str, bool]]:
        return {(cid, track.muted) for cid, track in self.tracks.items() if track.published}


class RoomsOracle:
    def __init__(self) -> None:
        self.present: dict[tuple[str, str], ExpectedParticipant] = {}
        self.rooms: dict[str, float] = {}
        """When they would close, if nobody kept them."""

    def of(self, room: str) -> list[ExpectedParticipant]:
        return [p for p in self.present.values() if p.room == room]

    def hears(self) -> set[tuple[str, str, str, str]]:
        """Room, listener, speaker, cid."""
        return {
            (p.room, p.identity, other.identity, cid)
            for p in self.present.values()
            if p.active and p.can_subscribe
            for other in self.of(p.room)
            if other is not p
            for cid, track in other.tracks.items()
            if track.published and not track.muted and p.wants(track) and other.admits(p, track)
        }

    def join(self, now: float, p: ExpectedParticipant, *, connects: bool = True) -> None:
        if former := self.present.get((p.room, p.identity)):
            self.out(now, former)
        self.rooms.setdefault(p.room, now + EMPTY)
        self.present[p.room, p.identity] = p
        p.active, p.due = connects, {} if connects else {"connect": now + CONNECT}

    def out(self, now: float, p: ExpectedParticipant) -> None:
        del self.present[p.room, p.identity]
        if p.kind != "agent":
            self.rooms[p.room] = now + DEPARTURE

    def delete(self, room: str) -> None:
        self.rooms.pop(room, None)
        for p in self.of(room):
            del self.present[room, p.identity]

    def move(self, now: float, p: ExpectedParticipant, room: str) -> bool:
        """The same in another room, with other SIDs: what was said by SID of tracks there holds
        no longer. Who may take its own tracks is still as it said."""
        if (room, p.identity) in self.present:
            return False
        new = ExpectedParticipant(p.identity, room, kind=p.kind, auto=p.auto)
        new.can_publish, new.can_subscribe, new.sources = p.can_publish, p.can_subscribe, p.sources
        again = {old: copy(old) for old in p.tracks.values()}
        new.tracks = {cid: again[old] for cid, old in p.tracks.items()}
        if p.allowed is not None:
            new.allowed = {
                key: some if some is None else frozenset(again[t] for t in some if t in again)
                for key, some in p.allowed.items()
            }
        self.out(now, p)
        self.join(now, new)
        new.active, new.due, new.socket = p.active, p.due, p.socket
        return True

    def add(self, p: ExpectedParticipant, cid: str, source: int, *, muted: bool) -> bool:
        allowed = p.can_publish and (not p.sources or source in p.sources) and cid not in p.tracks
        if allowed:
            p.tracks[cid] = ExpectedTrack(source, muted=muted)
        return allowed

    def subscribe(self, p: ExpectedParticipant, tracks: list[ExpectedTrack], wanted: bool) -> None:
        for track in tracks:
            (p.otherwise.discard if wanted == p.auto else p.otherwise.add)(track)

    def lost(self, now: float, p: ExpectedParticipant) -> None:
        p.socket = False
        p.due.pop("silent", None)
        p.due["kept"] = now + KEPT

    def advance(self, end: float) -> None:
        while True:
            at, p, why = min(
                ((at, p, why) for p in self.present.values() for why, at in p.due.items()),
                key=lambda due: due[0],
                default=(inf, None, ""),
            )
            kept = {p.room for p in self.present.values() if p.kind != "agent"}
            closing = [(at, room) for room, at in self.rooms.items() if room not in kept]
            closes, room = min(closing, default=(inf, ""))
            if min(at, closes) > end:
                return
            if closes < at or p is None:
                self.delete(room)
            elif why == "silent":
                self.lost(at, p)
            else:
                self.out(at, p)
