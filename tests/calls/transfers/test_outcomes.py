"""What follows from a verdict and from the end of the call (transfer.md §1, §5)."""

from __future__ import annotations

import pytest
from tests.simulation.transfers import START, SendRefer, TransferBench

from hookflash.calls.effects import StopTone, TransferAnswered, TransferChanged
from hookflash.calls.transfers.outcomes import KEPT
from hookflash.calls.transfers.transferor_effects import HangUp, LeaveRoom

OTHER = "tel:+15105550111"
NO_SUBSCRIPTION = (("Refer-Sub", "false"),)


def accepted(**options: object) -> TransferBench:
    """The REFER was answered 202."""
    bench = TransferBench()
    bench.request(**options)  # type: ignore[arg-type]
    bench.answer(202)
    return bench


# --- the second of grace ------------------------------------------------------------------------


@pytest.mark.parametrize("side", ["caller", "room"])
def test_the_end_of_the_call_is_call_ended_a_second_later(side: str) -> None:
    bench = accepted()
    bench.notify(180)
    bench.at(3)
    _ = bench.bye() if side == "caller" else bench.hang_up()
    assert bench.at(3.99).verdict() is None
    bench.at(4)
    assert bench.refused() == "aborted: call ended before transfer completed"
    told = bench.answered()
    assert told is not None
    assert told.error is not None
    assert told.error.meta == {
        "sip_transfer_id": "STR_1",
        "sip_transfer_reason": "STR_CALL_ENDED",
    }


@pytest.mark.parametrize(("status", "verdict"), [(200, "succeeded"), (486, "rejected")])
def test_a_final_notify_that_crosses_the_bye_beats_it(status: int, verdict: str) -> None:
    bench = accepted()
    bench.bye()
    bench.at(0.99).notify(status, "terminated")
    assert (bench.verdict(), bench.all(HangUp)) == (verdict, [])
    assert bench.at(5).times(TransferAnswered) == [0.99]


@pytest.mark.parametrize(("status", "verdict"), [(200, "succeeded"), (486, "rejected")])
def test_so_it_does_after_a_hang_up_of_ours(status: int, verdict: str) -> None:
    bench = accepted()
    bench.hang_up()
    bench.at(0.99).notify(status, "terminated")
    assert bench.verdict() == verdict


def test_an_answer_to_refer_in_the_second_decides_too() -> None:
    bench = TransferBench()
    bench.request()
    bench.bye()
    bench.answer(603)
    assert bench.verdict() == "refused"


def test_2xx_never_a_notify_and_a_bye_is_noted() -> None:
    bench = accepted()
    bench.bye()
    bench.at(1)
    assert (bench.verdict(), bench.record().notes) == (
        "call ended",
        ("accepted, outcome not reported",),
    )


@pytest.mark.parametrize("how", ["notified", "unanswered", "our hang-up"])
def test_other_ends_are_not_noted(how: str) -> None:
    bench = TransferBench()
    bench.request()
    if how != "unanswered":
        bench.answer(202)
    if how == "notified":
        bench.notify(100)
    _ = bench.hang_up() if how == "our hang-up" else bench.bye()
    bench.at(1)
    assert (bench.verdict(), bench.record().notes) == ("call ended", ())


def test_the_ringing_timeout_may_come_first() -> None:
    bench = accepted(ringing=5.0)
    bench.at(4.5).bye()
    bench.at(10)
    assert (bench.verdict(), bench.times(TransferAnswered)) == ("timed out", [5])


def test_the_call_ends_once() -> None:
    bench = accepted()
    bench.bye()
    bench.at(0.5).hang_up()
    bench.bye()
    assert bench.at(1).times(TransferAnswered) == [1]


def test_a_second_hang_up_of_ours_is_no_bye_of_the_peer() -> None:
    bench = accepted()
    bench.notify(100, "terminated")
    bench.hang_up()
    bench.hang_up()
    assert bench.at(1).verdict() == "call ended"


def test_a_refer_that_waits_after_491_was_sent() -> None:
    bench = TransferBench()
    bench.request()
    bench.answer(491)
    bench.bye()
    assert (bench.verdict(), bench.record().notes) == ("call ended", ())


def test_who_rides_on_an_unanswered_refer_is_accepted_with_it() -> None:
    bench = TransferBench()
    bench.request(ringing=5.0)
    bench.at(5).request("STR_2")
    assert bench.record("STR_2").stages[-1].stage == "requested"
    bench.notify(180)
    stages = [entry.stage for entry in bench.record("STR_2").stages]
    assert stages == ["requested", "accepted", "ringing"]


def test_the_end_of_a_call_without_a_transfer_is_nothing() -> None:
    bench = TransferBench()
    assert bench.bye() == []
    assert bench.transferor.next_deadline() is None


# --- after success ------------------------------------------------------------------------------


def test_crossing_byes_are_fine() -> None:
    bench = accepted()
    bench.notify(200, "terminated")
    assert bench.bye() == []
    assert bench.hang_up() == []
    assert (bench.verdict(), len(bench.all(HangUp))) == ("succeeded", 1)


def test_a_subscription_left_open_is_read_for_three_minutes() -> None:
    bench = accepted()
    bench.notify(200, "active")
    bench.bye()
    assert bench.at(179.9).transferor.watching
    assert not bench.at(180).transferor.watching
    assert bench.notify(200, "terminated") == 200


def test_terminated_ends_the_watch() -> None:
    bench = accepted()
    bench.notify(200, "active")
    bench.notify(None, "terminated")
    assert (bench.transferor.watching, bench.transferor.next_deadline()) == (False, None)


# --- Refer-Sub: false ---------------------------------------------------------------------------


@pytest.mark.parametrize("value", ["false", " FALSE ", "false;x=y"])
def test_without_a_subscription_the_2xx_is_success_and_the_bye_waits_ten_seconds(
    value: str,
) -> None:
    bench = TransferBench()
    bench.request(dialtone=True)
    bench.answer(202, headers=(("Refer-Sub", value),))
    assert (bench.verdict(), bench.record().notes) == ("succeeded", ("outcome not reported",))
    assert bench.all(LeaveRoom) == [LeaveRoom()]
    assert bench.all(StopTone) == [StopTone()]
    assert bench.transferor.leaving
    assert bench.at(9.99).all(HangUp) == []
    assert bench.at(10).all(HangUp) == [HangUp("transferred", transfer=True)]
    assert (
        bench.transferor.leaving,
        bench.transferor.watching,
        bench.transferor.next_deadline(),
    ) == (
        False,
        False,
        None,
    )


def test_of_two_without_a_subscription_the_first_says_when_the_bye_goes_out() -> None:
    bench = TransferBench()
    bench.request(ringing=5.0)
    bench.at(5).request("STR_2", "tel:+2")
    bench.at(6).answer(202, headers=NO_SUBSCRIPTION)
    bench.at(8).answer(202, headers=NO_SUBSCRIPTION, transfer_id="STR_2")
    assert (bench.times(LeaveRoom), bench.at(30).times(HangUp)) == ([6], [16])


def test_the_peers_bye_spares_ours() -> None:
    bench = TransferBench()
    bench.request()
    bench.answer(200, headers=NO_SUBSCRIPTION)
    assert bench.all(StopTone) == []
    bench.at(5).bye()
    assert bench.at(20).all(HangUp) == []
    assert not bench.transferor.leaving


def test_notifies_that_come_nevertheless_are_answered_and_noted() -> None:
    bench = TransferBench()
    bench.request()
    bench.answer(202, headers=NO_SUBSCRIPTION)
    assert bench.notify(100) == 200
    assert bench.notify(486, "terminated") == 200
    assert bench.notify(None, "terminated") == 200
    assert bench.record().notes == (
        "outcome not reported",
        "NOTIFY after the verdict: 100 Phrase",
        "NOTIFY after the verdict: 486 Phrase",
    )
    assert bench.verdict() == "succeeded"
    assert bench.at(20).times(HangUp) == [10]


def test_while_the_peer_is_to_hang_up_nothing_is_transferred() -> None:
    bench = TransferBench()
    bench.request()
    bench.answer(202, headers=NO_SUBSCRIPTION)
    bench.request("STR_2")
    assert bench.refused(2) == "failed_precondition: can't transfer hung up call"


@pytest.mark.parametrize("value", ["true", "", "maybe"])
def test_other_values_of_refer_sub_mean_nothing(value: str) -> None:
    bench = TransferBench()
    bench.request()
    bench.answer(202, headers=(("Refer-Sub", value),))
    assert (bench.verdict(), bench.all(LeaveRoom)) == (None, [])


def test_without_a_subscription_after_the_end_of_the_call() -> None:
    bench = TransferBench()
    bench.request()
    bench.bye()
    bench.answer(202, headers=NO_SUBSCRIPTION)
    assert bench.verdict() == "succeeded"
    assert bench.all(LeaveRoom) + bench.all(HangUp) == []


def test_a_late_2xx_without_a_subscription_is_late_success() -> None:
    bench = TransferBench()
    bench.request(ringing=5.0)
    bench.at(6).answer(202, headers=NO_SUBSCRIPTION)
    assert bench.record().late_success
    assert (bench.times(LeaveRoom), bench.at(16).times(HangUp)) == ([6], [16])
    assert not bench.transferor.watching


def test_the_outcome_of_a_notify_counts_more_than_refer_sub() -> None:
    bench = TransferBench()
    bench.request()
    bench.notify(486, "terminated")
    bench.answer(202, headers=NO_SUBSCRIPTION)
    assert (bench.verdict(), bench.all(LeaveRoom)) == ("rejected", [])


# --- late outcomes ------------------------------------------------------------------------------


def late(verdict: str) -> TransferBench:
    """A transfer with this verdict, three minutes of watching before it."""
    bench = TransferBench()
    bench.request(ringing=5.0 if verdict == "timed out" else 60.0)
    if verdict == "unreachable":
        bench.last_packet_at = bench.now
        bench.fail()
    elif verdict == "canceled":
        bench.run(bench.transferor.cancel(bench.now, "STR_1"))
    elif verdict == "call ended":
        bench.bye()
        bench.at(1)
    else:
        bench.at(5)
    assert bench.verdict() == verdict
    return bench


@pytest.mark.parametrize("verdict", ["timed out", "canceled", "unreachable"])
def test_a_late_2xx_ends_the_call_next_to_the_unchanged_verdict(verdict: str) -> None:
    bench = late(verdict)
    told = len(bench.news())
    bench.at(100).notify(200, "terminated")
    record = bench.record()
    assert (record.verdict, record.late_success) == (verdict, True)
    assert record.notes[-1] == "late success"
    assert bench.all(HangUp) == [HangUp("transferred", transfer=True)]
    assert [effect.kind for effect in bench.news()[told:]] == ["updated"]
    assert not bench.transferor.watching


def test_after_the_end_of_the_call_a_late_2xx_is_recorded() -> None:
    bench = late("call ended")
    assert bench.transferor.watching
    bench.at(100).notify(200, "terminated")
    assert (bench.record().late_success, bench.all(HangUp)) == (True, [])


def ridden() -> TransferBench:
    """A NOTIFY accepted the REFER, its transfer timed out, a second one takes its verdict from it,
    and now the REFER is answered 486."""
    bench = TransferBench()
    bench.request(ringing=5.0)
    bench.notify(180)
    bench.at(6).request("STR_2")
    bench.answer(486)
    assert (bench.verdict("STR_1"), bench.verdict("STR_2")) == ("timed out", "refused")
    return bench


def test_an_error_answer_changes_nothing_for_an_earlier_transfer_that_is_watched() -> None:
    bench = ridden()
    bench.hang_up()
    assert bench.transferor.watching
    bench.at(100).notify(200, "terminated")
    assert (bench.record("STR_1").late_success, bench.record("STR_2").late_success) == (True, False)
    assert not bench.transferor.watching
    assert not ridden().at(200).transferor.watching


def test_nobody_rides_on_a_refer_that_was_refused() -> None:
    bench = ridden()
    bench.request("STR_3")
    assert len(bench.all(SendRefer)) == 2


def test_a_notify_before_481_leaves_the_transfer_watched() -> None:
    bench = TransferBench()
    bench.request()
    bench.notify(180)
    bench.answer(481)
    bench.at(2)
    assert bench.verdict() == "call ended"
    assert bench.transferor.watching
    bench.notify(200, "terminated")
    assert bench.record().late_success


@pytest.mark.parametrize("status", [300, 486])
@pytest.mark.parametrize("verdict", ["timed out", "canceled", "unreachable", "call ended"])
def test_a_late_failure_is_recorded_and_nothing_else(verdict: str, status: int) -> None:
    bench = late(verdict)
    told = len(bench.news())
    bench.at(100).notify(status, "terminated")
    record = bench.record()
    assert (record.verdict, record.late_success) == (verdict, False)
    assert record.notes[-1] == f"late failure: {status} Phrase"
    assert len(bench.news()) == told
    assert bench.all(HangUp) == []
    assert not bench.transferor.watching


@pytest.mark.parametrize(("first", "late_success"), [(200, True), (486, False)])
def test_of_late_outcomes_too_the_first_counts_and_once(first: int, late_success: bool) -> None:
    bench = late("timed out")
    bench.notify(first, "active")
    before = len(bench.log)
    assert bench.notify(200, "active") == 200
    assert bench.notify(486, "terminated") == 200
    assert len(bench.log) == before
    assert bench.record().late_success is late_success


@pytest.mark.parametrize("verdict", ["timed out", "canceled", "unreachable", "call ended"])
def test_three_minutes_after_the_verdict_nobody_watches(verdict: str) -> None:
    bench = late(verdict)
    ended = bench.record().ended_at
    assert ended is not None
    stored = len(bench.all(TransferChanged))
    watched = ended - START + 180
    assert bench.at(watched - 0.1).transferor.watching
    assert not bench.at(watched).transferor.watching
    assert bench.transferor.next_deadline() is None
    assert bench.notify(200, "terminated") == 200
    assert (len(bench.all(TransferChanged)), bench.all(HangUp)) == (stored, [])


def test_a_late_1xx_is_no_stage() -> None:
    bench = late("timed out")
    stored = len(bench.all(TransferChanged))
    bench.notify(180)
    assert len(bench.all(TransferChanged)) == stored


def test_the_room_audio_returns_with_a_negative_verdict() -> None:
    bench = accepted(ringing=5.0, dialtone=True)
    assert bench.at(5).all(StopTone) == [StopTone()]


def test_a_late_2xx_of_an_earlier_refer_ends_the_pending_transfer_with_the_call() -> None:
    bench = accepted(ringing=5.0)
    bench.at(6).request("STR_2", OTHER)
    bench.answer(202, transfer_id="STR_2")
    bench.notify(200, "terminated", event="refer;id=1")
    assert bench.record("STR_1").late_success
    assert bench.verdict("STR_2") == "call ended"
    assert bench.record("STR_2").notes == ("an earlier transfer of this call succeeded late",)
    assert bench.refused(2) == "aborted: call ended before transfer completed"
    assert bench.all(HangUp) == [HangUp("transferred", transfer=True)]
    bench.notify(200, "terminated", event="refer;id=2")
    assert bench.record("STR_2").late_success
    assert len(bench.all(HangUp)) == 1


def test_a_late_failure_of_an_earlier_refer_leaves_the_pending_transfer_alone() -> None:
    bench = accepted(ringing=5.0)
    bench.at(6).request("STR_2", OTHER)
    bench.notify(486, "terminated", event="refer;id=1")
    assert bench.verdict("STR_2") is None


def test_a_success_of_the_pending_transfer_leaves_the_watched_one_as_it_is() -> None:
    bench = accepted(ringing=5.0)
    bench.at(6).request("STR_2", OTHER)
    bench.notify(200, "terminated", event="refer;id=2")
    assert bench.verdict("STR_2") == "succeeded"
    assert not bench.record("STR_1").late_success
    bench.notify(200, "terminated", event="refer;id=1")
    assert bench.record("STR_1").late_success
    assert len(bench.all(HangUp)) == 1


# --- what crosses -------------------------------------------------------------------------------


def test_a_bye_of_the_peer_that_crosses_ours_still_means_that_it_handed_the_call_over() -> None:
    bench = accepted()
    bench.notify(100, "terminated")
    bench.at(1).hang_up()
    bench.at(1.5).bye()
    assert bench.verdict() == "succeeded"
    assert bench.record().notes == ("outcome inferred from BYE",)
    bench = accepted()
    bench.hang_up()
    bench.at(0.2).bye()
    bench.at(0.4).notify(100, "terminated")
    assert bench.verdict() == "succeeded"


def test_a_late_success_by_notify_does_not_wait_for_the_peers_bye() -> None:
    bench = accepted(ringing=5.0)
    bench.at(6).request("STR_2", OTHER)
    bench.answer(202, transfer_id="STR_2", headers=(("Refer-Sub", "false"),))
    assert bench.all(LeaveRoom) == [LeaveRoom()]
    bench.at(7).notify(200, "terminated", event="refer;id=1")
    assert bench.times(HangUp) == [7.0]
    assert bench.at(30).times(HangUp) == [7.0]


# --- a call that is transferred again and again ---------------------------------------------------


def test_what_is_over_is_forgotten_and_what_is_watched_is_not() -> None:
    bench = TransferBench()
    bench.request("STR_0", ringing=1.0)
    bench.answer(202, transfer_id="STR_0")
    bench.at(1)
    for number in range(1, 3 * KEPT):
        bench.request(f"STR_{number}", target=OTHER)
        bench.answer(486, transfer_id=f"STR_{number}")
        assert bench.verdict(f"STR_{number}") == "refused"
    outcomes = bench.transferor._outcomes
    assert len(outcomes.attempts) == len(outcomes._transfers) == KEPT + 2
    assert [usage.transfer_id for usage in bench.transferor._refers.made] == [
        "STR_0",
        *[f"STR_{number}" for number in range(2 * KEPT - 1, 3 * KEPT)],
    ]
    bench.notify(200, "terminated", event="refer;id=1")
    assert bench.record("STR_0").late_success
