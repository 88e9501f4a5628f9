"""Rooms in which not everybody is a telephone: what concerns the others leaves phones as they
are."""

from __future__ import annotations

import asyncio

from livekit import api
from tests.support.lab import NUMBER, Lab, run

from hookflash.rooms.orders import Join
from hookflash.rooms.room import Participant

CALLER, AGENT = "+14150000001", "+14160000001"
LOW, HIGH = 330.0, 550.0


def stranger(lab: Lab, identity: str = "web", room: str = "lobby") -> Participant:
    """One that is no phone, in the room."""
    participant = lab.server.rooms.join(room, Join(identity))
    lab.server.rooms.activate(participant)
    return participant


def test_digits_and_pauses_for_all_reach_the_phones_only() -> None:
    async def check(lab: Lab) -> None:
        await lab.ready()
        call = await (await lab.carrier.phone(CALLER)).call(NUMBER, proxy=lab.sip)
        stranger(lab)
        await lab.api.room.send_data(
            api.SendDataRequest(room="lobby", data=b"1w2", topic="hookflash.dtmf")
        )
        await call.pressed("12", within=5.0)
        await call.hang_up()

    run(check, sip__answer="immediately")


def test_what_changes_of_a_stranger_changes_nothing_of_a_call() -> None:
    async def check(lab: Lab) -> None:
        await lab.ready()
        one, two = await asyncio.gather(
            (await lab.carrier.phone(CALLER, tone=LOW)).call(NUMBER, proxy=lab.sip),
            (await lab.carrier.phone(AGENT, tone=HIGH)).call(NUMBER, proxy=lab.sip),
        )
        web = stranger(lab)
        await lab.api.room.update_participant(
            api.UpdateParticipantRequest(
                room="lobby",
                identity="web",
                attributes={"mood": "good"},
                permission=api.ParticipantPermission(can_subscribe=False, can_publish=True),
            )
        )
        assert web.attributes["mood"] == "good"
        assert not web.tracks, "only a phone publishes by itself"
        phone = next(p for p in await lab.participants() if p.identity == f"sip_{CALLER}")
        await lab.api.room.update_subscriptions(
            api.UpdateSubscriptionsRequest(
                room="lobby",
                identity="web",
                track_sids=[track.sid for track in phone.tracks],
                subscribe=False,
            )
        )
        await asyncio.gather(one.hears(HIGH), two.hears(LOW))
        await lab.api.room.remove_participant(
            api.RoomParticipantIdentity(room="lobby", identity="web")
        )
        await asyncio.gather(one.hears(HIGH), two.hears(LOW))

    run(check)


def test_a_stranger_that_is_moved_takes_no_call_along() -> None:
    """The phones hear each other as before."""

    async def check(lab: Lab) -> None:
        await lab.ready()
        one, two = await asyncio.gather(
            (await lab.carrier.phone(CALLER, tone=LOW)).call(NUMBER, proxy=lab.sip),
            (await lab.carrier.phone(AGENT, tone=HIGH)).call(NUMBER, proxy=lab.sip),
        )
        lab.server.rooms.move(stranger(lab), "office")
        assert [p.identity for p in await lab.participants("office")] == ["web"]
        assert len(await lab.participants()) == 2
        await asyncio.gather(one.hears(HIGH), two.hears(LOW))

    run(check)
