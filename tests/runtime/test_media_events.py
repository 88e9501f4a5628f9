"""What the audio of a call tells the exchange, and calls for which there is no port."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from livekit import api
from tests.support.lab import NUMBER, Lab, run
from tests.support.ports import PORTS

from hookflash.carrier.agent import CarrierError
from hookflash.exchange.call import Call
from hookflash.sip.location import Target

from .test_dial_requests import CALLEE, refused, trunk_to

CALLER, AGENT = "+14150000002", "+14160000001"


async def calls(lab: Lab) -> tuple[Call, Any, Any]:
    """A caller with an agent: his call in the exchange, and both telephones' calls."""
    await lab.ready()
    one, two = await asyncio.gather(
        (await lab.carrier.phone(CALLER)).call(NUMBER, proxy=lab.sip),
        (await lab.carrier.phone(AGENT)).call(NUMBER, proxy=lab.sip),
    )
    call = next(c for c in lab.server.exchange.calls.values() if c.base.caller == CALLER)
    return call, one, two


def test_a_key_that_was_heard_in_the_sound_is_one_as_any_other() -> None:
    """How it is heard: tests/media/test_receiver.py."""

    async def check(lab: Lab) -> None:
        call, _, two = await calls(lab)
        call.port.digit_ended("5", 120, relayed=False, inband=True)
        await two.pressed("5")
        assert lab.events.names.count("DtmfReceived") == 1

    run(check)


def test_another_source_of_the_sound_is_in_the_log() -> None:
    async def check(lab: Lab) -> None:
        call, _, _ = await calls(lab)
        now = lab.server.exchange.parts.clock.now() + 60.0
        for _ in range(5):
            call.port.admits(("127.0.0.1", 9), 1, now)
        (line,) = lab.logged("rtp_latched")
        assert (line["call_id"], line["address"]) == (call.call_id, "127.0.0.1")

    run(check)


def test_the_address_of_a_caller_is_known_while_the_call_lives() -> None:
    async def check(lab: Lab) -> None:
        exchange = lab.server.exchange
        assert not exchange.has_call_from("127.0.0.1")
        call, _, _ = await calls(lab)
        assert exchange.has_call_from("127.0.0.1")
        assert not exchange.has_call_from("192.0.2.9")
        for each in exchange.calls.values():
            each.flow = None
        assert exchange.has_call_from("127.0.0.1"), "as after a restart: by its dialog"
        assert call.leg.dialog is not None
        assert not exchange.has_call_from("192.0.2.9")

    run(check)


def test_nobody_is_answered_or_called_without_a_port() -> None:
    async def check(lab: Lab) -> None:
        await lab.ready()
        first = await (await lab.carrier.phone(CALLER)).call(NUMBER, proxy=lab.sip)
        with pytest.raises(CarrierError, match=r"\b503\b"):
            await (await lab.carrier.phone(AGENT)).call(NUMBER, proxy=lab.sip)
        phone = await lab.carrier.phone(CALLEE)
        error = await refused(lab, await trunk_to(lab, phone))
        assert error.code == "unavailable"
        assert not phone.calls
        assert len(lab.logged("no_ports")) == 2
        assert len(lab.server.exchange.calls) == 1
        await first.hang_up()

    run(check, sip__answer="immediately", sip__rtp_port=PORTS.range(2))


def test_a_call_whose_place_is_still_looked_for_can_be_moved_to_another_room() -> None:
    async def check(lab: Lab) -> None:
        phone = await lab.carrier.phone(CALLEE)
        asked: asyncio.Queue[Callable[[list[Target]], None]] = asyncio.Queue()
        stack = lab.server.stack
        stack.locate = lambda uri, then: asked.put_nowait(then)  # type: ignore[method-assign]
        trunk = await trunk_to(lab, phone)
        request = api.CreateSIPParticipantRequest(
            sip_trunk_id=trunk, sip_call_to=CALLEE, room_name="lobby"
        )
        info = await lab.api.sip.create_sip_participant(request)
        await lab.api.room.create_room(api.CreateRoomRequest(name="office"))
        await lab.api.room.move_participant(
            api.MoveParticipantRequest(
                room="lobby", identity=info.participant_identity, destination_room="office"
            )
        )
        found = await asked.get()
        found([Target("udp", *phone.address)])
        await lab.status("active", info.participant_identity, "office")
        assert not await lab.participants("lobby")

    run(check)
