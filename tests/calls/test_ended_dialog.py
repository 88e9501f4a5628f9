"""transfer.md §4: what comes when a transferred call is over for good is answered."""

from __future__ import annotations

import pytest
from tests.support.late_requests import late_request as incoming

from hookflash.calls.effects import LegFinished, Respond
from hookflash.calls.ended_dialog import EndedDialog
from hookflash.sip.flow import Flow
from hookflash.sip.message import Request, Response

TRYING = b"SIP/2.0 100 Trying"
FLOW = Flow("udp", ("192.0.2.1", 5060), ("192.0.2.9", 5060))


def ended() -> EndedDialog:
    return EndedDialog("SCL_one", "call@peer", "them", 132.0)


def answer(request: Request) -> Response:
    (effect,) = ended().request_received(100.0, "key", request, FLOW)
    assert isinstance(effect, Respond)
    assert effect.key == "key"
    return effect.response


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (incoming("NOTIFY", TRYING), 200),
        (incoming("NOTIFY", TRYING, event=""), 200),
        (incoming("NOTIFY", TRYING, event="presence"), 489),
        (incoming("BYE"), 200),
        (incoming("INFO"), 481),
        (incoming("INVITE"), 481),
        (incoming("NOTIFY", TRYING, tag="another"), 481),
        (incoming("BYE", call_id="another"), 481),
    ],
)
def test_late_requests_are_answered(request_: Request, status: int) -> None:
    response = answer(request_)
    assert response.status == status
    assert response.header("Allow-Events") == ("refer" if status == 489 else None)


def test_nothing_else_is_done() -> None:
    dialog, response = ended(), Response.reply(incoming("BYE"), 200)
    assert dialog.request_received(100.0, "", incoming("ACK"), FLOW) == []
    assert dialog.cancel_received(100.0, "key", incoming("CANCEL")) == []
    assert dialog.response_received(100.0, 1, response, FLOW) == []
    assert dialog.request_failed(100.0, 1, "timeout") == []
    assert dialog.broken(100.0, due=False) == []


def test_it_goes_when_its_time_has_come() -> None:
    dialog = ended()
    assert dialog.next_deadline() == 132.0
    assert dialog.handle_deadline(131.9) == []
    assert dialog.handle_deadline(132.0) == [LegFinished()]
    assert dialog.broken(100.0, due=True) == [LegFinished()]
