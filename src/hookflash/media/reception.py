"""How many packets of a stream are lost on the way to who takes it, by the reports of that one
(RFC 3550 §6.4.1).

What a report says of the time since the last one is of no use here: clients report with each
feedback, some dozen times in a second. So the sums are compared over a longer time.
"""

from __future__ import annotations

from typing import Final

from ..rtp.rtcp import ReportBlock

_HALF: Final = 0x80000000


class Reception:
    """Of one stream that goes out."""

    __slots__ = ("_after", "_before")

    def __init__(self) -> None:
        self._before: tuple[int, int, int, int] | None = None
        self._after: int | None = None

    def restart(self, sequence: int) -> None:
        """What was sent up to that number counts no more, though the client may yet find out that
        it did not get it."""
        self._before, self._after = None, sequence

    def since(self, view: ReportBlock | None, sequence: int, packets: int) -> tuple[int, int]:
        """Packets expected and packets lost since this was asked last. `view`: the last report;
        `sequence` and `packets`: the last number that was sent, and how many were. What never came
        from the publisher is not lost on this way."""
        before = self._before
        if view is None:
            return 0, 0
        if self._after is not None:
            if not 0 < (view.highest - self._after) & 0xFFFF < 0x8000:
                return 0, 0
            self._after = None
        self._before = (view.highest, view.lost, sequence, packets)
        if before is None:
            return 0, 0
        expected = (view.highest - before[0]) & 0xFFFFFFFF
        if expected >= _HALF:
            return 0, 0
        missed = ((sequence - before[2]) & 0xFFFF) - (packets - before[3])
        lost = view.lost - before[1] - max(0, missed)
        return expected, min(expected, max(0, lost))
