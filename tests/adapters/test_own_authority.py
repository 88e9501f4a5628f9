"""A certificate authority for one machine."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from hookflash.adapters.own_authority import OwnAuthority, holds

HOSTS = ["127.0.0.1", "::1", "localhost"]


def shakes_hands(folder: Path, authority: bytes, name: str) -> None:
    """A client that trusts the authority, and a server with the files of the folder."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    client = ssl.create_default_context(cadata=authority.decode())
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    here = client.wrap_bio(to_client, to_server, server_hostname=name)
    there = server.wrap_bio(to_server, to_client, server_side=True)
    done: set[ssl.SSLObject] = set()
    while len(done) < 2:
        for side in (here, there):
            try:
                side.do_handshake()
                done.add(side)
            except ssl.SSLWantReadError:
                pass
    assert here.version() == "TLSv1.3"


@pytest.mark.parametrize("name", HOSTS)
def test_what_it_issues_is_believed(tmp_path: Path, name: str) -> None:
    authority = OwnAuthority("mine")
    issued = authority.issue("carrier", HOSTS)
    (tmp_path / "cert.pem").write_bytes(issued.certificate)
    (tmp_path / "key.pem").write_bytes(issued.key)
    shakes_hands(tmp_path, authority.certificate, name)
    with pytest.raises(ssl.SSLCertVerificationError):
        shakes_hands(tmp_path, authority.certificate, "other.example")
    with pytest.raises(ssl.SSLCertVerificationError):
        shakes_hands(tmp_path, OwnAuthority("mine").certificate, name)


def test_what_still_holds() -> None:
    authority = OwnAuthority("mine")
    issued = authority.issue("carrier", HOSTS).certificate
    assert holds(authority.certificate, issued, HOSTS[:1], days=7)
    assert not holds(authority.certificate, issued, ["192.0.2.1"], days=7)
    assert not holds(authority.certificate, issued, HOSTS, days=366)
    assert not holds(OwnAuthority("mine").certificate, issued, HOSTS, days=7)
    with pytest.raises(ValueError, match="PEM"):
        holds(authority.certificate, b"", HOSTS, days=7)
