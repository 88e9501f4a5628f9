"""What the doctor looks at on a machine."""

from __future__ import annotations

import asyncio
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from hookflash.adapters.dns import Resolver
from hookflash.cli import machine
from hookflash.cli.settings import by_key
from hookflash.config import load

NOW = datetime(2026, 11, 29, tzinfo=UTC)


def values(**changes: Any) -> dict[str, Any]:
    found = by_key(load(dev=True).model_dump())
    return {**found, **{key.replace("__", "."): value for key, value in changes.items()}}


def nothing_taken() -> dict[str, Any]:
    zero = ("port", "sip__sip_port", "rtc__udp_port", "rtc__tcp_port")
    return values(**dict.fromkeys(zero, 0))


def test_ports_that_are_taken_are_named() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp, socket.socket() as tcp:
        udp.bind(("127.0.0.1", 0))
        tcp.bind(("127.0.0.1", 0))
        tcp.listen(1)
        theirs = {"sip.sip_port": udp.getsockname()[1], "port": tcp.getsockname()[1]}
        found = list(machine.ports({**nothing_taken(), **theirs}, running=False))
        assert [one.subject for one in found] == ["sip.sip_port", "port"]
        assert all(one.gravity == "error" for one in found)
        (own,) = machine.ports({**nothing_taken(), **theirs}, running=True)
        assert own.gravity == "ok"
    (free,) = machine.ports({**nothing_taken(), **theirs}, running=False)
    assert (free.gravity, free.meaning) == ("ok", "all are free")


def test_an_address_that_is_not_this_machines() -> None:
    theirs = {"sip.sip_port": 5060, "sip.listen_ip": "192.0.2.1"}
    found = list(machine.ports({**nothing_taken(), **theirs}, running=False))
    assert [one.subject for one in found] == ["sip.sip_port", "sip.sip_port"]
    assert "at 192.0.2.1 cannot be listened at" in found[0].meaning


def test_a_range_that_the_kernel_gives_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_kernel", lambda _: "32768\t60999")
    assert list(machine.rtp_range(values(sip__rtp_port=(10000, 20000)))) == []
    (found,) = machine.rtp_range(values(sip__rtp_port=(20000, 40000)))
    assert "32768-60999" in found.meaning
    monkeypatch.setattr(machine, "_kernel", lambda _: "")
    assert list(machine.rtp_range(values(sip__rtp_port=(20000, 40000)))) == []


def test_open_files_for_the_calls() -> None:
    (found,) = machine.open_files(values(sip__max_calls=10_000_000_000))
    assert "fewer than 10000000000" in found.meaning
    assert list(machine.open_files(values(sip__max_calls=1))) == []


@pytest.mark.parametrize(("text", "told"), [("212992", 1), ("4194304", 0), ("", 0)])
def test_buffers(text: str, told: int) -> None:
    assert len(list(machine.buffers(text))) == told


def test_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "not" / "yet"
    monkeypatch.setattr(machine, "LITTLE", 0)
    assert list(machine.disk(folder, dev=False)) == []
    monkeypatch.setattr(machine, "LITTLE", 1 << 62)
    (found,) = machine.disk(folder, dev=False)
    assert found.subject == "data_dir"
    assert list(machine.disk(folder, dev=True)) == []


def test_the_clock() -> None:
    assert [len(list(machine.clock(state))) for state in (True, None, False)] == [0, 0, 1]
    assert machine._synchronised() in (True, False, None)


def test_a_system_that_cannot_say_of_its_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_library(_: object) -> None:
        raise OSError("none")

    monkeypatch.setattr("ctypes.CDLL", no_library)
    assert machine._synchronised() is None


@pytest.mark.parametrize(
    ("begins", "ends", "gravity"),
    [(-10, -1, "error"), (1, 100, "error"), (-10, 20, "warning"), (-10, 22, "ok")],
)
def test_dates_of_certificates(begins: int, ends: int, gravity: str) -> None:
    first, last = (NOW + timedelta(days=days) for days in (begins, ends))
    assert machine.dates("file", first, last, NOW).gravity == gravity


def certificate(folder: Path, name: str) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "x")])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime.now(UTC) - timedelta(days=1))
        .not_valid_after(datetime.now(UTC) + timedelta(days=90))
    )
    if name:
        names = x509.SubjectAlternativeName([x509.DNSName(name)])
        made = made.add_extension(names, critical=False)
    file = folder / "cert.pem"
    signed = made.sign(key, hashes.SHA256())
    file.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    return file


@pytest.mark.parametrize(
    ("name", "gravities"),
    [
        ("sip.example.com", ["ok"]),
        ("*.example.com", ["ok"]),
        ("other.example.com", ["ok", "error"]),
        ("", ["ok", "error"]),
    ],
)
def test_the_name_of_a_certificate(tmp_path: Path, name: str, gravities: list[str]) -> None:
    pairs = [{"cert_file": str(certificate(tmp_path, name)), "key_file": ""}]
    found = machine.certificates(values(sip__tls__certs=pairs, sip__sip_hostname="SIP.example.com"))
    assert [one.gravity for one in found] == gravities


def test_a_file_that_is_no_certificate(tmp_path: Path) -> None:
    pairs = [{"cert_file": str(tmp_path / "none.pem"), "key_file": ""}]
    (found,) = machine.certificates(values(sip__tls__certs=pairs))
    assert found.gravity == "error"


@pytest.mark.parametrize(
    ("told", "own", "seen", "asks", "gravity"),
    [
        ("93.184.216.34", ["10.0.0.5"], "93.184.216.34", False, "ok"),
        ("93.184.216.35", ["10.0.0.5"], "93.184.216.34", False, "warning"),
        ("", ["10.0.0.5"], "93.184.216.34", False, "warning"),
        ("", ["10.0.0.5"], "93.184.216.34", True, "ok"),
        ("", ["93.184.216.34"], "93.184.216.34", False, "ok"),
        ("", ["10.0.0.5"], None, False, "note"),
        ("", ["10.0.0.5"], None, True, "error"),
    ],
)
def test_what_the_internet_sees(
    told: str, own: list[str], seen: str | None, asks: bool, gravity: str
) -> None:
    (found,) = machine.addresses(told, own, seen, asks=asks)
    assert found.gravity == gravity


def test_loopback_is_not_compared_with_anything() -> None:
    (found,) = asyncio.run(machine.outside(values()))
    assert "loopback only" in found.meaning


def test_without_a_stun_server_nothing_is_compared() -> None:
    anywhere = values(sip__listen_ip="192.0.2.10", sip__stun_servers=[])
    (found,) = asyncio.run(machine.outside(anywhere))
    assert (found.gravity, found.subject) == ("note", "address")


@pytest.mark.parametrize(
    ("known", "answered", "gravity", "words"),
    [
        (["93.184.216.34"], True, "ok", "sip.example.com is 93.184.216.34 (DNS)"),
        (["10.0.0.5", "192.0.2.1"], False, "ok", "10.0.0.5, 192.0.2.1"),
        (["192.0.2.1"], True, "warning", "which is 192.0.2.1 (DNS); this machine is 93.184.216.34"),
        ([], True, "error", "the name has no address (DNS)"),
        ([], False, "warning", "no name server answers: what is sip.example.com?"),
    ],
)
def test_what_the_dns_says_of_our_name(
    known: list[str], answered: bool, gravity: str, words: str
) -> None:
    ours = ["93.184.216.34", "10.0.0.5"]
    found = machine.host_name("sip.example.com", known, ours, answered=answered)
    assert found.gravity == gravity
    assert words in found.meaning


def test_our_name_is_asked_for_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    async def peer(_: Resolver, name: str) -> tuple[list[str], bool]:
        asked.append(name)
        return ["192.0.2.9", "192.0.2.20"], True

    monkeypatch.setattr(Resolver, "peer", peer)

    def of_name(name: str, told: str = "") -> list[str]:
        anywhere = {"sip__listen_ip": "192.0.2.10", "sip__stun_servers": []}
        changes = {**anywhere, "sip__sip_hostname": name, "sip__nat_1_to_1_ip": told}
        return [one.gravity for one in asyncio.run(machine.outside(values(**changes)))]

    assert of_name("") == of_name("192.0.2.10") == ["note"]
    assert asked == []
    assert of_name("sip.example.com") == ["note", "warning"]
    assert of_name("sip.example.com", told="192.0.2.20") == ["note", "ok"]
    assert asked == ["sip.example.com"] * 2


def test_the_port_of_tls_and_none_of_tcp_for_clients() -> None:
    wanted = machine._wanted(
        values(sip__tls__certs=[{}], sip__tls__port=5061, rtc__allow_tcp_fallback=False)
    )
    names = [name for name, *_ in wanted]
    assert "sip.tls.port" in names
    assert "rtc.tcp_port" not in names


def test_a_whole_look_at_this_machine() -> None:
    found = machine.look(nothing_taken(), running=False)
    assert found[0].subject == "ports"
    assert all(one.meaning for one in found)
