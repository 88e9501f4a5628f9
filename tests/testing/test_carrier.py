"""A carrier that is joined to an exchange."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine

import pytest
from livekit import api

from hookflash.base.errors import ConfigError
from hookflash.carrier.agent import CarrierError
from hookflash.testing.carrier import CALLER, NUMBER, RunningCarrier
from hookflash.testing.exchange import RunningExchange

AGENT, TARGET, BUSY = "+14155550199", "+15105550123", "+15105550124"
AGENTS_PHONE = {"number": AGENT, "tone": 550}
Test = Callable[[RunningExchange, RunningCarrier], Coroutine[None, None, None]]


def play(test: Test, **options: object) -> None:
    """With a second telephone, which is in the callers' room as well."""
    chosen = {"room": "lobby", "phones": [AGENTS_PHONE], **options}
    with (
        RunningExchange({"sip.answer": "immediately"}) as exchange,
        RunningCarrier(exchange, **chosen) as carrier,  # type: ignore[arg-type]
    ):
        asyncio.run(test(exchange, carrier))


async def transfer(exchange: RunningExchange, target: str, identity: str = CALLER) -> None:
    await exchange.api.sip.transfer_sip_participant(
        api.TransferSIPParticipantRequest(
            room_name="lobby", participant_identity=f"sip_{identity}", transfer_to=target
        )
    )


def test_a_transfer_with_the_manners_of_a_profile() -> None:
    async def test(exchange: RunningExchange, carrier: RunningCarrier) -> None:
        phone, other = carrier.phones[CALLER], carrier.phones[AGENT]
        async with other.call() as call, phone.call() as caller:
            await caller.hears(550)
            await call.hears(330)
            with pytest.raises(api.TwirpError):
                await transfer(exchange, f"tel:{BUSY}")
            with pytest.raises(CarrierError, match="still hears 550 Hz"):
                await caller.misses(550, within=0.6)
            await transfer(exchange, f"tel:{TARGET}")
            assert await carrier.phones[TARGET].rings() == NUMBER
            await carrier.phones[TARGET].hears(330)
            await caller.hears(1000)
            await call.misses(330)
        told = "\n".join(carrier.told())
        assert "exchange → carrier  REFER" in told
        assert "transfer_failed refer_to=<tel:+15105550124> status=486" in told

    options = {"transfer_mode": "enable-all", "transfer_caller_id": "from-transferor"}
    play(test, profile="twilio", **options)


def test_a_profile_refuses() -> None:
    async def test(exchange: RunningExchange, carrier: RunningCarrier) -> None:
        async with carrier.phones[CALLER].call():
            with pytest.raises(api.TwirpError):
                await transfer(exchange, f"tel:{TARGET}")
            assert (await carrier.happened("refer_refused"))["status"] == 603
        with pytest.raises(CarrierError, match="no transferred number 1"):
            await carrier.happened("transferred", within=0.01)

    play(test, profile="twilio")


def test_the_exchange_writes_transfers_as_its_provider_wants_them() -> None:
    async def test(exchange: RunningExchange, carrier: RunningCarrier) -> None:
        async with carrier.phones[CALLER].call():
            await transfer(exchange, f"tel:{TARGET}")
            await carrier.phones[TARGET].hears(330)
            refer_to = (await carrier.happened("refer_received"))["refer_to"]
            assert refer_to == f"<sip:{TARGET}@sip.telnyx.com>"

    play(test, profile="telnyx", provider="telnyx", transfer_mode="enable-all")


def test_rooms_and_agents() -> None:
    async def alone(exchange: RunningExchange, carrier: RunningCarrier) -> None:
        async with carrier.phones[CALLER].call():
            (room,) = (await exchange.api.room.list_rooms(api.ListRoomsRequest())).rooms
            assert room.name.startswith(f"call_{CALLER}_")
            dispatches = await exchange.api.agent_dispatch.list_dispatch(room.name)
            assert [one.agent_name for one in dispatches] == ["front-desk"]

    play(alone, room="", agent="front-desk")


def test_the_exchange_calls_out() -> None:
    async def test(exchange: RunningExchange, carrier: RunningCarrier) -> None:
        await exchange.api.sip.create_sip_participant(
            api.CreateSIPParticipantRequest(
                sip_trunk_id=carrier.outbound_trunk_id, sip_call_to=TARGET, room_name="lobby"
            )
        )
        assert await carrier.phones[TARGET].rings() == NUMBER
        await (await carrier.phones[TARGET].talks()).hang_up()

    play(test)
    play(test, profile="twilio")
    play(test, profile="whatsapp")
    play(test, username="me", password="secret", srtp="required")


def test_its_sound_is_encrypted_where_the_profile_wants_it() -> None:
    async def test(exchange: RunningExchange, carrier: RunningCarrier) -> None:
        del exchange
        async with carrier.phones[AGENT].call(), carrier.phones[CALLER].call() as caller:
            await caller.hears(550)
        offers = [one.message.body for one in carrier.service.trace if one.label == "INVITE"]
        assert offers
        assert all(b"RTP/SAVP" in body for body in offers)

    play(test, profile="whatsapp")


def test_a_telephone_may_take_the_place_of_a_usual_one() -> None:
    async def test(exchange: RunningExchange, carrier: RunningCarrier) -> None:
        del exchange
        assert next(iter(carrier.phones)) == CALLER
        with pytest.raises(CarrierError, match="but 603"):
            await carrier.phones[CALLER].call(BUSY)
        assert len(carrier.phones) == 9

    play(test, phones=[{"number": BUSY, "does": "declines", "after": 0}])


@pytest.mark.parametrize(
    ("error", "options"),
    [
        (ConfigError, {"profile": "none"}),
        (ConfigError, {"phones": [{"number": AGENT, "does": "sleeps"}]}),
        (ConfigError, {"transfer_mode": "perhaps"}),
        (TypeError, {"transfer": "enable-all"}),
    ],
)
def test_what_is_wrong_is_said(error: type[Exception], options: dict[str, object]) -> None:
    with pytest.raises(error):
        RunningCarrier(RunningExchange(), **options)  # type: ignore[arg-type]


def test_nothing_of_it_is_left_in_the_exchange() -> None:
    async def left() -> int:
        sip = exchange.api.sip
        inbound = await sip.list_inbound_trunk(api.ListSIPInboundTrunkRequest())
        outbound = await sip.list_outbound_trunk(api.ListSIPOutboundTrunkRequest())
        rules = await sip.list_dispatch_rule(api.ListSIPDispatchRuleRequest())
        return len((*inbound.items, *outbound.items, *rules.items))

    with RunningExchange() as exchange:
        with RunningCarrier(exchange):
            assert asyncio.run(left()) == 3
        assert asyncio.run(left()) == 0
        with RunningCarrier(exchange):
            exchange.clear()
