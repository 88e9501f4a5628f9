"""LiveKit's SipDTMF packet: a pressed key as an event of the room."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .events import DtmfReceived, RoomEvent

if TYPE_CHECKING:
    from .participant import Participant
    from .room import Room

DTMF_DIGITS = "0123456789*#abcd"
"""In the order of their codes (RFC 4733 §3.2)."""


def dtmf(
    now: float,
    room: Room,
    sender: Participant | None,
    digit: str,
    destinations: Sequence[str] = (),
) -> list[RoomEvent]:
    """One key as an event, letters in either case. Nothing for what is no key."""
    lowered = digit.lower()
    code = DTMF_DIGITS.find(lowered)
    if len(lowered) != 1 or code < 0:
        return []
    return [DtmfReceived(room, sender, lowered, code, tuple(destinations), now)]
