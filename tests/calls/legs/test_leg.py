"""The leg as a whole: the 200 and its ACK, hang-ups, the end (calls.md §1 "200", "CANCEL"; §2)."""

from __future__ import annotations

import sys

import pytest
from tests.simulation.legs import CALL_ID, LOCAL, TRANSFER, LegDriver
from tests.support.sip_messages import flow_to

from hookflash.base.errors import ApiError
from hookflash.calls.effects import (
    CancelRequest,
    CloseMedia,
    DialFailed,
    ForgetDialog,
    LegActive,
    LegEnded,
    LegFinished,
    LegLeft,
    Respond,
    SendRequest,
    StoreDialog,
    TransferAnswered,
)
from hookflash.calls.legs.answering import Answering
from hookflash.calls.legs.core import Phase
from hookflash.calls.legs.dialing import Dialing
from hookflash.sip.flow import Transport


def answered(driver: LegDriver) -> LegDriver:
    driver.invite()
    driver.answer()
    driver.log.clear()
    return driver


# --- row "200" -----------------------------------------------------------------------------------


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
def test_200_is_repeated_until_the_ack_on_every_transport(transport: Transport) -> None:
    """Row 200: T1, 2·T1 … T2."""
    driver = LegDriver()
    driver.flow = flow_to(transport)
    answered(driver)
    driver.advance(16)
    assert driver.times(Respond) == [0.5, 1.5, 3.5, 7.5, 11.5, 15.5]
    driver.ack()
    driver.advance(10)
    assert len(driver.all(Respond)) == 6


def test_no_ack_in_32_seconds_is_bye_and_the_end() -> None:
    """Row 200: 32 s in all, then BYE."""
    driver = answered(LegDriver())
    driver.last_packet_at = driver.now + 29
    driver.advance(31.9)
    assert not driver.sent("BYE")
    driver.advance(0.2)
    (bye,) = driver.sent("BYE")
    assert bye.request.header("Reason") == 'SIP;cause=408;text="No ACK"'
    assert driver.times(SendRequest) == [32]
    assert driver.last(LegLeft).reason == "dropped"
    assert driver.last(LegEnded).reason == "no ACK"
    driver.reply(bye, 200)
    assert driver.leg.finished


def test_hangup_before_the_ack_waits_for_it() -> None:
    """Row 200: BYE of ours waits for the ACK; the caller is out of the room at once."""
    driver = answered(LegDriver())
    driver.hangup("room closed", (("X-A", "1"),))
    assert driver.last(LegLeft).reason == "hangup"
    assert not driver.sent("BYE")
    assert driver.leg.state is Phase.LEAVING
    assert driver.hangup() == []
    driver.ack()
    (bye,) = driver.sent("BYE")
    assert bye.request.header("X-A") == "1"
    assert driver.last(LegEnded).reason == "room closed"
    assert len(driver.all(LegLeft)) == 1


def test_hangup_before_the_ack_waits_32_seconds_at_most() -> None:
    driver = answered(LegDriver())
    driver.advance(5)
    driver.hangup("room closed")
    driver.advance(26.9)
    assert not driver.sent("BYE")
    assert driver.statuses.count(200) > 5
    driver.advance(0.2)
    assert driver.sent("BYE")
    assert driver.last(LegEnded).reason == "room closed"


def test_everything_stops_while_the_bye_waits() -> None:
    """Media timeout, session timer and max_call_duration have nothing left to end."""
    driver = LegDriver.with_settings(max_call_duration=20.0, session_expires=90)
    answered(driver)
    driver.advance(20)
    assert driver.leg.state is Phase.LEAVING
    driver.advance(12)
    assert len(driver.sent("BYE")) == 1
    assert driver.last(LegEnded).reason == "max call duration"


def test_requests_while_the_bye_waits() -> None:
    """A new offer makes no sense any more; the rest is answered as ever."""
    driver = answered(LegDriver())
    driver.hangup()
    driver.receive("INVITE")
    driver.receive("UPDATE")
    driver.receive("OPTIONS")
    assert driver.statuses == [487, 487, 200]
    driver.receive("BYE")
    assert driver.statuses[-1] == 200
    assert driver.last(LegEnded).by == "remote"
    assert not driver.sent("BYE")


def test_ack_of_another_invite_is_no_ack() -> None:
    driver = answered(LegDriver())
    driver.ack(cseq=7)
    assert not driver.all(StoreDialog)
    driver.ack()
    assert driver.all(StoreDialog)
    assert driver.ack() == []


def test_lost_ack_is_made_up_by_a_reinvite() -> None:
    """The peer sends no re-INVITE before it has our 200."""
    driver = answered(LegDriver())
    driver.receive("INVITE")
    assert driver.all(StoreDialog)
    assert driver.statuses == [200]


# --- callStatus active ---------------------------------------------------------------------------


def test_active_with_the_first_packet() -> None:
    driver = answered(LegDriver())
    driver.do(driver.leg.first_packet(driver.now))
    assert len(driver.all(LegActive)) == 1
    driver.ack()
    driver.advance(2)
    assert len(driver.all(LegActive)) == 1


def test_active_one_second_after_the_ack() -> None:
    driver = answered(LegDriver())
    driver.advance(0.4)
    driver.ack()
    driver.advance(2)
    assert driver.times(LegActive) == [1.4]
    driver.do(driver.leg.first_packet(driver.now))
    assert len(driver.all(LegActive)) == 1


def test_packet_before_the_answer_counts_at_the_answer() -> None:
    driver = LegDriver()
    driver.invite()
    driver.do(driver.leg.first_packet(driver.now))
    assert not driver.all(LegActive)
    driver.answer()
    assert len(driver.all(LegActive)) == 1


# --- hang-ups ------------------------------------------------------------------------------------


def test_bye_of_the_peer_gets_200_and_its_reason_is_kept() -> None:
    """§2 row BYE."""
    driver = LegDriver().established()
    driver.receive("BYE", (("Reason", "Q.850;cause=16"),))
    assert driver.statuses == [200]
    assert driver.log[0][1] == driver.all(Respond)[0]
    assert driver.all(LegEnded) == [LegEnded("remote", "bye", None, "Q.850;cause=16")]
    assert driver.last(LegLeft).reason == "hangup"
    kinds = [type(effect) for _, effect in driver.log]
    assert kinds == [Respond, LegLeft, LegEnded, CloseMedia, ForgetDialog, LegFinished]
    assert driver.leg.finished
    assert driver.leg.next_deadline() is None


def test_hangup_is_a_bye_in_the_dialog() -> None:
    driver = LegDriver().established((("Record-Route", "<sip:198.51.100.9;lr>"),))
    driver.leg.set_attribute_headers((("X-Attr", "late"),))
    driver.hangup("api", (("X-Extra", "1"),))
    (bye,) = driver.sent("BYE")
    request = bye.request
    assert request.uri_text == "sip:caller@198.51.100.7:5060"
    assert request.header("Route") == "<sip:198.51.100.9;lr>"
    assert bye.hop.routed
    assert request.to.tag == "peer"
    assert request.from_.tag == CALL_ID
    assert request.header("X-Attr") == "late"
    assert request.header("X-Extra") == "1"
    assert request.header("User-Agent") == "Hookflash"
    assert request.header("Reason") is None
    assert driver.last(LegEnded).by == "local"
    assert driver.last(LegEnded).reason == "api"
    assert not driver.leg.finished


@pytest.mark.parametrize("status", [200, 481, 408, 500])
def test_any_answer_to_our_bye_finishes_the_leg(status: int) -> None:
    driver = LegDriver().established()
    driver.hangup()
    assert not driver.all(ForgetDialog)
    driver.reply(driver.sent("BYE")[0], status)
    kinds = [type(effect) for _, effect in driver.log[-2:]]
    assert kinds == [ForgetDialog, LegFinished]
    assert driver.hangup() == []


def test_bye_without_any_answer_finishes_the_leg() -> None:
    driver = LegDriver().established()
    driver.hangup()
    driver.do(driver.leg.request_failed(driver.now, driver.sent("BYE")[0].token, "timeout"))
    assert driver.leg.finished


def test_crossing_byes() -> None:
    driver = LegDriver().established()
    driver.hangup()
    driver.receive("BYE")
    assert driver.statuses == [200]
    assert not driver.leg.finished
    driver.reply(driver.sent("BYE")[0], 481)
    assert driver.leg.finished
    assert len(driver.all(LegEnded)) == 1


def test_after_the_end_other_requests_get_481() -> None:
    driver = LegDriver().established()
    driver.hangup()
    driver.receive("OPTIONS")
    driver.receive("INVITE")
    driver.receive("NOTIFY", (("Event", "refer"),))
    assert driver.statuses == [481, 481, 481]


def test_hangup_while_ringing_is_480() -> None:
    driver = LegDriver()
    driver.invite()
    driver.hangup("room deleted")
    assert driver.statuses == [180, 480]
    assert driver.last(LegLeft).reason == "hangup"
    assert driver.last(LegEnded).reason == "room deleted"
    assert driver.leg.finished


def test_max_call_duration_ends_a_ringing_call_too() -> None:
    driver = LegDriver.with_settings(max_call_duration=10.0)
    driver.invite()
    driver.advance(10)
    assert driver.statuses == [180, 480]


def test_shutdown_is_a_hangup() -> None:
    driver = LegDriver().established()
    driver.do(driver.leg.shutdown(driver.now))
    assert driver.sent("BYE")
    assert driver.last(LegEnded).reason == "shutdown"


# --- which requests are ours ---------------------------------------------------------------------


@pytest.mark.parametrize(("call_id", "tag"), [("other", "peer"), ("call-1", "other")])
def test_unknown_dialog_is_481(call_id: str, tag: str) -> None:
    """§2: our tag alone does not make a dialog."""
    driver = LegDriver().established()
    driver.receive("BYE", call_id=call_id, from_tag=tag)
    assert driver.statuses == [481]
    assert driver.ack(call_id=call_id, from_tag=tag) == []
    assert driver.leg.state is Phase.CONFIRMED


def test_request_before_there_is_a_dialog_is_481() -> None:
    driver = LegDriver()
    driver.receive("BYE")
    assert driver.statuses == [481]


def test_lower_cseq_is_500() -> None:
    """§2, last row but one."""
    driver = LegDriver().established()
    driver.receive("OPTIONS", cseq=10)
    driver.receive("INFO", cseq=9)
    assert driver.statuses == [200, 500]


def test_lower_cseq_of_a_bye_is_500_and_changes_nothing() -> None:
    driver = LegDriver().established()
    driver.receive("OPTIONS", cseq=10)
    driver.receive("BYE", cseq=9)
    assert driver.statuses[-1] == 500
    assert driver.leg.state is Phase.CONFIRMED


def test_unknown_tokens_and_late_media_are_ignored() -> None:
    driver = LegDriver().established()
    driver.hangup()
    bye = driver.sent("BYE")[0]
    driver.reply(bye, 100)
    assert not driver.leg.finished
    driver.reply(bye, 200)
    assert driver.reply(bye, 200) == []
    assert driver.do(driver.leg.request_failed(driver.now, 99, "timeout")) == []
    assert [
        type(e) for e in driver.do(driver.leg.media_opened(driver.now, LOCAL, driver.last_packet))
    ] == [CloseMedia]
    assert driver.do(driver.leg.handle_deadline(driver.now)) == []


# --- what is stored ------------------------------------------------------------------------------


def test_dialog_is_stored_at_confirmation() -> None:
    driver = answered(LegDriver())
    assert not driver.all(StoreDialog)
    driver.ack()
    record = driver.last(StoreDialog).record
    assert record.call_id == CALL_ID
    assert record.sip_call_id == "call-1"
    assert record.next_hop == ("198.51.100.7", 5060)
    assert record.remote_target == "sip:caller@198.51.100.7:5060"


def test_next_hop_is_the_top_route() -> None:
    driver = LegDriver()
    driver.invite((("Record-Route", "<sip:198.51.100.9:5070;lr>"),))
    driver.answer()
    driver.ack()
    assert driver.last(StoreDialog).record.next_hop == ("198.51.100.9", 5070)


def test_next_hop_of_a_name_is_the_source() -> None:
    driver = LegDriver()
    driver.invite((("Contact", "<sip:a@pbx.example>"),))
    driver.answer()
    driver.ack()
    assert driver.last(StoreDialog).record.next_hop == ("198.51.100.7", 5060)


def test_moved_target_is_stored_again() -> None:
    driver = LegDriver().established()
    driver.receive("UPDATE")
    assert not driver.all(StoreDialog)
    driver.receive("UPDATE", (("Contact", "<sip:b@198.51.100.8>"),))
    assert driver.last(StoreDialog).record.remote_target == "sip:b@198.51.100.8"


# --- parts --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("direction", "part"), [("inbound", Answering), ("outbound", Dialing)])
def test_direction_chooses_what_makes_the_call(direction: str, part: type) -> None:
    driver = LegDriver.with_settings(direction=direction)
    assert isinstance(driver.leg._setup, part)


# --- transfers before there is a call ------------------------------------------------------------


def test_transfer_of_a_ringing_call_is_refused() -> None:
    """transfer.md §2: a call that is not established is failed_precondition at once."""
    driver = LegDriver()
    driver.invite()
    driver.do(driver.leg.transfer(driver.now, 1, TRANSFER))
    error = driver.last(TransferAnswered).error
    assert isinstance(error, ApiError)
    assert error.code == "failed_precondition"
    assert driver.leg.transferor is None
    assert driver.do(driver.leg.transfer_stored(driver.now, "TR_1")) == []
    assert driver.do(driver.leg.cancel_transfer(driver.now, "TR_1")) == []


def test_properties() -> None:
    driver = LegDriver()
    assert driver.leg.call_id == CALL_ID
    assert driver.leg.dialog is None
    driver.established()
    assert driver.leg.dialog is not None
    assert not driver.leg.held


def test_leg_is_small() -> None:
    """Under 15 kB a call, the SIP side of it; slots everywhere."""
    driver = LegDriver().established()
    seen: set[int] = set()
    shared = {id(driver.settings), id(driver.ids), id(driver.timers), id(driver.settings.contact)}

    def size(value: object) -> int:
        if id(value) in seen or id(value) in shared or isinstance(value, type):
            return 0
        seen.add(id(value))
        total = sys.getsizeof(value)
        if isinstance(value, dict):
            return total + sum(size(k) + size(v) for k, v in value.items())
        if isinstance(value, tuple | list | frozenset | set):
            return total + sum(size(item) for item in value)
        names = [n for c in type(value).__mro__ for n in getattr(c, "__slots__", ())]
        total += sum(size(getattr(value, n, None)) for n in names)
        return total + size(getattr(value, "__dict__", None))

    assert size(driver.leg) < 15_000


# --- mistakes of our own --------------------------------------------------------------------------


@pytest.mark.parametrize("direction", ["inbound", "outbound"])
def test_a_mistake_ends_a_call_that_does_not_stand_yet(direction: str) -> None:
    driver = LegDriver.with_settings(direction=direction)
    driver.invite() if direction == "inbound" else driver.dial()
    driver.leg.set_attribute_headers((("X-Bad", "no\r\nline"),))
    driver.do(driver.leg.broken(driver.now, due=False))
    assert driver.last(LegEnded).reason == "internal error"
    assert driver.last(LegLeft).reason == "dropped"
    if direction == "inbound":
        assert driver.response.status == 500
        assert "X-Bad" not in driver.response.headers
    else:
        assert driver.last(DialFailed).outcome.code == "internal"
        assert driver.all(CancelRequest)


def test_a_mistake_leaves_a_call_that_stands_alone_but_for_one_of_its_clock() -> None:
    driver = LegDriver().established()
    assert driver.leg.broken(driver.now, due=False) == []
    driver.do(driver.leg.broken(driver.now, due=True))
    (bye,) = driver.sent("BYE")
    assert bye.request.header("Reason") == 'SIP;cause=500;text="Internal error"'
    assert driver.leg.broken(driver.now, due=False) == []
    assert driver.leg.broken(driver.now, due=True) == [LegFinished()]
