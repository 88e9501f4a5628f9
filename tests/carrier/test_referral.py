"""One REFER, as its manners have it; whole transfers are in test_transferring.py."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.sip_messages import request_of

from hookflash.carrier.manners import CarrierManners
from hookflash.carrier.referral import (
    REFERRAL_STEPS,
    AnswerRefer,
    CallTarget,
    DropTarget,
    EndTransferor,
    HoldTransferor,
    JoinTarget,
    NotifyReferrer,
    Referral,
    ReferralState,
)

TO = (("Refer-To", "<tel:+15105550123>"),)


def referral(manners: CarrierManners | None = None, *, first: bool = True) -> Referral:
    request = request_of("REFER", to_tag="ours", cseq=7, headers=TO)
    return Referral(manners or CarrierManners(), "enable-all", request, first=first)


def test_accepted_and_joined() -> None:
    one = referral()
    assert one.next_deadline() is None
    answer, trying, call = one.receive(100.0)
    assert answer == AnswerRefer(202, "Accepted", subscribe=True)
    assert trying == NotifyReferrer("refer", "active;expires=60", b"SIP/2.0 100 Trying\r\n")
    assert isinstance(call, CallTarget)
    assert one.open
    (ringing,) = one.progress(101.0, 180)
    assert isinstance(ringing, NotifyReferrer)
    join, ok = one.progress(102.0, 200)
    assert join == JoinTarget()
    assert ok == NotifyReferrer("refer", "terminated;reason=noresource", b"SIP/2.0 200 OK\r\n")
    assert one.progress(103.0, 486) == []
    assert one.caller_left(103.0) == []
    assert one.next_deadline() == 134.0
    assert one.handle_deadline(134.0) == [EndTransferor()]
    assert one.next_deadline() is None


def test_a_later_refer_is_named_by_its_cseq() -> None:
    for one in (referral(first=False), referral(CarrierManners(notify_id=True))):
        notify = one.receive(100.0)[1]
        assert isinstance(notify, NotifyReferrer)
        assert notify.event == "refer;id=7"


def test_each_at_its_time() -> None:
    one = referral(CarrierManners(refer_answer_delay=1.0, notify_delay=0.5, hold=True))
    assert one.receive(100.0) == []
    assert one.next_deadline() == 101.0
    answer, hold, call = one.handle_deadline(101.0)
    assert isinstance(answer, AnswerRefer)
    assert hold == HoldTransferor(held=True)
    assert isinstance(call, CallTarget)
    (notify,) = one.handle_deadline(101.5)
    assert isinstance(notify, NotifyReferrer)


def test_a_refusal_may_take_its_time() -> None:
    one = referral(CarrierManners(refer="never", refer_answer_delay=1.0, refused_phrase="No way"))
    assert one.receive(100.0) == []
    assert one.state is ReferralState.REFUSED
    assert one.handle_deadline(101.0) == [AnswerRefer(603, "No way")]
    assert one.next_deadline() is None
    assert one.progress(102.0, 200) == []


def test_nobody_is_called_for_a_caller_who_has_gone() -> None:
    one = referral()
    one.receive(100.0)
    drop, notify = one.caller_left(101.0)
    assert drop == DropTarget()
    assert isinstance(notify, NotifyReferrer)
    assert notify.body.startswith(b"SIP/2.0 487 ")
    assert one.next_deadline() is None
    assert one.status == 487


@pytest.mark.parametrize("notify", ["all", "final", "100-terminated", "none"])
def test_without_notifys_there_is_no_subscription(notify: Any) -> None:
    answer = referral(CarrierManners(notify=notify)).receive(100.0)[0]
    assert answer == AnswerRefer(202, "Accepted", subscribe=notify != "none")


def test_a_caller_who_has_gone_is_not_told_of_where_no_end_ever_is() -> None:
    one = referral(CarrierManners(notify="100-terminated"))
    one.receive(100.0)
    assert one.caller_left(101.0) == [DropTarget()]
    assert one.next_deadline() is None


def test_a_transferor_who_has_gone_is_not_hung_up_on() -> None:
    one = referral(CarrierManners(hang_up_at="refer-accepted", hang_up_after=1.0))
    one.receive(100.0)
    one.transferor_left()
    assert one.handle_deadline(102.0) == []


def test_another_step_is_a_mistake_of_ours() -> None:
    assert set(REFERRAL_STEPS) == set(ReferralState)
    one = referral()
    with pytest.raises(AssertionError, match="received -> joined"):
        one._enter(ReferralState.JOINED)


def test_what_is_said_keeps_its_order() -> None:
    """A NOTIFY that is delayed less than what waits already does not overtake it."""
    one = referral(CarrierManners(refer_answer_delay=2.0, notify_before_answer=True))
    first = one.receive(100.0)
    assert [type(effect) for effect in first] == [NotifyReferrer]
    assert one.progress(101.0, 180) == []
    assert [type(effect) for effect in one.handle_deadline(102.0)] == [
        *(AnswerRefer, NotifyReferrer, CallTarget),
    ]
