"""How loud clients and telephones are to each other, and when they are not."""

from __future__ import annotations

from typing import Any

import pytest
from livekit import api
from livekit.rtc import LocalTrackPublication
from tests.support.lab import NUMBER, Lab, run
from tests.support.sdk import MODES, SdkClient, client, is_as_said

pytestmark = pytest.mark.interop

CALLER = "+14150000001"
PHONE = f"sip_{CALLER}"
LOW, HIGH = 440.0, 700.0


def own(speaker: SdkClient) -> LocalTrackPublication:
    (publication,) = speaker.room.local_participant.track_publications.values()
    assert isinstance(publication, LocalTrackPublication)
    return publication


@MODES
@pytest.mark.parametrize("codec", ["PCMU", "PCMA"])
def test_a_phone_and_clients_are_as_loud_as_they_speak(mode: dict[str, Any], codec: Any) -> None:
    async def check(lab: Lab) -> None:
        await lab.ready()
        caller = await lab.carrier.phone(CALLER, tone=LOW, codecs=(codec,))
        async with client(lab, "agent", **mode) as agent, client(lab, "bob", **mode) as bob:
            await agent.speak(HIGH)
            call = await caller.call(NUMBER, proxy=lab.sip)
            await agent.until(lambda: is_as_said(call.sound.level(HIGH)))
            await agent.hears_as_said(PHONE, LOW)
            await bob.hears_as_said(PHONE, LOW)
            await bob.hears_as_said("agent", HIGH)

    run(check)


@MODES
def test_a_client_mutes_its_track(mode: dict[str, Any]) -> None:
    async def check(lab: Lab) -> None:
        await lab.ready()
        caller = await lab.carrier.phone(CALLER, tone=LOW)
        async with client(lab, "agent", **mode) as agent, client(lab, "bob", **mode) as bob:
            track = await agent.speak(HIGH)
            call = await caller.call(NUMBER, proxy=lab.sip)
            await call.hears(HIGH)
            await bob.hears("agent", HIGH)
            track.mute()
            await bob.told("track_muted")
            await call.misses(HIGH)
            await bob.misses("agent", HIGH)
            shown = await lab.participants()
            (published,) = next(p for p in shown if p.identity == "agent").tracks
            assert published.muted
            track.unmute()
            await bob.told("track_unmuted")
            await call.hears(HIGH)
            await bob.hears("agent", HIGH)

    run(check)


@MODES
def test_the_api_mutes_a_client(mode: dict[str, Any]) -> None:
    async def check(lab: Lab) -> None:
        await lab.ready()
        caller = await lab.carrier.phone(CALLER, tone=LOW)
        async with client(lab, "agent", **mode) as agent, client(lab, "bob", **mode) as bob:
            await agent.speak(HIGH)
            call = await caller.call(NUMBER, proxy=lab.sip)
            await call.hears(HIGH)
            answer = await lab.api.room.mute_published_track(
                api.MuteRoomTrackRequest(
                    room="lobby", identity="agent", track_sid=own(agent).sid, muted=True
                )
            )
            assert answer.track.muted
            await bob.told("track_muted")
            await agent.told("track_muted")
            await call.misses(HIGH)
            with pytest.raises(api.TwirpError, match="remote unmute not enabled"):
                await lab.api.room.mute_published_track(
                    api.MuteRoomTrackRequest(
                        room="lobby", identity="agent", track_sid=own(agent).sid, muted=False
                    )
                )

    run(check)


@MODES
def test_a_client_takes_a_track_no_longer_and_again(mode: dict[str, Any]) -> None:
    async def check(lab: Lab) -> None:
        async with client(lab, "ann", **mode) as ann, client(lab, "bob", **mode) as bob:
            await ann.speak(HIGH)
            await bob.hears("ann", HIGH)
            publication = next(
                iter(bob.room.remote_participants["ann"].track_publications.values())
            )
            publication.set_subscribed(False)
            await bob.told("track_unsubscribed")
            await bob.misses("ann", HIGH)
            publication.set_subscribed(True)
            await bob.hears("ann", HIGH)

    run(check)


@MODES
def test_the_api_unsubscribes_and_subscribes(mode: dict[str, Any]) -> None:
    """Clients of one connection are not told of it; they hear it."""

    async def check(lab: Lab) -> None:
        await lab.ready()
        caller = await lab.carrier.phone(CALLER, tone=LOW)
        async with client(lab, "ann", **mode) as ann, client(lab, "bob", **mode) as bob:
            await ann.speak(HIGH)
            call = await caller.call(NUMBER, proxy=lab.sip)
            await call.hears(HIGH)
            await bob.hears("ann", HIGH)

            async def subscribe(identity: str, *, on: bool) -> None:
                await lab.api.room.update_subscriptions(
                    api.UpdateSubscriptionsRequest(
                        room="lobby", identity=identity, track_sids=[own(ann).sid], subscribe=on
                    )
                )

            await subscribe("bob", on=False)
            await bob.misses("ann", HIGH)
            await call.hears(HIGH)
            await subscribe(PHONE, on=False)
            await call.misses(HIGH)
            await subscribe("bob", on=True)
            await bob.hears("ann", HIGH)
            await subscribe(PHONE, on=True)
            await call.hears(HIGH)

    run(check)


@MODES
def test_a_track_ends_and_another_one_begins(mode: dict[str, Any]) -> None:
    async def check(lab: Lab) -> None:
        await lab.ready()
        caller = await lab.carrier.phone(CALLER, tone=LOW)
        async with client(lab, "ann", **mode) as ann, client(lab, "bob", **mode) as bob:
            await ann.speak(HIGH)
            call = await caller.call(NUMBER, proxy=lab.sip)
            await call.hears(HIGH)
            await bob.hears("ann", HIGH)
            await ann.room.local_participant.unpublish_track(own(ann).sid)
            await bob.told("track_unpublished")
            await call.misses(HIGH)
            await ann.speak(900.0)
            await bob.hears("ann", 900.0)
            await call.hears(900.0)

    run(check)
