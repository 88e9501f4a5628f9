"""Calls with a client in the room: answered when it speaks, transferred while it listens."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from livekit import api, rtc
from tests.support.lab import NUMBER, Lab, run
from tests.support.sdk import MODES, client

from hookflash.carrier.ear import QUIET
from hookflash.carrier.phone import Behaviour
from hookflash.sip.uri import Uri

pytestmark = pytest.mark.interop

CALLER, OTHER, TARGET = "+14150000001", "+14150000002", "+14150000009"
PHONE = f"sip_{CALLER}"
LOW, HIGH = 440.0, 700.0
WORD = 0.6
"""Seconds."""


@MODES
def test_a_call_is_answered_when_there_is_somebody_to_hear(mode: dict[str, Any]) -> None:
    """A client that only listens is nobody."""

    async def check(lab: Lab) -> None:
        await lab.ready()
        caller = await lab.carrier.phone(CALLER, tone=LOW)
        async with client(lab, "ann", **mode) as ann:
            call = caller.place(Uri("tel", opaque=NUMBER), proxy=lab.sip)
            (phone,) = await ann.told("participant_connected")
            assert phone.attributes["sip.callStatus"] == "ringing"
            await ann.told("track_subscribed")
            assert 200 not in call.statuses
            await ann.speak(HIGH)
            await call.answered()
            await call.hears(HIGH)
            await ann.hears(PHONE, LOW)
            assert phone.attributes["sip.callStatus"] == "active"

    run(check)


@MODES
def test_the_first_word_is_not_lost(mode: dict[str, Any]) -> None:
    async def check(lab: Lab) -> None:
        await lab.ready()
        caller = await lab.carrier.phone(CALLER, tone=LOW)
        async with client(lab, "ann", **mode) as ann:
            call = caller.place(Uri("tel", opaque=NUMBER), proxy=lab.sip)
            await ann.told("participant_connected")
            source = ann.source(8000)
            track = rtc.LocalAudioTrack.create_audio_track("mic", source)
            await ann.room.local_participant.publish_track(track, rtc.TrackPublishOptions())
            ann.spawn(ann.say(source, HIGH, WORD))
            await call.answered()
            await call.hears(HIGH)
            heard = 0.1 + await call.misses(HIGH) - QUIET
            assert heard > WORD - 0.1

    run(check)


@MODES
def test_a_phone_is_transferred_while_a_client_listens(mode: dict[str, Any]) -> None:
    async def check(lab: Lab) -> None:
        await lab.ready()
        caller = await lab.carrier.phone(CALLER, tone=LOW)
        target = await lab.carrier.phone(TARGET, tone=HIGH)
        async with client(lab, "ann", **mode) as ann:
            await ann.speak(HIGH)
            call = await caller.call(NUMBER, proxy=lab.sip)
            await ann.hears(PHONE, LOW)
            await lab.transfer(PHONE, f"tel:{TARGET}")
            (gone,) = await ann.told("participant_disconnected")
            assert gone.identity == PHONE
            assert gone.disconnect_reason == rtc.DisconnectReason.CLIENT_INITIATED
            changed = [d[0] for n, d in ann.events if n == "participant_attributes_changed"]
            assert changed[-1] == {"sip.callStatus": "hangup"}
            names = [name for name, _ in ann.events]
            assert names.index("track_unpublished") < names.index("participant_disconnected")
            await call.ended()
            await target.called()

    run(check)


@MODES
def test_a_transfer_with_dial_tone_that_fails(mode: dict[str, Any]) -> None:
    """The client hears the phone meanwhile and afterwards, and the phone the client again."""

    async def check(lab: Lab) -> None:
        await lab.ready()
        caller = await lab.carrier.phone(CALLER, tone=LOW)
        async with client(lab, "ann", **mode) as ann:
            await ann.speak(HIGH)
            call = await caller.call(NUMBER, proxy=lab.sip)
            await ann.hears(PHONE, LOW)
            target = await lab.carrier.phone(TARGET, tone=HIGH)
            target.behaviour = Behaviour(answer=486, ring=1.0)
            transfer = asyncio.ensure_future(
                lab.transfer(PHONE, f"tel:{TARGET}", play_dialtone=True)
            )
            await call.misses(HIGH)
            await call.sound.hears_anything(2.0)
            with pytest.raises(api.TwirpError, match="486"):
                await transfer
            await call.hears(HIGH)
            await ann.hears(PHONE, LOW)

    run(check)


@MODES
def test_keys_reach_whom_they_are_for(mode: dict[str, Any]) -> None:
    async def check(lab: Lab) -> None:
        await lab.ready()
        caller = await lab.carrier.phone(CALLER, tone=LOW)
        async with client(lab, "ann", **mode) as ann, client(lab, "bob", **mode) as bob:
            await ann.speak(HIGH)
            call = await caller.call(NUMBER, proxy=lab.sip)
            await call.press("1#A")
            digits = [(await ann.told("sip_dtmf_received", n))[0] for n in (1, 2, 3)]
            assert [(d.code, d.digit) for d in digits] == [(1, "1"), (11, "#"), (12, "a")]
            assert {d.participant.identity for d in digits} == {PHONE}
            await ann.room.local_participant.publish_dtmf(code=5, digit="5")
            await call.pressed("5")
            (digit,) = await bob.told("sip_dtmf_received", 4)
            assert (digit.digit, digit.participant.identity) == ("5", "ann")

    run(check)


@MODES
def test_a_client_calls_a_number_and_hears_it(mode: dict[str, Any]) -> None:
    async def check(lab: Lab) -> None:
        called = await lab.carrier.phone(OTHER, tone=LOW)
        host, port = called.address
        trunk = await lab.api.sip.create_outbound_trunk(
            api.CreateSIPOutboundTrunkRequest(
                trunk=api.SIPOutboundTrunkInfo(
                    name="out", address=f"{host}:{port}", numbers=[NUMBER]
                )
            )
        )
        async with client(lab, "ann", **mode) as ann:
            await ann.speak(HIGH)
            participant, call = await asyncio.gather(
                lab.api.sip.create_sip_participant(
                    api.CreateSIPParticipantRequest(
                        sip_trunk_id=trunk.sip_trunk_id,
                        sip_call_to=OTHER,
                        room_name="lobby",
                        participant_identity="called",
                        wait_until_answered=True,
                    )
                ),
                called.called(),
            )
            assert participant.participant_identity == "called"
            await call.hears(HIGH)
            await ann.hears("called", LOW)

    run(check)
