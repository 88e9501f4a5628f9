"""Calls and transfers, counted as they happen, and one log line for each step of a transfer."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final, Literal, Protocol

import structlog

from ..calls.records import TransferRecord
from ..calls.transfers.transfer import REASONS

MAX_LATE: Final = 1000
"""Late successes that are known again when their transfer changes once more, which it does soon."""

_log = structlog.get_logger("transfers")


class Count(Protocol):
    """Only goes up."""

    def labels(self, *values: str) -> Count:
        """That of these values alone."""
        ...

    def inc(self) -> None:
        """One more."""
        ...


class Level(Protocol):
    """Goes up and down."""

    def set(self, value: float) -> None:
        """So many now."""
        ...


class CallCounts(Protocol):
    """What is counted here: `adapters.metrics.Metrics`."""

    @property
    def calls(self) -> Count:
        """Those admitted, by direction."""
        ...

    @property
    def refused(self) -> Count:
        """INVITEs, by reason."""
        ...

    @property
    def transfers(self) -> Count:
        """Those asked for."""
        ...

    @property
    def succeeded(self) -> Count:
        """Transfers with that verdict."""
        ...

    @property
    def failed(self) -> Count:
        """Transfers with another verdict, by reason."""
        ...

    @property
    def late(self) -> Count:
        """Successes after a timeout."""
        ...

    @property
    def active_transfers(self) -> Level:
        """Those without a verdict."""
        ...


class CallMetrics:
    """Is told what happens; stores nothing."""

    def __init__(self, metrics: CallCounts) -> None:
        self._metrics = metrics
        self._open: set[str] = set()
        self._late: OrderedDict[str, None] = OrderedDict()
        """Late successes that are counted, the newest last."""

    def call_started(self, direction: str) -> None:
        """A call was admitted."""
        self._metrics.calls.labels(direction).inc()

    def refused(self, reason: str) -> None:
        """An INVITE was refused."""
        self._metrics.refused.labels(reason).inc()

    def transfer_changed(
        self, record: TransferRecord, kind: Literal["started", "updated", "ended"]
    ) -> None:
        """Count and log a new stage, a verdict or a late success."""
        metrics = self._metrics
        stage = record.stages[-1].stage if record.stages else "requested"
        if kind == "started":
            metrics.transfers.inc()
            self._open.add(record.transfer_id)
        elif kind == "ended" and record.verdict is not None:
            self._open.discard(record.transfer_id)
            if record.verdict == "succeeded":
                metrics.succeeded.inc()
            else:
                metrics.failed.labels(REASONS[record.verdict]).inc()
        if record.late_success and record.transfer_id not in self._late:
            self._late[record.transfer_id] = None
            if len(self._late) > MAX_LATE:
                self._late.popitem(last=False)
            metrics.late.inc()
        metrics.active_transfers.set(len(self._open))
        _log.info(
            "transfer",
            transfer_id=record.transfer_id,
            call_id=record.call_id,
            room=record.room,
            stage=record.verdict or stage,
            sip_status=record.sip_status,
            late_success=record.late_success,
        )
