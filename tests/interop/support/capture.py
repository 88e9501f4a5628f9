"""Captures by dumpcap and what tshark reads in them."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from pathlib import Path

from .lab import Lab
from .process import Process, need, run
from .waiting import wait_until


class Capture:
    """A running capture; `stop` before it is read."""

    def __init__(self, process: Process, file: Path, decode: Sequence[str]) -> None:
        self._process = process
        self.file = file
        self._decode = [part for rule in decode for part in ("-d", rule)]

    @classmethod
    async def start(
        cls, lab: Lab, file: Path, *, interface: str = "lo", filter: str, decode: Sequence[str] = ()
    ) -> Capture:
        """Capture what `filter` says; `decode` are rules as `udp.port==5080,sip`."""
        command: list[str | Path] = [
            need("dumpcap"),
            "-q",
            "-i",
            interface,
            "-f",
            filter,
            "-w",
            file,
        ]
        process = await lab.start("dumpcap", command)
        await process.line(r"^File:", 10)
        await wait_until(lambda: file.exists() and file.stat().st_size > 0, "a capture file")
        return cls(process, file, decode)

    def size(self) -> int:
        """Octets captured so far."""
        return self.file.stat().st_size

    async def stop(self) -> None:
        """End the capture in the orderly way that writes all of it."""
        self._process.signal(signal.SIGINT)
        await self._process.wait(10)

    async def fields(self, display_filter: str, *fields: str) -> list[tuple[str, ...]]:
        """The named fields of each packet that `display_filter` lets through."""
        wanted = [part for field in fields for part in ("-e", field)]
        command: list[str | Path] = [need("tshark"), "-n", "-r", self.file, *self._decode]
        output = await run(
            *command, "-Y", display_filter, "-T", "fields", "-E", "separator=|", *wanted, within=60
        )
        rows = [line for line in output.splitlines() if "Running as user" not in line]
        return [tuple(row.split("|")) for row in rows if row.strip()]

    async def text(self, display_filter: str) -> str:
        """Full dissection of the packets, for a failure message."""
        command: list[str | Path] = [need("tshark"), "-n", "-r", self.file, *self._decode]
        return await run(*command, "-Y", display_filter, "-V", within=60)
