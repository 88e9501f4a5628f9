"""Certificates for TLS, made with openssl for one test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .process import need, run


@dataclass(frozen=True, slots=True)
class Certificate:
    """PEM files of one certificate; `both` is key and certificate in one file."""

    cert: Path
    key: Path
    both: Path


class Authority:
    """A certificate authority of the test's own."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self.cert = folder / "ca.pem"
        self._key = folder / "ca.key"

    @classmethod
    async def create(cls, folder: Path) -> Authority:
        """Make the authority's own certificate in `folder`."""
        authority = cls(folder)
        await run(
            *(need("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-subj", "/CN=Hookflash test authority"),
            *("-keyout", authority._key, "-out", authority.cert),
        )
        return authority

    async def issue(self, name: str, *addresses: str, names: Sequence[str] = ()) -> Certificate:
        """A certificate for the IP `addresses` and the host `names`."""
        key, request = self._folder / f"{name}.key", self._folder / f"{name}.csr"
        cert, extensions = self._folder / f"{name}.pem", self._folder / f"{name}.ext"
        told = [f"IP:{address}" for address in addresses] + [f"DNS:{one}" for one in names]
        extensions.write_text(f"subjectAltName={','.join(told)}\n", "ascii")
        await run(
            *(need("openssl"), "req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}"),
            *("-keyout", key, "-out", request),
        )
        await run(
            *(need("openssl"), "x509", "-req", "-in", request, "-days", "2"),
            *("-CA", self.cert, "-CAkey", self._key, "-CAcreateserial"),
            *("-extfile", extensions, "-out", cert),
        )
        both = self._folder / f"{name}-both.pem"
        both.write_text(key.read_text("ascii") + cert.read_text("ascii"), "ascii")
        return Certificate(cert, key, both)
