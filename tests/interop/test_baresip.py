"""baresip phones: a caller that carries out the REFER itself, by its own INVITE and NOTIFYs.

Each phone has a network namespace of its own, plays a tone and records what it hears.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from livekit.protocol.sip import SIPMediaConfig, SIPMediaEncryption
from tests.interop.support.baresip import Phone
from tests.interop.support.certificates import Authority
from tests.interop.support.client import Client
from tests.interop.support.exchange import Exchange
from tests.interop.support.lab import Lab
from tests.interop.support.network import Network
from tests.interop.support.recordings import seconds_of
from tests.interop.support.waiting import wait_until
from tests.interop.support.webhook_receiver import Hooks

pytestmark = pytest.mark.interop

NUMBER = "+15550100"
CALLER, AGENT, NEW = 400.0, 700.0, 1100.0
"""Tones of the three phones, Hz."""


async def hears(phone: Phone, recording: int, tone: float, seconds: float) -> None:
    """Wait until this phone has heard the tone for so long, in its nth call."""

    def look() -> bool:
        files = phone.recordings("dec")
        return len(files) > recording and seconds_of(files[recording], tone) >= seconds

    what = f"{phone.process.name} hears {tone:g} Hz for {seconds:g} s in call {recording}"
    await wait_until(look, what, 15)


async def set_up(client: Client, media: SIPMediaConfig | None = None) -> None:
    trunk = await client.create_trunk(NUMBER, media=media)
    await client.create_rule(trunk, room="desk")


async def talk_and_transfer(
    exchange: Exchange, hooks: Hooks, phones: tuple[Phone, Phone, Phone], uri: str, target: str
) -> None:
    """Caller and agent dial `uri` and talk; the caller is transferred and talks to the new one."""
    caller, agent, new = phones
    for phone in (agent, caller):
        await phone.dial(uri)
    for phone in (agent, caller):
        await phone.event("CALL_ESTABLISHED", within=15)
    await asyncio.gather(hears(caller, 0, AGENT, 1), hears(agent, 0, CALLER, 1))
    outcome = await exchange.client.transfer("desk", "sip_caller", target)
    assert outcome.ok, outcome
    await caller.event("CALL_ESTABLISHED", 2)
    await new.event("CALL_ESTABLISHED")
    await hooks.wait("participant_left", room="desk")
    await asyncio.gather(hears(caller, 1, NEW, 1), hears(new, 0, CALLER, 1))
    record = await exchange.client.record("desk", outcome.transfer_id)
    assert record["verdict"] == "succeeded"
    assert [stage["stage"] for stage in record["stages"]][:3] == ["requested", "sent", "accepted"]
    await caller.hang_up()
    await agent.hang_up()
    await new.event("CALL_CLOSED")
    await exchange.wait_calls_ended()
    heard = caller.recordings("dec")[0]
    assert seconds_of(heard, CALLER) == 0, "the caller hears itself"
    assert seconds_of(heard, NEW) == 0
    assert not exchange.complaints(), exchange.complaints()
    assert not hooks.faults, hooks.faults


async def over_udp(folder: Path) -> None:
    async with Lab(folder) as lab:
        network = await Network.create(lab)
        hooks = await Hooks.start(lab)
        exchange = await Exchange.start(
            lab, hooks=hooks.url, ip=network.address, answer="subscribed"
        )
        hosts = [await network.host(name) for name in ("caller", "agent", "new")]
        caller, agent, new = await asyncio.gather(
            Phone.start(lab, hosts[0], "caller", CALLER),
            Phone.start(lab, hosts[1], "agent", AGENT),
            Phone.start(lab, hosts[2], "new", NEW),
        )
        await set_up(exchange.client)
        uri, target = f"sip:{NUMBER}@{exchange.address}", f"sip:new@{new.host.address}"
        await talk_and_transfer(exchange, hooks, (caller, agent, new), uri, target)


async def over_tls(folder: Path) -> None:
    """SIP over TLS and SRTP everywhere, the trunk insists on it."""
    async with Lab(folder) as lab:
        network = await Network.create(lab)
        hooks = await Hooks.start(lab)
        authority = await Authority.create(folder / "tls")
        own = await authority.issue("hookflash", network.address)
        tls = {
            "port": lab.ports.take(),
            "certs": [{"cert_file": str(own.cert), "key_file": str(own.key)}],
            "ca_file": str(authority.cert),
        }
        exchange = await Exchange.start(
            lab, hooks=hooks.url, ip=network.address, answer="subscribed", tls=tls
        )

        async def phone(name: str, tone: float) -> Phone:
            host = await network.host(name)
            return await Phone.start(
                lab,
                host,
                name,
                tone,
                transport="tls",
                certificate=await authority.issue(name, host.address),
                authority=authority.cert,
                account=";mediaenc=srtp-mand",
            )

        phones = (
            await phone("caller", CALLER),
            await phone("agent", AGENT),
            await phone("new", NEW),
        )
        required = SIPMediaConfig(encryption=SIPMediaEncryption.SIP_MEDIA_ENCRYPT_REQUIRE)
        await set_up(exchange.client, required)
        uri = f"sip:{NUMBER}@{network.address}:{tls['port']};transport=tls"
        target = f"sip:new@{phones[2].host.address};transport=tls"
        await talk_and_transfer(exchange, hooks, phones, uri, target)
        for one in phones:
            assert one.process.count(r"^TLS [\d.]+:\d+ -> "), "no SIP over TLS in its trace"
            assert not one.process.count(r"^(UDP|TCP) [\d.]+:\d+ -> "), "SIP in the clear"
            assert one.process.count("m=audio .* RTP/SAVP "), "no SRTP in its SDP"


def test_caller_carries_out_the_refer(tmp_path: Path) -> None:
    asyncio.run(over_udp(tmp_path))


def test_tls_and_srtp(tmp_path: Path) -> None:
    asyncio.run(over_tls(tmp_path))
