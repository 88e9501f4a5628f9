"""What is told of refused INVITEs: each is counted, and as many log lines are written as a person
can read. A stranger decides how many there are."""

from __future__ import annotations

from math import inf

import structlog

from ..base.line_limit import LINES, LineLimit
from ..base.text import clean
from ..calls.admission import Refusal
from .call_metrics import CallMetrics

_log = structlog.get_logger("calls")

ONE_LINE = frozenset({"trunk_ringing", "trunk_ports"})
"""Reasons that say the same each time."""
CONFIGURED_WRONG = frozenset({"trunk_ambiguous"})
"""Refusals that are our operator's fault: errors in the log (calls.md §1)."""
MAX_TEXT = 500
"""Characters of a line that may be a stranger's own."""


class RefusalLog:
    """Is told each refusal. `Due` of an alarm, for the counts of what was left out."""

    def __init__(self, call_metrics: CallMetrics) -> None:
        self._call_metrics = call_metrics
        self._seconds: dict[str, LineLimit] = {}
        """By reason, of which there are a few."""

    def refused(self, now: float, refusal: Refusal, source: str) -> None:
        """Count it, and log it if its reason has not filled its second."""
        reason = refusal.event
        self._call_metrics.refused(reason)
        second = self._seconds.get(reason)
        if second is None:
            second = self._seconds[reason] = LineLimit(1 if reason in ONE_LINE else LINES)
        told, left_out = second.take(now)
        self._tell(reason, left_out)
        if not told:
            return
        tell = _log.error if reason in CONFIGURED_WRONG else _log.info
        status, why = refusal.response.status, clean(refusal.text[:MAX_TEXT])
        tell(reason, source=source, status=status, why=why)

    def next_deadline(self) -> float | None:
        """When the first count of lines left out is due."""
        due = min((s.ends for s in self._seconds.values() if s.left_out), default=inf)
        return None if due == inf else due

    def handle_deadline(self, now: float) -> None:
        """Tell the counts that are due."""
        for reason, second in list(self._seconds.items()):
            if now >= second.ends:
                del self._seconds[reason]
                self._tell(reason, second.left_out)

    def _tell(self, reason: str, left_out: int) -> None:
        if left_out:
            _log.warning("refusals_not_logged", reason=reason, count=left_out)
