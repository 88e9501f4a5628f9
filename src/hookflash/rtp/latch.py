"""From whom a leg takes its media and to whom it sends (calls.md §3, *receiving*, *sending*)."""

from __future__ import annotations

from typing import Final, Literal

from ..base.hosts import ip_literal
from ..sip.flow import Address

Symmetric = Literal["auto", "always", "never"]

PACKETS_TO_LATCH: Final = 5
MOST_CANDIDATES: Final = 16
SILENCE_TO_RELEASE: Final = 2.0
SILENCE_TO_REDIRECT: Final = 1.0


class Latch:
    """One leg's view of its peer's media address."""

    __slots__ = (
        "_described",
        "_described_at",
        "_described_private",
        "_heard",
        "_symmetric",
        "source",
    )

    def __init__(self, symmetric: Symmetric = "auto") -> None:
        self._symmetric: Symmetric = symmetric
        self._described: Address | None = None
        self._described_private = False
        self._described_at = 0.0
        self._heard: dict[tuple[Address, int], int] = {}
        """Packets of each source and SSRC while none is latched."""
        self.source: Address | None = None
        """The latched source, None while any may speak."""

    def describe(self, now: float, address: Address) -> bool:
        """The peer's SDP names `address`; a new one forgets the latch (True then)."""
        if address == self._described:
            return False
        self._described = address
        self._described_at = now
        self._described_private = _is_private(address[0])
        self.release()
        return True

    def release(self) -> None:
        """Any source may speak again."""
        self.source = None
        self._heard.clear()

    def packet_received(self, now: float, source: Address, ssrc: int, last_at: float) -> bool:
        """A packet with a negotiated payload type came: True if it is to be used.

        `last_at`: when the latched source was last heard.
        """
        if source == self._described:
            self._described_at = now
        if self.source is not None:
            if source == self.source:
                return True
            if now - last_at < SILENCE_TO_RELEASE:
                return False
            self.release()
        candidate = (source, ssrc)
        count = self._heard.get(candidate, 0) + 1
        if count >= PACKETS_TO_LATCH:
            self.source = source
            self._heard.clear()
            return True
        if count == 1 and len(self._heard) >= MOST_CANDIDATES:
            self._heard.clear()  # somebody sprays us
        self._heard[candidate] = count
        return True

    def target(self, now: float) -> Address | None:
        """Where RTP goes now; None before there is a description."""
        described, source = self._described, self.source
        if source is None or source == described or self._symmetric == "never":
            return described
        if self._symmetric == "always" or self._described_private:
            return source
        if now - self._described_at >= SILENCE_TO_REDIRECT:
            return source
        return described


def _is_private(ip: str) -> bool:
    """True for every address that does not lead here over the Internet (RFC 6598 included)."""
    address = ip_literal(ip)
    return address is not None and not address.is_global
