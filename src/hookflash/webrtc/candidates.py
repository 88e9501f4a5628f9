"""Our ICE candidates, as descriptions have them (RFC 8839 §5.1, RFC 6544 §4.5)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

_UDP: Final = 126
_TCP: Final = 90
"""Type preferences: a host candidate's, and one below for TCP, which is for when UDP is blocked."""


def host_candidates(ips: Sequence[str], udp_port: int, tcp_port: int = 0) -> tuple[str, ...]:
    """Each `candidate:…`, for these addresses, the best first; `tcp_port` 0: none by TCP."""
    lines = [
        f"candidate:{number} 1 udp {_priority(_UDP, number)} {ip} {udp_port} typ host"
        for number, ip in enumerate(ips, 1)
    ]
    if tcp_port:
        lines += [
            f"candidate:{number + len(ips)} 1 tcp {_priority(_TCP, number)} {ip} {tcp_port} "
            "typ host tcptype passive"
            for number, ip in enumerate(ips, 1)
        ]
    return tuple(lines)


def _priority(preference: int, number: int) -> int:
    """RFC 8445 §5.1.2.1, of component 1."""
    return (preference << 24) + ((65535 - number) << 8) + 255
