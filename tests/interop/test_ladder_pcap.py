"""tshark reads what `hookflash ladder --pcap` writes, and finds nothing malformed."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tests.interop.support.process import need
from tests.interop.support.process import run as command
from tests.support.carrier_rig import CALLER as CARRIERS_CALLER
from tests.support.carrier_rig import TARGET, network
from tests.support.cli import hookflash
from tests.support.lab import NUMBER, Lab, run
from tests.support.sip_messages import OUR_ADDRESS, PEER_ADDRESS, request_of

from hookflash.carrier.phone import Behaviour
from hookflash.carrier.profile_files import load_profile
from hookflash.carrier.service import CarrierService
from hookflash.cli.carrier_run import Capture
from hookflash.sip.flow import Transport
from hookflash.sip.pcap import CapturedMessage, pcap
from hookflash.sip.uri import Uri

pytestmark = pytest.mark.interop

CALLER = "+14150000001"
SDES = (
    b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
    b"m=audio 4000 RTP/SAVP 0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:"
    + b"x" * 40
    + b"\r\na=rtpmap:0 PCMU/8000\r\n"
)
"""As redaction leaves it."""


async def fields(file: Path, shown: str, *names: str) -> list[tuple[str, ...]]:
    wanted = [part for name in names for part in ("-e", name)]
    tshark = (need("tshark"), "-n", "-r", file, "-o", "tcp.check_checksum:TRUE")
    checks = ("-o", "udp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE")
    out = await command(
        *tshark, *checks, "-Y", shown, "-T", "fields", "-E", "separator=|", *wanted, within=60
    )
    lines = [line for line in out.splitlines() if "Running as user" not in line and line.strip()]
    return [tuple(line.split("|")) for line in lines]


async def judge(file: Path) -> list[str]:
    """Methods and statuses in their order, where nothing is wrong with any packet."""
    wrong = "_ws.malformed || ip.checksum.status == 0 || udp.checksum.status == 0 || "
    wrong += "tcp.checksum.status == 0 || tcp.analysis.flags"
    assert await fields(file, wrong, "frame.number", "_ws.col.info") == []
    found = await fields(file, "sip", "sip.Method", "sip.Status-Code")
    return [method or status for method, status in found]


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_call_with_a_failed_transfer(tmp_path: Path, transport: Transport) -> None:
    file = tmp_path / "call.pcap"

    async def check(lab: Lab) -> None:
        await lab.ready()
        behaviour = Behaviour(notify=(100, 486))
        caller = await lab.carrier.phone(CALLER, behaviour=behaviour)
        await caller.call(NUMBER, proxy=lab.sip, transport=transport)
        await hookflash(lab, "transfer", "+15105550100")
        ran = await hookflash(lab, "ladder", "--pcap", str(file))
        assert ran.code == 0, ran.err
        found = await judge(file)
        assert found[:5] == ["INVITE", "100", "180", "200", "ACK"]
        assert found[5:] == ["REFER", "202", "NOTIFY", "200", "NOTIFY", "200"]
        fragments = await fields(file, "sipfrag", "sipfrag.line")
        assert fragments[-1] == ("SIP/2.0 486 Busy Here",)
        assert await fields(file, "sdp", "frame.number")

    run(check, sip__answer="immediately")


@pytest.mark.parametrize("profile", ["twilio", "rude"])
def test_the_carrier_writes_one(tmp_path: Path, profile: str) -> None:
    file = tmp_path / "carrier.pcap"

    async def check(lab: Lab) -> None:
        await lab.ready()
        config = network(transfer_mode="enable-all", origination=Uri.sip(None, *lab.sip))
        with file.open("wb") as out:
            async with CarrierService(load_profile(profile), config, seed=1) as carrier:
                carrier.watch(lambda *_: None, Capture(out).traced)
                carrier.call(CARRIERS_CALLER, NUMBER)
                await carrier.happened("call_answered")
                await hookflash(lab, "transfer", TARGET)
                await carrier.happened("transferred", within=10)
                carrier.hang_up(TARGET)
                await carrier.until(lambda: carrier.idle)
        found = await judge(file)
        assert found[0] == "INVITE"
        assert {"REFER", "NOTIFY", "BYE", "202"} <= set(found)
        fragments = await fields(file, "sipfrag", "sipfrag.line")
        assert any("200" in line for (line,) in fragments)

    run(check, sip__answer="immediately")


def test_tls_and_ipv6_and_keys_that_were_overwritten(tmp_path: Path) -> None:
    file = tmp_path / "call.pcap"
    kind = (("Content-Type", "application/sdp"),)
    invite = request_of("INVITE", headers=kind, body=SDES).encode()
    here6, there6 = ("2001:db8::1", 5060), ("2001:db8::2", 5060)
    messages = [
        CapturedMessage(1.0, "tls", PEER_ADDRESS, ("192.0.2.10", 5061), invite),
        CapturedMessage(2.0, "udp", PEER_ADDRESS, OUR_ADDRESS, invite + bytes(3000)),
        CapturedMessage(3.0, "udp", here6, there6, invite),
        CapturedMessage(4.0, "tcp", here6, there6, invite),
    ]
    file.write_bytes(pcap(messages))
    assert asyncio.run(judge(file)) == ["INVITE"] * 4
