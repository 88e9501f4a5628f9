"""The carrier and the exchange over TLS with encrypted sound, and passwords of calls."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from livekit import api
from tests.carrier.test_over_sockets import plain
from tests.support.carrier_rig import CALLER, LINE, TARGET, network
from tests.support.lab import Lab, run

from hookflash.carrier.manners import Profile
from hookflash.carrier.profile_files import load_profile
from hookflash.carrier.service import CarrierService
from hookflash.carrier.tls_folder import TlsFolder
from hookflash.sip.uri import Uri

REQUIRE = api.SIPMediaEncryption.SIP_MEDIA_ENCRYPT_REQUIRE
DISABLE = api.SIPMediaEncryption.SIP_MEDIA_ENCRYPT_DISABLE
Test = Callable[[Lab, CarrierService], Awaitable[None]]


def play(test: Test, folder: Path, profile: Profile, **trunk: Any) -> None:
    """With certificates of one authority. The room has an agent, who came by the same trunk; what
    the exchange offers and takes is encrypted where the trunk's is."""
    made = TlsFolder(folder)
    made.fill([], [])

    async def main(lab: Lab) -> None:
        srtp = trunk.get("srtp") or profile.manners.srtp
        encryption = REQUIRE if srtp == "required" else DISABLE
        await lab.trunk(media_encryption=encryption)
        await lab.rule()
        at = Uri.parse(f"sip:127.0.0.1:{lab.server.sockets.local['tls'][1]};transport=tls")
        config = network(**{"origination": at, "transfer_mode": "enable-all", **trunk})
        quick = tuple(replace(one, after=0.1) for one in config.phones)
        config = replace(config, phones=quick)
        async with CarrierService(
            profile, config, tls=("127.0.0.1", 0), files=made.files, seed=1
        ) as carrier:
            await test(lab, carrier)

    certs = [{"cert_file": str(folder / "exchange.pem"), "key_file": str(folder / "exchange.key")}]
    flags: dict[str, Any] = {
        "sip__answer": "immediately",
        "sip__tls__port": 0,
        "sip__tls__certs": certs,
        "sip__tls__ca_file": str(made.authority),
    }
    run(main, **flags)


OPUS = api.SIPMediaConfig(codecs=[api.SIPCodec(name="opus")])


async def out(lab: Lab, carrier: CarrierService, *, tls: bool = True, **trunk: Any) -> None:
    """The exchange calls TARGET into the room."""
    host, port = (carrier.tls_address or carrier.address) if tls else carrier.address
    transport = api.SIPTransport.SIP_TRANSPORT_TLS if tls else api.SIPTransport.SIP_TRANSPORT_UDP
    info = api.SIPOutboundTrunkInfo(
        name="c", address=f"{host}:{port}", numbers=[LINE], transport=transport, **trunk
    )
    made = await lab.api.sip.create_outbound_trunk(api.CreateSIPOutboundTrunkRequest(trunk=info))
    await lab.api.sip.create_sip_participant(
        api.CreateSIPParticipantRequest(
            sip_trunk_id=made.sip_trunk_id,
            sip_call_to=TARGET,
            room_name="lobby",
            participant_identity="target",
            wait_until_answered=True,
        )
    )


async def refused(lab: Lab, carrier: CarrierService, **options: Any) -> tuple[str, str]:
    """The status that a call of the exchange gets, and why the carrier refused it."""
    with pytest.raises(api.TwirpError) as caught:
        await out(lab, carrier, **options)
    told = await carrier.happened("call_refused")
    return caught.value.metadata["sip_status_code"], str(told["why"])


def offers(carrier: CarrierService) -> set[str]:
    """The profiles of all descriptions of sound that went by."""
    lines = [one.message.body.decode() for one in carrier.trace if one.message.body]
    return {line.split()[2] for body in lines for line in body.splitlines() if line[:2] == "m="}


def test_calls_both_ways_and_a_transfer(tmp_path: Path) -> None:
    async def test(lab: Lab, carrier: CarrierService) -> None:
        carrier.call(CALLER, LINE)
        await carrier.happened("call_answered")
        await out(lab, carrier, media_encryption=REQUIRE)
        await carrier.hears(CALLER, 1000)
        await carrier.hears(TARGET, 330)
        await lab.api.room.remove_participant(
            api.RoomParticipantIdentity(room="lobby", identity="target")
        )
        await carrier.happened("call_ended")
        done = await lab.transfer(f"sip_{CALLER}", f"tel:{TARGET}")
        assert done.reason == api.SIPTransferReason.STR_COMPLETED
        await carrier.happened("transferred")
        await carrier.hears(TARGET, 330)
        await carrier.hears(CALLER, 1000)
        assert offers(carrier) == {"RTP/SAVP"}
        vias = {one.message.top_via.transport for one in carrier.trace}
        assert vias == {"TLS"}
        assert {"REFER", "NOTIFY", "BYE"} <= {one.label.split()[0] for one in carrier.trace}

    play(test, tmp_path, plain(transport="tls", srtp="required"))


@pytest.mark.parametrize("profile", ["twilio", "strict"])
def test_a_transfer_through_its_proxies(tmp_path: Path, profile: str) -> None:
    """REFER takes a recorded route over TLS."""

    async def test(lab: Lab, carrier: CarrierService) -> None:
        carrier.call(CALLER, LINE)
        await carrier.happened("call_answered")
        host = load_profile(profile).manners.domain
        await lab.transfer(f"sip_{CALLER}", f"sip:{TARGET}@{host}")
        await carrier.happened("transferred")
        await carrier.hears(TARGET, 330)
        assert "off_route" not in [one.name for _, one in carrier.happenings]

    found = load_profile(profile)
    digestless = replace(found, manners=replace(found.manners, digest="none"))
    play(test, tmp_path, digestless)


def test_whatsapp_takes_tls_and_a_password_and_encrypted_sound(tmp_path: Path) -> None:
    async def test(lab: Lab, carrier: CarrierService) -> None:
        carrier.call(CALLER, LINE)
        await carrier.happened("call_answered")
        account: dict[str, Any] = {"auth_username": "me", "auth_password": "secret"}
        secure: dict[str, Any] = {"media_encryption": REQUIRE, "media": OPUS}
        status, why = await refused(lab, carrier, tls=False, **secure, **account)
        assert (status, "by TLS only" in why) == ("403", True)
        with pytest.raises(api.TwirpError) as caught:
            await out(lab, carrier, **secure)
        assert "required auth" in caught.value.message
        with pytest.raises(api.TwirpError) as caught:
            await out(lab, carrier, media_encryption=REQUIRE, **account)  # without Opus
        assert caught.value.metadata["sip_status_code"] == "488"
        await out(lab, carrier, **secure, **account)
        await carrier.hears(TARGET, 330)
        await carrier.hears(CALLER, 1000)
        assert offers(carrier) == {"RTP/SAVP"}

    play(test, tmp_path, load_profile("whatsapp"), username="me", password="secret")


@pytest.mark.parametrize(
    ("srtp", "offered", "words"),
    [("required", DISABLE, "SRTP is a must"), ("none", REQUIRE, "SRTP, which is not taken")],
)
def test_an_offer_without_or_with_encryption(
    tmp_path: Path, srtp: str, offered: Any, words: str
) -> None:
    async def test(lab: Lab, carrier: CarrierService) -> None:
        status, why = await refused(lab, carrier, media_encryption=offered)
        assert status == "488"
        assert words in why

    play(test, tmp_path, plain(srtp=srtp))


def test_a_trunk_whose_sound_may_be_encrypted(tmp_path: Path) -> None:
    """It offers keys in a plain description, and takes either."""

    async def test(lab: Lab, carrier: CarrierService) -> None:
        carrier.call(CALLER, LINE)
        await carrier.happened("call_answered")
        await out(lab, carrier, media_encryption=REQUIRE)
        await carrier.hears(TARGET, 330)
        await carrier.hears(CALLER, 1000)
        assert offers(carrier) == {"RTP/AVP", "RTP/SAVP"}

    play(test, tmp_path, plain(), srtp="allowed")


def test_an_exchange_whose_certificate_is_not_trusted(tmp_path: Path) -> None:
    """The carrier trusts another authority than the one that the exchange's is of."""
    other = TlsFolder(tmp_path / "other")
    other.fill([], [])
    files = replace(other.files, ca_file=str(other.authority))

    async def test(lab: Lab, carrier: CarrierService) -> None:
        del carrier
        at = Uri.parse(f"sip:127.0.0.1:{lab.server.sockets.local['tls'][1]};transport=tls")
        config = network(origination=at)
        async with CarrierService(plain(), config, tls=("127.0.0.1", 0), files=files) as stranger:
            stranger.call(CALLER, LINE)
            told = await stranger.happened("not_reached")
            assert told["number"] == LINE
            assert "certificate refused" in str(told["why"])
            assert (await stranger.happened("call_failed"))["status"] == 503

    play(test, tmp_path, plain())


ACCOUNTS = [
    ({"username": "me", "password": "secret"}, {"auth_username": "me", "auth_password": "secret"}),
    ({"allowed_addresses": ("127.0.0.0/8",)}, {}),
]


@pytest.mark.parametrize(("trunk", "account"), ACCOUNTS, ids=["password", "address"])
def test_who_may_call(tmp_path: Path, trunk: dict[str, Any], account: dict[str, str]) -> None:
    async def test(lab: Lab, carrier: CarrierService) -> None:
        carrier.call(CALLER, LINE)
        await carrier.happened("call_answered")
        await out(lab, carrier, tls=False, **account)
        await carrier.hears(TARGET, 330)

    play(test, tmp_path, load_profile("twilio"), **trunk)


REFUSED = [
    (
        {"username": "me", "password": "secret"},
        {"auth_username": "me", "auth_password": "wrong"},
        "user or password are not those",
    ),
    ({"allowed_addresses": ("192.0.2.1",)}, {}, "127.0.0.1 is none of the addresses"),
    ({}, {}, "lets nobody call"),
]


@pytest.mark.parametrize(("trunk", "account", "words"), REFUSED)
def test_who_may_not_call(
    tmp_path: Path, trunk: dict[str, Any], account: dict[str, str], words: str
) -> None:
    async def test(lab: Lab, carrier: CarrierService) -> None:
        status, why = await refused(lab, carrier, tls=False, **account)
        assert status == "403"
        assert words in why
        told = repr([carrier.happenings, *(one.label for one in carrier.trace)])
        assert "secret" not in told
        assert "wrong" not in told

    play(test, tmp_path, load_profile("twilio"), **trunk)
