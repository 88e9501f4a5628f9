"""calls.md §5: after a crash each stored dialog gets BYE, late NOTIFYs are answered and read."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.support.late_requests import late_request as incoming

from hookflash.base.errors import SipError
from hookflash.calls.effects import ForgetDialog, LateNotify, LegEffect, LegFinished, Respond
from hookflash.calls.effects import SendRequest as Send
from hookflash.calls.records import DialogRecord
from hookflash.calls.restored_dialog import WATCH, RestoredDialog
from hookflash.sip.flow import Flow
from hookflash.sip.message import Response

FLOW = Flow("udp", ("192.0.2.1", 5060), ("192.0.2.9", 5060))
RECORD = DialogRecord(
    call_id="SCL_one",
    sip_call_id="call@peer",
    local="<sip:us@192.0.2.1>;tag=SCL_one",
    remote="<sip:them@192.0.2.9>;tag=them",
    local_cseq=7,
    route_set=("<sip:proxy@192.0.2.5;lr>",),
    remote_target="sip:them@192.0.2.9:5070",
    transport="udp",
    local_address=("192.0.2.1", 5060),
    next_hop=("192.0.2.5", 5060),
)


def statuses(effects: list[LegEffect]) -> list[int]:
    return [effect.response.status for effect in effects if isinstance(effect, Respond)]


def test_bye_goes_out_at_once_by_the_stored_route_with_a_much_higher_cseq() -> None:
    sent, forget = RestoredDialog(RECORD).start(100.0)
    assert isinstance(sent, Send)
    assert sent.request.method == "BYE"
    assert sent.request.cseq.number == 107
    assert [str(route) for route in sent.request.routes] == ["<sip:proxy@192.0.2.5;lr>"]
    assert str(sent.request.uri) == "sip:them@192.0.2.9:5070"
    assert sent.hop.uri.host == "192.0.2.5"
    assert forget == ForgetDialog()


def test_a_notify_is_answered_200_and_its_final_status_is_told() -> None:
    restored = RestoredDialog(RECORD)
    effects = restored.request_received(1.0, "k", incoming("NOTIFY", b"SIP/2.0 200 OK\r\n"), FLOW)
    assert statuses(effects) == [200]
    assert effects[1:] == [LateNotify(200, "OK")]


def test_progress_is_answered_but_is_no_news() -> None:
    effects = RestoredDialog(RECORD).request_received(
        1.0, "k", incoming("NOTIFY", b"SIP/2.0 180 Ringing\r\n"), FLOW
    )
    assert statuses(effects) == [200]
    assert len(effects) == 1


def test_a_202_in_an_active_subscription_only_mirrors_the_answer_to_refer() -> None:
    restored = RestoredDialog(RECORD)
    accepted = b"SIP/2.0 202 Accepted"
    active = restored.request_received(1.0, "k", incoming("NOTIFY", accepted, state="active"), FLOW)
    assert (statuses(active), active[1:]) == ([200], [])
    over = restored.request_received(2.0, "l", incoming("NOTIFY", accepted), FLOW)
    assert over[1:] == [LateNotify(202, "Accepted")]


def test_the_first_final_status_wins() -> None:
    restored = RestoredDialog(RECORD)
    told = []
    for status in (180, 486, 486, 200):
        told += restored.request_received(
            1.0, "k", incoming("NOTIFY", b"SIP/2.0 %d" % status), FLOW
        )
    assert statuses(told) == [200] * 4
    assert [each for each in told if isinstance(each, LateNotify)] == [LateNotify(486, "")]


@pytest.mark.parametrize(
    ("event", "body", "status", "news"),
    [
        ("presence", b"SIP/2.0 200 OK", 489, 0),
        ("", b"SIP/2.0 200 OK", 200, 1),
        ("", b"hello", 489, 0),
        ("Refer;id=4", b"SIP/2.0 200 OK", 200, 1),
    ],
)
def test_only_a_refer_is_reported_on(event: str, body: bytes, status: int, news: int) -> None:
    effects = RestoredDialog(RECORD).request_received(
        1.0, "k", incoming("NOTIFY", body, event=event), FLOW
    )
    assert (statuses(effects), len(effects) - 1) == ([status], news)
    answer = effects[0]
    assert isinstance(answer, Respond)
    assert answer.response.header("Allow-Events") == ("refer" if status == 489 else None)


def test_a_bye_that_crosses_ours_is_answered_200() -> None:
    bye = incoming("BYE", event="")
    assert statuses(RestoredDialog(RECORD).request_received(1.0, "k", bye, FLOW)) == [200]


def test_anything_else_and_other_peers_get_481_and_an_ack_nothing() -> None:
    restored = RestoredDialog(RECORD)
    assert statuses(restored.request_received(1.0, "k", incoming("INVITE"), FLOW)) == [481]
    assert statuses(restored.request_received(1.0, "k", incoming("BYE", tag="x"), FLOW)) == [481]
    assert statuses(restored.request_received(1.0, "k", incoming("BYE", call_id="x"), FLOW)) == [
        481
    ]
    assert restored.request_received(1.0, "", incoming("ACK"), FLOW) == []


def test_it_is_gone_after_three_minutes() -> None:
    restored = RestoredDialog(RECORD)
    assert restored.next_deadline() is None
    restored.start(100.0)
    assert restored.next_deadline() == 100.0 + WATCH
    assert restored.handle_deadline(100.0) == []
    assert restored.handle_deadline(100.0 + WATCH) == [LegFinished()]
    assert restored.next_deadline() is None


def test_whatever_becomes_of_the_bye_there_is_nothing_more_to_do() -> None:
    restored = RestoredDialog(RECORD)
    assert restored.response_received(1.0, 1, Response(481), FLOW) == []
    assert restored.request_failed(1.0, 1, "timeout") == []
    assert restored.cancel_received(1.0, "k", incoming("CANCEL")) == []


def test_a_record_that_cannot_be_read_is_one_error() -> None:
    with pytest.raises(SipError):
        RestoredDialog(replace(RECORD, remote="<<<"))


def test_a_mistake_about_a_ghost_ends_it_only_by_its_clock() -> None:
    restored = RestoredDialog(RECORD)
    assert restored.broken(0.0, due=False) == []
    assert restored.broken(0.0, due=True) == [LegFinished()]
