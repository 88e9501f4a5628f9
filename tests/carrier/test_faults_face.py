"""Faults over HTTP and what comes of them, against the whole exchange: sockets, sound, the API."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import ClientSession
from livekit import api
from tests.support.carrier_rig import CALLER, LINE, TARGET, network
from tests.support.lab import Lab, run

from hookflash.adapters.http import HttpServers
from hookflash.carrier.config import PhoneConfig
from hookflash.carrier.faults_face import fault_routes
from hookflash.carrier.http_face import http_app
from hookflash.carrier.profile_files import load_profile
from hookflash.carrier.service import CarrierService
from hookflash.sip.message import Request
from hookflash.sip.uri import Uri

AGENT, DESK = "+14155550101", "+14155550102"
Ask = Callable[..., Awaitable[tuple[int, Any]]]
Test = Callable[[Lab, CarrierService, Ask], Awaitable[None]]


def play(test: Test, profile: str = "plain") -> None:
    """With the carrier's HTTP face, and nobody in a call yet."""

    async def main(lab: Lab) -> None:
        await lab.ready()
        config = network(transfer_mode="enable-all", origination=Uri.sip(None, *lab.sip))
        more = PhoneConfig(AGENT, "agent", tone=550.0), PhoneConfig(DESK, "desk")
        phones = tuple(replace(phone, after=0.1) for phone in (*config.phones, *more))
        service = CarrierService(load_profile(profile), replace(config, phones=phones), seed=3)
        servers = HttpServers()
        async with service as carrier, ClientSession() as session:
            await servers.start(http_app(carrier, fault_routes(carrier)), ["127.0.0.1"], 0)
            url = f"http://127.0.0.1:{servers.port}/faults"

            async def ask(**body: object) -> tuple[int, Any]:
                async with session.post(url, json=body) as answer:
                    return answer.status, await answer.json()

            try:
                await test(lab, carrier, ask)
                async with session.get(url) as answer:
                    assert answer.status == 200
            finally:
                await servers.stop()

    run(main, sip__answer="immediately")


async def two_in_the_room(carrier: CarrierService) -> None:
    for count, phone in enumerate((AGENT, CALLER), 1):
        carrier.call(phone, LINE)
        await carrier.happened("call_answered", count, within=20)


def test_sound_in_one_direction_only() -> None:
    async def test(_: Lab, carrier: CarrierService, ask: Ask) -> None:
        await two_in_the_room(carrier)
        await carrier.hears(AGENT, 330)
        assert await ask(one_way=True) == (200, {"faults": {"one_way": True}})
        await carrier.sound(AGENT).misses(330, 3.0)
        assert await ask() == (200, {"faults": {}})
        await carrier.hears(AGENT, 330)
        assert (await carrier.happened("faults", 2))["faults"] == "none"

    play(test)


def test_a_wrong_address_in_the_sdp() -> None:
    async def test(_: Lab, carrier: CarrierService, ask: Ask) -> None:
        carrier.call(AGENT, LINE)
        await carrier.happened("call_answered")
        await ask(wrong_address="192.0.2.99")
        carrier.call(CALLER, LINE)
        await carrier.happened("call_answered", 2)
        invites = [one.message for one in carrier.trace if one.label == "INVITE"]
        assert b"c=IN IP4 192.0.2.99" in invites[-1].body
        assert b"192.0.2.99" not in invites[0].body

    play(test)


def test_a_burst_of_503_and_its_end() -> None:
    async def test(lab: Lab, carrier: CarrierService, ask: Ask) -> None:
        await two_in_the_room(carrier)
        assert (await ask(unavailable=True))[0] == 200
        with pytest.raises(api.TwirpError) as caught:
            await lab.transfer(f"sip_{CALLER}", f"tel:{TARGET}")
        assert caught.value.metadata["sip_status_code"] == "503"
        assert await carrier.happened("unavailable") == {"method": "REFER"}
        assert (await ask(unavailable=True, **{"for": 0.1}))[0] == 200
        assert await carrier.happened("faults", 3) == {"faults": "none"}
        await lab.transfer(f"sip_{CALLER}", f"tel:{TARGET}")
        await carrier.happened("transferred")

    play(test)


def test_a_transfer_on_a_bad_line() -> None:
    """Lost, doubled and late messages: the transactions see to it (RFC 3261 §17)."""

    async def test(lab: Lab, carrier: CarrierService, ask: Ask) -> None:
        assert carrier.faults.sip_loss
        await ask(sip_loss=0.3, sip_duplicate=0.3, sip_delay=0.02, rtp_loss=0.1, rtp_delay=0.05)
        await two_in_the_room(carrier)
        await carrier.hears(AGENT, 330)
        done = await lab.transfer(f"sip_{CALLER}", f"tel:{TARGET}")
        assert done.reason == api.SIPTransferReason.STR_COMPLETED
        await carrier.happened("transferred", within=10)
        sent = [one.message.wire for one in carrier.trace if one.sent]
        assert len(sent) > len(set(sent)), "something was doubled or repeated"

    play(test, "lossy")


def test_a_transfer_of_which_each_second_message_and_packet_is_overtaken() -> None:
    """The NOTIFY overtakes the answer to its REFER (transfer.md §4)."""

    async def test(lab: Lab, carrier: CarrierService, ask: Ask) -> None:
        await ask(sip_reorder=1.0, rtp_reorder=1.0)
        await two_in_the_room(carrier)
        await carrier.hears(AGENT, 330)
        done = await lab.transfer(f"sip_{CALLER}", f"tel:{TARGET}")
        assert done.reason == api.SIPTransferReason.STR_COMPLETED
        await carrier.happened("transferred", within=10)
        sent = [one.label.split()[0] for one in carrier.trace if one.sent]
        assert sent.index("NOTIFY") < sent.index("202")

    play(test)


def test_a_host_that_nobody_finds() -> None:
    """The exchange goes to where the carrier's requests come from (calls.md §5)."""

    async def test(lab: Lab, carrier: CarrierService, ask: Ask) -> None:
        await ask(wrong_host="edge.carrier.invalid")
        await two_in_the_room(carrier)
        await lab.transfer(f"sip_{CALLER}", f"tel:{TARGET}")
        await carrier.happened("transferred")
        refer = next(one.message for one in carrier.trace if one.label == "REFER")
        assert isinstance(refer, Request)
        assert "edge.carrier.invalid" in refer.uri_text

    play(test)


def test_a_route_that_nobody_finds() -> None:
    """Where the carrier has proxies there is no other way than theirs (RFC 3261 §16.12)."""

    async def test(lab: Lab, carrier: CarrierService, ask: Ask) -> None:
        await ask(wrong_host="edge.carrier.invalid")
        await two_in_the_room(carrier)
        with pytest.raises(api.TwirpError) as caught:
            await lab.transfer(f"sip_{CALLER}", f"tel:{TARGET}")
        assert caught.value.code == "unavailable"
        assert "REFER" not in [one.label for one in carrier.trace]

    play(test, "twilio")


def test_a_carrier_without_dns() -> None:
    """Its calls to an exchange that it knows by name fail, and so do transfers to names."""

    async def test(lab: Lab, carrier: CarrierService, ask: Ask) -> None:
        trunk = carrier.switch.numbers.trunks[0]
        named = Uri.sip(None, "localhost", lab.sip[1])
        carrier.serve([replace(trunk, origination=named)])
        await two_in_the_room(carrier)
        await ask(no_dns=True)
        with pytest.raises(api.TwirpError) as caught:
            await lab.transfer(f"sip_{CALLER}", f"sip:somebody@localhost:{lab.sip[1]}")
        assert caught.value.metadata["sip_status_code"] == "503"
        why = "lookup localhost: no such host"
        assert (await carrier.happened("not_reached"))["why"] == why
        carrier.call(DESK, LINE)
        assert await carrier.happened("not_reached", 2) == {"number": LINE, "why": why}
        assert (await carrier.happened("call_failed"))["status"] == 503
        await ask()
        carrier.call(DESK, LINE)
        await carrier.happened("call_answered", 3)

    play(test)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"sip_loss": 2}, "body: sip_loss: 2 is not allowed; allowed: a share from 0 to 1"),
        ({"dns": 1}, "body: 'dns' is unknown"),
        ({"for": -1}, "for: -1 is not allowed; allowed: seconds"),
    ],
)
def test_what_may_not_be_asked_for_changes_nothing(body: dict[str, object], words: str) -> None:
    async def test(_: Lab, carrier: CarrierService, ask: Ask) -> None:
        status, answer = await ask(**body)
        assert status == 400
        assert answer["error"].startswith(words)
        assert "faults" not in [one.name for _, one in carrier.happenings]

    play(test)


def test_only_json_is_read() -> None:
    async def main() -> None:
        async with CarrierService(load_profile("plain"), network()) as carrier:
            servers = HttpServers()
            await servers.start(http_app(carrier, fault_routes(carrier)), ["127.0.0.1"], 0)
            url = f"http://127.0.0.1:{servers.port}/faults"
            async with ClientSession() as session, session.post(url, data="{}") as answer:
                assert answer.status == 415
            await servers.stop()

    asyncio.run(main())
