"""A network of the test's own: one bridge here, one namespace and one address for each phone."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from .lab import Lab
from .process import need, run


@dataclass(frozen=True, slots=True)
class Host:
    """A namespace with one address; `command` runs in it."""

    name: str
    address: str

    def command(self, *parts: str | Path) -> list[str | Path]:
        """The command that runs `parts` inside the namespace."""
        return [need("ip"), "netns", "exec", self.name, *parts]


class Network:
    """10.201.x.0/24 with this process at .1; taken down with the test."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._mark = f"{os.getpid() % 100000:x}"
        self._prefix = f"10.201.{os.getpid() % 250 + 1}"
        self._count = 1
        self.bridge = f"hf{self._mark}"
        self.address = f"{self._prefix}.1"

    @classmethod
    async def create(cls, lab: Lab) -> Network:
        """Make the bridge."""
        assert os.geteuid() == 0, "only root makes network namespaces; run this as root"
        network = cls(lab)
        await network._ip("link", "add", network.bridge, "type", "bridge")
        lab.finally_do(network._ip, "link", "del", network.bridge)
        await network._ip("addr", "add", f"{network.address}/24", "dev", network.bridge)
        await network._ip("link", "set", network.bridge, "up")
        return network

    async def host(self, name: str) -> Host:
        """A namespace with the next address."""
        self._count += 1
        host = Host(f"hf{self._mark}-{name}", f"{self._prefix}.{self._count}")
        here, there = f"hf{self._mark}v{self._count}", "eth0"
        await self._ip("netns", "add", host.name)
        self._lab.finally_do(self._ip, "netns", "del", host.name)
        peer = ("peer", "name", there, "netns", host.name)
        await self._ip("link", "add", here, "type", "veth", *peer)
        # With its namespace it would go some time later, and the next test may take the name again.
        self._lab.finally_do(self._ip, "link", "del", here)
        await self._ip("link", "set", here, "master", self.bridge, "up")
        inside = ("-n", host.name)
        await self._ip(*inside, "link", "set", "lo", "up")
        await self._ip(*inside, "addr", "add", f"{host.address}/24", "dev", there)
        await self._ip(*inside, "link", "set", there, "up")
        await self._ip(*inside, "route", "add", "default", "via", self.address)
        return host

    async def _ip(self, *parts: str) -> None:
        await run(need("ip"), *parts)
