"""Certificates for TLS, made with openssl."""

from __future__ import annotations

import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Authority:
    """A certificate authority of a test's own, in `folder`."""

    folder: Path

    @property
    def file(self) -> Path:
        """Its certificate."""
        return self.folder / "ca.pem"

    @classmethod
    def create(cls, folder: Path) -> Authority:
        """Make one."""
        folder.mkdir()
        made = cls(folder)
        _openssl(
            *("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=wire"),
            *("-keyout", folder / "ca.key", "-out", made.file),
        )
        return made

    def issue(self, name: str, *, to: str) -> tuple[Path, Path]:
        """Certificate and key for a name such as `IP:127.0.0.1` or `DNS:localhost`."""
        base = self.folder / name
        cert, key, request = (base.with_suffix(end) for end in (".pem", ".key", ".csr"))
        extensions = base.with_suffix(".ext")
        extensions.write_text(f"subjectAltName={to}\n", "ascii")
        _openssl(
            *("req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}"),
            *("-keyout", key, "-out", request),
        )
        _openssl(
            *("x509", "-req", "-in", request, "-days", "2", "-CAcreateserial", "-out", cert),
            *("-CA", self.file, "-CAkey", self.folder / "ca.key", "-extfile", extensions),
        )
        return cert, key

    def server(self, name: str, *, to: str) -> ssl.SSLContext:
        """For a telephone that others call."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self.issue(name, to=to))
        return context


def _openssl(*arguments: str | Path) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)
