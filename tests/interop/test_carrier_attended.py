"""Attended transfers at the carrier, by softphones that talk to caller and target both.

baresip of Debian sends a REFER to any target, so the test writes the Replaces for it; linphonec
writes its own. Each has a network namespace of its own.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tests.interop.support.baresip import Phone
from tests.interop.support.lab import Lab
from tests.interop.support.network import Network
from tests.interop.support.process import need
from tests.interop.test_first_call import Terminal

from hookflash.carrier.config import NetworkConfig, PhoneConfig, TrunkConfig
from hookflash.carrier.profile_files import load_profile
from hookflash.carrier.service import CarrierService
from hookflash.sip.message import Request, Response
from hookflash.sip.uri import Uri

pytestmark = pytest.mark.interop

CALLER, TARGET, LINE = "+14155550100", "+15105550123", "+15550000001"
CALLER_TONE, TARGET_TONE, OWN_TONE = 400.0, 1100.0, 700.0
PHONES = (
    PhoneConfig(CALLER, tone=CALLER_TONE),
    PhoneConfig(TARGET, tone=TARGET_TONE, after=0.3),
)


def carrier_for(lab: Lab, network: Network, exchange: str) -> CarrierService:
    """The carrier, whose only trunk is that of the softphone at this address."""
    trunk = TrunkConfig("softphone", (LINE,), Uri.sip(None, exchange, 5060))
    config = NetworkConfig((trunk,), PHONES)
    return CarrierService(load_profile("plain"), config, sip=(network.address, lab.ports.take()))


def replaces(carrier: CarrierService) -> str:
    """A Replaces of the call that the softphone has made, escaped for a Refer-To."""
    answers = (
        traced.message
        for traced in carrier.trace
        if traced.sent and isinstance(traced.message, Response)
    )
    answer = next(one for one in answers if one.status == 200 and one.cseq.method == "INVITE")
    tags = f"%3Bto-tag%3D{answer.to.tag}%3Bfrom-tag%3D{answer.from_.tag}"
    return answer.call_id.replace("@", "%40") + tags


async def joined(carrier: CarrierService) -> None:
    """Wait until caller and target hear each other, and nobody else is there."""
    told = await carrier.happened("transferred", within=15)
    assert (told["caller"], told["target"]) == (CALLER, TARGET)
    await carrier.hears(CALLER, TARGET_TONE, within=5)
    await carrier.hears(TARGET, CALLER_TONE, within=5)
    for number in (CALLER, TARGET):
        await carrier.sound(number).misses(OWN_TONE, 5)


def refer_to(carrier: CarrierService) -> str:
    """The target of the one REFER that came."""
    messages = [traced.message for traced in carrier.trace if not traced.sent]
    (refer,) = (one for one in messages if isinstance(one, Request) and one.method == "REFER")
    return refer.header("Refer-To") or ""


async def with_baresip(folder: Path) -> None:
    async with Lab(folder) as lab:
        network = await Network.create(lab)
        host = await network.host("exchange")
        phone = await Phone.start(lab, host, LINE, OWN_TONE)
        async with carrier_for(lab, network, host.address) as carrier:
            address, port = carrier.address
            await phone.dial(f"sip:{TARGET}@{address}:{port}")
            await phone.event("CALL_ESTABLISHED")
            await carrier.hears(TARGET, OWN_TONE, within=10)
            named = replaces(carrier)
            carrier.call(CALLER, LINE)
            await phone.event("CALL_ESTABLISHED", 2)
            await carrier.hears(CALLER, OWN_TONE, within=10)
            await phone.transfer(f"<sip:{TARGET}@{address}:{port}?Replaces={named}>")
            await joined(carrier)
            assert named in refer_to(carrier)
            # The carrier ends the call that is replaced, baresip the other one.
            await phone.event("CALL_CLOSED", 2)
            (conversation,) = carrier.switch.conversations.values()
            assert {end.number for end in conversation.ends} == {CALLER, TARGET}
            carrier.hang_up(CALLER)
            async with asyncio.timeout(10):
                await carrier.until(lambda: carrier.idle)


async def with_linphone(folder: Path) -> None:
    async with Lab(folder) as lab:
        network = await Network.create(lab)
        host = await network.host("exchange")
        lab.path(".local/share/linphone/linphone.db")  # it makes the file, but not the folder
        phone = Terminal(lab, *host.command(need("linphonec")))
        await phone.start()
        await phone.prints("linphonec> ", within=20)
        for line, answer in (
            ("soundcard use files", "Using wav files"),
            ("ipv6 disable", "ipv6 use disabled"),
        ):
            phone.type(line)
            await phone.prints(answer)
        async with carrier_for(lab, network, host.address) as carrier:
            address, port = carrier.address
            phone.type(f"call sip:{TARGET}@{address}:{port}")
            await phone.prints("Media streams established", within=15)
            phone.type("pause 1")
            await phone.prints("paused")
            carrier.call(CALLER, LINE)
            await phone.prints("assigned id 2")
            phone.type("answer 2")
            await carrier.happened("call_answered", 2, within=15)
            phone.type("transfer 2 --to-call 1")
            await joined(carrier)
            assert f"?Replaces={replaces(carrier)[:8]}" in refer_to(carrier)
            phone.type("terminate all")
            await carrier.happened("hung_up", within=10)
            carrier.hang_up(CALLER)
            async with asyncio.timeout(10):
                await carrier.until(lambda: carrier.idle)


def test_baresip_names_the_other_call(tmp_path: Path) -> None:
    asyncio.run(with_baresip(tmp_path))


def test_linphone_transfers_one_call_to_another(tmp_path: Path) -> None:
    asyncio.run(with_linphone(tmp_path))
