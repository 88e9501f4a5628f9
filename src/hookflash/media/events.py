"""What the media of a leg tells its owner."""

from __future__ import annotations

from ..base.light import light_dataclass
from ..sip.flow import Address


@light_dataclass(frozen=True, slots=True)
class FirstPacket:
    """The first usable RTP packet of the leg; told once."""


@light_dataclass(frozen=True, slots=True)
class Digit:
    """A digit is over. `0`-`9 * # a`-`d`."""

    digit: str
    duration_ms: int
    relayed: bool = False
    """It went on to the other phone of the room as the same event already."""
    inband: bool = False
    """Heard as sound; False: a telephone-event (RFC 4733)."""


@light_dataclass(frozen=True, slots=True)
class LatchedAddress:
    """The peer's media comes from this address, not from the one in its SDP."""

    address: Address


MediaEvent = FirstPacket | Digit | LatchedAddress
