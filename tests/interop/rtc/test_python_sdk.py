"""LiveKit's Python SDK, unmodified, in rooms with each other and with telephones."""

from __future__ import annotations

from typing import Any

import pytest
from livekit import api
from livekit.rtc import DisconnectReason
from tests.support.lab import NUMBER, Lab, run
from tests.support.sdk import MODES, client

pytestmark = pytest.mark.interop

CALLER = "+14150000001"
LOW, HIGH = 440.0, 700.0


@MODES
def test_a_client_joins_and_leaves(mode: dict[str, Any]) -> None:
    async def check(lab: Lab) -> None:
        async with client(lab, "ann", **mode) as ann:
            assert ann.room.local_participant.sid.startswith("PA_")
            assert (await ann.room.sid).startswith("RM_")
            (shown,) = await lab.participants()
            assert shown.identity == "ann"
            assert shown.state == 2
            async with client(lab, "bob", **mode) as bob:
                await ann.told("participant_connected")
                assert list(bob.room.remote_participants) == ["ann"]
                await lab.events.wait_for("ParticipantJoined", 2)
                # A client that closes its socket with something in it unread resets it, and its
                # `leave` is lost: nothing is to be on its way to bob when he leaves.
                await lab.api.room.update_room_metadata(
                    api.UpdateRoomMetadataRequest(room="lobby", metadata="the last")
                )
                await bob.told("room_metadata_changed")
            (gone,) = await ann.told("participant_disconnected")
            assert gone.disconnect_reason == DisconnectReason.CLIENT_INITIATED
        await lab.events.wait_for("ParticipantLeft", 2)

    run(check)


@MODES
def test_two_clients_hear_each_other(mode: dict[str, Any]) -> None:
    async def check(lab: Lab) -> None:
        async with client(lab, "ann", **mode) as ann, client(lab, "bob", **mode) as bob:
            await ann.speak(LOW)
            await bob.hears("ann", LOW)
            await bob.speak(HIGH)
            await ann.hears("bob", HIGH)

    run(check)


@MODES
def test_a_phone_and_a_client_hear_each_other(mode: dict[str, Any]) -> None:
    async def check(lab: Lab) -> None:
        await lab.ready()
        caller = await lab.carrier.phone(CALLER, tone=LOW)
        async with client(lab, "agent", **mode) as agent:
            await agent.speak(HIGH)
            call = await caller.call(NUMBER, proxy=lab.sip)
            await call.hears(HIGH)
            await agent.hears(f"sip_{CALLER}", LOW)
            await call.press("5")
            (digit,) = await agent.told("sip_dtmf_received")
            assert digit.digit == "5"
            await agent.room.local_participant.publish_dtmf(code=7, digit="7")
            await call.pressed("7")

    run(check)
