"""calls.md §3 *port*: what only rings has no port, so whatever rings, another call is answered."""

from __future__ import annotations

import pytest
from tests.support.ports import PORTS
from tests.wire.kit.call import Call
from tests.wire.kit.message import Message, sdp
from tests.wire.kit.phone import Phone
from tests.wire.kit.server import Exchange

pytestmark = pytest.mark.interop
PAIRS = 100
SIP = {"answer": "subscribed", "rtp_port": PORTS.range(2 * PAIRS)}


def test_a_thousand_ringing_calls_leave_ports_for_another_trunks(
    exchange: Exchange, phone: Phone
) -> None:
    """100 pairs of ports, and 1,000 calls of one trunk that nobody takes; two of another trunk
    are answered."""
    alone = {"rule": {"dispatch_rule_individual": {"room_prefix": "alone-"}}}
    busy, flood = exchange.line(rule=alone), exchange.phone()
    sound = Call(flood, busy.number).sound
    for _ in range(1000):
        call = Call(flood, busy.number, sound=sound)
        call.invite(body=sdp(40000))

        def rings(m: Message, call_id: str = call.call_id) -> bool:
            return m.status >= 180 and m.get("Call-ID") == call_id

        answer = flood.wait(rings, "180 or 486")
        if answer.status != 180:
            assert answer.status == 486
            call.refused(answer)
    line = exchange.line()
    first, second = Call(phone, line.number), Call(phone, line.number)
    first.invite()
    first.adopt_early(first.answer(180))
    second.connect()
    first.accepted()
    first.ack()
    assert first.hang_up().status == second.hang_up().status == 200
