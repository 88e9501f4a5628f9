"""What is answered to REFER, or is not, and the other ways in which a transfer ends (transfer.md
§1, §3). The table of all rows is in test_transferor."""

from __future__ import annotations

import pytest
from tests.simulation.transfers import START, SendRefer, TransferBench

from hookflash.calls.effects import TransferAnswered
from hookflash.calls.transfers.transferor_effects import HangUp, LeaveRoom, SendProbe

OTHER = "tel:+15105550111"


def started(**options: object) -> TransferBench:
    """A transfer whose REFER is out."""
    bench = TransferBench()
    bench.request(**options)  # type: ignore[arg-type]
    return bench


# --- challenges and 491 -------------------------------------------------------------------------


def test_challenges_are_stages_and_each_attempt_counts() -> None:
    bench = started()
    bench.challenge(401)
    bench.challenge(407)
    bench.answer(202)
    assert bench.stages() == "requested sent challenged sent challenged sent accepted"


def test_without_credentials_it_is_refused_and_says_so() -> None:
    bench = started()
    bench.answer(407, explain="no credentials for this challenge")
    assert bench.refused() == (
        "unauthenticated: sip status: 407: Proxy Authentication Required "
        "(no credentials for this challenge)"
    )
    assert bench.record().notes == ("no credentials for this challenge",)


def test_a_challenge_is_not_answered_when_nobody_waits_any_more() -> None:
    bench = started(ringing=5.0)
    assert bench.transferor.wants_refer("STR_1")
    assert not bench.transferor.wants_refer("STR_unknown")
    bench.at(5)
    assert not bench.transferor.wants_refer("STR_1")
    assert not bench.transferor.wants_refer("STR_unknown")
    bench = started()
    bench.bye()
    assert not bench.transferor.wants_refer("STR_1")


def test_the_end_of_the_call_beats_a_challenge_that_could_not_be_answered_any_more() -> None:
    bench = started()
    bench.bye()
    bench.answer(407)
    assert bench.at(1).verdict() == "call ended"
    assert not bench.transferor.watching


@pytest.mark.parametrize(("owns_call_id", "least", "most"), [(False, 0.0, 2.0), (True, 2.1, 4.0)])
def test_491_is_tried_again_after_the_interval_of_rfc_3261(
    owns_call_id: bool, least: float, most: float
) -> None:
    waits = set()
    for seed in range(300):
        bench = TransferBench(owns_call_id=owns_call_id, seed=seed)
        bench.request()
        bench.answer(491)
        assert bench.stages() == "requested sent waiting"
        bench.at(10)
        assert bench.stages() == "requested sent waiting sent"
        waits.add(bench.times(SendRefer)[1])
    assert least <= min(waits) < least + 0.1
    assert most - 0.1 < max(waits) <= most
    assert all(abs(wait * 100 - round(wait * 100)) < 1e-6 for wait in waits)
    assert len(waits) > 100


def test_491_is_tried_until_the_time_is_over_and_then_refused() -> None:
    bench = started(ringing=20.0)
    while (due := bench.transferor.next_deadline()) is not None and bench.verdict() is None:
        if bench.transferor.refer_open:
            bench.answer(491)
            due = bench.transferor.next_deadline() or due
        bench.at(due - START)
    assert len(bench.all(SendRefer)) > 5
    assert bench.refused() == "aborted: sip status: 491: Request Pending"
    assert bench.times(TransferAnswered) == [20]


def test_a_retry_waits_for_the_gate_too() -> None:
    bench = started()
    bench.answer(491)
    bench.run(bench.transferor.gate(bench.now, False))
    bench.at(10)
    assert len(bench.all(SendRefer)) == 1
    bench.run(bench.transferor.gate(bench.now, True))
    assert len(bench.all(SendRefer)) == 2


def test_the_call_ends_while_491_waits() -> None:
    bench = started()
    bench.answer(491)
    bench.bye()
    assert bench.verdict() == "call ended"
    bench.at(10)
    assert len(bench.all(SendRefer)) == 1
    assert not bench.transferor.watching


def test_a_491_after_the_end_of_the_call_is_not_tried_again() -> None:
    bench = started()
    bench.hang_up()
    bench.answer(491)
    bench.at(10)
    assert (bench.verdict(), len(bench.all(SendRefer))) == ("call ended", 1)


def test_after_491_and_a_cancel_nothing_is_sent() -> None:
    bench = started()
    bench.answer(491)
    bench.run(bench.transferor.cancel(bench.now, "STR_1"))
    bench.at(10)
    assert (bench.verdict(), len(bench.all(SendRefer))) == ("canceled", 1)
    assert bench.notify(200) == 200
    assert not bench.record().late_success


# --- refused, 481, 408, silence -----------------------------------------------------------------


@pytest.mark.parametrize("status", [300, 302, 400, 401, 403, 404, 405, 410, 416, 482, 483, 484])
def test_refer_answered_by_an_error_is_refused_and_the_call_goes_on(status: int) -> None:
    bench = started()
    bench.answer(status)
    assert bench.verdict() == "refused"
    assert bench.refused().split(": ", 1)[1].startswith(f"sip status: {status}: ")
    assert bench.all(HangUp) + bench.all(SendProbe) == []
    assert not bench.transferor.watching


@pytest.mark.parametrize("status", [485, 486, 500, 502, 503, 580, 600, 603, 604, 606])
def test_so_is_every_other_one(status: int) -> None:
    bench = started()
    bench.answer(status)
    assert bench.verdict() == "refused"
    assert bench.all(HangUp) + bench.all(SendProbe) == []


def test_a_refusal_without_a_phrase() -> None:
    bench = started()
    bench.answer(603, "")
    assert bench.refused() == "permission_denied: sip status: 603 (GLOBAL_DECLINE)"


def test_a_refusal_counts_although_a_notify_came_first() -> None:
    bench = started()
    bench.notify(100)
    bench.answer(603)
    assert bench.verdict() == "refused"


def test_a_491_after_a_notify_is_not_tried_again() -> None:
    bench = started()
    bench.notify(100)
    bench.answer(491)
    assert bench.verdict() == "refused"


def test_an_error_answer_after_the_verdict_changes_nothing() -> None:
    bench = started(ringing=5.0)
    bench.at(5)
    bench.answer(481)
    record = bench.record()
    assert (record.verdict, record.sip_status) == ("timed out", None)
    assert record.notes[-1].startswith("late failure: REFER answered 481")
    assert bench.all(HangUp) == []
    assert not bench.transferor.watching
    bench = started(ringing=5.0)
    bench.notify(100)
    bench.at(5)
    bench.answer(603)
    assert bench.transferor.watching


def test_a_refer_that_is_refused_after_its_verdict_takes_no_notify_from_the_next() -> None:
    bench = started(ringing=5.0)
    bench.at(5).answer(603)
    bench.request("STR_2", OTHER)
    bench.notify(200, "terminated", event="refer;id=77")
    assert bench.verdict("STR_2") == "succeeded"


def test_a_481_hangs_up_and_is_call_ended_a_second_later() -> None:
    bench = started()
    bench.answer(481)
    assert bench.all(HangUp) == [HangUp("REFER answered 481", transfer=False)]
    assert bench.answered() is None
    bench.at(1)
    assert bench.refused() == "aborted: call ended before transfer completed"
    told = bench.answered()
    assert told is not None
    assert told.error is not None
    assert told.error.meta["sip_status_code"] == "481"
    assert not bench.transferor.watching


def test_a_final_notify_within_the_second_after_481_decides() -> None:
    bench = started()
    bench.answer(481)
    bench.at(0.9).notify(200, "terminated")
    assert bench.verdict() == "succeeded"
    assert len(bench.all(HangUp)) == 1


def test_a_481_after_the_bye_hangs_up_no_second_time() -> None:
    bench = started()
    bench.bye()
    bench.answer(481)
    bench.at(2)
    assert (bench.verdict(), bench.all(HangUp)) == ("call ended", [])


def test_408_is_refused_and_the_call_is_looked_at() -> None:
    bench = started()
    bench.answer(408)
    assert bench.refused() == "deadline_exceeded: sip status: 408: Request Timeout"
    assert bench.all(SendProbe) == [SendProbe()]
    assert bench.at(10).times(HangUp) == [4]


def test_rtp_within_two_seconds_is_life_enough() -> None:
    bench = started()
    bench.last_packet_at = bench.now - 2.0
    bench.answer(408)
    assert bench.at(10).all(HangUp) + bench.all(SendProbe) == []


def test_timer_f_is_unreachable_and_the_call_is_looked_at() -> None:
    bench = started(ringing=60.0)
    bench.answer(100)
    bench.at(32).fail()
    assert bench.refused() == "canceled: transaction failed to complete (1 intermediate responses)"
    assert bench.all(SendProbe) == [SendProbe()]
    bench.run(bench.transferor.probe_answered(bench.now, 200))
    assert bench.at(40).all(HangUp) == []
    assert bench.transferor.watching


@pytest.mark.parametrize("status", [481, 408, None])
def test_a_dead_call_is_hung_up(status: int | None) -> None:
    bench = started(ringing=60.0)
    bench.at(32)
    bench.last_packet_at = bench.now - 2.1
    bench.fail()
    bench.run(bench.transferor.probe_answered(bench.now, status))
    assert bench.all(HangUp) == [HangUp("peer does not answer", transfer=False)]
    assert bench.transferor.watching


def test_a_call_that_does_not_answer_for_four_seconds_is_hung_up() -> None:
    bench = started(ringing=60.0)
    bench.at(32).fail()
    assert bench.at(35.9).all(HangUp) == []
    assert bench.at(36).times(HangUp) == [36]


def test_a_call_that_ends_meanwhile_is_not_hung_up() -> None:
    bench = started()
    bench.answer(408)
    bench.bye()
    bench.run(bench.transferor.probe_answered(bench.now, 481))
    assert bench.at(10).all(HangUp) == []


def test_a_call_that_is_transferred_late_meanwhile_is_hung_up_once() -> None:
    bench = started(ringing=60.0)
    bench.at(32).fail()
    bench.at(33).notify(200, "terminated")
    assert bench.at(60).times(HangUp) == [33]
    assert len(bench.all(SendProbe)) == 1


def test_a_transfer_that_started_meanwhile_ends_with_the_dead_call() -> None:
    bench = started()
    bench.answer(408)
    bench.request("STR_2", OTHER)
    bench.at(4)
    assert bench.times(HangUp) == [4]
    assert bench.at(5).verdict("STR_2") == "call ended"


def test_408_after_the_bye_does_not_look_at_the_call() -> None:
    bench = started()
    bench.bye()
    bench.answer(408)
    assert (bench.verdict(), bench.all(SendProbe)) == ("refused", [])


@pytest.mark.parametrize("reason", ["transport", "unresolved"])
def test_a_target_that_cannot_be_connected_is_unavailable(reason: str) -> None:
    bench = started()
    bench.fail(reason)  # type: ignore[arg-type]
    assert bench.refused().startswith("unavailable: REFER could not be sent: ")
    assert bench.verdict() == "unreachable"


@pytest.mark.parametrize("reason", ["transport", "unresolved"])
def test_after_a_connection_failed_the_same_target_gets_a_refer_of_its_own(reason: str) -> None:
    bench = started()
    bench.fail(reason)  # type: ignore[arg-type]
    bench.request("STR_2")
    assert [refer.transfer_id for refer in bench.all(SendRefer)] == ["STR_1", "STR_2"]
    bench.notify(200, "terminated")
    assert (bench.verdict("STR_2"), bench.record("STR_1").late_success) == ("succeeded", False)


def test_silence_after_a_notify_is_no_failure() -> None:
    bench = started(ringing=60.0)
    bench.notify(100)
    bench.at(32).fail()
    bench.notify(200, "terminated")
    assert bench.verdict() == "succeeded"


def test_silence_in_the_second_after_the_bye_is_call_ended() -> None:
    bench = started()
    bench.bye()
    bench.fail()
    assert bench.verdict() is None
    assert bench.at(1).verdict() == "call ended"


def test_silence_after_the_verdict_changes_nothing() -> None:
    bench = started()
    bench.at(32).fail()
    assert (bench.verdict(), bench.all(SendProbe)) == ("timed out", [])
    assert not bench.transferor.refer_open


def test_answers_to_nothing_are_ignored() -> None:
    bench = started()
    bench.answer(202)
    before = len(bench.log)
    bench.answer(603)
    bench.answer(603, transfer_id="STR_unknown")
    bench.fail()
    bench.fail(transfer_id="STR_unknown")
    bench.run(bench.transferor.refer_challenged(bench.now, "STR_unknown", 401))
    bench.run(bench.transferor.refer_sent(bench.now, "STR_unknown", 9))
    bench.run(bench.transferor.probe_answered(bench.now, 481))
    assert len(bench.log) == before


def test_a_challenge_after_the_verdict_changes_nothing() -> None:
    bench = started(ringing=5.0)
    bench.at(5)
    bench.challenge(401)
    assert (bench.verdict(), bench.record().sip_status) == ("timed out", None)


# --- acceptance, timeouts, cancel, shutdown -----------------------------------------------------


@pytest.mark.parametrize("status", [200, 202, 204])
def test_any_2xx_is_acceptance_and_never_success(status: int) -> None:
    bench = started()
    bench.answer(status)
    assert (bench.stages(), bench.verdict()) == ("requested sent accepted", None)
    assert bench.all(HangUp) + bench.all(LeaveRoom) == []


def test_1xx_are_ignored() -> None:
    bench = started()
    before = len(bench.log)
    bench.answer(100)
    bench.answer(180)
    assert len(bench.log) == before


@pytest.mark.parametrize("stage", ["sent", "challenged", "waiting", "accepted", "ringing"])
def test_ringing_timeout_counts_in_every_stage(stage: str) -> None:
    bench = TransferBench()
    bench.request(ringing=5.0)
    if stage == "challenged":
        bench.run(bench.transferor.refer_challenged(bench.now, "STR_1", 401))
    if stage == "waiting":
        bench.answer(491)
        bench.at(4)
    if stage in {"accepted", "ringing"}:
        bench.answer(202)
    if stage == "ringing":
        bench.notify(180)
    bench.at(4.99)
    assert bench.answered() is None
    bench.at(5)
    assert bench.refused() == "deadline_exceeded: request timed out"
    unanswered = stage in {"sent", "challenged", "waiting"}
    assert bench.record().notes == (("REFER unanswered",) if unanswered else ())
    assert bench.all(HangUp) == []


def test_a_timeout_after_a_notify_alone_is_not_unanswered() -> None:
    bench = started(ringing=5.0)
    bench.notify(100)
    bench.at(5)
    assert bench.record().notes == ()


def test_a_cancel_after_the_refer_is_watched() -> None:
    bench = started()
    bench.run(bench.transferor.cancel(bench.now, "STR_1"))
    assert bench.refused() == "canceled: refer canceled"
    told = bench.answered()
    assert told is not None
    assert told.error is not None
    assert told.error.meta["sip_transfer_reason"] == "STR_CANCELED"
    bench.at(179).notify(200)
    assert bench.record().late_success


def test_a_cancel_of_another_or_a_decided_transfer_does_nothing() -> None:
    bench = started()
    assert bench.transferor.cancel(bench.now, "STR_2") == []
    bench.answer(603)
    assert bench.transferor.cancel(bench.now, "STR_1") == []


def test_a_shutdown_interrupts() -> None:
    bench = started()
    bench.run(bench.transferor.shutdown(bench.now))
    assert (bench.verdict(), bench.refused()) == (
        "interrupted",
        "unavailable: service shutting down",
    )
    assert not bench.transferor.watching
    bench.notify(200, "terminated")
    assert bench.record().notes == ("NOTIFY after the verdict: 200 Phrase",)
    assert (bench.record().late_success, bench.all(HangUp)) == (False, [])
    assert bench.transferor.shutdown(bench.now) == []


def test_while_a_transfer_is_pending_the_limits_are_suspended() -> None:
    bench = TransferBench()
    assert not bench.transferor.pending
    bench.request()
    assert bench.transferor.pending
    bench.answer(603)
    assert not bench.transferor.pending
