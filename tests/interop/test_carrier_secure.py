"""baresip as a customer of the carrier: with a password, and over TLS with SRTP."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tests.interop.support.baresip import Phone
from tests.interop.support.certificates import Certificate
from tests.interop.support.lab import Lab
from tests.interop.support.network import Network
from tests.interop.test_carrier import (
    CALLER,
    CALLER_TONE,
    LINE,
    OWN_TONE,
    TARGET,
    TARGET_TONE,
    hears,
    until_heard,
)

from hookflash.carrier.config import NetworkConfig, PhoneConfig, TrunkConfig
from hookflash.carrier.profile_files import load_profile
from hookflash.carrier.service import CarrierService
from hookflash.carrier.tls_folder import TlsFolder
from hookflash.sip.uri import Uri

pytestmark = pytest.mark.interop

PHONES = (
    PhoneConfig(CALLER, tone=CALLER_TONE),
    PhoneConfig(TARGET, tone=TARGET_TONE, after=0.5),
)


def account(password: str) -> str:
    """Of a baresip that answers challenges."""
    return f";auth_user=me;auth_pass={password}"


async def with_passwords(folder: Path) -> None:
    async with Lab(folder) as lab:
        network = await Network.create(lab)
        trunk = TrunkConfig("baresip", (LINE,), None, username="me", password="of-the-trunk")
        at = (network.address, lab.ports.take())
        config = NetworkConfig((trunk,), PHONES)
        async with CarrierService(load_profile("twilio"), config, sip=at) as carrier:
            uri = f"sip:{TARGET}@{at[0]}:{at[1]}"
            host = await network.host("known")
            known = await Phone.start(lab, host, LINE, OWN_TONE, account=account("of-the-trunk"))
            await known.dial(uri)
            await known.event("CALL_ESTABLISHED")
            await until_heard(carrier, TARGET, OWN_TONE)
            await hears(known, 0, TARGET_TONE)
            assert [one.label for one in carrier.trace].count("INVITE") == 2
            carrier.hang_up(TARGET)
            # From here on by a number of nobody's, so that only the password says whose call it is.
            host = await network.host("guesser")
            other = await Phone.start(lab, host, "guesser", OWN_TONE, account=account("guessed"))
            await other.dial(uri)
            assert (await other.event("CALL_CLOSED"))["param"].startswith("403")
            told = await carrier.happened("call_refused")
            assert str(told["why"]).startswith("user or password are not those of the trunk")


async def over_tls(folder: Path) -> None:
    async with Lab(folder) as lab:
        network = await Network.create(lab)
        host = await network.host("exchange")
        made = TlsFolder(folder / "made")
        made.fill([network.address], [host.address])
        cert, key = made.folder / "exchange.pem", made.folder / "exchange.key"
        both = made.folder / "both.pem"
        both.write_bytes(key.read_bytes() + cert.read_bytes())
        phone = await Phone.start(
            lab,
            host,
            LINE,
            OWN_TONE,
            transport="tls",
            certificate=Certificate(cert, key, both),
            authority=made.authority,
            account=f";mediaenc=srtp-mand{account('of-the-trunk')}",
            opus=True,
        )
        trunk = TrunkConfig(
            "baresip", (LINE,), Uri.sip(None, host.address), username="me", password="of-the-trunk"
        )
        at, tls = (network.address, lab.ports.take()), (network.address, lab.ports.take())
        async with CarrierService(
            load_profile("whatsapp"),
            NetworkConfig((trunk,), PHONES),
            sip=at,
            tls=tls,
            files=made.files,
        ) as carrier:
            carrier.call(CALLER, LINE)
            await phone.event("CALL_ESTABLISHED")
            await until_heard(carrier, CALLER, OWN_TONE)
            await hears(phone, 0, CALLER_TONE)
            carrier.hang_up(CALLER)
            await carrier.happened("call_ended", within=10)
            await phone.dial(f"sip:{TARGET}@{tls[0]}:{tls[1]};transport=tls")
            await phone.event("CALL_ESTABLISHED", 2)
            await until_heard(carrier, TARGET, OWN_TONE)
            await hears(phone, 1, TARGET_TONE)
            assert "407 Proxy Authentication Required" in [one.label for one in carrier.trace]
            assert {one.message.top_via.transport for one in carrier.trace} == {"TLS"}
            bodies = [one.message.body for one in carrier.trace if one.message.body]
            assert all(b"RTP/SAVP" in body for body in bodies)
            assert all(b" opus/48000/2" in body for body in bodies)
            carrier.hang_up(TARGET)
            async with asyncio.timeout(10):
                await carrier.until(lambda: carrier.idle)


def test_baresip_with_a_password(tmp_path: Path) -> None:
    asyncio.run(with_passwords(tmp_path))


def test_baresip_over_tls_with_srtp(tmp_path: Path) -> None:
    asyncio.run(over_tls(tmp_path))
