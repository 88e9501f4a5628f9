"""What is counted of calls and transfers, and one log line for each step of a transfer."""

from __future__ import annotations

from dataclasses import replace

from structlog.testing import capture_logs
from tests.runtime.test_call_records import RECORD

from hookflash.adapters.metrics import Metrics
from hookflash.calls.records import StageEntry
from hookflash.exchange.call_metrics import MAX_LATE, CallMetrics


def test_stages_and_verdicts_are_counted_and_logged() -> None:
    metrics = Metrics()
    counted = CallMetrics(metrics)
    sent = replace(RECORD, stages=(*RECORD.stages, StageEntry("sent", 1000.1)))
    with capture_logs() as logs:
        counted.transfer_changed(RECORD, "started")
        assert "hookflash_transfers_active 1.0" in metrics.page().decode()
        counted.transfer_changed(sent, "updated")
        counted.transfer_changed(replace(sent, verdict="rejected"), "ended")
        counted.transfer_changed(replace(sent, verdict="timed out", late_success=True), "updated")
    assert [line["stage"] for line in logs] == ["requested", "sent", "rejected", "timed out"]
    assert {line["transfer_id"] for line in logs} == {"STR_1"}
    page = metrics.page().decode()
    assert "hookflash_transfers_active 0.0" in page
    assert 'hookflash_transfers_failed_total{reason="STR_REJECTED"} 1.0' in page
    assert "hookflash_transfers_late_success_total 1.0" in page
    counted.transfer_changed(RECORD, "started")
    counted.transfer_changed(replace(RECORD, verdict="succeeded"), "ended")
    assert "hookflash_transfers_succeeded_total 1.0" in metrics.page().decode()


def test_late_successes_do_not_pile_up() -> None:
    metrics = Metrics()
    counted = CallMetrics(metrics)
    with capture_logs():
        for number in range(MAX_LATE + 5):
            late = replace(RECORD, transfer_id=f"STR_{number}", late_success=True)
            counted.transfer_changed(late, "updated")
            counted.transfer_changed(late, "updated")
    assert len(counted._late) == MAX_LATE
    assert f"late_success_total {MAX_LATE + 5}.0" in metrics.page().decode()


def test_calls_are_counted_by_direction_and_refusals_by_reason() -> None:
    metrics = Metrics()
    counted = CallMetrics(metrics)
    counted.call_started("inbound")
    counted.call_started("inbound")
    counted.refused("no_trunk")
    page = metrics.page().decode()
    assert 'hookflash_calls_total{direction="inbound"} 2.0' in page
    assert 'hookflash_calls_refused_total{reason="no_trunk"} 1.0' in page
