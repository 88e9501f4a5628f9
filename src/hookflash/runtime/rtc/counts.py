"""What is counted of WebRTC clients beside what their ports count, for /metrics (webrtc.md §8)."""

from __future__ import annotations

from typing import Final

REASONS: Final = {
    "unauthenticated": "not_allowed",
    "invalid_argument": "invalid",
    "not_found": "no_room",
    "internal": "room_full",
    "unavailable": "too_many",
}
"""Why a join was refused, by the code of its refusal; `other` for those that are not here."""


class RtcCounts:
    """Of one server, since its start."""

    def __init__(self) -> None:
        self.joins_refused = dict.fromkeys((*REASONS.values(), "other"), 0)
        """By reason. A token that does not hold comes no further than the API."""
        self.data_refused: dict[str, int] = {}
        """Data packets that went to nobody, by reason."""
        self.audio_sent = 0
        """Packets of sound that went to clients which have left."""

    def join_refused(self, code: str) -> None:
        """One more, by its Twirp code."""
        self.joins_refused[REASONS.get(code, "other")] += 1

    def packet_refused(self, reason: str) -> None:
        """One data packet more."""
        self.data_refused[reason] = self.data_refused.get(reason, 0) + 1
