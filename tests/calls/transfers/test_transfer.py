"""One transfer: stages only by the table, a verdict once, waits of its own for each request."""

from __future__ import annotations

from math import inf
from typing import get_args

import pytest

from hookflash.base.errors import ApiError
from hookflash.calls.effects import LegEffect
from hookflash.calls.records import AttemptRecord, Stage, StageEntry, Verdict
from hookflash.calls.transfers.refer_usage import ReferUsage
from hookflash.calls.transfers.request import TransferRequest
from hookflash.calls.transfers.transfer import (
    LEGAL,
    MOST_NOTES,
    MOST_STAGES,
    REASONS,
    WATCHED,
    Transfer,
    ringing_timeout,
)
from hookflash.sip.refer import parse_target
from hookflash.sip.timers import Timers

REQUEST = TransferRequest(
    room="room",
    identity="me",
    target=parse_target("<SIP:a@b>"),
    headers=(),
    play_dialtone=False,
    ringing_timeout=30.0,
    wait=None,
    api_key="key",
    request_id="r",
    transfer_id="STR_1",
    participant_sid="PA_1",
)
PATHS: dict[Stage, list[Stage]] = {
    "requested": [],
    "sent": ["sent"],
    "challenged": ["sent", "challenged"],
    "waiting": ["sent", "waiting"],
    "accepted": ["sent", "accepted"],
    "trying": ["sent", "accepted", "trying"],
    "ringing": ["sent", "accepted", "ringing"],
}


def send() -> tuple[int, LegEffect]:
    raise AssertionError("a transfer sends nothing")


def refer() -> ReferUsage:
    return ReferUsage("STR_1", REQUEST.target, Timers(), send, lambda: 1.0)


def transfer_in(stage: Stage) -> Transfer:
    transfer = Transfer(100.0, "SCL_1", REQUEST)
    transfer.begin(refer())
    for step in PATHS[stage]:
        assert transfer.enter(101.0, step)
    return transfer


@pytest.mark.parametrize("before", get_args(Stage))
@pytest.mark.parametrize("after", get_args(Stage))
def test_only_steps_of_the_table_are_taken(before: Stage, after: Stage) -> None:
    transfer = transfer_in(before)
    legal = after in LEGAL[before]
    assert transfer.enter(102.0, after) is legal
    assert transfer.stage == (after if legal else before)


def test_the_table_is_the_pages() -> None:
    """requested → sent → (challenged | waiting → sent)* → accepted?, trying*, ringing*."""
    assert {before: sorted(after) for before, after in LEGAL.items()} == {
        "requested": ["accepted", "sent"],
        "sent": ["accepted", "challenged", "waiting"],
        "challenged": ["accepted", "sent"],
        "waiting": ["accepted", "sent"],
        "accepted": ["ringing", "trying"],
        "trying": ["ringing"],
        "ringing": ["trying"],
    }


@pytest.mark.parametrize("stage", get_args(Stage))
@pytest.mark.parametrize("verdict", get_args(Verdict))
def test_a_verdict_may_come_in_any_stage_and_never_changes(stage: Stage, verdict: Verdict) -> None:
    transfer = transfer_in(stage)
    transfer.decide(103.0, verdict, "text")
    with pytest.raises(AssertionError, match="already"):
        transfer.decide(104.0, "succeeded")
    assert not any(transfer.enter(104.0, after) for after in get_args(Stage))
    transfer.saw(200, "OK")
    record = transfer.record()
    assert (record.verdict, record.ended_at, record.error) == (verdict, 103.0, "text")
    assert record.sip_status is None


def test_a_peer_makes_no_record_without_end() -> None:
    """Stages that decide nothing, and remarks."""
    transfer = transfer_in("accepted")
    for number in range(2 * MOST_STAGES):
        transfer.enter(103.0 + number, "ringing")
        transfer.enter(103.5 + number, "trying")
        transfer.note(f"NOTIFY after the verdict: 180 {number}")
    record = transfer.record()
    assert (len(record.stages), len(record.notes)) == (MOST_STAGES, MOST_NOTES)
    assert len(record.attempts[0].stages) == MOST_STAGES - 1
    assert not transfer.enter(200.0, "ringing")


def test_a_peer_that_always_says_491_makes_no_record_without_end() -> None:
    transfer = transfer_in("sent")
    for number in range(MOST_STAGES):
        transfer.enter(103.0 + number, "waiting")
        transfer.enter(103.5 + number, "sent")
    assert len(transfer.record().stages) == MOST_STAGES
    assert transfer.enter(200.0, "accepted")


def test_reasons_are_livekits() -> None:
    assert set(REASONS) == set(get_args(Verdict))
    assert REASONS["refused"] == REASONS["rejected"] == "STR_REJECTED"
    assert REASONS["unreachable"] == REASONS["interrupted"] == "STR_UNSPECIFIED"
    assert set(WATCHED) == {"timed out", "canceled", "call ended", "unreachable"}


def test_the_record_has_everything() -> None:
    transfer = transfer_in("ringing")
    transfer.saw(180, "Ringing")
    transfer.note("once")
    transfer.note("once")
    record = transfer.record()
    assert [entry.stage for entry in record.stages] == ["requested", "sent", "accepted", "ringing"]
    assert (record.sip_status, record.sip_reason, record.notes) == (180, "Ringing", ("once",))
    assert (record.transfer_id, record.call_id, record.room) == ("STR_1", "SCL_1", "room")
    assert (record.identity, record.participant_sid, record.api_key) == ("me", "PA_1", "key")
    assert (record.target, record.refer_to, record.request_id) == ("<SIP:a@b>", "<sip:a@b>", "r")
    assert (record.created_at, record.mode, record.late_success) == (100.0, "refer", False)


def test_each_attempt_has_stages_a_status_and_an_outcome_of_its_own() -> None:
    transfer = transfer_in("waiting")
    transfer.saw(491, "Request Pending")
    transfer.attempt_ended("refused")
    transfer.begin(refer())
    assert transfer.stage == "requested"
    assert transfer.enter(103.0, "sent")
    sent = StageEntry("sent", 101.0)
    first = (sent, StageEntry("waiting", 101.0))
    second = (StageEntry("sent", 103.0),)
    record = transfer.record()
    assert record.attempts == (
        AttemptRecord("sip:a@b", "refer", first, "refused", 491),
        AttemptRecord("sip:a@b", "refer", second, None, None),
    )
    assert record.stages == (StageEntry("requested", 100.0), *first, *second)


def test_a_late_outcome_counts_for_three_minutes() -> None:
    transfer = transfer_in("accepted")
    assert transfer.watch_end() == inf
    transfer.decide(110.0, "timed out")
    assert transfer.watch_end() == 290.0


def test_each_request_has_its_own_wait() -> None:
    transfer = transfer_in("sent")
    assert transfer.next_deadline() == 130.0
    transfer.wait(100.0, 1, None)
    transfer.wait(100.0, 2, 5.0)
    assert transfer.next_deadline() == 105.0
    assert transfer.give_up(104.9) == []
    assert transfer.give_up(105.0) == [2]
    assert transfer.next_deadline() == 130.0


@pytest.mark.parametrize(
    ("asked", "meant"), [(None, 30.0), (0.0, 30.0), (-1.0, 30.0), (5.0, 5.0), (3600.0, 3600.0)]
)
def test_ringing_timeout_absent_or_not_positive_is_30_s(asked: float | None, meant: float) -> None:
    assert ringing_timeout(asked) == meant


def test_ringing_timeout_above_an_hour_is_refused() -> None:
    with pytest.raises(ApiError) as caught:
        ringing_timeout(3600.5)
    assert (caught.value.code, caught.value.msg) == (
        "invalid_argument",
        "ringing_timeout must not exceed 1h",
    )
