"""The carrier judged by others than our own exchange: SIPp calls it, Kamailio stands between."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from tests.interop.support.exchange import Exchange
from tests.interop.support.kamailio import Kamailio
from tests.interop.support.lab import Lab
from tests.interop.support.sipp import Sipp, Step, dial, exchange_hangs_up, step
from tests.support.carrier_rig import BUSY, CALLER, LINE, TARGET, network

from hookflash.carrier.config import NetworkConfig
from hookflash.carrier.manners import Profile
from hookflash.carrier.profile_files import load_profile
from hookflash.carrier.service import CarrierService
from hookflash.sip.uri import Uri

pytestmark = pytest.mark.interop


def quick(origination: Uri) -> NetworkConfig:
    """A trunk whose transfers are on, and phones that ring for a moment."""
    config = network(origination=origination, transfer_mode="enable-all")
    return replace(config, phones=tuple(replace(one, after=0.3) for one in config.phones))


def profile(name: str, **traits: object) -> Profile:
    """A profile with some traits changed."""
    found = load_profile(name)
    return replace(found, manners=replace(found.manners, **traits))  # type: ignore[arg-type]


def refer(target: str, status: int = 202, cseq: int = 2) -> Step:
    """SIPp transfers whom it has called."""
    return step("referrer", target=target, status=status, cseq=cseq)


def told(expected: str) -> Step:
    """A NOTIFY of the carrier."""
    return step("notify_received", expected=expected)


def hang_up(cseq: int) -> Step:
    return step("bye_sent", cseq=cseq)


DONE, REFUSED = told("terminated.*SIP/2.0 200 OK"), told("terminated.*SIP/2.0 486 Busy")
PLAIN = profile("plain", notify="final")
"""One NOTIFY only: SIPp answers a second one by itself where both come at once."""
CASES = [
    ("answers", PLAIN, f"tel:{TARGET}", (DONE, hang_up(3)), "u1"),
    ("tcp", PLAIN, f"tel:{TARGET}", (DONE, hang_up(3)), "t1"),
    (
        "proxies",
        profile("plain", notify="final", record_route=3),
        f"tel:{TARGET}",
        (DONE, hang_up(3)),
        "u1",
    ),
    ("busy", PLAIN, f"tel:{BUSY}", (REFUSED, hang_up(3)), "u1"),
    (
        "hung_up_on",
        profile("plivo", notify="final", hang_up_after=0.5),
        f"sip:{TARGET}@my.zt.plivo.com",
        (DONE, *exchange_hangs_up(200)),
        "u1",
    ),
]


@pytest.mark.parametrize(
    ("name", "chosen", "target", "then", "transport"), CASES, ids=[case[0] for case in CASES]
)
def test_sipp_calls_and_transfers(
    tmp_path: Path, name: str, chosen: Profile, target: str, then: Sequence[Step], transport: str
) -> None:
    async def main() -> None:
        async with Lab(tmp_path) as lab:
            config = quick(Uri.sip(None, "127.0.0.1", 9))
            at = ("127.0.0.1", lab.ports.take())
            async with CarrierService(chosen, config, sip=at) as carrier:
                steps = [dial(), refer(target), *then]
                place = f"127.0.0.1:{at[1]}"
                caller = await Sipp.call(
                    lab,
                    *(place, steps),
                    name=name,
                    number=CALLER,
                    prefix="+1555",
                    transport=transport,
                )
                await caller.succeed()
                if name != "busy":
                    await carrier.happened("transferred")
                    await carrier.hears(CALLER, 1000)
                    await carrier.hears(TARGET, 330)
                    carrier.hang_up(TARGET)
                async with asyncio.timeout(10):
                    await carrier.until(lambda: carrier.idle)
                assert "off_route" not in [one.name for _, one in carrier.happenings]

    asyncio.run(main())


def test_sipp_is_refused_where_transfers_are_off(tmp_path: Path) -> None:
    async def main() -> None:
        async with Lab(tmp_path) as lab:
            config = network(
                origination=Uri.sip(None, "127.0.0.1", 9), allowed_addresses=("127.0.0.1",)
            )
            at = ("127.0.0.1", lab.ports.take())
            async with CarrierService(load_profile("twilio"), config, sip=at) as carrier:
                steps = [dial(), refer(f"tel:{TARGET}", 603), hang_up(3)]
                place = f"127.0.0.1:{at[1]}"
                caller = await Sipp.call(
                    lab, place, steps, name="off", number=CALLER, prefix=LINE[:-1]
                )
                await caller.succeed()
                assert (await carrier.happened("refer_refused"))["status"] == 603

    asyncio.run(main())


@pytest.mark.parametrize("name", ["plain", "twilio"])
def test_kamailio_between_carrier_and_exchange(tmp_path: Path, name: str) -> None:
    """twilio has a proxy of its own behind Kamailio, and a Contact that nobody reaches."""

    async def main() -> None:
        async with Lab(tmp_path) as lab:
            exchange = await Exchange.start(lab)
            client = exchange.client
            proxy = await Kamailio.start(lab, "edge", f"sip:{exchange.address}")
            trunk = await client.create_trunk(LINE)
            await client.create_rule(trunk, prefix="carried")
            host, _, port = proxy.address.rpartition(":")
            at = ("127.0.0.1", lab.ports.take())
            config = quick(Uri.sip(None, host, int(port)))
            async with CarrierService(load_profile(name), config, sip=at) as carrier:
                carrier.call(CALLER, LINE)
                await carrier.happened("call_answered", within=10)
                room, identity = f"carried_{CALLER}", f"sip_{CALLER}"
                await client.wait_active(room, identity)
                refused = await client.transfer(room, identity, f"tel:{BUSY}")
                assert refused.sip_status == 486
                outcome = await client.transfer(room, identity, f"tel:{TARGET}")
                assert outcome.ok, outcome
                await carrier.happened("transferred")
                await carrier.hears(TARGET, 330)
                await exchange.wait_calls_ended()
                assert proxy.loose("REFER") == 2
                assert proxy.loose("NOTIFY") >= 4
                assert proxy.loose("BYE") == 1
                assert not proxy.process.count("WITHOUT ROUTE")
                assert "off_route" not in [one.name for _, one in carrier.happenings]
            assert not exchange.complaints(), exchange.complaints()

    asyncio.run(main())
