"""Responses that are repeated until they are confirmed: the numbers."""

from __future__ import annotations

import pytest

from hookflash.calls.legs.unacked import Unacked, acknowledges
from hookflash.sip.message import Request, Response
from hookflash.sip.timers import Timers


def unacked(*, cap: bool) -> Unacked:
    response = Response(200, None, (("CSeq", "7 INVITE"),))
    return Unacked(0.0, "k", response, Timers(), offer=False, cap=cap)


@pytest.mark.parametrize(
    ("cap", "times"),
    [
        (True, [0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]),
        (False, [0.5, 1.5, 3.5, 7.5, 15.5, 31.5]),
    ],
)
def test_2xx_doubles_up_to_t2_and_the_reliable_180_without_bound(
    cap: bool, times: list[float]
) -> None:
    made = unacked(cap=cap)
    seen = []
    while made.next_deadline() < 32:
        at = made.next_deadline()
        assert not made.due(at - 0.01)
        (sent,) = made.due(at)
        assert sent.key == "k"
        seen.append(at)
        assert not made.over(at)
    assert seen == times
    assert made.over(32)


def test_acknowledged_by_cseq_number() -> None:
    ack = Request("ACK", "sip:a@b", (("CSeq", "7 ACK"),))
    assert acknowledges(ack, unacked(cap=True))
    assert not acknowledges(Request("ACK", "sip:a@b", (("CSeq", "8 ACK"),)), unacked(cap=True))
    assert not acknowledges(ack, None)
