"""NOTIFY (transfer.md §4), and the verdicts that come of it (§1), in virtual time."""

from __future__ import annotations

import pytest
from tests.simulation.transfers import SendRefer, TransferBench

from hookflash.calls.effects import Note, TransferChanged
from hookflash.calls.transfers.notify_reader import REMEMBERED
from hookflash.calls.transfers.transferor_effects import HangUp, SendSubscribe

OTHER = "tel:+15105550111"
CURABLE = ["timeout", "deactivated", "probation", "giveup"]


def sent(**options: object) -> TransferBench:
    """The REFER is out, unanswered."""
    bench = TransferBench()
    bench.request(**options)  # type: ignore[arg-type]
    return bench


def accepted(**options: object) -> TransferBench:
    """The REFER was answered 202."""
    bench = sent(**options)
    bench.answer(202)
    return bench


# --- outcomes -----------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [200, 201, 204, 299])
@pytest.mark.parametrize("state", ["active;expires=60", "pending", None, "terminated"])
def test_any_2xx_succeeds_and_the_call_is_hung_up_at_once(status: int, state: str | None) -> None:
    bench = accepted()
    assert bench.notify(status, state) == 200
    assert (bench.verdict(), bench.record().sip_status) == ("succeeded", status)
    assert bench.record().notes == ()
    assert bench.all(HangUp) == [HangUp("transferred", transfer=True)]
    assert bench.times(HangUp) == [0]


def test_the_call_is_hung_up_after_everything_is_stored_and_told() -> None:
    bench = accepted()
    before = len(bench.log)
    bench.notify(200, "terminated")
    assert [type(effect).__name__ for _, effect in bench.log[before:]] == [
        "TransferChanged",
        "TransferAnswered",
        "HangUp",
    ]


def test_a_202_in_an_active_subscription_only_mirrors_the_answer_to_refer() -> None:
    bench = sent()
    bench.notify(202, "active")
    assert (bench.stages(), bench.verdict()) == ("requested sent accepted", None)
    bench.notify(486, "terminated")
    assert bench.verdict() == "rejected"


def test_a_202_in_a_terminated_one_is_success() -> None:
    bench = accepted()
    bench.notify(202, "terminated;reason=noresource")
    assert bench.verdict() == "succeeded"


@pytest.mark.parametrize("status", [300, 302, 404, 480, 481, 486, 487, 503, 603, 699])
@pytest.mark.parametrize("state", ["active", "terminated"])
def test_3xx_to_6xx_is_rejected_and_the_call_goes_on(status: int, state: str) -> None:
    bench = accepted()
    assert bench.notify(status, state) == 200
    assert bench.verdict() == "rejected"
    text = f"call transfer failed: sip status: {status}: Phrase"
    assert bench.refused().split(": ", 1)[1] == text
    assert bench.all(HangUp) == []


def test_the_first_final_status_wins() -> None:
    bench = accepted()
    bench.notify(486, "active")
    assert bench.notify(200, "terminated") == 200
    assert (bench.verdict(), bench.record().late_success) == ("rejected", False)
    assert bench.all(HangUp) == []


def test_a_repeated_final_notify_is_answered_and_ignored() -> None:
    bench = accepted()
    bench.notify(200, "terminated")
    before = len(bench.log)
    assert bench.notify(200, "terminated") == 200
    assert bench.notify(486, "active") == 200
    assert len(bench.log) == before


def test_1xx_are_stages() -> None:
    bench = accepted()
    bench.notify(100)
    bench.notify(180)
    assert bench.stages() == "requested sent accepted trying ringing"
    assert bench.record().sip_status == 180


# --- before the 202 -----------------------------------------------------------------------------


def test_a_notify_before_the_202_accepts_the_refer() -> None:
    bench = sent()
    assert bench.notify(100) == 200
    assert bench.stages() == "requested sent accepted trying"
    bench.answer(202)
    assert bench.stages() == "requested sent accepted trying"
    bench.at(30)
    record = bench.record()
    assert (record.verdict, record.sip_status) == ("timed out", 100)  # the 202 is older


def test_a_final_notify_before_the_202_decides() -> None:
    bench = sent()
    bench.notify(200, "terminated")
    assert (bench.verdict(), bench.stages()) == ("succeeded", "requested sent accepted")
    bench.answer(202)
    assert len(bench.all(HangUp)) == 1


def test_a_notify_while_491_waits_accepts_the_refer() -> None:
    bench = sent()
    bench.answer(491)
    bench.notify(100)
    bench.at(10)
    assert (bench.stages(), len(bench.all(SendRefer))) == (
        "requested sent waiting accepted trying",
        1,
    )


# --- the header fields --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "event", ["refer", "REFER", "refer;id=1", "refer ; id=1 ;x=y", "refer;x=y", "refer;id=99"]
)
def test_events_of_a_refer_however_they_are_written(event: str) -> None:
    bench = accepted()
    assert bench.notify(200, "terminated", event=event) == 200
    assert bench.verdict() == "succeeded"


def test_a_missing_event_with_a_sipfrag_counts_while_a_refer_is_open() -> None:
    bench = accepted()
    assert bench.notify("SIP/2.0 200 OK\r\n", None, event=None) == 200
    assert bench.verdict() == "succeeded"


@pytest.mark.parametrize("body", [None, "garbage"])
def test_a_missing_event_without_a_sipfrag_is_a_bad_event(body: str | None) -> None:
    bench = accepted()
    assert bench.notify(body, "active", event=None) == 489
    assert bench.verdict() is None


def test_other_events_are_bad_events() -> None:
    bench = accepted()
    assert bench.notify(200, "active", event="presence") == 489
    assert bench.notify(200, "active", event="message-summary") == 489
    assert bench.verdict() is None


def test_481_only_without_any_refer() -> None:
    bench = TransferBench(gate=False)
    assert bench.notify(200) == 481
    assert bench.notify(200, event=None) == 489
    bench.request()
    assert bench.notify(200) == 481
    bench.run(bench.transferor.gate(bench.now, True))
    bench.answer(603)
    assert bench.notify(200) == 200
    assert bench.verdict() == "refused"


def test_an_id_of_any_attempt_selects_and_an_unknown_one_is_ignored() -> None:
    bench = sent(ringing=5.0)
    bench.challenge(401)
    bench.answer(202)
    bench.at(6).request("STR_2", OTHER)
    bench.answer(202, transfer_id="STR_2")
    assert bench.notify(486, event="refer;id=99") == 200
    assert bench.all(Note) == [Note("notify_ignored", (("event_id", "99"),))]
    bench.notify(180, event="refer;id=3")
    assert bench.stages("STR_2") == "requested sent accepted ringing"
    bench.notify(486, "terminated", event="refer;id=1")
    assert (bench.verdict("STR_1"), bench.verdict("STR_2")) == ("timed out", None)
    assert bench.record("STR_1").notes == ("late failure: 486 Phrase",)
    bench.notify(603, "terminated")
    assert bench.verdict("STR_2") == "rejected"


def two_accepted() -> TransferBench:
    """A transfer timed out, the next one goes elsewhere; neither REFER had a NOTIFY with an id."""
    bench = accepted(ringing=2.0)
    bench.notify(100, "active;expires=600")
    bench.at(3).request("STR_2", OTHER)
    bench.answer(202, transfer_id="STR_2")
    bench.notify(100, "active;expires=600")
    return bench


@pytest.mark.parametrize(("status", "verdict"), [(200, "succeeded"), (486, "rejected")])
def test_of_several_a_notify_without_an_id_is_about_the_newest_that_was_accepted(
    status: int, verdict: str
) -> None:
    bench = two_accepted()
    assert bench.stages("STR_2") == "requested sent accepted trying"
    bench.at(3.3).notify(status, "terminated;reason=noresource")
    assert bench.verdict("STR_2") == verdict
    assert (bench.verdict("STR_1"), bench.record("STR_1").notes) == ("timed out", ())


def test_where_no_second_refer_was_sent_a_late_outcome_is_the_first_ones() -> None:
    bench = accepted(ringing=2.0)
    bench.notify(100, "active;expires=600")
    bench.at(3).notify(200, "terminated")
    assert bench.record("STR_1").late_success


def test_once_a_notify_had_an_id_one_without_is_about_the_oldest_open() -> None:
    bench = two_accepted()
    bench.notify(180, event="refer;id=2")
    bench.notify(486, "terminated")
    assert bench.verdict("STR_2") is None
    assert bench.record("STR_1").notes == ("late failure: 486 Phrase",)


# --- the body -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body", ["SIP/2.0 200", "SIP/2.0 200\r\n", "sip/2.0 200 OK\n", "SIP/2.0 200 OK\nX: y\n"]
)
def test_sipfrags_however_they_are_written(body: str) -> None:
    bench = accepted()
    bench.notify(body, "terminated")
    assert bench.verdict() == "succeeded"


def test_no_body_in_an_active_subscription_is_no_news() -> None:
    bench = accepted()
    before = len(bench.log)
    assert bench.notify(None, "active") == 200
    assert len(bench.log) == before


def test_garbage_is_answered_200_logged_and_no_news() -> None:
    bench = accepted()
    before = len(bench.log)
    assert bench.notify(b"\x00garbage", "active", event="refer;id=1") == 200
    assert [effect for _, effect in bench.log[before:]] == [
        Note("notify_unreadable", (("event_id", "1"),))
    ]
    bench.notify(200, "terminated")
    assert bench.verdict() == "succeeded"


def test_garbage_in_a_terminated_subscription_ends_it() -> None:
    bench = accepted()
    bench.notify("garbage", "terminated")
    assert bench.at(2).verdict() == "subscription ended"


def test_a_refusal_without_a_phrase() -> None:
    bench = accepted()
    bench.notify("SIP/2.0 486\r\n", "terminated")
    assert bench.refused().endswith("call transfer failed: sip status: 486 (BUSY_HERE)")


@pytest.mark.parametrize("state", [None, "pending", "weird", "active;expires=1"])
def test_a_state_that_is_not_terminated_reads_as_active_for_ever(state: str | None) -> None:
    bench = accepted()
    bench.notify(100, state)
    bench.at(29)
    assert (bench.verdict(), bench.transferor.watching) == (None, True)
    bench.notify(200, state)
    assert bench.verdict() == "succeeded"


# --- overtaken ----------------------------------------------------------------------------------


def test_a_late_1xx_does_not_count() -> None:
    bench = accepted()
    bench.notify(180, cseq=6)
    assert bench.notify(100, cseq=5) == 200
    assert bench.stages() == "requested sent accepted ringing"
    assert bench.record().sip_status == 180


def test_a_late_final_status_counts() -> None:
    bench = accepted()
    bench.notify(180, cseq=6)
    assert bench.notify(200, cseq=5) == 200
    assert bench.verdict() == "succeeded"


def test_each_subscription_has_its_own_order() -> None:
    bench = accepted(ringing=5.0)
    bench.at(6).request("STR_2", OTHER)
    bench.answer(202, transfer_id="STR_2")
    bench.notify(100, cseq=9, event="refer;id=1")
    bench.notify(180, cseq=8, event="refer;id=2")
    assert bench.stages("STR_2") == "requested sent accepted ringing"


def test_a_1xx_that_the_bye_overtook_does_not_count_a_final_status_does() -> None:
    bench = accepted()
    bench.bye(cseq=9)
    bench.notify(180, cseq=7)
    assert bench.stages() == "requested sent accepted"
    bench.notify(180, cseq=10)
    assert bench.stages() == "requested sent accepted ringing"
    bench.notify(486, "terminated", cseq=8)
    assert bench.verdict() == "rejected"


def test_our_own_bye_overtakes_nothing() -> None:
    bench = accepted()
    bench.hang_up()
    bench.notify(180)
    assert bench.record().stages[-1].stage == "ringing"


def test_without_the_cseq_of_the_bye_every_later_1xx_is_late() -> None:
    bench = accepted()
    bench.run(bench.transferor.call_ended(bench.now, "remote"))
    bench.notify(180)
    assert bench.stages() == "requested sent accepted"


# --- terminated without an outcome --------------------------------------------------------------


@pytest.mark.parametrize("status", [100, 180, None])
@pytest.mark.parametrize("reason", ["", ";reason=noresource", ";reason=rejected"])
def test_terminated_without_an_outcome_ends_the_subscription_after_two_seconds(
    status: int | None, reason: str
) -> None:
    bench = accepted()
    bench.at(3).notify(status, f"terminated{reason}")
    assert bench.at(4.99).verdict() is None
    bench.at(5)
    text = reason.removeprefix(";reason=")
    assert bench.refused() == (
        "internal: call transfer failed: REFER subscription terminated without a final status "
        f'(reason "{text}", last status {status or 0})'
    )
    assert bench.all(HangUp) + bench.all(SendSubscribe) == []
    assert not bench.transferor.watching


def test_the_last_status_is_named() -> None:
    bench = accepted()
    bench.notify(180)
    bench.notify(None, "terminated")
    assert bench.at(2).refused().endswith('(reason "", last status 180)')


def test_a_repeated_terminated_does_not_prolong_the_wait() -> None:
    bench = accepted()
    bench.notify(100, "terminated")
    bench.at(1.5).notify(100, "terminated")
    assert bench.at(2).verdict() == "subscription ended"


def test_a_final_status_within_the_two_seconds_decides() -> None:
    bench = accepted()
    bench.notify(100, "terminated")
    bench.at(1.9).notify(200, "active")
    assert bench.verdict() == "succeeded"


def test_an_outcome_after_the_subscription_ended_is_recorded_only() -> None:
    bench = accepted()
    bench.notify(None, "terminated", cseq=6)
    bench.at(3).notify(200, cseq=5)
    record = bench.record()
    assert (record.verdict, record.late_success) == ("subscription ended", False)
    assert record.notes == ("NOTIFY after the verdict: 200 Phrase",)
    assert bench.all(HangUp) == []


def test_a_single_100_with_terminated_and_a_bye_within_two_seconds_is_success() -> None:
    bench = accepted()
    bench.notify(100, "terminated;reason=noresource")
    bench.at(1.99).bye()
    assert (bench.verdict(), bench.record().notes) == ("succeeded", ("outcome inferred from BYE",))
    assert bench.all(HangUp) == []


def test_so_is_a_bye_and_the_same_notify_within_the_second_of_grace() -> None:
    bench = accepted()
    bench.bye(cseq=9)
    bench.at(0.99).notify(100, "terminated", cseq=8)
    assert (bench.verdict(), bench.record().notes) == ("succeeded", ("outcome inferred from BYE",))


def test_a_bye_after_more_than_two_seconds_is_not() -> None:
    bench = accepted()
    bench.notify(100, "terminated")
    bench.at(2.01).bye()
    assert bench.verdict() == "subscription ended"


@pytest.mark.parametrize("status", [180, None])
def test_a_bye_after_another_last_word_is_call_ended(status: int | None) -> None:
    bench = accepted()
    bench.notify(status, "terminated")
    bench.at(1).bye()
    assert bench.at(2).verdict() == "call ended"


def test_a_hang_up_of_ours_infers_nothing() -> None:
    bench = accepted()
    bench.notify(100, "terminated")
    bench.hang_up()
    assert bench.at(1).verdict() == "call ended"
    bench = accepted()
    bench.hang_up()
    bench.notify(100, "terminated")
    assert bench.at(1).verdict() == "call ended"


def test_a_call_that_dies_without_a_bye_infers_nothing() -> None:
    bench = accepted()
    bench.notify(100, "terminated")
    bench.run(bench.transferor.call_ended(bench.now, "remote", status=481))
    assert bench.at(1).verdict() == "call ended"


def test_an_active_100_and_a_bye_infer_nothing() -> None:
    bench = accepted()
    bench.notify(100, "active")
    bench.bye()
    assert bench.at(1).verdict() == "call ended"


# --- one SUBSCRIBE ------------------------------------------------------------------------------


@pytest.mark.parametrize("reason", CURABLE)
def test_an_expired_subscription_is_asked_for_once(reason: str) -> None:
    bench = sent()
    bench.challenge(401)
    bench.answer(202)
    bench.notify(100, f"terminated;reason={reason}")
    assert bench.all(SendSubscribe) == [SendSubscribe("STR_1", 2)]
    bench.run(bench.transferor.subscribe_answered(bench.now, "STR_1", 200))
    assert bench.at(20).verdict() is None
    bench.notify(200, "terminated")
    assert bench.verdict() == "succeeded"


def test_the_outcome_may_come_before_the_answer_to_subscribe() -> None:
    bench = accepted()
    bench.notify(100, "terminated;reason=timeout")
    bench.at(3).notify(486, "terminated")
    assert bench.verdict() == "rejected"
    bench.run(bench.transferor.subscribe_answered(bench.now, "STR_1", 481))
    assert bench.verdict() == "rejected"


@pytest.mark.parametrize("status", [481, 489, 603, None])
def test_a_refused_subscribe_ends_it_but_not_before_the_two_seconds(status: int | None) -> None:
    bench = accepted()
    bench.notify(100, "terminated;reason=timeout")
    bench.run(bench.transferor.subscribe_answered(bench.now, "STR_1", status))
    assert bench.at(1.99).verdict() is None
    assert bench.at(2).verdict() == "subscription ended"
    bench = accepted()
    bench.notify(100, "terminated;reason=timeout")
    bench.at(3)
    bench.run(bench.transferor.subscribe_answered(bench.now, "STR_1", status))
    assert bench.verdict() == "subscription ended"


def test_a_subscribe_that_is_unanswered_for_four_seconds_ends_it() -> None:
    bench = accepted(ringing=60.0)
    bench.notify(100, "terminated;reason=timeout")
    assert bench.at(3.9).verdict() is None
    assert bench.at(4).verdict() == "subscription ended"
    assert 'reason "timeout", last status 100' in bench.record().error
    assert not bench.transferor.watching
    bench.run(bench.transferor.subscribe_answered(bench.now, "STR_1", 200))
    assert not bench.transferor.watching


def test_a_bye_while_subscribe_is_open_still_means_success() -> None:
    bench = accepted()
    bench.notify(100, "terminated;reason=timeout")
    bench.run(bench.transferor.subscribe_answered(bench.now, "STR_1", 200))
    bench.at(1.5).bye()
    assert bench.verdict() == "succeeded"


@pytest.mark.parametrize(("after", "expected"), [(2.0, "succeeded"), (2.01, "call ended")])
def test_so_it_does_for_two_seconds(after: float, expected: str) -> None:
    bench = accepted()
    bench.notify(100, "terminated;reason=timeout")
    bench.run(bench.transferor.subscribe_answered(bench.now, "STR_1", 200))
    bench.at(after).bye()
    assert bench.at(after + 1).verdict() == expected


def test_news_after_the_subscribe_take_that_meaning_away() -> None:
    bench = accepted()
    bench.notify(100, "terminated;reason=timeout")
    bench.run(bench.transferor.subscribe_answered(bench.now, "STR_1", 200))
    bench.notify(180, "active")
    bench.at(1).bye()
    assert bench.at(2).verdict() == "call ended"


def test_there_is_no_second_subscribe() -> None:
    bench = accepted()
    bench.notify(100, "terminated;reason=timeout")
    bench.run(bench.transferor.subscribe_answered(bench.now, "STR_1", 202))
    bench.at(5).notify(100, "terminated;reason=timeout")
    assert bench.at(6.99).verdict() is None
    assert bench.at(7).verdict() == "subscription ended"
    assert len(bench.all(SendSubscribe)) == 1


def test_the_end_may_come_before_the_answer_to_subscribe() -> None:
    """RFC 6665 §4.1.2.4: the NOTIFY that a SUBSCRIBE causes may overtake its 2xx."""
    bench = accepted()
    bench.notify(180, "terminated;reason=timeout")
    bench.at(3).notify(180, "terminated;reason=noresource")
    bench.run(bench.transferor.subscribe_answered(bench.now, "STR_1", 200))
    assert bench.at(4.99).verdict() is None
    assert bench.at(5).verdict() == "subscription ended"
    assert 'reason "noresource", last status 180' in bench.record().error


def test_an_end_that_the_answer_to_subscribe_does_not_follow_changes_nothing() -> None:
    bench = accepted()
    bench.notify(180, "terminated;reason=timeout", cseq=50)
    bench.notify(180, "terminated;reason=noresource", cseq=40)
    bench.run(bench.transferor.subscribe_answered(bench.now, "STR_1", 200))
    assert bench.at(20).verdict() is None
    bench = accepted()
    bench.notify(180, "terminated;reason=timeout")
    bench.at(1).notify(180, "terminated;reason=noresource")
    bench.run(bench.transferor.subscribe_answered(bench.now, "STR_1", 481))
    assert bench.at(2).verdict() == "subscription ended"


def test_after_the_verdict_too_the_end_may_come_before_the_answer_to_subscribe() -> None:
    bench = accepted(ringing=3.0)
    bench.notify(100, "terminated;reason=timeout")
    bench.at(3).notify(100, "terminated;reason=noresource")
    bench.run(bench.transferor.subscribe_answered(bench.now, "STR_1", 200))
    assert not bench.transferor.watching


def test_after_the_call_nobody_subscribes() -> None:
    bench = accepted()
    bench.bye()
    bench.notify(180, "terminated;reason=timeout")
    assert bench.all(SendSubscribe) == []
    assert bench.at(1).verdict() == "call ended"


def test_after_the_verdict_nobody_subscribes_and_the_watch_is_over() -> None:
    bench = accepted(ringing=5.0)
    bench.at(5).notify(100, "terminated;reason=timeout")
    assert bench.all(SendSubscribe) == []
    assert not bench.transferor.watching


def test_a_subscribe_that_outlives_the_verdict() -> None:
    bench = accepted(ringing=3.0)
    bench.notify(100, "terminated;reason=timeout")
    bench.at(3)
    assert (bench.verdict(), bench.transferor.watching) == ("timed out", True)
    bench.run(bench.transferor.subscribe_answered(bench.now, "STR_1", None))
    assert not bench.transferor.watching
    bench = accepted(ringing=3.0)
    bench.notify(100, "terminated;reason=timeout")
    assert bench.at(3.9).transferor.watching
    assert not bench.at(4).transferor.watching


def test_answers_to_no_subscribe_are_ignored() -> None:
    bench = accepted()
    bench.notify(100, "terminated;reason=noresource")
    bench.run(bench.transferor.subscribe_answered(bench.now, "STR_1", 200))
    assert bench.at(2).verdict() == "subscription ended"
    bench = accepted()
    assert bench.transferor.subscribe_answered(bench.now, "STR_1", 200) == []
    assert bench.transferor.subscribe_answered(bench.now, "STR_unknown", 200) == []


# --- what is told -------------------------------------------------------------------------------


def test_a_repeated_status_is_not_stored_again() -> None:
    bench = accepted()
    bench.notify(180)
    before = len(bench.all(TransferChanged)), len(bench.news())
    bench.notify(180)
    assert (len(bench.all(TransferChanged)), len(bench.news())) == before


def test_after_the_call_an_outcome_may_still_be_overtaken_by_the_end_of_its_subscription() -> None:
    bench = accepted(ringing=5.0)
    bench.at(6).bye()
    bench.at(50).notify(None, "terminated", cseq=9)
    assert bench.at(81.9).transferor.watching
    assert bench.notify(200, "active", cseq=8) == 200
    assert bench.record().late_success
    assert not bench.at(82).transferor.watching
    assert bench.transferor.next_deadline() is None


def test_a_1xx_in_the_second_after_481_does_not_hide_the_481() -> None:
    bench = TransferBench()
    bench.request()
    bench.answer(481)
    bench.at(0.5).notify(180)
    assert bench.at(1).verdict() == "call ended"
    told = bench.answered()
    assert told is not None
    assert told.error is not None
    assert told.error.meta["sip_status_code"] == "481"


def test_a_notify_that_comes_again_speaks_only_of_the_refer_it_came_for() -> None:
    bench = accepted()
    bench.notify(486, "terminated", cseq=3)
    bench.request("STR_2")
    assert bench.notify(486, "terminated", cseq=3) == 200
    assert bench.verdict("STR_2") is None
    bench.notify(200, "terminated", cseq=4)
    assert bench.verdict("STR_2") == "succeeded"


def test_what_is_remembered_of_notifys_is_bounded() -> None:
    """A peer that sends them without end takes no memory."""
    bench = accepted()
    for number in range(1, 2 * REMEMBERED):
        assert bench.notify(180, "active", cseq=number) == 200
    assert len(bench.transferor._notifies._read) == REMEMBERED
    bench.notify(486, "terminated", cseq=2 * REMEMBERED)
    assert bench.verdict() == "rejected"
