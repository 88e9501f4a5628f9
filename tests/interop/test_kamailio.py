"""Kamailio between caller and exchange: REFER and BYE take the route that the INVITE recorded."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tests.interop.support.certificates import Authority
from tests.interop.support.exchange import Exchange
from tests.interop.support.kamailio import Kamailio
from tests.interop.support.lab import Lab
from tests.interop.support.sipp import ENDED, Sipp, answer, dial, exchange_hangs_up, notify, step

pytestmark = pytest.mark.interop

NUMBER = "+15550100"
STEPS = (
    *(dial(), step("refer"), answer("202 Accepted")),
    *(notify(2, "SIP/2.0 100 Trying"), notify(3, "SIP/2.0 200 OK", state=ENDED)),
    *exchange_hangs_up(500),
)


async def transfer_through(
    lab: Lab, exchange: Exchange, proxies: list[Kamailio], kind: str
) -> None:
    """A call through the proxies, the caller's first; its transfer; who saw what."""
    client = exchange.client
    trunk = await client.create_trunk(NUMBER)
    await client.create_rule(trunk, prefix="proxied")
    caller = await Sipp.call(
        lab,
        proxies[0].address,
        STEPS,
        name="proxied",
        number=NUMBER,
        prefix="+1444",
        transport=kind,
    )
    room = f"proxied_{caller.caller()}"
    await client.wait_active(room, caller.identity())
    outcome = await client.transfer(room, caller.identity())
    assert outcome.ok, outcome
    await caller.succeed()
    for proxy in proxies:
        seen = {method: proxy.loose(method) for method in ("ACK", "REFER", "NOTIFY", "BYE")}
        assert seen == {"ACK": 1, "REFER": 1, "NOTIFY": 2, "BYE": 1}, f"{proxy.name}: {seen}"
        assert not proxy.process.count("WITHOUT ROUTE")
    refer = next(text for text in caller.messages().split("----") if "\nREFER " in text)
    assert refer.count("\nVia:") == len(proxies) + 1, refer
    await exchange.wait_calls_ended()
    assert not exchange.complaints(), exchange.complaints()


async def one_proxy(folder: Path, transport: str) -> None:
    async with Lab(folder) as lab:
        exchange = await Exchange.start(lab)
        hop = f"sip:{exchange.address};transport={transport}"
        proxy = await Kamailio.start(lab, "edge", hop)
        await transfer_through(lab, exchange, [proxy], "u1" if transport == "udp" else "t1")


async def two_proxies(folder: Path) -> None:
    async with Lab(folder) as lab:
        exchange = await Exchange.start(lab)
        inner = await Kamailio.start(lab, "inner", f"sip:{exchange.address}")
        outer = await Kamailio.start(lab, "outer", f"sip:{inner.address}")
        await transfer_through(lab, exchange, [outer, inner], "u1")


async def tls_proxy(folder: Path) -> None:
    async with Lab(folder) as lab:
        authority = await Authority.create(folder / "tls")
        own = await authority.issue("hookflash", "127.0.0.1")
        theirs = await authority.issue("kamailio", "127.0.0.1")
        port = lab.ports.take()
        tls = {
            "port": port,
            "certs": [{"cert_file": str(own.cert), "key_file": str(own.key)}],
            "ca_file": str(authority.cert),
        }
        exchange = await Exchange.start(lab, tls=tls)
        hop = f"sip:127.0.0.1:{port};transport=tls"
        proxy = await Kamailio.start(lab, "tls", hop, certificate=theirs, authority=authority.cert)
        await transfer_through(lab, exchange, [proxy], "u1")


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_one_proxy(tmp_path: Path, transport: str) -> None:
    asyncio.run(one_proxy(tmp_path, transport))


def test_two_proxies(tmp_path: Path) -> None:
    asyncio.run(two_proxies(tmp_path))


def test_udp_caller_behind_a_proxy_that_speaks_tls(tmp_path: Path) -> None:
    asyncio.run(tls_proxy(tmp_path))
