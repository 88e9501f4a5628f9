"""Certificates that a carrier makes for itself and for the exchange that it talks to.

One authority signs both, so that each trusts the other by one file. They are kept: an exchange that
was told of them need not be told again when the carrier starts anew.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from ..adapters.own_authority import OwnAuthority, holds
from ..adapters.sip_sockets import TlsFiles
from ..base.light import light_dataclass

LEFT: Final = 7.0
"""Days for which certificates must hold yet to be used again."""
LOCAL: Final = ("127.0.0.1", "::1", "localhost")


@light_dataclass(frozen=True, slots=True)
class TlsFolder:
    """Where they are; PEM files."""

    folder: Path

    @property
    def authority(self) -> Path:
        """Whom both are to trust."""
        return self.folder / "ca.pem"

    @property
    def files(self) -> TlsFiles:
        """Of the carrier."""
        return TlsFiles(
            str(self.folder / "carrier.pem"),
            str(self.folder / "carrier.key"),
            str(self.authority),
        )

    def fill(self, carrier: Sequence[str], exchange: Sequence[str]) -> None:
        """Make what is missing, for these host names and addresses besides those of the machine
        itself. Raises OSError."""
        wanted = {"carrier": _hosts(carrier), "exchange": _hosts(exchange)}
        if self._hold(wanted):
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        authority = OwnAuthority("Hookflash carrier on this machine")
        for name, hosts in wanted.items():
            issued = authority.issue(name, hosts)
            (self.folder / f"{name}.pem").write_bytes(issued.certificate)
            _write_secret(self.folder / f"{name}.key", issued.key)
        self.authority.write_bytes(authority.certificate)

    def _hold(self, wanted: dict[str, list[str]]) -> bool:
        """Whether all of them are there, and good."""
        try:
            authority = self.authority.read_bytes()
            return all(
                (self.folder / f"{name}.key").is_file()
                and holds(authority, (self.folder / f"{name}.pem").read_bytes(), hosts, days=LEFT)
                for name, hosts in wanted.items()
            )
        except (OSError, ValueError):
            return False


def _hosts(more: Sequence[str]) -> list[str]:
    return list(dict.fromkeys([*LOCAL, *more]))


def _write_secret(file: Path, data: bytes) -> None:
    file.unlink(missing_ok=True)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
        out.write(data)
