"""IP literals, read once: the same few peers are asked about with every message."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address


@lru_cache(maxsize=4096)
def ip_literal(text: str) -> IPv4Address | IPv6Address | None:
    """The address, without brackets; None for a name or anything else."""
    try:
        return ip_address(text)
    except ValueError:
        return None
