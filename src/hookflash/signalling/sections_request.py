"""`media_sections_requirement`: a client with one connection is asked for an offer."""

from __future__ import annotations

from typing import Final

from livekit.protocol.rtc import MediaSectionsRequirement, SignalResponse

from .outbox import Outbox

SETTLING: Final = 0.05
"""Seconds between an answer to a client's offer and this request. livekit-ffi (SDK for Python
1.2.1) that is asked for an offer in the moment in which it finishes the one before forgets about
it, and never offers again."""


class SectionsRequest:
    """What is to be asked for, and when."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._settled_at: float | None = None
        """None before the first answer."""
        self._wanted: MediaSectionsRequirement | None = None

    @property
    def due(self) -> float | None:
        """When `handle_deadline` asks; None while nothing is wanted."""
        return self._settled_at if self._wanted is not None else None

    def answered(self, now: float) -> None:
        """An offer of the client has been answered; who asks for sections asks anew after it."""
        self._settled_at = now + SETTLING
        self._wanted = None

    def want(self, now: float, audio: int, video: int) -> None:
        """That many sections more; with 0, 0 an offer alone. Before the first answer nothing is
        asked for: it will carry them."""
        if self._settled_at is None:
            return
        self._wanted = MediaSectionsRequirement(num_audios=audio, num_videos=video)
        self.handle_deadline(now)

    def handle_deadline(self, now: float) -> None:
        """Ask, if it is time."""
        if self.due is not None and self.due <= now:
            self._outbox.send(SignalResponse(media_sections_requirement=self._wanted))
            self._wanted = None
