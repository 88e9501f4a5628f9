"""Calls of a run that crashed: each gets its BYE, and its late NOTIFYs an answer (calls.md §5)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from typing import Literal

import structlog

from ..base.errors import SipError
from ..calls.effects import ForgetDialog, LateNotify
from ..calls.records import CallRecord, DialogRecord, TransferRecord
from ..calls.restored_dialog import RestoredDialog
from ..calls.switchboard import ForOwner, Switchboard
from ..calls.transfers.answers import INTERRUPTED
from ..ports import Clock, EventSink, RecordKeeper, TransferRequests
from .call_metrics import CallMetrics
from .host import CallHost

_log = structlog.get_logger("calls")


class RestoredDialogs:
    """What is left of calls that were up when the process died."""

    def __init__(
        self,
        host: CallHost,
        *,
        clock: Clock,
        board: Switchboard,
        call_records: RecordKeeper,
        call_metrics: CallMetrics,
        transfer_requests: TransferRequests,
        sink: EventSink,
    ) -> None:
        self._host = host
        self._clock = clock
        self._board = board
        self._call_records = call_records
        self._call_metrics = call_metrics
        self._requests = transfer_requests
        self._sink = sink
        self._transfers: dict[str, TransferRecord] = {}

    def raise_all(
        self,
        dialogs: Iterable[DialogRecord],
        transfers: Iterable[TransferRecord],
        calls: Iterable[CallRecord],
    ) -> None:
        """At the start: interrupt the open transfers, end the calls' records, hang up."""
        now = self._clock.now()
        for record in transfers:
            ended = replace(record, verdict="interrupted", ended_at=now, error=INTERRUPTED)
            if record.attempts:
                *earlier, last = record.attempts
                last = replace(last, outcome="interrupted")
                ended = replace(ended, attempts=(*earlier, last))
            self._transfers[record.call_id] = ended
            self._tell(ended, "ended")
        for call in calls:
            over = replace(call, ended_at=now, ended_by="local", end_reason="server restarted")
            self._call_records.call_ended(over, None)
            self._sink.call_ended(over, None, "")
        for dialog in dialogs:
            try:
                restored = RestoredDialog(dialog)
            except SipError as error:
                _log.error("stored_dialog_unreadable", call_id=dialog.call_id, why=error.text)
                self._call_records.forget_dialog(dialog.call_id)
                continue
            self._board.add(restored)
            _log.warning("call_hung_up_after_restart", call_id=dialog.call_id)
            self._host.perform(self._board.ask(now, restored, partial(restored.start, now)))

    def perform(self, effect: ForOwner) -> None:
        """What a restored dialog asks for."""
        match effect.effect:
            case ForgetDialog():
                self._call_records.forget_dialog(effect.leg.call_id)
            case LateNotify() as notify:
                self._late(effect.leg.call_id, notify)
            case _:  # the last word of a leg whose call is gone already
                pass

    def _late(self, call_id: str, notify: LateNotify) -> None:
        record = self._transfers.get(call_id)
        if record is None:
            return
        note = f"after the restart: {notify.status} {notify.reason}".rstrip()
        record = replace(
            record, notes=(*record.notes, note), late_success=200 <= notify.status < 300
        )
        self._transfers[call_id] = record
        if record.late_success:
            self._tell(record, "updated")
        else:  # as in a call: a late failure is written down, and that is all
            self._keep(record)

    def _tell(self, record: TransferRecord, kind: Literal["updated", "ended"]) -> None:
        """Keep it, count it, and tell the webhooks: a receiver saw this transfer start."""
        self._keep(record)
        self._call_metrics.transfer_changed(record, kind)
        self._sink.transfer_changed(record, kind, None)

    def _keep(self, record: TransferRecord) -> None:
        self._call_records.transfer(record)
        self._requests.changed(record)
