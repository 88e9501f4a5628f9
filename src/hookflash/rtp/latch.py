"""From whom a leg takes its media and to whom it sends (calls.md §3, *receiving*, *sending*).

Anybody can send datagrams to a port. What the SDP names is the peer's own word, so packets from
there always win. A source that it does not name (a NAT rewrote it) has to come from the address of
the SDP or of the signalling to be taken at once; any other waits until the ones before it are
silent for long enough that no pause of theirs is meant. What SRTP has proved needs no waiting.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final, Literal

from ..base.hosts import ip_literal
from ..sip.flow import Address

Symmetric = Literal["auto", "always", "never"]

PACKETS_TO_LATCH: Final = 5
MOST_CANDIDATES: Final = 16
MOST_FORMER: Final = 8
SILENCE_TO_RELEASE: Final = 2.0
"""Seconds after which another port of the latched address may speak."""
SILENCE_TO_FORGET: Final = 10.0
"""Seconds after which another address may."""
SILENCE_TO_REDIRECT: Final = 1.0
"""Seconds without a packet from the address of the SDP after which sound goes elsewhere."""

TIME_TO_SPEAK_UP: Final = 0.25
"""The same for a private address, where another machine than the signalling's sends: as it has to
where a proxy is between, and as a stranger would who came first."""


class Claim(IntEnum):
    """How good a source's claim to the call is, from its address alone."""

    FORMER = 0
    """Of the call before its SDP moved: an old stream that goes on."""
    STRANGER = 1
    KNOWN = 2
    """Another port of the address of the SDP or of the signalling."""
    NAMED = 3
    """Address and port of the SDP."""


class Latch:
    """One leg's view of its peer's media address. Times are seconds of one clock."""

    __slots__ = (
        "_candidates",
        "_described",
        "_described_at",
        "_described_heard",
        "_former",
        "_held",
        "_private",
        "_proven",
        "_resting",
        "_signalling",
        "_silent",
        "_silent_at",
        "_since",
        "_symmetric",
        "source",
    )

    def __init__(self, symmetric: Symmetric = "auto") -> None:
        self._symmetric: Symmetric = symmetric
        self._described: Address | None = None
        self._described_at = 0.0
        """When a packet came from there, or the SDP named it."""
        self._described_heard = False
        self._private = False
        self._signalling = ""
        self._since = 0.0
        """When the SDP named this address, or the peer came back from hold."""
        self._held = False
        self._resting: Address | None = None
        """The source before the hold."""
        self._former: list[Address] = []
        self._candidates: dict[tuple[Address, int], int] = {}
        """Packets of each source and SSRC that may latch."""
        self.source: Address | None = None
        """The latched source, None while any may speak."""
        self._silent: Address | None = None
        """The one before, which was silent for so long that another may speak."""
        self._silent_at = 0.0
        """When it was last heard."""
        self._proven = False
        """SRTP says that it is the peer's."""

    # --- the session ----------------------------------------------------------------------------

    def describe(
        self, now: float, address: Address, *, signalling: str = "", held: bool = False
    ) -> bool:
        """The peer's SDP names `address`; `held`: it sends no sound of its own. True if another
        source than before is the latched one now."""
        before = self.source
        self._signalling = signalling
        if address != self._described:
            self._move(now, address)
        elif self._held and not held:
            self.source, self._silent = self._resting, None
            self._since = self._described_at = now
            self._candidates.clear()
        if held and not self._held:
            self._resting = self.source or self._silent
        self._held = held
        return self.source != before

    def _move(self, now: float, address: Address) -> None:
        for old in (self._described, self.source or self._silent):
            if old is not None and old != address and old not in self._former:
                self._former = [*self._former, old][-MOST_FORMER:]
        if address in self._former:
            self._former.remove(address)
        self._described = address
        self._described_at = self._since = now
        self._described_heard = False
        self._private = _is_private(address[0])
        self._resting = self.source = self._silent = None
        self._candidates.clear()

    # --- packets --------------------------------------------------------------------------------

    def packet_received(
        self, now: float, source: Address, ssrc: int, last_at: float, *, proven: bool = False
    ) -> bool:
        """A packet with a negotiated payload type came: True if it is to be used.

        `last_at`: when the latched source was last heard. `proven`: SRTP says that it is the
        peer's.
        """
        if source == self._described:
            self._described_at = now
            self._described_heard = True
            if self.source != source:
                self._take(source, proven)
            return True
        if source == self.source:
            return True
        if self._symmetric == "never":
            return False
        claim = self._claim(source)
        before = self.source or self._silent
        if before is None:
            heard = proven or self._may_begin(claim, now)
            if not heard:
                return False
        else:
            last_at = last_at if self.source is not None else self._silent_at
            silence = now - max(last_at, self._since)
            heard = proven or silence >= self._patience(source, claim, before)
            if not heard and claim <= self._claim(before):
                return False
            if heard and self.source is not None:
                self._fall_silent(last_at)
        self._count(source, ssrc, proven)
        return heard or source == self.source

    def _claim(self, source: Address) -> Claim:
        if source == self._described:
            return Claim.NAMED
        if source in self._former:
            return Claim.FORMER
        known = self._described is not None and source[0] == self._described[0]
        return Claim.KNOWN if known or source[0] == self._signalling else Claim.STRANGER

    def _fall_silent(self, last_at: float) -> None:
        """The latched source may be replaced: whoever may speak is heard, five packets decide."""
        if self.source == self._described:
            self._described_at = max(self._described_at, last_at)
        self._silent, self._silent_at = self.source, last_at
        self.source = None

    def _may_begin(self, claim: Claim, now: float) -> bool:
        """Whether a source may speak while none is latched."""
        return claim is not Claim.FORMER or now - self._since >= SILENCE_TO_RELEASE

    @staticmethod
    def _patience(source: Address, claim: Claim, before: Address) -> float:
        """Seconds of silence of the latched source before `source` may take its place."""
        if source == before:
            return 0.0
        same = source[0] == before[0] and claim is not Claim.FORMER
        return SILENCE_TO_RELEASE if same else SILENCE_TO_FORGET

    def _count(self, source: Address, ssrc: int, proven: bool) -> None:
        candidate = (source, ssrc)
        count = self._candidates.get(candidate, 0) + 1
        if count >= PACKETS_TO_LATCH:
            self._take(source, proven)
            return
        if count == 1 and len(self._candidates) >= MOST_CANDIDATES:
            self._candidates.clear()  # somebody sprays us
        self._candidates[candidate] = count

    def _take(self, source: Address, proven: bool) -> None:
        self.source = source
        self._silent = None
        self._proven = proven
        self._candidates.clear()

    # --- where sound goes -----------------------------------------------------------------------

    def target(self, now: float) -> Address | None:
        """Where RTP goes now; None before there is a description."""
        described, source = self._described, self.source
        if source is None or source == described:
            return described
        return source if now - self._described_at >= self._loyalty(source) else described

    def _loyalty(self, source: Address) -> float:
        """Seconds of silence of the SDP's address before sound goes to `source` in its place. An
        address that was heard from is right, whatever else speaks in a pause."""
        claim = self._claim(source)
        if self._proven or (self._symmetric == "always" and claim is not Claim.FORMER):
            return 0.0
        if self._described_heard or claim is Claim.FORMER:
            return SILENCE_TO_FORGET
        if not self._private:
            return SILENCE_TO_REDIRECT
        return 0.0 if claim is Claim.KNOWN else TIME_TO_SPEAK_UP


def _is_private(ip: str) -> bool:
    """True for every address that does not lead here over the Internet (RFC 6598 included)."""
    address = ip_literal(ip)
    return address is not None and not address.is_global
