"""The doctor's look at the trunks of a real server."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from tests.cli.test_probe import Guarded, peer_over_tls
from tests.support.cli import hookflash
from tests.support.lab import Lab, run

from hookflash.adapters.sip_sockets import TlsFiles
from hookflash.carrier.tls_folder import TlsFolder
from hookflash.cli.trunk_checks import tls_of


def test_each_trunk_is_looked_at() -> None:
    async def check(lab: Lab) -> None:
        none = await hookflash(lab, "doctor", "--json")
        assert [one["meaning"] for one in none.json["findings"]][-1] == "there are none"
        await lab.trunk(allowed_addresses=["192.0.2.7"])
        phone = await lab.carrier.phone("+15105550100")
        address = f"{phone.address[0]}:{phone.address[1]}"
        made = ("trunk", "outbound", "add", "--address", address, "--number", "+15550100")
        await hookflash(lab, *made, "--name", "carrier", "--transport", "udp")
        ran = await hookflash(lab, "doctor")
        assert ran.code == 4
        assert "\nThe trunks\n" in ran.out
        assert " lab: no dispatch rule is for it" in ran.out
        assert " carrier: answers OPTIONS (200 OK, " in ran.out
        assert " carrier: its Allow has REFER" in ran.out
        await lab.rule()
        told = (await hookflash(lab, "doctor", "--json")).json["findings"]
        trunks = [one for one in told if one["section"] == "The trunks"]
        assert trunks[0]["meaning"] == "has a rule, and says who may call"
        assert len(trunks) == 3
        without = await hookflash(lab, "doctor", "--no-trunks")
        assert "The trunks" not in without.out

    run(check)


def test_what_the_server_trusts_counts(tmp_path: Path) -> None:
    folder = TlsFolder(tmp_path)
    folder.fill([], [])
    cert, key = folder.files.cert_file, folder.files.key_file
    values: dict[str, Any] = {"sip.tls.certs": [], "sip.tls.ca_file": "", "sip.tls.verify": False}
    assert tls_of(values) == TlsFiles(verify=False)
    values |= {"sip.tls.ca_file": str(folder.authority), "sip.tls.verify": True}
    values["sip.tls.certs"] = [{"cert_file": cert, "key_file": key}, {}]
    assert tls_of(values) == folder.files
    values["sip.tls.certs"] = [{"cert_file": cert, "key_file": "/nowhere"}]
    assert tls_of(values) == TlsFiles(ca_file=str(folder.authority))


def test_a_trunk_by_tls_is_asked_with_the_servers_settings(tmp_path: Path) -> None:
    folder, file = TlsFolder(tmp_path), tmp_path / "hookflash.yaml"
    folder.fill([], [])
    file.write_text(
        "keys: {labkey: a-secret-that-nobody-guesses-9f8e7d6c5b4a}\n"
        f"sip: {{listen_ip: 127.0.0.1, tls: {{ca_file: {folder.authority}}}}}\n",
        encoding="utf-8",
    )

    async def check(lab: Lab) -> None:
        async with peer_over_tls(folder.files) as address:
            made = ("trunk", "outbound", "add", "--address", address, "--transport", "tls")
            await hookflash(lab, *made, "--number", "+15550100")
            ran = await hookflash(lab, "doctor")
            assert "127.0.0.1: no connection by TLS: certificate refused: " in ran.out
            ran = await hookflash(lab, "doctor", "--config", str(file))
            assert ": answers OPTIONS (200 OK, " in ran.out

    run(check)


@pytest.mark.parametrize(
    ("password", "hidden", "words"),
    [
        ("right", False, "ok       outbound trunk {}: answers OPTIONS (200 OK, "),
        ("wrong", False, "error    outbound trunk {}: 401 Unauthorized to OPTIONS with user"),
        ("wrong", True, "ok       outbound trunk {}: answers OPTIONS (401 Unauthorized, "),
    ],
)
def test_user_and_password_of_a_trunk_are_tried(
    password: str, hidden: bool, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOOKFLASH_TRUNK_PASSWORD", password)

    async def check(lab: Lab) -> None:
        loop = asyncio.get_running_loop()
        peer, _ = await loop.create_datagram_endpoint(Guarded, local_addr=("127.0.0.1", 0))
        address = f"127.0.0.1:{peer.get_extra_info('sockname')[1]}"
        made = ("trunk", "outbound", "add", "--address", address, "--transport", "udp")
        added = await hookflash(lab, *made, "--number", "+15550100", "--user", "me", "--json")
        ran = await hookflash(lab, "doctor")
        assert words.format(added.json["sip_trunk_id"]) in ran.out
        peer.close()

    run(check, sip__hide_passwords=hidden)
