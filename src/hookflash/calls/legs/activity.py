"""Whether a call is alive: its first packet, callStatus `active`, and what ends it by itself."""

from __future__ import annotations

from collections.abc import Callable

from ..effects import LegActive
from .core import SendBye, Step, earlier
from .media_watch import DurationLimit, MediaWatch
from .settings import LegSettings

ACTIVE_AFTER = 1.0
"""Seconds from the ACK to callStatus `active` where no RTP comes."""


class Activity:
    """Media timeout, longest duration and the step to `active` of one call."""

    __slots__ = ("_active", "_active_at", "_answered", "_duration", "_heard", "_watch")

    def __init__(self, settings: LegSettings) -> None:
        self._watch = MediaWatch(settings.first_media_timeout, settings.media_timeout)
        self._duration = DurationLimit(settings.max_call_duration)
        self._answered = False
        self._heard = False
        self._active = False
        self._active_at: float | None = None

    def joined(self, now: float) -> None:
        """The caller is in the room: its longest duration begins (facts §4.7)."""
        self._duration.run(now)

    def answered(self, now: float) -> list[Step]:
        """Our 200 is out: media may flow."""
        self._answered = True
        self._watch.start(now)
        return self._activate() if self._heard else []

    def confirmed(self, now: float) -> None:
        """The ACK is here."""
        if not self._active:
            self._active_at = now + ACTIVE_AFTER

    def first_packet(self, now: float) -> list[Step]:
        """The first RTP packet came; before the answer that is early media."""
        self._heard = True
        self._watch.heard(now)
        return self._activate() if self._answered else []

    def hold(self, now: float, held: bool) -> None:
        """On hold nobody need send anything."""
        self._watch.suspend(now, held=held)

    def transfer(self, now: float, pending: bool) -> None:
        """During a transfer carriers park the leg: both clocks stand still."""
        self._watch.suspend(now, transfer=pending)
        if pending:
            self._duration.pause(now)
        else:
            self._duration.run(now)

    def ended(self) -> None:
        """The call is over: the clocks stop."""
        self._answered = False
        self._active_at = None
        self._watch.stop()
        self._duration.stop()

    def next_deadline(self) -> float | None:
        """The next of the three."""
        return earlier(self._active_at, self._watch.next_deadline(), self._duration.next_deadline())

    def handle_deadline(self, now: float, last_packet_at: Callable[[], float | None]) -> list[Step]:
        """What is due at `now`. `last_packet_at`: when RTP came last, None for never."""
        steps: list[Step] = []
        if self._active_at is not None and now >= self._active_at:
            steps += self._activate()
        if self._duration.due(now):
            reason = ("Reason", 'SIP;cause=480;text="Maximum call duration reached"')
            steps.append(SendBye("max call duration", "hangup", (reason,)))
        elif self._watch.dead(now, last_packet_at):
            reason = ("Reason", 'SIP;cause=408;text="Media timeout"')
            steps.append(SendBye("media timeout", "hangup", (reason,)))
        return steps

    def _activate(self) -> list[Step]:
        self._active_at = None
        if self._active:
            return []
        self._active = True
        return [LegActive()]
