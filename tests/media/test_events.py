"""Media events are values."""

from __future__ import annotations

from hookflash.media.events import Digit, FirstPacket, LatchedAddress


def test_events_compare_by_what_they_say() -> None:
    assert Digit("1", 100) == Digit("1", 100, relayed=False, inband=False)
    assert Digit("1", 100) != Digit("1", 100, relayed=True)
    assert FirstPacket() == FirstPacket()
    assert LatchedAddress(("192.0.2.1", 1)) != LatchedAddress(("192.0.2.1", 2))
