"""TLS of `hookflash carrier`."""

from __future__ import annotations

import asyncio
import json
import re
import ssl
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.cli.test_carrier import carrier
from tests.cli.test_carrier_run import run
from tests.support.cli import Lines

from hookflash.adapters import tls_files
from hookflash.adapters.sip_sockets import TlsFiles
from hookflash.base.errors import ConfigError
from hookflash.carrier.tls_folder import TlsFolder
from hookflash.cli.carrier_tls import FOLDER, TlsOptions, carrier_tls
from hookflash.cli.exits import EXIT_CONFIG
from hookflash.config import load

SIP = ("127.0.0.1", 5080)


@pytest.fixture
def options(tmp_path: Path) -> TlsOptions:
    return TlsOptions(("127.0.0.1", 5081), None, None, None, tmp_path / "made")


def test_without_an_address_there_is_no_tls(options: TlsOptions) -> None:
    assert carrier_tls(replace(options, address=None), SIP, [], only=False) is None
    assert not options.folder.exists()


@pytest.mark.parametrize(("sip", "found"), [(SIP, ("127.0.0.1", 5081)), (("::1", 0), ("::1", 0))])
def test_who_talks_by_tls_only_listens_beside_the_other_port(
    options: TlsOptions, sip: tuple[str, int], found: tuple[str, int]
) -> None:
    secure = carrier_tls(replace(options, address=None), sip, [], only=True)
    assert secure is not None
    assert secure.address == found


def test_what_it_makes_is_told(options: TlsOptions) -> None:
    secure = carrier_tls(options, SIP, ["192.0.2.7"], only=False)
    assert secure is not None
    assert secure.files == TlsFolder(options.folder).files
    text = "\n".join(secure.told)
    assert f"sip.tls.ca_file: {options.folder / 'ca.pem'}" in text
    assert f"cert_file: {options.folder / 'exchange.pem'}" in text
    assert f"key_file: {options.folder / 'exchange.key'}" in text


def test_the_exchange_is_told_as_the_docs_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (Path(__file__).parents[2] / "docs" / "carrier.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```yaml\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    (block,) = (block for block in blocks if "tls:" in block)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "hookflash.yaml").write_text(block, "utf-8")
    with pytest.raises(ConfigError, match=r"sip\.tls"):
        load(tmp_path / "hookflash.yaml", dev=True)
    made = TlsFolder(FOLDER)
    made.fill([], [])
    tls = load(tmp_path / "hookflash.yaml", dev=True).sip.tls
    assert tls.ca_file == str(made.authority)
    tls_files.checked(TlsFiles(tls.certs[0].cert_file, tls.certs[0].key_file, tls.ca_file))


def test_files_of_ones_own(options: TlsOptions, tmp_path: Path) -> None:
    made = TlsFolder(tmp_path)
    made.fill([], [])
    own = replace(options, cert=tmp_path / "carrier.pem", key=tmp_path / "carrier.key")
    secure = carrier_tls(own, SIP, [], only=False)
    assert secure is not None
    assert secure.files == replace(made.files, ca_file="")
    assert secure.told == ()
    trusting = carrier_tls(replace(own, ca=made.authority), SIP, [], only=False)
    assert trusting is not None
    assert trusting.files == made.files
    other = carrier_tls(replace(options, ca=made.authority), SIP, [], only=False)
    assert other is not None
    assert other.files.ca_file == str(made.authority)
    assert other.files.cert_file == str(options.folder / "carrier.pem")


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"cert": Path("a.pem")}, "--tls-cert, --tls-key: 'a.pem' is not allowed; allowed: both"),
        ({"cert": Path("a.pem"), "key": Path("a.key")}, "--tls-cert, --tls-key: 'a.pem, a.key'"),
        ({"ca": Path("/nowhere.pem")}, "--tls-ca: '/nowhere.pem' is not allowed"),
        ({"address": None, "ca": Path("a.pem")}, "--tls-ca: 'a.pem' is not allowed; allowed: it"),
        ({"folder": Path("/dev/null/a")}, "--tls-folder: '/dev/null/a' (Not a directory)"),
    ],
)
def test_what_is_wrong_is_named(options: TlsOptions, changes: dict[str, Any], fault: str) -> None:
    with pytest.raises(ConfigError) as caught:
        carrier_tls(replace(options, **changes), SIP, [], only=False)
    assert str(caught.value).startswith(fault)


def test_a_wrong_address_is_one_line() -> None:
    code, _, error = carrier("--tls", "5081")
    assert code == EXIT_CONFIG
    assert error.startswith("hookflash: --tls: '5081' is not allowed; allowed: an IP address and a")


async def answers_tls(place: str, authority: Path) -> None:
    host, _, port = place.rpartition(":")
    context = ssl.create_default_context(cafile=str(authority))
    _, writer = await asyncio.open_connection(host, int(port), ssl=context, server_hostname=host)
    writer.close()
    await writer.wait_closed()


def test_the_command_listens(tmp_path: Path) -> None:
    async def test(line: Lines, _: object) -> None:
        ready = json.loads(await line())
        assert ready["tls"] != ready["sip"]
        await answers_tls(ready["tls"], tmp_path / "ca.pem")

    run(test, "--json", "--tls", "127.0.0.1:0", "--tls-folder", str(tmp_path))
    run(test, "--json", "--profile", "whatsapp", "--tls-folder", str(tmp_path))


def test_people_see_where(tmp_path: Path) -> None:
    async def test(line: Lines, _: object) -> None:
        first = await line()
        found = re.search(r"\(UDP, TCP\), (127\.0\.0\.1:\d+) \(TLS\)", first)
        assert found is not None, first
        assert "sip.tls.ca_file" in await line()
        assert "sip.tls.certs" in await line()
        await answers_tls(found[1], tmp_path / "ca.pem")

    run(test, "--tls", "127.0.0.1:0", "--tls-folder", str(tmp_path))
