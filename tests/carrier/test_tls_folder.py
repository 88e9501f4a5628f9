"""Certificates that a carrier makes."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from hookflash.adapters import tls_files
from hookflash.carrier.tls_folder import TlsFolder


def test_what_is_made_is_kept(tmp_path: Path) -> None:
    made = TlsFolder(tmp_path / "a" / "b")
    made.fill(["192.0.2.1"], [])
    tls_files.checked(made.files)
    assert made.files.ca_file == str(made.authority)
    for name in ("carrier", "exchange"):
        assert (made.folder / f"{name}.key").stat().st_mode & 0o777 == 0o600
        chain = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        chain.load_cert_chain(made.folder / f"{name}.pem", made.folder / f"{name}.key")
    before = {file.name: file.read_bytes() for file in made.folder.iterdir()}
    assert set(before) == {
        *("ca.pem", "carrier.pem", "carrier.key", "exchange.pem", "exchange.key"),
    }
    made.fill(["192.0.2.1"], [])
    assert {file.name: file.read_bytes() for file in made.folder.iterdir()} == before


@pytest.mark.parametrize(
    "change", ["another host", "another exchange", "no key", "no certificate", "junk"]
)
def test_what_does_not_fit_is_made_anew(tmp_path: Path, change: str) -> None:
    made = TlsFolder(tmp_path)
    made.fill([], [])
    before = made.authority.read_bytes()
    if change == "no key":
        (tmp_path / "exchange.key").unlink()
    elif change == "no certificate":
        (tmp_path / "carrier.pem").unlink()
    elif change == "junk":
        (tmp_path / "carrier.pem").write_bytes(b"junk")
    carrier = ["carrier.test"] if change == "another host" else []
    exchange = ["192.0.2.9"] if change == "another exchange" else []
    made.fill(carrier, exchange)
    assert made.authority.read_bytes() != before
    tls_files.checked(made.files)


def test_a_folder_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OSError, match="file"):
        TlsFolder(tmp_path / "file").fill([], [])
