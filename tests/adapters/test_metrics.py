"""Prometheus names as transfer.md §7 has them."""

from __future__ import annotations

from hookflash.adapters.metrics import Metrics


def test_the_page_has_our_names() -> None:
    metrics = Metrics()
    metrics.transfers.inc()
    metrics.failed.labels("STR_REJECTED").inc()
    metrics.gauge("calls_active", "Calls", lambda: 3)
    page = metrics.page().decode()
    assert "hookflash_transfers_total 1.0" in page
    assert 'hookflash_transfers_failed_total{reason="STR_REJECTED"} 1.0' in page
    assert "hookflash_transfers_succeeded_total 0.0" in page
    assert "hookflash_transfers_active 0.0" in page
    assert "hookflash_calls_active 3.0" in page


def test_counts_by_reason_are_read_when_they_are_asked_for() -> None:
    metrics, counts = Metrics(), {"late": 1}
    metrics.gauge_by_reason("lost", "Lost", lambda: counts)
    counts["silent"] = 2
    page = metrics.page().decode()
    assert 'hookflash_lost{reason="late"} 1.0' in page
    assert 'hookflash_lost{reason="silent"} 2.0' in page


def test_a_histogram_that_is_counted_elsewhere() -> None:
    metrics = Metrics()
    metrics.histogram("late_seconds", "Late", (0.001, 0.01), lambda: ([3, 2, 1], 0.25))
    page = metrics.page().decode()
    for line in (
        'hookflash_late_seconds_bucket{le="0.001"} 3.0',
        'hookflash_late_seconds_bucket{le="0.01"} 5.0',
        'hookflash_late_seconds_bucket{le="+Inf"} 6.0',
        "hookflash_late_seconds_count 6.0",
        "hookflash_late_seconds_sum 0.25",
    ):
        assert line in page


def test_two_servers_in_one_process_do_not_share_numbers() -> None:
    one, two = Metrics(), Metrics()
    one.transfers.inc()
    assert "hookflash_transfers_total 0.0" in two.page().decode()
