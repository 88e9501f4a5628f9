"""Room and phones: mute, subscriptions, digits from the room, rooms that end."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from livekit import api
from livekit.protocol.rtc import SubscriptionPermission
from tests.support.lab import NUMBER, Lab, run

from hookflash.carrier.call import CarrierCall
from hookflash.media.phone_port import PhonePort

CALLER, AGENT, THIRD = "+14150000001", "+14160000001", "+14170000001"
LOW, HIGH = 330.0, 550.0


async def two_calls(lab: Lab) -> tuple[CarrierCall, CarrierCall]:
    """Caller and agent in one room, hearing each other."""
    await lab.ready()
    caller = await lab.carrier.phone(CALLER, tone=LOW)
    agent = await lab.carrier.phone(AGENT, tone=HIGH)
    one, two = await asyncio.gather(
        caller.call(NUMBER, proxy=lab.sip), agent.call(NUMBER, proxy=lab.sip)
    )
    await asyncio.gather(one.hears(HIGH), two.hears(LOW))
    return one, two


def test_a_muted_track_is_not_heard_in_the_room() -> None:
    async def check(lab: Lab) -> None:
        _, two = await two_calls(lab)
        identity = f"sip_{CALLER}"
        (track,) = next(p for p in await lab.participants() if p.identity == identity).tracks
        await lab.api.room.mute_published_track(
            api.MuteRoomTrackRequest(
                room="lobby", identity=identity, track_sid=track.sid, muted=True
            )
        )
        await two.misses(LOW)
        await lab.api.room.mute_published_track(
            api.MuteRoomTrackRequest(
                room="lobby", identity=identity, track_sid=track.sid, muted=False
            )
        )
        await two.hears(LOW)

    run(check, room__enable_remote_unmute=True)


def test_a_phone_hears_only_what_it_is_subscribed_to() -> None:
    async def check(lab: Lab) -> None:
        one, two = await two_calls(lab)
        third = await lab.carrier.phone(THIRD, tone=770.0)
        await third.call(NUMBER, proxy=lab.sip)
        await one.hears(770.0)
        identity = f"sip_{THIRD}"
        (track,) = next(p for p in await lab.participants() if p.identity == identity).tracks
        await lab.api.room.update_subscriptions(
            api.UpdateSubscriptionsRequest(
                room="lobby", identity=f"sip_{CALLER}", track_sids=[track.sid], subscribe=False
            )
        )
        await one.misses(770.0)
        await asyncio.gather(one.hears(HIGH), two.hears(770.0))

    run(check)


def test_a_phone_hears_only_those_who_let_it() -> None:
    async def check(lab: Lab) -> None:
        one, two = await two_calls(lab)
        await one.hears(HIGH)
        rooms = lab.server.rooms
        second = rooms.find("lobby", f"sip_{AGENT}")
        rooms.permit_subscriptions(second, SubscriptionPermission())
        await one.misses(HIGH)
        await two.hears(LOW)
        rooms.permit_subscriptions(second, SubscriptionPermission(all_participants=True))
        await one.hears(HIGH)

    run(check)


def test_a_digit_of_a_server_side_client_reaches_the_phones() -> None:
    async def check(lab: Lab) -> None:
        one, two = await two_calls(lab)
        rooms = lab.server.rooms
        rooms.send_data("lobby", b"", digits="7", destinations=[f"sip_{CALLER}"])
        await one.pressed("7")
        assert two.sound.digits == ""
        rooms.send_data("lobby", b"", digits="8")
        await asyncio.gather(one.pressed("8"), two.pressed("8"))

    run(check)


def test_a_digit_lasts_as_long_as_its_key_and_never_less_than_100_ms(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of a phone whose packets are not relayed; a server-side client's has no length of its own."""

    async def check(lab: Lab) -> None:
        await two_calls(lab)
        rooms, sent = lab.server.rooms, []

        def send(_: PhonePort, digit: str, on_ms: int = 0, off_ms: int = 0) -> None:
            sent.append((digit, on_ms, off_ms))

        monkeypatch.setattr(PhonePort, "send_dtmf", send)
        caller = rooms.find("lobby", f"sip_{CALLER}")
        for length, relayed in ((400, False), (60, False), (0, False), (400, True)):
            rooms.send_dtmf(caller, "5", length, relayed=relayed)
        assert sent == [("5", 400, 50), ("5", 100, 50), ("5", 100, 50)]
        sent.clear()
        rooms.send_data("lobby", b"", digits="5", destinations=[f"sip_{AGENT}"])
        assert sent == [("5", 0, 0)]

    run(check)


async def send_digits(lab: Lab, digits: bytes, *identities: str) -> None:
    await lab.api.room.send_data(
        api.SendDataRequest(
            room="lobby",
            data=digits,
            topic="hookflash.dtmf",
            destination_identities=identities,
        )
    )


def test_digits_of_the_api_reach_the_named_phones_or_all_with_pauses() -> None:
    async def check(lab: Lab) -> None:
        one, two = await two_calls(lab)
        await send_digits(lab, b"1w2", f"sip_{CALLER}")
        took = await one.pressed("12", within=5.0)
        assert took > 0.9  # a digit, its pause and half a second more
        assert two.sound.digits == ""
        await send_digits(lab, b"w34")
        await asyncio.gather(one.pressed("1234", within=5.0), two.pressed("34", within=5.0))

    run(check)


async def permit(lab: Lab, identity: str, **permission: Any) -> api.ParticipantInfo:
    return await lab.api.room.update_participant(
        api.UpdateParticipantRequest(
            room="lobby",
            identity=identity,
            permission=api.ParticipantPermission(**permission),
        )
    )


def test_who_may_not_publish_is_not_heard_and_who_may_not_subscribe_hears_nobody() -> None:
    async def check(lab: Lab) -> None:
        one, two = await two_calls(lab)
        info = await permit(lab, f"sip_{CALLER}", can_subscribe=True)
        assert not info.tracks
        await asyncio.gather(two.misses(LOW), one.hears(HIGH))
        info = await permit(lab, f"sip_{CALLER}", can_publish=True)
        assert len(info.tracks) == 1
        await asyncio.gather(two.hears(LOW), one.misses(HIGH))
        await permit(lab, f"sip_{CALLER}", can_publish=True, can_subscribe=True)
        await one.hears(HIGH)

    run(check)


def test_keys_of_who_may_not_publish_data_reach_nobody() -> None:
    async def check(lab: Lab) -> None:
        one, two = await two_calls(lab)
        identity = f"sip_{CALLER}"
        await permit(lab, identity, can_publish=True, can_subscribe=True)
        await one.press("5")
        await permit(lab, identity, can_publish=True, can_subscribe=True, can_publish_data=True)
        await one.press("6")
        await two.pressed("6")
        assert two.sound.digits == "6"

    run(check)


def test_who_takes_a_part_of_the_tracks_hears_a_newcomer() -> None:
    async def check(lab: Lab) -> None:
        one, two = await two_calls(lab)
        (track,) = next(p for p in await lab.participants() if p.identity == f"sip_{AGENT}").tracks
        await lab.api.room.update_subscriptions(
            api.UpdateSubscriptionsRequest(
                room="lobby", identity=f"sip_{CALLER}", track_sids=[track.sid], subscribe=False
            )
        )
        await one.misses(HIGH)
        third = await lab.carrier.phone(THIRD, tone=770.0)
        await third.call(NUMBER, proxy=lab.sip)
        await asyncio.gather(one.hears(770.0), two.hears(770.0))

    run(check)


def test_metadata_and_attributes_can_be_changed_while_a_call_is_up() -> None:
    async def check(lab: Lab) -> None:
        one, _ = await two_calls(lab)
        identity = f"sip_{CALLER}"
        await lab.api.room.update_room_metadata(
            api.UpdateRoomMetadataRequest(room="lobby", metadata="sales")
        )
        changed = await lab.api.room.update_participant(
            api.UpdateParticipantRequest(
                room="lobby", identity=identity, name="Ann", metadata="m", attributes={"a": "b"}
            )
        )
        assert (changed.name, changed.metadata, changed.attributes["a"]) == ("Ann", "m", "b")
        assert changed.attributes["sip.callStatus"] == "active"
        rooms = await lab.api.room.list_rooms(api.ListRoomsRequest(names=["lobby"]))
        assert rooms.rooms[0].metadata == "sales"
        await one.hears(HIGH)

    run(check)


def test_dispatches_of_agents_are_kept_with_their_room() -> None:
    async def check(lab: Lab) -> None:
        await two_calls(lab)
        made = await lab.api.agent_dispatch.create_dispatch(
            api.CreateAgentDispatchRequest(agent_name="helper", room="lobby", metadata="m")
        )
        listed = await lab.api.agent_dispatch.list_dispatch(room_name="lobby")
        assert [dispatch.agent_name for dispatch in listed] == ["", "helper"]
        found = await lab.api.agent_dispatch.get_dispatch(made.id, "lobby")
        assert found is not None
        assert found.metadata == "m"
        gone = await lab.api.agent_dispatch.delete_dispatch(made.id, "lobby")
        assert gone.state.deleted_at > 0
        left = await lab.api.agent_dispatch.list_dispatch(room_name="lobby")
        assert [dispatch.agent_name for dispatch in left] == [""]
        with pytest.raises(api.TwirpError) as caught:
            await lab.api.agent_dispatch.delete_dispatch(made.id, "lobby")
        assert caught.value.code == "not_found"

    run(check)


def test_with_three_phones_a_digit_is_sent_to_each_of_the_others() -> None:
    async def check(lab: Lab) -> None:
        one, two = await two_calls(lab)
        third = await lab.carrier.phone(THIRD, tone=770.0)
        three = await third.call(NUMBER, proxy=lab.sip)
        await one.hears(770.0)
        await one.press("5")
        await asyncio.gather(two.pressed("5"), three.pressed("5"))

    run(check)


def test_a_room_outlives_its_last_caller_by_the_departure_timeout() -> None:
    async def check(lab: Lab) -> None:
        await lab.ready()
        caller = await lab.carrier.phone(CALLER)
        call = await caller.call(NUMBER, proxy=lab.sip)
        await call.hang_up()
        await lab.events.wait_for("ParticipantLeft")
        assert lab.server.rooms.get("lobby") is not None
        await lab.events.wait_for("RoomFinished")
        assert lab.server.rooms.get("lobby") is None

    run(check, sip__answer="immediately", room__departure_timeout=1)
