"""LiveKit's SipDTMF packet: a pressed key as an event of the room."""

from __future__ import annotations

from collections.abc import Sequence

from . import rules
from .events import DtmfPause, DtmfReceived, RoomEvent
from .room import Participant, Room

DTMF_DIGITS = "0123456789*#abcd"
"""In the order of their codes (RFC 4733 §3.2)."""
PAUSE = "w"
MAX_DIGITS = 64
"""As many as a telephone's queue holds."""


def dtmf(
    now: float,
    room: Room,
    sender: Participant | None,
    digit: str,
    destinations: Sequence[str] = (),
    *,
    duration_ms: int | None = None,
    relayed: bool = False,
) -> list[RoomEvent]:
    """One key as an event, letters in either case. Nothing for what is no key."""
    lowered = digit.lower()
    code = DTMF_DIGITS.find(lowered)
    if len(lowered) != 1 or code < 0:
        return []
    to = tuple(destinations)
    return [DtmfReceived(room, sender, lowered, code, to, duration_ms, relayed, now)]


def server_dtmf(
    now: float, room: Room, digits: str, destinations: Sequence[str] = ()
) -> list[RoomEvent]:
    """What a server-side client sends: digits, and `w` for half a second of silence. Other
    characters are passed over. Raises RoomRefused for more than `MAX_DIGITS`."""
    if len(digits) > MAX_DIGITS:
        raise rules.too_many_digits(MAX_DIGITS)
    events: list[RoomEvent] = []
    for digit in digits:
        if digit.lower() == PAUSE:
            events.append(DtmfPause(room, tuple(destinations), now))
        else:
            events += dtmf(now, room, None, digit, destinations)
    return events
