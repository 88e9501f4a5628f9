"""The client's side of recorded conversations, played to sessions, with those who are around it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from google.protobuf.json_format import Parse, ParseDict
from livekit.protocol.rtc import (
    JoinRequest,
    SessionDescription,
    SignalRequest,
    SubscriptionPermission,
    TrackPermission,
)
from tests.signalling.kit import Lobby, Member
from tests.signalling.recorded import lines, load, recorded

from hookflash.rooms.orders import Join, Kind, Permission
from hookflash.rooms.room import Participant
from hookflash.signalling.join import ClientJoin, read_query
from hookflash.signalling.joining import JoinParameters, parameters_of

_OFFER = SessionDescription(type="offer", sdp="offer")

Step = tuple[float, Callable[[], object]]
"""At which second of the recording what is done by others than the client."""


class Play:
    """Recorded connections of one room: a client's, each time that it opened its socket, or those
    of several clients."""

    def __init__(self, name: str, *conns: int) -> None:
        self.conns = conns or (1,)
        self.entries = [
            entry for entry in load(name) if entry.get("conn", self.conns[0]) in self.conns
        ]
        self.lobby = Lobby()
        self.rooms = self.lobby.rooms
        self.opened = next(entry for entry in self.entries if "open" in entry)
        self.room = next(e for e in self.entries if "join" in e.get("msg", {}))["msg"]["join"]
        self.start = self.lobby.clock.now() - self.opened["t"]
        self.members: dict[int, Member] = {}
        """By connection; the same one where a session went on by another."""
        self._from: dict[int, int] = {}
        """Behind which message of its member a connection begins."""
        self._until: dict[int, int] = {}
        """Where a connection ends."""

    @property
    def me(self) -> Member:
        return self.members[self.conns[0]]

    @property
    def last(self) -> Member:
        """Whose the last connection is."""
        return self.members[self.conns[-1]]

    def join(self, conn: int = 0, **grant: Any) -> None:
        """The recorded client opens its socket: the first one, or that."""
        conn = conn or self.conns[0]
        opened = next(e for e in self.entries if "open" in e and e.get("conn", conn) == conn)
        told = next(
            entry["msg"]["join"]
            for entry in self.entries
            if "join" in entry.get("msg", {}) and entry.get("conn", conn) == conn
        )
        self.members[conn] = self.lobby.join(
            told["participant"]["identity"],
            told["room"]["name"],
            parameters=parameters(opened),
            name=told["participant"].get("name", ""),
            attributes=told["participant"].get("attributes"),
            **grant,
        )
        self._from[conn] = 0

    def resume(self, conn: int) -> None:
        """The client of the connection before opens another socket for the same session."""
        before = conn - 1
        member = self.members[conn] = self.members[before]
        self._until[before] = self._from[conn] = len(member.messages)
        opened = next(e for e in self.entries if "open" in e and e["conn"] == conn)
        join = asked(opened).join
        assert join.reconnect
        sync = join.sync_state if join.HasField("sync_state") else None
        member.perform(member.session.resumed(self.lobby.clock.now(), sync))

    def cut(self, conn: int) -> Callable[[], object]:
        """Its socket is gone, without `leave`."""

        def act() -> None:
            member = self.members[conn]
            member.perform(member.session.socket_lost(self.lobby.clock.now()))

        return act

    def go(self, steps: list[Step]) -> list[str]:
        """Play it all; the lines of what the client of the first connection got."""
        waiting: list[Step] = [
            (entry["t"], self._says(entry))
            for entry in self.entries
            if entry.get("from") == "client" and "msg" in entry
        ]
        for at, act in sorted(waiting + steps, key=lambda step: step[0]):
            self.lobby.advance(max(0.0, self.start + at - self.lobby.clock.now()))
            act()
        self.lobby.settle()
        return self.ours(self.conns[0])

    def ours(self, conn: int) -> list[str]:
        """The lines of what was sent on that connection."""
        messages = self.members[conn].messages[self._from[conn] : self._until.get(conn)]
        return [_hidden(line) for line in lines(messages)]

    def theirs(self, conn: int) -> list[str]:
        """Those of the recording."""
        return recorded([entry for entry in self.entries if entry.get("conn", conn) == conn])

    def opens(self, conn: int) -> float:
        """When that connection's socket was opened."""
        return next(float(e["t"]) for e in self.entries if "open" in e and e["conn"] == conn)

    def noted(self, note: str) -> float:
        """When the recording says that this was done; each of its notes only once."""
        return next(float(entry["t"]) for entry in self.entries if entry.get("note") == note)

    def said(self, kind: str, after: float) -> float:
        """When a client then sent a message of that kind."""
        return next(
            float(entry["t"])
            for entry in self.entries
            if entry["t"] >= after
            and entry.get("from") == "client"
            and kind in entry.get("msg", {})
        )

    def added(self, conn: int = 0) -> list[tuple[str, str]]:
        """Cids and names of the tracks that the client added, in order."""
        added = [
            entry["msg"]["add_track"]
            for entry in self.entries
            if entry.get("conn") == (conn or self.conns[0]) and "add_track" in entry.get("msg", {})
        ]
        return [(track["cid"], track["name"]) for track in added]

    def cid_of(self, identity: str) -> str:
        """By which the first track of another participant was added, as all are told of it."""
        told = (entry.get("msg", {}).get("update", {}) for entry in self.entries)
        infos = (info for update in told for info in update.get("participants", ()))
        return next(
            str(info["tracks"][0]["codecs"][0]["cid"])
            for info in infos
            if info["identity"] == identity and "tracks" in info
        )

    def media_began(
        self, cid: str, mid: str, mime_type: str = "audio/red", conn: int = 0
    ) -> Callable[[], object]:
        """Its first packet, of the type that LiveKit negotiates."""

        def act() -> None:
            member = self.members[conn or self.conns[0]]
            now = self.lobby.clock.now()
            member.perform(member.session.media_began(now, cid, mid, mime_type))

        return act

    def media_ended(self, cid: str, conn: int = 0) -> Callable[[], object]:
        """It sends that track no more."""

        def act() -> None:
            member = self.members[conn or self.conns[0]]
            member.perform(member.session.media_ended(self.lobby.clock.now(), cid))

        return act

    def speaks(self, who: Callable[[], Participant], level: float) -> Callable[[], object]:
        return lambda: self.me.perform(
            self.me.session.speakers(self.lobby.clock.now(), {who().sid: level})
        )

    def speakers(self, neighbour: Neighbour) -> list[Step]:
        """Whatever the recording tells of who speaks, of the client itself or of its neighbour."""
        return [
            (entry["t"], self._heard(entry, neighbour))
            for entry in self.entries
            if "speakers_changed" in entry.get("msg", {})
        ]

    def _heard(self, entry: dict[str, Any], neighbour: Neighbour) -> Callable[[], object]:
        conn = entry.get("conn", self.conns[0])
        theirs = {
            info["sid"]
            for other in self.entries
            if other.get("conn", conn) == conn
            for info in other.get("msg", {}).get("update", {}).get("participants", ())
            if info["identity"] == neighbour.identity
        }

        def say() -> None:
            member = self.members[conn]
            who = {True: neighbour.member.participant, False: member.participant}
            told = entry["msg"]["speakers_changed"]["speakers"]
            levels = {who[s["sid"] in theirs].sid: s.get("level", 0.0) for s in told}
            member.perform(member.session.speakers(self.lobby.clock.now(), levels))

        return say

    def _says(self, entry: dict[str, Any]) -> Callable[[], object]:
        """What the client said, with our SIDs in place of the recorded ones."""
        message = {k: _without_sections(v) for k, v in entry["msg"].items()}

        def say() -> None:
            member = self.members[entry.get("conn", self.conns[0])]
            text = json.dumps(message)
            for theirs, ours in self._sids().items():
                text = text.replace(theirs, ours)
            request = Parse(text, SignalRequest(), ignore_unknown_fields=True)
            member.perform(member.session.request(self.lobby.clock.now(), request))

        return say

    def _sids(self) -> dict[str, str]:
        """Ours by theirs: tracks of a client by cid, those of others by publisher."""
        found = {}
        participants = list(self.me.participant.room.participants.values())
        for entry in self.entries:
            message = entry.get("msg", {})
            member = self.members.get(entry.get("conn", self.conns[0]))
            if member is None:
                continue
            published = message.get("track_published")
            if published is not None:
                track = member.participant.pending.get(published["cid"])
                for known in (*member.participant.tracks.values(), track):
                    if known is not None and known.cid == published["cid"]:
                        found[published["track"]["sid"]] = known.sid
            for info in message.get("update", {}).get("participants", ()):
                for other in participants:
                    if other.identity == info["identity"] != member.participant.identity:
                        found[info["sid"]] = other.sid
                        theirs = [track["sid"] for track in info.get("tracks", ())]
                        found |= dict(zip(theirs, other.tracks, strict=False))
        return found


def asked(opened: dict[str, Any]) -> ClientJoin:
    """What the client said as it opened that socket."""
    if opened["join"] is None:
        return read_query(opened["query"], single_connection=False)
    request = JoinRequest()
    ParseDict(opened["join"]["join_request"], request, ignore_unknown_fields=True)
    return ClientJoin(request, single_connection=True)


def parameters(opened: dict[str, Any]) -> JoinParameters:
    """The same, as a session takes it."""
    return parameters_of(asked(opened))


def _hidden(line: str) -> str:
    """The recorder wrote <token> for each."""
    return re.sub(r"token of \w[\w-]*", "<token>", line)


def _without_sections(value: Any) -> Any:
    return {k: v for k, v in value.items() if k != "sections"} if isinstance(value, dict) else value


class Phone:
    """A telephone of the recording: what it is called, and what its attributes are."""

    def __init__(self, play: Play, identity: str) -> None:
        updates = [e["msg"]["update"] for e in play.entries if "update" in e.get("msg", {})]
        told = [p for u in updates for p in u["participants"]]
        told = [
            p
            for p in (*play.room.get("other_participants", ()), *told)
            if p["identity"] == identity
        ]
        self.play, self.first = play, told[0]
        self.now: Participant | None = None

    def joins(self) -> None:
        self.now = self.play.rooms.join(
            self.play.room["room"]["name"],
            Join(
                self.first["identity"],
                name=self.first["name"],
                kind=Kind.SIP,
                attributes=self.first["attributes"],
                permission=Permission(can_update_metadata=True),
            ),
        )
        self.play.rooms.activate(self.now)

    def is_(self, status: str) -> None:
        assert self.now is not None
        self.play.rooms.set_attributes(self.now, {"sip.callStatus": status})

    def speaks(self) -> None:
        assert self.now is not None
        self.play.rooms.publish_audio(self.now)

    def leaves(self) -> None:
        assert self.now is not None
        self.play.rooms.leave(self.now)


class Neighbour:
    """The client `b` of the recording, who was not recorded himself."""

    identity = "b"

    def __init__(self, play: Play, attributes: dict[str, str] | None = None) -> None:
        self.play = play
        self._cid = play.cid_of(self.identity)
        self._attributes = attributes
        # By one connection, also where the recorded client has two.
        self._parameters = replace(parameters(play.opened), two_connections=False, offer=_OFFER)
        self.now: Member | None = None

    @property
    def member(self) -> Member:
        assert self.now is not None
        return self.now

    @property
    def sid(self) -> str:
        return next(iter(self.member.participant.tracks))

    def joins(self) -> None:
        self.now = self.play.lobby.join(
            self.identity,
            "lobby",
            parameters=self._parameters,
            attributes=self._attributes,
        )

    def publishes(self) -> None:
        self.member.publishes(self._cid, mime="audio/red")

    def unpublishes(self) -> None:
        now = self.play.lobby.clock.now()
        self.member.perform(self.member.session.media_ended(now, self._cid))

    def mutes(self, muted: bool) -> None:
        self.member.says(mute={"sid": self.sid, "muted": muted})

    def allows(self, *identities: str) -> None:
        permissions = [TrackPermission(participant_identity=i, all_tracks=True) for i in identities]
        message = SubscriptionPermission(track_permissions=permissions)
        self.member.says(subscription_permission=message)
