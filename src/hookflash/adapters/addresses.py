"""Which of our addresses a peer is to be told (calls.md §5)."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Sequence


class Addresses:
    """Chooses the address for Via, Contact and c= towards a peer.

    With `public_ip` (sip.nat_1_to_1_ip) that one, except towards peers in `local_nets`; else the
    address of the interface that leads to the peer.
    """

    def __init__(
        self, listen_ip: str, *, public_ip: str = "", local_nets: Sequence[str] = ()
    ) -> None:
        self._listen_ip = listen_ip
        self._any = ipaddress.ip_address(listen_ip).is_unspecified
        self._public_ip = public_ip
        self._local_nets = tuple(ipaddress.ip_network(net) for net in local_nets)
        self._cache: dict[str, tuple[str, str]] = {}

    def bind(self, remote_ip: str) -> str:
        """The address to bind media to for this peer."""
        return self._look_up(remote_ip)[0]

    def advertised(self, remote_ip: str) -> str:
        """The address that this peer is told."""
        return self._look_up(remote_ip)[1]

    def _look_up(self, remote_ip: str) -> tuple[str, str]:
        found = self._cache.get(remote_ip)
        if found is None:
            if len(self._cache) > 4096:
                self._cache.clear()
            own = self._listen_ip
            if self._any:
                own = _interface_towards(remote_ip) or self._loopback(remote_ip)
            found = (own, self._public_ip if self._is_outside(remote_ip) else own)
            self._cache[remote_ip] = found
        return found

    def _loopback(self, remote_ip: str) -> str:
        """For a peer that no route leads to: of its IP family, if we have that at all."""
        return "::1" if ":" in remote_ip and ":" in self._listen_ip else "127.0.0.1"

    def _is_outside(self, remote_ip: str) -> bool:
        if not self._public_ip:
            return False
        try:
            address = ipaddress.ip_address(remote_ip)
        except ValueError:
            return True
        if address.version != ipaddress.ip_address(self._public_ip).version:
            return False
        return not any(address in net for net in self._local_nets)


def _interface_towards(remote_ip: str) -> str:
    """Our address on the way to `remote_ip`, by the kernel's routes, "" where there is none;
    nothing is sent."""
    family = socket.AF_INET6 if ":" in remote_ip else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((remote_ip, 9))
            return str(probe.getsockname()[0])
    except OSError:
        return ""
