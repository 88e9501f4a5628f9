"""The client's side of recorded conversations, played to a session: the server's messages are
LiveKit's, in order and content, but for the differences that are named here with their reasons."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from google.protobuf.json_format import Parse, ParseDict
from livekit.protocol.rtc import (
    JoinRequest,
    SignalRequest,
    SubscriptionPermission,
    TrackPermission,
)
from tests.signalling.kit import Lobby, Member
from tests.signalling.recorded import differences, lines, load, recorded

from hookflash.rooms.orders import Join, Kind, ParticipantChange, Permission
from hookflash.rooms.room import Participant
from hookflash.signalling.join import ClientJoin
from hookflash.signalling.joining import JoinParameters, parameters_of

Step = tuple[float, Callable[[], object]]
"""At which second of the recording what is done by others than the client."""


class Play:
    """One recorded client, and those around it."""

    def __init__(self, name: str, conn: int = 1) -> None:
        self.entries = [entry for entry in load(name) if entry.get("conn", conn) == conn]
        self.lobby = Lobby()
        self.rooms = self.lobby.rooms
        self.opened = next(entry for entry in self.entries if "open" in entry)
        self.room = next(e for e in self.entries if "join" in e.get("msg", {}))["msg"]["join"]
        self.start = self.lobby.clock.now() - self.opened["t"]
        self.joined: Member | None = None

    @property
    def me(self) -> Member:
        assert self.joined is not None
        return self.joined

    def join(self, **grant: Any) -> None:
        """The recorded client opens its socket."""
        self.joined = self.lobby.join(
            self.room["participant"]["identity"],
            self.room["room"]["name"],
            parameters=_parameters(self.opened["join"]["join_request"]),
            name=self.room["participant"].get("name", ""),
            attributes=self.room["participant"].get("attributes"),
            **grant,
        )

    def go(self, steps: list[Step]) -> list[str]:
        """Play it all; the lines of what the client got."""
        waiting: list[Step] = [
            (entry["t"], self._says(entry))
            for entry in self.entries
            if entry.get("from") == "client" and "msg" in entry
        ]
        for at, act in sorted(waiting + steps, key=lambda step: step[0]):
            self.lobby.advance(max(0.0, self.start + at - self.lobby.clock.now()))
            act()
        self.lobby.settle()
        return [_hidden(line) for line in lines(self.me.messages)]

    def media_began(self, cid: str, mid: str) -> Callable[[], object]:
        """Its first packet, of the type that LiveKit negotiates."""
        return lambda: self.me.perform(
            self.me.session.media_began(self.lobby.clock.now(), cid, mid, "audio/red")
        )

    def speaks(self, who: Callable[[], Participant], level: float) -> Callable[[], object]:
        return lambda: self.me.perform(
            self.me.session.speakers(self.lobby.clock.now(), {who().sid: level})
        )

    def _says(self, entry: dict[str, Any]) -> Callable[[], object]:
        """What the client said, with our SIDs in place of the recorded ones."""
        message = {k: _without_sections(v) for k, v in entry["msg"].items()}

        def say() -> None:
            text = json.dumps(message)
            for theirs, ours in self._sids().items():
                text = text.replace(theirs, ours)
            request = Parse(text, SignalRequest(), ignore_unknown_fields=True)
            self.me.perform(self.me.session.request(self.lobby.clock.now(), request))

        return say

    def _sids(self) -> dict[str, str]:
        """Ours by theirs: tracks of the client by cid, those of others by publisher."""
        found = {}
        participants = list(self.me.participant.room.participants.values())
        for message in (entry.get("msg", {}) for entry in self.entries):
            published = message.get("track_published")
            if published is not None:
                track = self.me.session.participant.pending.get(published["cid"])
                for known in (*self.me.participant.tracks.values(), track):
                    if known is not None and known.cid == published["cid"]:
                        found[published["track"]["sid"]] = known.sid
            for info in message.get("update", {}).get("participants", ()):
                for other in participants:
                    if other.identity == info["identity"] != self.me.participant.identity:
                        found[info["sid"]] = other.sid
                        theirs = [track["sid"] for track in info.get("tracks", ())]
                        found |= dict(zip(theirs, other.tracks, strict=False))
        return found


def _hidden(line: str) -> str:
    """The recorder wrote <token> for each."""
    return re.sub(r"token of \w[\w-]*", "<token>", line)


def _without_sections(value: Any) -> Any:
    return {k: v for k, v in value.items() if k != "sections"} if isinstance(value, dict) else value


def _parameters(recorded_join: dict[str, Any]) -> JoinParameters:
    request = ParseDict(recorded_join, JoinRequest(), ignore_unknown_fields=True)
    return parameters_of(ClientJoin(request, single_connection=True))


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


def test_a_phone_call_beside_an_agent() -> None:
    play = Play("python-sdk-1.2.1.json")
    play.join(kind="agent", agent=True)
    one, two = Phone(play, "sip_+14150000001"), Phone(play, "sip_+14150000002")
    me: Callable[[], Participant] = lambda: play.me.participant  # noqa: E731
    ours = play.go(
        [
            (1.770, play.media_began("5239d22a-4c86-48e1-b79e-a4714a12168e", "7")),
            (1.800, one.joins),
            (1.820, lambda: one.is_("active")),
            (1.835, one.speaks),
            (2.431, play.speaks(me, 0.125)),
            (2.832, play.speaks(me, 0.25)),
            (9.640, lambda: one.is_("hangup")),
            (9.660, one.leaves),
            (11.690, two.joins),
            (11.710, lambda: two.is_("active")),
            (11.730, two.speaks),
            (13.650, play.speaks(me, 0.0)),
            (13.732, lambda: play.rooms.delete(play.room["room"]["name"])),
        ]
    )
    assert differences(recorded(play.entries), ours) == [
        # join, refresh_token and answer go out at once, before the client's first ping comes in
        "- pong_resp",
        # who publishes nothing is told of at once; LiveKit gathers for 3 s
        "+ update agent-1 ACTIVE",
        "+ pong_resp",
        # said when somebody takes the track; LiveKit waits until packets can flow
        "+ track_subscribed",
        "- track_subscribed",
    ]


def test_an_agent_that_takes_what_it_asks_for() -> None:
    play = Play("agents-1.8.9.json", conn=2)
    phone = Phone(play, "sip_+14150000001")
    phone.joins()
    phone.speaks()
    play.join(kind="agent", agent=True, can_update_own_metadata=True)
    ours = play.go(
        [
            (13.895, play.media_began("ff9cf50f-5c0f-4644-8bf4-62f41cd491eb", "7")),
            (13.906, lambda: phone.is_("active")),
            (17.464, lambda: phone.is_("hangup")),
            (17.467, phone.leaves),
        ]
    )
    assert differences(recorded(play.entries), ours) == [
        # who publishes nothing is told of at once; LiveKit gathers for 3 s
        "+ update agent-AJ_Am8Hh6PUph7f ACTIVE",
        # the client was about to offer by itself when LiveKit would have asked for it
        "+ media_sections_requirement",
        # a track is published by its first packet, which cannot come before the answer
        "+ answer",
        "- answer",
        # said when somebody takes the track; LiveKit waits until packets can flow
        "+ track_subscribed",
        "- track_subscribed",
        "- media_sections_requirement",
    ]


CID_OF_B = "bf84bf92-9869-47a0-976a-8b7939950227"


class Neighbour:
    """The client `b` of the recording, who was not recorded himself."""

    def __init__(self, play: Play) -> None:
        self.play = play
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
            "b",
            "lobby",
            parameters=_parameters(self.play.opened["join"]["join_request"]),
            attributes={"k": "v"},
        )

    def publishes(self) -> None:
        self.member.publishes(CID_OF_B, mime="audio/red")

    def unpublishes(self) -> None:
        now = self.play.lobby.clock.now()
        self.member.perform(self.member.session.media_ended(now, CID_OF_B))

    def mutes(self, muted: bool) -> None:
        self.member.says(mute={"sid": self.sid, "muted": muted})

    def allows(self, *identities: str) -> None:
        permissions = [TrackPermission(participant_identity=i, all_tracks=True) for i in identities]
        message = SubscriptionPermission(track_permissions=permissions)
        self.member.says(subscription_permission=message)


def test_the_life_of_a_client() -> None:
    play = Play("python-sdk-1.2.1-life.json")
    play.join(can_update_own_metadata=True)
    rooms, me, b = play.rooms, play.me, Neighbour(play)

    def may(**permission: Any) -> Callable[[], object]:
        change = ParticipantChange(permission=Permission(**permission))
        return lambda: rooms.update_participant(me.participant, change)

    def takes(subscribe: bool) -> Callable[[], object]:
        return lambda: rooms.set_subscriptions(me.participant, [b.sid], subscribe)

    def ended() -> None:
        me.perform(
            me.session.media_ended(play.lobby.clock.now(), "0e16b336-565f-4edb-aeb1-cca450f287ee")
        )

    def muted_by_the_api() -> object:
        (sid,) = me.participant.tracks
        return rooms.mute_published_track(me.participant, sid, True)

    steps: list[Step] = [
        (1.087, b.joins),
        (4.066, b.publishes),
        (4.940, play.media_began("9a0274fb-3287-4a17-bf22-ef9f0914ed77", "7")),
        (6.299, lambda: b.mutes(True)),
        (7.831, lambda: b.mutes(False)),
        (10.866, muted_by_the_api),
        (14.723, takes(False)),
        (15.730, takes(True)),
        (
            18.132,
            lambda: rooms.update_participant(
                b.member.participant, ParticipantChange(name="Bob", attributes={"k": ""})
            ),
        ),
        (18.641, lambda: rooms.update_metadata("lobby", "room")),
        (19.145, b.allows),
        (20.145, lambda: b.allows("a")),
        (21.883, may(can_subscribe=False, can_update_metadata=True)),
        (22.889, may(can_update_metadata=True)),
        (23.239, may(can_publish=False)),
        (27.255, may()),
        (27.782, play.media_began("0e16b336-565f-4edb-aeb1-cca450f287ee", "8")),
        (28.641, b.unpublishes),
        (29.800, ended),
        (30.747, lambda: b.member.says(leave={})),
        (31.284, lambda: rooms.join("lobby", Join("a"))),
    ]
    steps += [
        (entry["t"], _speakers(play, b, entry["msg"]["speakers_changed"]["speakers"]))
        for entry in play.entries
        if "speakers_changed" in entry.get("msg", {})
    ]
    assert differences(recorded(play.entries), play.go(steps)) == [
        # join, refresh_token and answer go out at once, before the client's first ping comes in
        "- pong_resp",
        "+ pong_resp",
        # a track is published by its first packet, which cannot come before the answer
        "+ answer",
        "- answer",
        # one UpdateParticipant of name and attributes is one change
        "- update b ACTIVE 1 track",
        # who may not publish any more is no publisher from the first message on, nor is it one
        # again before it publishes
        "- update a ACTIVE",
        "+ update a ACTIVE",
        "- update a ACTIVE",
        "+ update a ACTIVE",
    ]


def _speakers(play: Play, b: Neighbour, told: list[dict[str, Any]]) -> Callable[[], object]:
    """What the media said then, of the client itself or of its neighbour."""
    own = play.room["participant"]["sid"]

    def say() -> None:
        levels = {
            (play.me if s["sid"] == own else b.member).participant.sid: s.get("level", 0.0)
            for s in told
        }
        play.me.perform(play.me.session.speakers(play.lobby.clock.now(), levels))

    return say
