"""The packets of a stream that went out last, for who missed some (RFC 4585 §6.2.1)."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

KEPT: Final = 0.5
"""Seconds (webrtc.md §4)."""
MAX_OCTETS: Final = 1024 * 1024
MAX_TIMES: Final = 5
"""How often one packet is sent again."""


@dataclass(slots=True, eq=False)
class SentPacket:
    """One of them."""

    sequence: int
    data: bytes
    at: float
    times: int = 0
    """How often it was sent again."""


class SentPackets:
    """The last half second of one stream, at most `MAX_OCTETS`."""

    __slots__ = ("_by_sequence", "_line", "octets")

    def __init__(self) -> None:
        self._line: deque[SentPacket] = deque()
        self._by_sequence: dict[int, SentPacket] = {}
        self.octets = 0

    def __len__(self) -> int:
        return len(self._line)

    def keep(self, sequence: int, data: bytes, now: float) -> None:
        """One that goes out now."""
        line, octets = self._line, self.octets + len(data)
        while line and (now - line[0].at > KEPT or octets > MAX_OCTETS):
            gone = line.popleft()
            octets -= len(gone.data)
            if self._by_sequence.get(gone.sequence) is gone:
                del self._by_sequence[gone.sequence]
        packet = SentPacket(sequence, data, now)
        line.append(packet)
        self._by_sequence[sequence] = packet
        self.octets = octets

    def again(self, sequence: int, now: float) -> bytes | None:
        """That packet, to be sent once more; None where it is not kept, or was asked for too
        often."""
        packet = self._by_sequence.get(sequence)
        if packet is None or now - packet.at > KEPT or packet.times >= MAX_TIMES:
            return None
        packet.times += 1
        return packet.data
