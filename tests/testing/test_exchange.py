"""An exchange for tests: where it is, its key, what is left of a test."""

from __future__ import annotations

import asyncio
import logging
import socket

import pytest
import structlog
from livekit import api

from hookflash.base.errors import ConfigError
from hookflash.carrier.agent import CarrierError
from hookflash.testing.carrier import RunningCarrier
from hookflash.testing.exchange import RunningExchange


def test_two_have_ports_and_keys_of_their_own() -> None:
    async def rooms(exchange: RunningExchange, secret: str) -> int:
        async with api.LiveKitAPI(exchange.url, exchange.api_key, secret) as livekit:
            return len((await livekit.room.list_rooms(api.ListRoomsRequest())).rooms)

    with RunningExchange() as one, RunningExchange() as other:
        assert one.url != other.url
        assert one.sip != other.sip
        assert one.env == {
            "LIVEKIT_URL": one.url,
            "LIVEKIT_API_KEY": one.api_key,
            "LIVEKIT_API_SECRET": one.api_secret,
        }
        assert asyncio.run(rooms(one, one.api_secret)) == 0
        with pytest.raises(api.TwirpError):
            asyncio.run(rooms(one, other.api_secret))
        port = one.sip[1]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", port))


def test_its_settings() -> None:
    with RunningExchange({"sip.answer": "immediately"}) as exchange:
        assert exchange.server.settings.sip.answer == "immediately"
        assert exchange.server.settings.sip.listen_ip == "127.0.0.1"
    with RunningExchange() as exchange:
        assert exchange.server.settings.sip.answer == "subscribed"
    with pytest.raises(ConfigError), RunningExchange({"sip.nothing": 1}):
        pass
    assert not structlog.is_configured()


def test_nothing_of_a_test_is_left() -> None:
    async def main() -> None:
        async with carrier.phones["+14155550100"].call() as call:
            exchange.clear()
            await call.ended()
        sip = exchange.api.sip
        assert not (await exchange.api.room.list_rooms(api.ListRoomsRequest())).rooms
        assert not (await sip.list_inbound_trunk(api.ListSIPInboundTrunkRequest())).items
        assert not (await sip.list_outbound_trunk(api.ListSIPOutboundTrunkRequest())).items
        assert not (await sip.list_dispatch_rule(api.ListSIPDispatchRuleRequest())).items

    with RunningExchange({"sip.answer": "immediately"}) as exchange:
        with RunningCarrier(exchange) as carrier:
            asyncio.run(main())
        assert exchange.workers() == 0


def test_a_caller_who_is_alone_hears_nothing() -> None:
    """`--dev` has a tone for him, which a test would take for an agent."""

    async def main() -> None:
        async with carrier.phones["+14155550100"].call() as call:
            with pytest.raises(CarrierError, match="but silence"):
                await call.hears_anything(within=1.2)

    settings = {"sip.answer": "immediately"}
    with RunningExchange(settings) as exchange, RunningCarrier(exchange) as carrier:
        asyncio.run(main())


def test_its_log_goes_to_logging(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO), RunningExchange():
        pass
    assert {"hookflash.server"} <= {one.name for one in caplog.records}
    assert any(one.getMessage().startswith("event='ready'") for one in caplog.records)
