"""Who is in the room and for how long: ends, moves, permissions, speakers."""

from __future__ import annotations

from typing import Any

import pytest
from livekit import api, rtc
from tests.support.lab import NUMBER, Lab, run
from tests.support.sdk import MODES, SdkClient, client

from hookflash.runtime.media.engine import MediaEngine

pytestmark = pytest.mark.interop

CALLER, OTHER = "+14150000001", "+14150000002"
PHONE = f"sip_{CALLER}"
LOW, MIDDLE, HIGH = 440.0, 570.0, 700.0
Reason = rtc.DisconnectReason


async def permit(lab: Lab, identity: str, **permission: bool) -> None:
    allowed: dict[str, Any] = {"can_publish": True, "can_subscribe": True, **permission}
    await lab.api.room.update_participant(
        api.UpdateParticipantRequest(
            room="lobby",
            identity=identity,
            permission=api.ParticipantPermission(can_publish_data=True, **allowed),
        )
    )


def own_sid(one: SdkClient) -> str:
    (sid,) = one.room.local_participant.track_publications
    return sid


@MODES
def test_a_room_is_deleted(mode: dict[str, Any]) -> None:
    async def check(lab: Lab) -> None:
        await lab.ready()
        caller = await lab.carrier.phone(CALLER, tone=LOW)
        async with client(lab, "ann", **mode) as ann:
            await ann.speak(HIGH)
            call = await caller.call(NUMBER, proxy=lab.sip)
            await lab.api.room.delete_room(api.DeleteRoomRequest(room="lobby"))
            (reason,) = await ann.told("disconnected")
            assert reason == Reason.ROOM_DELETED
            await call.ended()

    run(check)


@MODES
def test_a_client_is_removed(mode: dict[str, Any]) -> None:
    async def check(lab: Lab) -> None:
        async with client(lab, "ann", **mode) as ann, client(lab, "bob", **mode) as bob:
            await lab.api.room.remove_participant(
                api.RoomParticipantIdentity(room="lobby", identity="ann")
            )
            (reason,) = await ann.told("disconnected")
            assert reason == Reason.PARTICIPANT_REMOVED
            (gone,) = await bob.told("participant_disconnected")
            assert gone.disconnect_reason == Reason.PARTICIPANT_REMOVED

    run(check)


@MODES
def test_an_identity_is_taken_over(mode: dict[str, Any]) -> None:
    async def check(lab: Lab) -> None:
        async with client(lab, "bob", **mode) as bob, client(lab, "ann", **mode) as first:
            await first.speak(LOW)
            await bob.hears("ann", LOW)
            async with client(lab, "ann", **mode) as second:
                (reason,) = await first.told("disconnected")
                assert reason == Reason.DUPLICATE_IDENTITY
                await second.speak(HIGH)
                await bob.hears("ann", HIGH)
                (gone,) = await bob.told("participant_disconnected")
                assert gone.disconnect_reason == Reason.DUPLICATE_IDENTITY
                assert len(await lab.participants()) == 2

    run(check)


@MODES
def test_a_phone_hangs_up(mode: dict[str, Any]) -> None:
    async def check(lab: Lab) -> None:
        await lab.ready()
        caller = await lab.carrier.phone(CALLER, tone=LOW)
        async with client(lab, "ann", **mode) as ann:
            await ann.speak(HIGH)
            call = await caller.call(NUMBER, proxy=lab.sip)
            await ann.hears(PHONE, LOW)
            await call.hang_up()
            (gone,) = await ann.told("participant_disconnected")
            assert gone.identity == PHONE
            assert gone.disconnect_reason == Reason.CLIENT_INITIATED
            assert gone.attributes["sip.callStatus"] == "hangup"

    run(check)


@MODES
def test_a_client_is_moved(mode: dict[str, Any]) -> None:
    async def check(lab: Lab) -> None:
        async with (
            client(lab, "ann", **mode) as ann,
            client(lab, "bob", **mode) as bob,
            client(lab, "cid", "other", **mode) as cid,
        ):
            await cid.speak(MIDDLE)
            await bob.speak(LOW)
            await ann.speak(HIGH)
            await bob.hears("ann", HIGH)
            await ann.hears("bob", LOW)
            former = await ann.room.sid
            await lab.api.room.move_participant(
                api.MoveParticipantRequest(room="lobby", identity="ann", destination_room="other")
            )
            await ann.told("moved")
            await cid.hears("ann", HIGH)
            await ann.hears("cid", MIDDLE)
            (gone,) = await bob.told("participant_disconnected")
            assert gone.disconnect_reason == Reason.MIGRATION
            assert ann.room.name == "other"
            assert list(ann.room.remote_participants) == ["cid"]
            assert await ann.room.sid != former
            await ann.room.local_participant.publish_data("here")
            (data,) = await cid.told("data_received")
            assert data.data == b"here"

    run(check)


@MODES
def test_a_phone_is_moved(mode: dict[str, Any]) -> None:
    async def check(lab: Lab) -> None:
        await lab.ready()
        caller = await lab.carrier.phone(CALLER, tone=LOW)
        async with client(lab, "ann", **mode) as ann, client(lab, "cid", "other", **mode) as cid:
            await ann.speak(HIGH)
            await cid.speak(MIDDLE)
            call = await caller.call(NUMBER, proxy=lab.sip)
            await ann.hears(PHONE, LOW)
            await lab.api.room.move_participant(
                api.MoveParticipantRequest(room="lobby", identity=PHONE, destination_room="other")
            )
            await cid.hears(PHONE, LOW)
            await call.hears(MIDDLE)
            await call.misses(HIGH)
            (gone,) = await ann.told("participant_disconnected")
            assert gone.disconnect_reason == Reason.MIGRATION

    run(check)


@MODES
def test_publishing_is_taken_and_given(mode: dict[str, Any]) -> None:
    async def check(lab: Lab) -> None:
        await lab.ready()
        caller = await lab.carrier.phone(CALLER, tone=LOW)
        async with client(lab, "ann", **mode) as ann, client(lab, "bob", **mode) as bob:
            await ann.speak(HIGH)
            call = await caller.call(NUMBER, proxy=lab.sip)
            await call.hears(HIGH)
            await bob.hears("ann", HIGH)
            await permit(lab, "ann", can_publish=False)
            await ann.told("participant_permissions_changed")
            await bob.told("track_unpublished")
            await call.misses(HIGH)
            await permit(lab, "ann")
            await ann.told("participant_permissions_changed", 2)
            await ann.speak(MIDDLE, "again")
            await bob.hears("ann", MIDDLE)
            await call.hears(MIDDLE)

    run(check)


@MODES
def test_subscribing_is_taken_and_given(mode: dict[str, Any]) -> None:
    async def check(lab: Lab) -> None:
        await lab.ready()
        caller = await lab.carrier.phone(CALLER, tone=LOW)
        async with client(lab, "ann", **mode) as ann, client(lab, "bob", **mode) as bob:
            await ann.speak(HIGH)
            call = await caller.call(NUMBER, proxy=lab.sip)
            await call.hears(HIGH)
            await bob.hears("ann", HIGH)
            await permit(lab, "bob", can_subscribe=False)
            await bob.misses("ann", HIGH)
            await permit(lab, PHONE, can_subscribe=False)
            await call.misses(HIGH)
            await permit(lab, "bob")
            await bob.hears("ann", HIGH)
            await permit(lab, PHONE)
            await call.hears(HIGH)

    run(check)


@MODES
def test_a_client_says_who_may_take_its_track(mode: dict[str, Any]) -> None:
    async def check(lab: Lab) -> None:
        await lab.ready()
        caller = await lab.carrier.phone(CALLER, tone=LOW)
        async with client(lab, "ann", **mode) as ann, client(lab, "bob", **mode) as bob:
            await ann.speak(HIGH)
            call = await caller.call(NUMBER, proxy=lab.sip)
            await call.hears(HIGH)
            await bob.hears("ann", HIGH)
            me = ann.room.local_participant
            only = rtc.ParticipantTrackPermission(participant_identity="bob", allow_all=True)
            me.set_track_subscription_permissions(
                allow_all_participants=False, participant_permissions=[only]
            )
            await call.misses(HIGH)
            await bob.hears("ann", HIGH)
            me.set_track_subscription_permissions(allow_all_participants=True)
            await call.hears(HIGH)

    run(check)


@MODES
def test_a_client_chooses_its_tracks(mode: dict[str, Any]) -> None:
    """As agents join: nothing comes by itself."""

    async def check(lab: Lab) -> None:
        await lab.ready()
        caller = await lab.carrier.phone(CALLER, tone=LOW)
        said = {"kind": "agent"}
        grants = {"agent": True, "can_update_own_metadata": True}
        async with (
            client(lab, "bob", **mode) as bob,
            client(lab, "agent", grants=grants, said=said, auto_subscribe=False, **mode) as agent,
        ):
            await bob.speak(MIDDLE)
            await agent.speak(HIGH)
            call = await caller.call(NUMBER, proxy=lab.sip)
            await call.hears(HIGH)
            await bob.hears(PHONE, LOW)
            await agent.told("track_published", 2)
            assert not agent.heard
            phone = agent.room.remote_participants[PHONE]
            (publication,) = phone.track_publications.values()
            publication.set_subscribed(True)
            await agent.hears(PHONE, LOW)
            assert list(agent.heard) == [PHONE]

    run(check)


@MODES
def test_who_speaks(mode: dict[str, Any]) -> None:
    async def check(lab: Lab) -> None:
        await lab.ready()
        caller = await lab.carrier.phone(CALLER, tone=LOW)
        async with client(lab, "ann", **mode) as ann, client(lab, "bob", **mode) as bob:
            track = await ann.speak(HIGH)
            call = await caller.call(NUMBER, proxy=lab.sip)
            for hearer in (ann, bob):
                await hearer.until(lambda h=hearer: {"ann", PHONE} <= set().union(*h.speakers()))
            track.mute()
            await call.hold()
            await bob.until(lambda: bob.speakers()[-1] == set())

    run(check)


@MODES
def test_quality_and_counts_of_the_room(mode: dict[str, Any]) -> None:
    async def check(lab: Lab) -> None:
        async with client(lab, "ann", **mode) as ann, client(lab, "bob", **mode) as bob:
            await ann.speak(HIGH)
            await bob.hears("ann", HIGH)
            for count in (1, 2):
                who, quality = await bob.told("connection_quality_changed", count)
                assert who.identity in {"ann", "bob"}
                assert quality == rtc.ConnectionQuality.QUALITY_EXCELLENT
            await bob.until(lambda: bob.room.num_participants == 2)
            assert bob.room.num_publishers == 1

    run(check)


@MODES
def test_two_phones_and_a_client(mode: dict[str, Any]) -> None:
    """Sound of the phones is relayed as it comes once nobody else is there."""

    async def check(lab: Lab) -> None:
        await lab.ready()
        first = await lab.carrier.phone(CALLER, tone=LOW)
        second = await lab.carrier.phone(OTHER, tone=MIDDLE)
        async with client(lab, "ann", **mode) as ann:
            await ann.speak(HIGH)
            one = await first.call(NUMBER, proxy=lab.sip)
            two = await second.call(NUMBER, proxy=lab.sip)
            for call, frequencies in ((one, (MIDDLE, HIGH)), (two, (LOW, HIGH))):
                for frequency in frequencies:
                    await call.hears(frequency)
            await ann.hears(PHONE, LOW)
            await ann.hears(f"sip_{OTHER}", MIDDLE)
            assert clocked(lab) == 2
        await one.misses(HIGH)
        await one.hears(MIDDLE)
        await two.hears(LOW)
        assert clocked(lab) == 0

    run(check)


def clocked(lab: Lab) -> int:
    """How many phones are sent a mix."""
    engine = lab.server.exchange.parts.engine
    assert isinstance(engine, MediaEngine)
    return len([port for port in engine.ports if port.sink.clocked])
