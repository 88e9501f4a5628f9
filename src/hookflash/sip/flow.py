"""Where a message came from, and how an answer gets back there."""

from __future__ import annotations

from typing import Literal

from ..base.light import light_dataclass

Transport = Literal["udp", "tcp", "tls"]
Address = tuple[str, int]
"""(IP literal without brackets, port)."""


@light_dataclass(frozen=True, slots=True)
class Flow:
    """One path to a peer: transport, our address, its address.

    `connection` is the number that the adapter gave a stream connection; 0 for UDP, and for a
    stream that is still to be opened.
    """

    transport: Transport
    local: Address
    remote: Address
    connection: int = 0

    @property
    def reliable(self) -> bool:
        """True for TCP and TLS: no retransmissions (RFC 3261 §17)."""
        return self.transport != "udp"
