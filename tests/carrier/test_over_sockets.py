"""Manners of the carrier that only sockets show: early media, routes, OPTIONS."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import replace

from livekit import api
from tests.support.carrier_rig import CALLER, LINE, TARGET, network
from tests.support.lab import Lab, run
from tests.support.sip_messages import request_of

from hookflash.carrier.faults import Faults
from hookflash.carrier.manners import Profile
from hookflash.carrier.profile_files import load_profile
from hookflash.carrier.service import CarrierService
from hookflash.carrier.switch import RINGBACK
from hookflash.sip.codec import parse
from hookflash.sip.message import Response
from hookflash.sip.uri import Uri


def plain(**traits: object) -> Profile:
    """The profile by the book with some traits changed."""
    found = load_profile("plain")
    return replace(found, manners=replace(found.manners, **traits))  # type: ignore[arg-type]


def test_a_room_hears_whom_it_calls_ringing() -> None:
    async def test(lab: Lab) -> None:
        await lab.ready()
        config = network(origination=Uri.sip(None, *lab.sip))
        phones = [replace(one, after=3.0) if one.number == TARGET else one for one in config.phones]
        config = replace(config, phones=tuple(phones))
        async with CarrierService(plain(early_media=True), config, seed=1) as carrier:
            carrier.call(CALLER, LINE)
            await carrier.happened("call_answered")
            host, port = carrier.address
            trunk = api.SIPOutboundTrunkInfo(name="c", address=f"{host}:{port}", numbers=[LINE])
            made = await lab.api.sip.create_outbound_trunk(
                api.CreateSIPOutboundTrunkRequest(trunk=trunk)
            )
            await lab.api.sip.create_sip_participant(
                api.CreateSIPParticipantRequest(
                    sip_trunk_id=made.sip_trunk_id,
                    sip_call_to=TARGET,
                    room_name="lobby",
                    participant_identity="target",
                )
            )
            await carrier.happened("phone_rings")
            await carrier.hears(CALLER, RINGBACK, 2.5)
            await carrier.happened("call_answered", 2)
            await carrier.hears(CALLER, 1000)
            await carrier.hears(TARGET, 330)
            assert "183 Session Progress" in [one.label for one in carrier.trace]

    run(test, sip__answer="immediately")


def test_its_timers_are_those_of_its_profile() -> None:
    async def main() -> None:
        async with CarrierService(load_profile("rude"), network()) as carrier:
            assert carrier.switch.board.endpoint._timers.t1 == 0.2

    asyncio.run(main())


def test_a_profile_has_its_faults_from_the_start() -> None:
    async def main() -> None:
        profile = load_profile("lossy")
        async with CarrierService(profile, network()) as carrier:
            assert carrier.faults == profile.manners.faults != Faults()

    asyncio.run(main())


def test_a_keep_alive_on_a_connection_is_answered() -> None:
    """A double CRLF by a single one (RFC 5626 §4.4.1)."""

    async def main() -> None:
        async with CarrierService(load_profile("plain"), network()) as carrier:
            reader, writer = await asyncio.open_connection(*carrier.address)
            writer.write(b"\r\n\r\n")
            async with asyncio.timeout(2):
                assert await reader.readexactly(2) == b"\r\n"
            writer.close()
            await writer.wait_closed()

    asyncio.run(main())


def test_keep_alives_of_its_own() -> None:
    """As often as the profile has it, on each connection."""

    async def main() -> None:
        async with CarrierService(plain(keep_alive_every=0.05), network()) as carrier:
            for _ in range(2):
                reader, writer = await asyncio.open_connection(*carrier.address)
                async with asyncio.timeout(2):
                    assert await reader.readexactly(8) == b"\r\n" * 4
                writer.close()
                await writer.wait_closed()

    asyncio.run(main())


def test_the_exchange_takes_keep_alives_for_what_they_are() -> None:
    """In the middle of a call, on its connection."""

    async def test(lab: Lab) -> None:
        await lab.ready()
        there = Uri.sip(None, *lab.sip, params=(("transport", "tcp"),))
        profile = plain(keep_alive_every=0.02)
        service = CarrierService(profile, network(origination=there), seed=1)
        sent, ping = asyncio.Semaphore(0), service._sockets.ping

        def pinged() -> None:
            ping()
            sent.release()

        service._sockets.ping = pinged  # type: ignore[method-assign]
        async with service as carrier:
            carrier.call(CALLER, LINE)
            await carrier.happened("call_answered")
            flows = {one.flow for one in carrier._sockets.open_connections()}
            assert flows
            for _ in range(10):
                await sent.acquire()
            carrier.hang_up(CALLER)
            await carrier.until(lambda: carrier.idle)
            assert {one.flow for one in carrier._sockets.open_connections()} == flows
            assert carrier.trace[-1].message.cseq.method == "BYE"

    run(test, sip__answer="immediately")


def test_a_request_off_the_route_is_told_and_answered() -> None:
    async def main() -> None:
        async with CarrierService(plain(record_route=1), network()) as carrier:
            loop = asyncio.get_running_loop()
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
                peer.bind(("127.0.0.1", 0))
                peer.setblocking(False)
                bye = request_of("BYE", to_tag="x", headers=[("Route", "<sip:elsewhere.test;lr>")])
                await loop.sock_sendto(peer, bye.encode(), carrier.address)
                answer = parse(await loop.sock_recv(peer, 65535))
            assert isinstance(answer, Response)
            assert answer.status == 404
            told = await carrier.happened("off_route")
            assert told == {"method": "BYE", "route": "sip:elsewhere.test;lr"}

    asyncio.run(main())


def test_the_exchange_answers_options() -> None:
    async def test(lab: Lab) -> None:
        config = network(origination=Uri.sip(None, *lab.sip))
        async with CarrierService(plain(options_every=60.0), config, seed=1) as carrier:
            assert await carrier.happened("exchange_answers") == {"trunk": "main", "status": 200}

    run(test)
