"""The carrier judged by baresip: it calls, is called, and transfers whom it talks to."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path

import pytest
from tests.interop.support.baresip import Phone
from tests.interop.support.lab import Lab
from tests.interop.support.network import Network
from tests.interop.support.recordings import seconds_of
from tests.interop.support.waiting import wait_until

from hookflash.carrier.agent import CarrierError
from hookflash.carrier.config import NetworkConfig, PhoneConfig, TrunkConfig
from hookflash.carrier.profile_files import load_profile
from hookflash.carrier.service import CarrierService
from hookflash.sip.uri import Uri

pytestmark = pytest.mark.interop

CALLER, TARGET, DECLINES, LINE = "+14155550100", "+15105550123", "+15105550125", "+15550000001"
CALLER_TONE, TARGET_TONE, OWN_TONE = 400.0, 1100.0, 700.0


async def until_heard(carrier: CarrierService, number: str, tone: float) -> None:
    """Wait until a telephone of the carrier hears baresip."""

    def look() -> bool:
        with suppress(CarrierError):  # it talks to nobody yet
            return carrier.sound(number).hears_now(tone)
        return False

    await wait_until(look, f"{number} hears {tone:g} Hz", 15)


async def hears(phone: Phone, recording: int, tone: float) -> None:
    """Wait until baresip has heard the tone for a second, in its nth call."""

    def look() -> bool:
        files = phone.recordings("dec")
        return len(files) > recording and seconds_of(files[recording], tone) >= 1

    await wait_until(look, f"baresip hears {tone:g} Hz", 15)


async def play(folder: Path, profile: str) -> None:
    async with Lab(folder) as lab:
        network = await Network.create(lab)
        host = await network.host("exchange")
        phone = await Phone.start(lab, host, LINE, OWN_TONE)
        trunk = TrunkConfig("baresip", (LINE,), Uri.sip(None, host.address, 5060))
        phones = (
            PhoneConfig(CALLER, tone=CALLER_TONE),
            PhoneConfig(TARGET, tone=TARGET_TONE, after=0.5),
            PhoneConfig(DECLINES, does="declines", after=0.5),
        )
        config = NetworkConfig((trunk,), phones)
        at = (network.address, lab.ports.take())
        async with CarrierService(load_profile(profile), config, sip=at) as carrier:
            host_port = f"{at[0]}:{at[1]}"
            for count, target in enumerate((DECLINES, TARGET), 1):
                carrier.call(CALLER, LINE)
                await phone.event("CALL_ESTABLISHED", count)
                await until_heard(carrier, CALLER, OWN_TONE)
                await hears(phone, count - 1, CALLER_TONE)
                await phone.transfer(f"sip:{target}@{host_port}")
                if target == TARGET:
                    await carrier.happened("transferred", within=10)
                    await carrier.hears(CALLER, TARGET_TONE, within=5)
                    await carrier.hears(TARGET, CALLER_TONE, within=5)
                else:
                    assert (await carrier.happened("transfer_failed", within=10))["status"] == 603
                    assert (await phone.event("TRANSFER_FAILED"))["param"].startswith("603")
                # It hangs up by itself: after the answer, and after a failure as well.
                gone = await carrier.happened("hung_up", count, within=10)
                assert (gone["number"], gone["by"]) == (LINE, "peer")
            carrier.hang_up(CALLER)
            await carrier.happened("call_ended", 4, within=10)
            # Another way round: baresip calls a telephone of the carrier.
            await phone.dial(f"sip:{TARGET}@{host_port}")
            await phone.event("CALL_ESTABLISHED", 3)
            await until_heard(carrier, TARGET, OWN_TONE)
            await hears(phone, 2, TARGET_TONE)
            carrier.hang_up(TARGET)
            async with asyncio.timeout(10):
                await carrier.until(lambda: carrier.idle)
            assert not carrier.switch.conversations


@pytest.mark.parametrize("profile", ["plain", "freeswitch"])
def test_baresip_as_the_exchange(tmp_path: Path, profile: str) -> None:
    asyncio.run(play(tmp_path, profile))
