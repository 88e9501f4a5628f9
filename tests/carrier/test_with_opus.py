"""The exchange and a carrier whose telephones speak Opus: sockets, sound, the API."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from livekit import api
from tests.carrier.test_over_sockets import plain
from tests.support.carrier_rig import CALLER, LINE, TARGET, network
from tests.support.lab import Lab, run

from hookflash.carrier.config import PhoneConfig
from hookflash.carrier.manners import Profile
from hookflash.carrier.profile_files import load_profile
from hookflash.carrier.service import CarrierService
from hookflash.carrier.sound import Sound
from hookflash.carrier.speech import PEAK
from hookflash.carrier.tls_folder import TlsFolder
from hookflash.sip.uri import Uri

AGENT = "+14155550101"
Test = Callable[[Lab, CarrierService], Awaitable[None]]


def play(test: Test, profile: Profile, folder: Path, codecs: str = "") -> None:
    """CALLER and AGENT are in a room of an exchange that has `codecs`, "": those of its own."""
    made = TlsFolder(folder)
    made.fill([], [])
    require = api.SIPMediaEncryption.SIP_MEDIA_ENCRYPT_REQUIRE
    secure = profile.manners.srtp == "required"
    certs = [{"cert_file": str(folder / "exchange.pem"), "key_file": str(folder / "exchange.key")}]

    async def main(lab: Lab) -> None:
        await lab.trunk(**{"media_encryption": require} if secure else {})
        await lab.rule()
        at = Uri.parse(f"sip:127.0.0.1:{lab.server.sockets.local['tls'][1]};transport=tls")
        config = network(origination=at, transfer_mode="enable-all")
        agent = PhoneConfig(AGENT, "agent", tone=550.0)
        phones = tuple(replace(phone, after=0.1) for phone in (*config.phones, agent))
        config = replace(config, phones=phones)
        async with CarrierService(
            profile, config, tls=("127.0.0.1", 0), files=made.files, seed=1
        ) as carrier:
            for count, phone in enumerate((AGENT, CALLER), 1):
                carrier.call(phone, LINE)
                await carrier.happened("call_answered", count)
            await test(lab, carrier)

    flags: dict[str, Any] = {
        "sip__answer": "immediately",
        "sip__tls__port": 0,
        "sip__tls__certs": certs,
        "sip__tls__ca_file": str(made.authority),
    }
    if codecs:
        flags["sip__codecs"] = codecs
    run(main, **flags)


async def hears(sound: Sound, tone: float) -> None:
    """For half a second, as loud as it was said (2 dB); an encoder of Opus needs a moment for it
    at its beginning."""
    ticks = 0

    def steady() -> bool:
        nonlocal ticks
        ticks = ticks + 1 if abs(sound.level(tone) - PEAK) < 0.2 * PEAK else 0
        return ticks >= 25

    await sound._until(steady, 10.0, f"did not hear {tone:g} Hz as it was said")


async def hear_each_other(carrier: CarrierService, one: str, other: str) -> None:
    """By the same measure."""
    tones = {phone.number: phone.tone for phone in carrier.switch.numbers.phones}
    await hears(carrier.sound(one), tones[other])
    await hears(carrier.sound(other), tones[one])


def formats(carrier: CarrierService) -> set[bytes]:
    """Payload types of all descriptions that the carrier sent."""
    bodies = [one.message.body for one in carrier.trace if one.message.body and one.sent]
    lines = [re.search(rb"m=audio \d+ \S+ ([ \d]+)", body) for body in bodies]
    return {number for line in lines if line is not None for number in line[1].split()}


def test_whatsapp_speaks_opus_alone(tmp_path: Path) -> None:
    """To an exchange as it is without settings; keys, too, and a transfer is refused."""

    async def test(lab: Lab, carrier: CarrierService) -> None:
        await hear_each_other(carrier, CALLER, AGENT)
        carrier.press(CALLER, "5")
        await carrier.sound(AGENT).pressed("5", 3.0)
        with pytest.raises(api.TwirpError) as caught:
            await lab.transfer(f"sip_{CALLER}", f"tel:{TARGET}")
        assert caught.value.metadata["sip_status_code"] == "405"
        await hear_each_other(carrier, CALLER, AGENT)
        assert formats(carrier) == {b"111", b"110", b"101"}
        assert all(b"RTP/SAVP" in one.message.body for one in carrier.trace if one.message.body)

    play(test, load_profile("whatsapp"), tmp_path)


def test_a_transfer_from_a_leg_in_opus_to_a_telephone(tmp_path: Path) -> None:
    async def test(lab: Lab, carrier: CarrierService) -> None:
        done = await lab.transfer(f"sip_{CALLER}", f"tel:{TARGET}")
        assert done.reason == api.SIPTransferReason.STR_COMPLETED
        await carrier.happened("transferred")
        await hear_each_other(carrier, CALLER, TARGET)

    found = load_profile("whatsapp")
    play(test, replace(found, manners=replace(found.manners, refer="always")), tmp_path)


@pytest.mark.parametrize("codec", ["PCMU", "PCMA", "opus"])
def test_a_transfer_to_somebody_with_another_codec(tmp_path: Path, codec: str) -> None:
    """The carrier's telephone, which had a leg in Opus, hears a leg in `codec`; each leg has the
    codecs that were agreed on there."""

    async def test(lab: Lab, carrier: CarrierService) -> None:
        outside = await lab.carrier.phone("+14155550999", tone=740, codecs=(codec,))  # type: ignore[arg-type]
        await lab.transfer(f"sip_{CALLER}", f"sip:x@127.0.0.1:{outside.address[1]}")
        await carrier.happened("transferred")
        call = await outside.called()
        await hears(call.sound, 330)
        await hears(carrier.sound(CALLER), 740)

    play(test, plain(codecs=("opus", "PCMU", "PCMA")), tmp_path, codecs="opus")


def test_a_leg_in_opus_and_one_in_g711_are_joined(tmp_path: Path) -> None:
    """A caller from outside, who speaks G.711, is transferred by an exchange that speaks Opus."""

    async def test(lab: Lab, carrier: CarrierService) -> None:
        outside = await lab.carrier.phone("+14155550999", tone=740)
        call = await outside.call(LINE, proxy=carrier.address)
        for tone in (330, 550):
            await call.hears(tone)
        for number in (AGENT, CALLER):
            await carrier.hears(number, 740)
        assert {b"0", b"111"} <= formats(carrier)

    play(test, plain(codecs=("opus", "PCMU", "PCMA")), tmp_path, codecs="opus")
