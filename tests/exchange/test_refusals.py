"""What is told of refused INVITEs: every one is counted, few are logged."""

from __future__ import annotations

from structlog.testing import capture_logs
from tests.calls.test_admission import invite

from hookflash.adapters.metrics import Metrics
from hookflash.base.line_limit import LINES
from hookflash.calls.admission import Refusal
from hookflash.exchange.call_metrics import CallMetrics
from hookflash.exchange.refusals import MAX_TEXT, RefusalLog
from hookflash.sip.message import Response


def refusal(event: str, text: str = "") -> Refusal:
    return Refusal(Response.reply(invite(), 403, to_tag="us"), event, text)


def test_a_reason_has_ten_lines_in_a_second_and_the_rest_is_counted() -> None:
    metrics = Metrics()
    told = RefusalLog(CallMetrics(metrics))
    with capture_logs() as logs:
        for i in range(1000):
            told.refused(100.0 + i / 2000, refusal("trunk_unmatched"), f"192.0.2.{i % 256}")
        told.refused(100.1, refusal("rule_unmatched"), "192.0.2.1")
        assert [line["event"] for line in logs] == ["trunk_unmatched"] * LINES + ["rule_unmatched"]
        assert told.next_deadline() == 101.0
        told.handle_deadline(100.9)
        assert len(logs) == LINES + 1
        told.handle_deadline(101.0)
    assert logs[-1] == {
        "event": "refusals_not_logged",
        "log_level": "warning",
        "reason": "trunk_unmatched",
        "count": 1000 - LINES,
    }
    assert told.next_deadline() is None
    page = metrics.page().decode()
    assert 'hookflash_calls_refused_total{reason="trunk_unmatched"} 1000.0' in page


def test_the_next_second_begins_anew_and_tells_what_was_left_out() -> None:
    told = RefusalLog(CallMetrics(Metrics()))
    with capture_logs() as logs:
        for now in (1.0, 1.1, 2.0, 3.5):
            told.refused(now, refusal("trunk_ringing"), "192.0.2.1")
    assert [line["event"] for line in logs] == [
        "trunk_ringing",
        "refusals_not_logged",
        "trunk_ringing",
        "trunk_ringing",
    ]


def test_our_operators_fault_is_an_error() -> None:
    told = RefusalLog(CallMetrics(Metrics()))
    with capture_logs() as logs:
        told.refused(1.0, refusal("trunk_ambiguous", "two"), "192.0.2.1")
    (line,) = logs
    assert (line["log_level"], line["status"], line["why"]) == ("error", 403, "two")


def test_a_line_is_no_longer_for_what_a_stranger_writes() -> None:
    told = RefusalLog(CallMetrics(Metrics()))
    with capture_logs() as logs:
        told.refused(1.0, refusal("trunk_unmatched", "\udcff" * 9000), "192.0.2.1")
    assert logs[0]["why"] == "\ufffd" * MAX_TEXT
