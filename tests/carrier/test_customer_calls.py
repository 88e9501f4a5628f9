"""Calls of customers that are put through, and those that cannot be at the moment."""

from __future__ import annotations

import pytest
from tests.support.carrier_rig import BUSY, GONE, LINE, SECOND_LINE, TARGET, Rig

from hookflash.carrier.manners import CarrierManners


@pytest.mark.parametrize(
    ("number", "status", "why"),
    [
        ("+1999", 404, "nobody has the number +1999"),
        (BUSY, 486, "the telephone is busy"),
        (GONE, 480, "the telephone is out of reach"),
    ],
)
def test_why_a_call_is_not_put_through(number: str, status: int, why: str) -> None:
    rig = Rig()
    rig.dial(number)
    assert rig.statuses("INVITE") == [status]
    told = {"caller": LINE, "called": number, "status": status, "why": why}
    assert rig.fields("call_refused") == told
    assert not rig.switch.conversations
    assert not rig.switch.ends


def test_one_call_more_than_the_trunk_may_make() -> None:
    rig = Rig(CarrierManners(max_calls=1, full_status=503, full_phrase="Too many"))
    rig.dial(TARGET)
    rig.dial(TARGET)
    assert rig.statuses("INVITE")[-1] == 503
    assert rig.fields("call_refused")["why"] == "there are 1 calls, as many as it may make at once"
    ends = len(rig.switch.ends)
    rig.dial(SECOND_LINE)
    assert len(rig.switch.ends) == ends, "nobody is left to be called"


def test_who_may_not_call_is_not_told_whom_there_is() -> None:
    """The account is looked at before the number."""
    for number in (TARGET, "+1999"):
        rig = Rig(CarrierManners(accounts="required"))
        rig.dial(number)
        assert rig.statuses("INVITE") == [403]
