"""Requests, the REFER and its answers (transfer.md §1-§3, §5, §6), in virtual time.

Where the rows of transfer.md are tested:

§1 verdicts: succeeded, refused, timed out, call ended by 481, canceled, unreachable, interrupted:
   test_transferor_answers; rejected, subscription ended, inferred from BYE: test_notify_reader;
   call ended by BYE or hang-up, Refer-Sub: false: test_outcomes; texts and meta: test_answers;
   stages and attempts: test_transfer; stored before the REFER is sent, every change stored: here
§2 targets: sip/test_refer; extra headers: test_headers; joiners, other target, request ids,
   watched target, hung-up call, again after a failure, own waits: here; ringing_timeout:
   test_transfer
§3 headers, the gate: here; challenges, 491, 481, 408, timer F, other statuses, 1xx, 2xx:
   test_transferor_answers; is the call alive: there and in test_liveness
§4 test_notify_reader; how a NOTIFY is written: sip/test_subscription, sip/test_refer; which REFER
   it belongs to, and what a REFER can be: test_refer_usage
§5 pending suspends limits: test_transferor_answers; the end of the call, late outcomes:
   test_outcomes
§6 dial tone: here
what follows when an attempt has ended: test_policy
all together, in any order: test_transferor_random
"""

from __future__ import annotations

import pytest
from tests.simulation.transfers import START, TARGET, SendRefer, TransferBench

from hookflash.calls.effects import PlayTone, StopTone, TransferAnswered, TransferChanged
from hookflash.calls.headers import merge_headers
from hookflash.calls.transfers.transferor_effects import HangUp

OTHER = "tel:+15105550111"


def started(**options: object) -> TransferBench:
    """A transfer whose REFER is out."""
    bench = TransferBench()
    bench.request(**options)  # type: ignore[arg-type]
    return bench


# --- the request and the REFER ------------------------------------------------------------------


def test_the_transfer_is_stored_before_its_refer_goes_out() -> None:
    bench = TransferBench(stores=False)
    bench.request()
    assert bench.all(SendRefer) == []
    assert bench.all(TransferChanged)[0].then_send
    assert bench.run(bench.transferor.gate(bench.now, True)) == []
    effects = bench.run(bench.transferor.stored(bench.now, "STR_1"))
    assert isinstance(effects[0], SendRefer)


def test_the_api_waits_for_the_verdict() -> None:
    bench = started()
    bench.answer(202)
    bench.notify(100)
    assert bench.answered() is None
    bench.notify(200, "terminated;reason=noresource")
    told = bench.answered()
    assert told is not None
    assert (told.error, told.record) == (None, bench.record())


def test_every_change_is_stored_and_every_new_stage_told_once() -> None:
    bench = started()
    bench.answer(202)
    for status in (100, 100, 180, 183, 100):
        bench.notify(status)
    bench.notify(200, "terminated")
    told = [(effect.kind, effect.record.stages[-1].stage) for effect in bench.news()]
    assert told == [
        ("started", "requested"),
        ("updated", "sent"),
        ("updated", "accepted"),
        ("updated", "trying"),
        ("updated", "ringing"),
        ("updated", "trying"),
        ("ended", "trying"),
    ]
    stored = [(e.record.stages[-1].stage, e.record.sip_status) for e in bench.all(TransferChanged)]
    assert stored[3:] == [
        ("trying", 100),
        ("ringing", 180),
        ("ringing", 183),
        ("trying", 100),
        ("trying", 200),
    ]


def test_the_record_knows_its_times_and_what_was_asked_and_sent() -> None:
    bench = started(target="TEL:+15105550111").at(2)
    bench.answer(202)
    record = bench.record()
    assert (record.target, record.refer_to) == ("TEL:+15105550111", "<tel:+15105550111>")
    assert [entry.at - START for entry in record.stages] == [0, 0, 2]


def test_refer_has_refer_to_referred_by_and_the_sorted_headers() -> None:
    merged = merge_headers({"X-B": "2", "X-A": "1"}, ())
    bench = started(target="tel:+15105550111;ext=22", headers=merged)
    assert bench.all(SendRefer)[0].headers == (
        ("Refer-To", "<tel:+15105550111;ext=22>"),
        ("Referred-By", "<sip:+15105550199@192.0.2.10>"),
        ("X-A", "1"),
        ("X-B", "2"),
    )


@pytest.mark.parametrize("name", ["Referred-By", "referred-by", "b"])
def test_a_referred_by_of_the_request_replaces_ours(name: str) -> None:
    headers = started(headers=((name, "<sip:boss@example.com>"),)).all(SendRefer)[0].headers
    assert headers == (("Refer-To", f"<{TARGET}>"), (name, "<sip:boss@example.com>"))


def test_refer_never_has_refer_sub() -> None:
    names = {name.lower() for name, _ in started().all(SendRefer)[0].headers}
    assert "refer-sub" not in names


# --- joiners, other targets, repeated requests --------------------------------------------------


def test_a_second_request_for_the_same_target_joins_the_one_refer() -> None:
    bench = started()
    bench.request("STR_2", f"<{TARGET}>", dialtone=True, headers=(("X-A", "1"),))
    bench.notify(486, "terminated")
    first, second = bench.answered(1), bench.answered(2)
    assert first is not None
    assert second is not None
    assert first.record == second.record == bench.record("STR_1")
    assert first.error is not None
    assert second.error is not None
    assert (first.error.code, first.error.meta) == (second.error.code, second.error.meta)
    assert first.error is not second.error, "each waiter raises an exception of its own"
    assert len(bench.all(SendRefer)) == 1
    assert bench.all(PlayTone) == []


def test_a_hundred_requests_at_once_are_one_refer() -> None:
    bench = started()
    for number in range(2, 101):
        bench.request(f"STR_{number}")
    bench.notify(200, "terminated")
    assert len(bench.all(SendRefer)) == 1
    assert all(bench.answered(ticket) for ticket in range(1, 101))


def test_a_joiners_ringing_timeout_bounds_its_own_wait_only() -> None:
    bench = started()
    bench.at(1).request("STR_2", ringing=5.0)
    bench.at(6)
    assert bench.refused(2) == "deadline_exceeded: request timed out"
    told = bench.answered(2)
    assert told is not None
    assert told.error is not None
    assert told.error.meta == {"sip_transfer_id": "STR_1"}
    bench.notify(200, "terminated")
    assert bench.verdict() == "succeeded"
    assert bench.times(TransferAnswered) == [6, 6]


def test_the_first_ringing_timeout_stays_the_transfers() -> None:
    bench = started(ringing=5.0)
    bench.request("STR_2", ringing=60.0)
    bench.at(5)
    assert bench.refused(1) == bench.refused(2) == "deadline_exceeded: request timed out"
    assert bench.verdict() == "timed out"


def test_another_target_while_one_is_pending_is_refused() -> None:
    bench = started()
    bench.request("STR_2", OTHER)
    assert bench.refused(2) == "invalid_argument: call already being transferred elsewhere"
    told = bench.answered(2)
    assert told is not None
    assert told.record is None
    assert told.error is not None
    assert told.error.meta == {}
    assert bench.transferor.pending


def test_the_clients_own_deadline_shortens_its_wait_and_the_transfer_goes_on() -> None:
    bench = started(wait=10.0)
    assert bench.at(9.9).answered() is None
    bench.at(10)
    told = bench.answered()
    assert told is not None
    assert told.error is not None
    assert (told.error.code, told.error.meta) == ("deadline_exceeded", {"sip_transfer_id": "STR_1"})
    bench.notify(200, "terminated")
    assert bench.verdict() == "succeeded"


def test_a_joiners_own_deadline_counts_too() -> None:
    bench = started()
    bench.request("STR_2", wait=3.0)
    assert bench.at(3).refused(2) == "deadline_exceeded: request timed out"
    assert bench.answered(1) is None


def test_a_long_deadline_does_not_lengthen_the_ringing_timeout() -> None:
    bench = started(wait=60.0)
    bench.at(30)
    told = bench.answered()
    assert told is not None
    assert told.error is not None
    assert told.error.meta["sip_transfer_reason"] == "STR_RINGING_TIMEOUT"


def test_the_same_request_id_gets_the_earlier_verdict_without_a_refer() -> None:
    bench = started(request_id="r1")
    bench.notify(486, "terminated")
    bench.at(60).request("STR_2", request_id="r1")
    first, second = bench.answered(1), bench.answered(2)
    assert first is not None
    assert second is not None
    assert first.error is not None
    assert second.error is not None
    assert (second.error.code, second.error.meta) == (first.error.code, first.error.meta)
    assert second.record == first.record
    assert len(bench.all(SendRefer)) == 1


def test_the_same_request_id_gets_the_success_after_the_call_is_over() -> None:
    bench = started(request_id="r1")
    bench.notify(200, "terminated")
    bench.request("STR_2", request_id="r1")
    told = bench.answered(2)
    assert told is not None
    assert (told.error, told.record) == (None, bench.record("STR_1"))


def test_the_same_request_id_waits_while_the_first_is_pending() -> None:
    bench = started(request_id="r1")
    bench.request("STR_2", request_id="r1")
    assert bench.answered(2) is None
    bench.notify(200, "terminated")
    assert bench.answered(2) is not None
    assert len(bench.all(SendRefer)) == 1


@pytest.mark.parametrize("finished", [True, False])
def test_the_same_request_id_with_another_target_is_refused(finished: bool) -> None:
    bench = started(request_id="r1")
    if finished:
        bench.notify(486, "terminated")
    bench.request("STR_2", OTHER, request_id="r1")
    assert bench.refused(2).startswith("invalid_argument: request id was already used")


def test_a_joiners_request_id_is_remembered_too() -> None:
    bench = started()
    bench.request("STR_2", request_id="r2")
    bench.notify(486, "terminated")
    bench.request("STR_3", request_id="r2")
    assert bench.answered(3) is not None


@pytest.mark.parametrize(
    "options", [{"request_id": "r1", "api_key": "other"}, {"request_id": "r2"}, {"request_id": ""}]
)
def test_another_key_or_id_is_another_request(options: dict[str, str]) -> None:
    bench = started(request_id="r1")
    bench.notify(486, "terminated")
    bench.request("STR_2", **options)  # type: ignore[arg-type]
    assert len(bench.all(SendRefer)) == 2


def test_a_request_id_is_kept_for_a_day() -> None:
    bench = started(request_id="r1")
    bench.notify(486, "terminated")
    bench.at(86_400).request("STR_2", request_id="r1")
    assert len(bench.all(SendRefer)) == 1
    bench.at(86_401).request("STR_3", request_id="r1")
    assert len(bench.all(SendRefer)) == 2


def test_a_refused_request_leaves_no_request_id() -> None:
    bench = started()
    bench.request("STR_2", OTHER, request_id="r2")
    bench.notify(486, "terminated")
    bench.request("STR_3", OTHER, request_id="r2")
    assert bench.all(SendRefer)[-1].transfer_id == "STR_3"


# --- while an earlier REFER is watched ----------------------------------------------------------


def test_the_same_target_takes_its_verdict_from_the_watched_refer() -> None:
    bench = started(ringing=5.0)
    bench.answer(202)
    bench.at(6).request("STR_2", ringing=20.0)
    bench.notify(180)
    assert bench.stages("STR_2") == "requested accepted ringing"
    bench.notify(486, "terminated")
    assert bench.verdict("STR_2") == "rejected"
    assert bench.record("STR_2").notes == ("takes its outcome from STR_1",)
    assert bench.verdict("STR_1") == "timed out"
    assert len(bench.all(SendRefer)) == 1
    assert not any(store.then_send for store in bench.all(TransferChanged)[1:])


def test_a_success_is_late_for_the_first_and_in_time_for_the_second() -> None:
    bench = started(ringing=5.0)
    bench.answer(202)
    bench.at(6).request("STR_2")
    bench.notify(200, "terminated")
    assert (bench.verdict("STR_1"), bench.verdict("STR_2")) == ("timed out", "succeeded")
    assert (bench.record("STR_1").late_success, bench.record("STR_2").late_success) == (True, False)
    assert bench.all(HangUp) == [HangUp("transferred", transfer=True)]


def test_the_second_takes_the_late_answer_to_refer_as_well() -> None:
    bench = started(ringing=5.0)
    bench.at(6).request("STR_2")
    bench.answer(202)
    assert bench.stages("STR_2") == "requested accepted"
    bench = started(ringing=5.0)
    bench.at(6).request("STR_2")
    bench.answer(603)
    assert bench.refused(2) == "permission_denied: sip status: 603: Decline"


def test_the_second_has_its_own_ringing_timeout_and_prolongs_the_watch() -> None:
    bench = started(ringing=5.0)
    bench.answer(202)
    bench.at(100).request("STR_2", ringing=20.0)
    bench.at(120)
    assert bench.verdict("STR_2") == "timed out"
    bench.at(299).notify(200)
    assert bench.record("STR_2").late_success
    assert not bench.record("STR_1").late_success


def test_another_target_sends_another_refer() -> None:
    bench = started(ringing=5.0)
    bench.at(6).request("STR_2", OTHER)
    assert [refer.transfer_id for refer in bench.all(SendRefer)] == ["STR_1", "STR_2"]


@pytest.mark.parametrize(
    "end", ["refused", "rejected", "failed late", "terminated", "forgotten", "unsent"]
)
def test_what_is_not_watched_any_more_is_not_waited_for(end: str) -> None:
    bench = TransferBench(gate=end != "unsent")
    bench.request(ringing=5.0)
    if end == "refused":
        bench.answer(603)
    if end == "rejected":
        bench.notify(486)
    bench.at(6)
    if end == "failed late":
        bench.notify(486, "active")
    if end == "terminated":
        bench.notify(None, "terminated")
    if end == "forgotten":
        bench.at(186)
    bench.run(bench.transferor.gate(bench.now, True))
    bench.request("STR_2")
    assert bench.all(SendRefer)[-1].transfer_id == "STR_2"


# --- the end of the call, and again -------------------------------------------------------------


def test_after_the_end_of_the_call_nothing_is_transferred() -> None:
    bench = TransferBench()
    bench.bye()
    bench.request()
    assert bench.refused() == "failed_precondition: can't transfer hung up call"


def test_after_a_failed_transfer_the_call_goes_on_and_may_be_transferred_again() -> None:
    bench = started()
    bench.answer(603)
    bench.request("STR_2", OTHER)
    bench.answer(202, transfer_id="STR_2")
    bench.notify(200, "terminated;reason=noresource", event="refer;id=2")
    assert bench.verdict("STR_2") == "succeeded"
    assert bench.all(HangUp) == [HangUp("transferred", transfer=True)]


# --- the gate -----------------------------------------------------------------------------------


def test_refer_waits_for_the_gate() -> None:
    bench = TransferBench(gate=False)
    bench.request()
    assert bench.all(SendRefer) == []
    bench.run(bench.transferor.gate(bench.now, True))
    bench.run(bench.transferor.gate(bench.now, True))
    assert len(bench.all(SendRefer)) == 1


@pytest.mark.parametrize("end", ["hang-up", "bye", "cancel", "ringing timeout"])
def test_what_ends_the_transfer_while_refer_waits_keeps_it_from_being_sent(end: str) -> None:
    bench = TransferBench(gate=False)
    bench.request()
    if end == "hang-up":
        bench.hang_up()
    elif end == "bye":
        bench.bye()
    elif end == "cancel":
        bench.run(bench.transferor.cancel(bench.now, "STR_1"))
    else:
        bench.at(30)
    bench.run(bench.transferor.gate(bench.now, True))
    bench.at(100)
    assert bench.all(SendRefer) == []
    wanted = {"cancel": "canceled", "ringing timeout": "timed out"}.get(end, "call ended")
    assert (bench.verdict(), bench.record().notes) == (wanted, ("REFER not sent",))
    assert not bench.transferor.watching


def test_a_verdict_before_it_is_stored_keeps_the_refer_from_being_sent() -> None:
    bench = TransferBench(stores=False)
    bench.request()
    bench.run(bench.transferor.cancel(bench.now, "STR_1"))
    assert bench.run(bench.transferor.stored(bench.now, "STR_1")) == []
    assert bench.run(bench.transferor.stored(bench.now, "STR_unknown")) == []


def test_while_refer_is_unanswered_the_leg_starts_no_invite() -> None:
    bench = started()
    assert bench.transferor.refer_open
    bench.answer(180)
    assert bench.transferor.refer_open
    bench.answer(202)
    assert not bench.transferor.refer_open


# --- dial tone ----------------------------------------------------------------------------------


@pytest.mark.parametrize("country", ["ETSI", "US"])
def test_dial_tone_plays_from_the_request_to_a_failure(country: str) -> None:
    bench = TransferBench(gate=False)
    bench.request(dialtone=True, country=country)
    assert bench.all(PlayTone) == [PlayTone("ringing", country)]
    bench.run(bench.transferor.gate(bench.now, True))
    bench.answer(202)
    assert bench.all(StopTone) == []
    bench.notify(486, "terminated")
    assert bench.all(StopTone) == [StopTone()]


def test_without_dial_tone_nothing_is_muted() -> None:
    bench = started()
    bench.answer(603)
    assert bench.all(PlayTone) + bench.all(StopTone) == []


def test_after_a_success_the_caller_does_not_hear_the_room_again() -> None:
    bench = started(dialtone=True)
    bench.notify(200, "terminated")
    assert bench.all(StopTone) == []
    assert len(bench.all(HangUp)) == 1


def test_after_the_end_of_the_call_there_is_no_tone_to_stop() -> None:
    bench = started(dialtone=True)
    bench.bye()
    bench.at(1)
    assert (bench.verdict(), bench.all(StopTone)) == ("call ended", [])


def test_each_transfer_has_its_own_tone() -> None:
    bench = started(dialtone=True)
    bench.answer(603)
    bench.request("STR_2", OTHER)
    bench.answer(603, transfer_id="STR_2")
    assert (len(bench.all(PlayTone)), len(bench.all(StopTone))) == (1, 1)


# --- nothing is left ----------------------------------------------------------------------------


def test_an_idle_desk_needs_no_time() -> None:
    bench = TransferBench()
    assert (
        bench.transferor.next_deadline(),
        bench.transferor.watching,
        bench.transferor.leaving,
    ) == (
        None,
        False,
        False,
    )
    assert bench.transferor.handle_deadline(bench.now) == []


@pytest.mark.parametrize("status", [200, 486])
def test_a_finished_transfer_needs_no_time(status: int) -> None:
    bench = started()
    bench.answer(202)
    bench.notify(status, "terminated")
    assert (bench.transferor.next_deadline(), bench.transferor.watching) == (None, False)
