"""The addresses of this machine."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

import ifaddr


def own_addresses(listen: Sequence[str]) -> list[str]:
    """Those at which somebody reaches what listens at `listen`: where that is no address (0.0.0.0,
    ::), all of the machine's, loopback last."""
    found: dict[str, None] = {}
    for ip in listen:
        address = ipaddress.ip_address(ip)
        if not address.is_unspecified:
            found[ip] = None
            continue
        for own in _of_machine():
            if address.version == 6 or own.version == 4:
                found[str(own)] = None
    return sorted(found, key=lambda ip: ipaddress.ip_address(ip).is_loopback)


def _of_machine() -> list[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    found = []
    for adapter in ifaddr.get_adapters():
        for entry in adapter.ips:
            text = entry.ip if isinstance(entry.ip, str) else entry.ip[0]
            address = ipaddress.ip_address(text)
            if not address.is_link_local:
                found.append(address)
    return found
