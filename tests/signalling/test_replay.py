"""The client's side of recorded conversations, played to a session: the server's messages are
LiveKit's, in order and content, but for the differences that are named here with their reasons."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from livekit.protocol.models import DisconnectReason
from tests.signalling.recorded import differences
from tests.signalling.replay import Neighbour, Phone, Play, Step

from hookflash.rooms.orders import Join, ParticipantChange, Permission
from hookflash.rooms.room import Participant


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
    assert differences(play.theirs(1), ours) == [
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
    play = Play("agents-1.8.9.json", 2)
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
    assert differences(play.theirs(2), ours) == [
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


def test_a_browser() -> None:
    play = Play("browser-livekit-client-2.23.0.json")
    play.join()
    phone = Phone(play, "sip_+14150000001")
    me: Callable[[], Participant] = lambda: play.me.participant  # noqa: E731
    ours = play.go(
        [
            (3.42, play.media_began("0e29fbe6-a0d9-44f5-a4d0-7b94d51adbab", "7")),
            (3.926, play.speaks(me, 0.125)),
            (4.327, play.speaks(me, 0.0)),
            (6.42, phone.joins),
            (6.438, lambda: phone.is_("active")),
            (6.455, phone.speaks),
            (10.431, lambda: phone.is_("hangup")),
            (10.437, phone.leaves),
        ]
    )
    assert differences(play.theirs(1), ours) == [
        # who publishes nothing is told of at once; LiveKit gathers for 3 s, and then tells of the
        # track twice
        "+ update web-1 ACTIVE",
        "- update web-1 ACTIVE 1 track",
        # said when somebody takes the track; LiveKit waits until packets can flow
        "+ track_subscribed",
        "- track_subscribed",
    ]


def _life(play: Play, b: Neighbour, *mids: str) -> list[str]:
    """What the recordings `-life` tell, by what they note; `mids`: the sections in which the client
    sends its first track and its second one."""
    play.join(can_update_own_metadata=True)
    rooms, me = play.rooms, play.me
    first, second = (cid for cid, name in play.added() if name == "mic")

    def may(**permission: Any) -> Callable[[], object]:
        change = ParticipantChange(permission=Permission(**permission))
        return lambda: rooms.update_participant(me.participant, change)

    def takes(subscribe: bool) -> Callable[[], object]:
        return lambda: rooms.set_subscriptions(me.participant, [b.sid], subscribe)

    def muted_by_the_api() -> object:
        (sid,) = me.participant.tracks
        return rooms.mute_published_track(me.participant, sid, True)

    def b_is_changed() -> None:
        change = ParticipantChange(name="Bob", attributes={"k": ""})
        rooms.update_participant(b.member.participant, change)

    at, said = play.noted, play.said
    steps: list[Step] = [
        (at("b joins"), b.joins),
        (at("b publishes a tone"), b.publishes),
        (said("offer", at("a publishes a tone")), play.media_began(first, mids[0])),
        (at("b mutes"), lambda: b.mutes(True)),
        (at("b unmutes"), lambda: b.mutes(False)),
        (at("MutePublishedTrack muted=true of a's track by the API"), muted_by_the_api),
        (at("UpdateSubscriptions subscribe=false by the API"), takes(False)),
        (at("UpdateSubscriptions subscribe=true by the API"), takes(True)),
        (at("UpdateParticipant of b by the API"), b_is_changed),
        (at("UpdateRoomMetadata"), lambda: rooms.update_metadata("lobby", "room")),
        (at("b allows nobody to subscribe"), b.allows),
        (at("b allows a again"), lambda: b.allows("a")),
        (
            at("UpdateParticipant permission can_subscribe=false of a"),
            may(can_subscribe=False, can_update_metadata=True),
        ),
        (at("can_subscribe=true"), may(can_update_metadata=True)),
        (at("can_publish=false of a"), may(can_publish=False)),
        (at("can_publish=true of a"), may()),
        (said("offer", at("a publishes again")), play.media_began(second, mids[1])),
        (at("b unpublishes"), b.unpublishes),
        (said("offer", at("a unpublishes")), play.media_ended(second)),
        (at("b leaves"), lambda: b.member.says(leave={})),
        (
            at("a second participant 'a' joins elsewhere: duplicate identity"),
            lambda: rooms.join("lobby", Join("a")),
        ),
    ]
    return play.go(steps + play.speakers(b))


def test_the_life_of_a_client() -> None:
    play = Play("python-sdk-1.2.1-life.json")
    b = Neighbour(play, {"k": "v"})
    ours = _life(play, b, "7", "8")
    assert differences(play.theirs(1), ours) == [
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


def test_the_life_of_a_client_with_two_connections() -> None:
    play = Play("python-sdk-1.2.1-life-two-connections.json")
    b = Neighbour(play, {"k": "v"})
    ours = _life(play, b, "1", "2")
    assert differences(play.theirs(1), ours) == [
        # our first offer follows the token, with the tracks that are there
        "+ refresh_token",
        "- refresh_token",
        # who publishes nothing is told of at once; LiveKit gathers for 3 s
        "+ update a ACTIVE",
        "- update a ACTIVE",
        # one tick, in no order that counts
        "+ connection_quality",
        "- connection_quality",
        # one UpdateParticipant of name and attributes is one change
        "- update b ACTIVE 1 track",
        # who may not publish any more is no publisher from the first message on, nor is it one
        # again before it publishes
        "- update a ACTIVE",
        "+ update a ACTIVE",
        "- update a ACTIVE",
        "+ update a ACTIVE",
    ]


ON_ITS_OWN = [
    # the counts are those of this moment, and the tick has nothing new; LiveKit's are those of its
    # last tick, before which it says none
    "- room_update",
    "+ room_update",
    "- room_update",
    # each end is told with its reason, one that the client asked for too
    "+ leave",
]
"""On the second connection: the session goes on, then its client leaves."""


def _resumed(play: Play, mid: str) -> None:
    """What the recordings `-resume` tell; `mid`: in which section the client sends its track."""
    b = Neighbour(play)
    ((cid, _),) = play.added(1)
    began = play.said("offer", play.said("add_track", 0))
    again = play.said("offer", play.said("subscription_permission", play.opens(3)))
    play.join(1)
    play.go(
        [
            (began, play.media_began(cid, mid, conn=1)),
            (began + 0.02, b.joins),
            (began + 0.021, b.publishes),
            (play.noted("the TCP connection is cut"), play.cut(1)),
            (play.opens(2), lambda: play.resume(2)),
            (play.opens(3), lambda: play.join(3)),
            (again, play.media_began(cid, mid, conn=3)),
            (
                play.noted("RemoveParticipant"),
                lambda: play.rooms.leave(
                    play.last.participant, DisconnectReason.PARTICIPANT_REMOVED
                ),
            ),
            *play.speakers(b),
        ]
    )


def test_a_client_whose_socket_is_cut() -> None:
    play = Play("python-sdk-1.2.1-resume.json", 1, 2, 3)
    _resumed(play, "7")
    assert differences(play.theirs(1), play.ours(1)) == [
        # join, refresh_token and answer go out at once, before the client's first ping comes in
        "+ answer",
        # who publishes nothing is told of at once; LiveKit gathers for 3 s
        "+ update a ACTIVE",
        "- answer",
        "+ update b ACTIVE",
        # said when somebody takes the track; LiveKit waits until packets can flow
        "+ track_subscribed",
        "- track_subscribed",
    ]
    assert differences(play.theirs(2), play.ours(2)) == ON_ITS_OWN
    assert differences(play.theirs(3), play.ours(3)) == [
        # the counts: LiveKit's are those of its last tick
        "- join",
        "+ join",
        # as above; and each offer is answered before what follows from it
        "+ answer",
        "+ update a ACTIVE",
        "- answer",
        "+ answer",
        "- answer",
        # the first answer has the track of the other one already
        "- media_sections_requirement",
    ]


def test_a_client_with_two_connections_whose_socket_is_cut() -> None:
    play = Play("python-sdk-1.2.1-resume-two-connections.json", 1, 2, 3)
    _resumed(play, "1")
    assert differences(play.theirs(1), play.ours(1)) == [
        # our first offer follows the token, with the tracks that are there
        "+ refresh_token",
        "- refresh_token",
        # who publishes nothing is told of at once; LiveKit gathers for 3 s
        "+ update a ACTIVE",
        "+ update b ACTIVE",
    ]
    assert differences(play.theirs(2), play.ours(2)) == ON_ITS_OWN
    assert differences(play.theirs(3), play.ours(3)) == [
        # the counts: LiveKit's are those of its last tick
        "- join",
        # the first offer has the track of the other one already: no second one is needed
        "- offer",
        "+ join",
        "+ offer",
        "- offer",
        # who publishes nothing is told of at once; LiveKit gathers for 3 s
        "+ update a ACTIVE",
    ]


def test_a_camera_and_who_watches_it() -> None:
    play = Play("python-sdk-1.2.1-video.json", 1, 2)
    play.join(1)
    ((cid, _),) = play.added(1)

    def watched() -> None:
        (track,) = play.me.participant.tracks.values()
        now = play.lobby.clock.now()
        play.me.perform(play.me.session.qualities(now, track, {0: True, 1: True, 2: False}))

    play.go(
        [
            (play.opens(2), lambda: play.join(2)),
            (0.335, play.media_began(cid, "7", "video/VP8")),
            (0.364, watched),
            (play.said("offer", play.noted("a unpublishes")), play.media_ended(cid)),
            (play.noted("DeleteRoom"), lambda: play.rooms.delete("lobby")),
        ]
    )
    assert differences(play.theirs(1), play.ours(1)) == [
        # join, refresh_token and answer go out at once, before the client's first ping comes in
        "+ answer",
        # who publishes nothing is told of at once; LiveKit gathers for 3 s
        "+ update a ACTIVE",
        "- answer",
        "+ update b ACTIVE",
        # said when somebody takes the track; LiveKit waits until packets can flow
        "+ track_subscribed",
        "- track_subscribed",
        "- update b ACTIVE",
    ]
    assert differences(play.theirs(2), play.ours(2)) == [
        # as above
        "+ answer",
        "+ update b ACTIVE",
        "- answer",
        # the SSRCs of the publisher's layers, as they come: its subscribers get others
        "- update a ACTIVE 1 track",
        "- update b ACTIVE",
    ]
