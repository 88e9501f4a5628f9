"""calls.md §1: ring, room, answer, 200, CANCEL (sip.answer: subscribed)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.wire.kit.call import Call
from tests.wire.kit.callee import called
from tests.wire.kit.hooks import Hooks
from tests.wire.kit.message import token
from tests.wire.kit.phone import Phone, TcpPhone
from tests.wire.kit.server import Exchange, until

pytestmark = pytest.mark.interop
SIP = {"answer": "subscribed"}
RECORDED = ("Record-Route", "<sip:127.0.0.9;lr;x=1>, <sip:127.0.0.8;lr>")


def ringing(exchange: Exchange, phone: Phone, **trunk: Any) -> Call:
    """A caller alone in a room, who hears it ring."""
    call = Call(phone, exchange.line(**trunk).number)
    call.invite()
    call.adopt_early(call.answer(180))
    return call


def test_180(exchange: Exchange, phone: Phone) -> None:
    """180 after the decision, with our tag, Contact and copied Record-Route."""
    call = Call(phone, exchange.line().number)
    call.invite([RECORDED])
    answer = call.answer(180)
    assert answer.tag("To").startswith("SCL_")
    assert answer.contact.startswith("sip:127.0.0.1:")
    assert answer.get("Record-Route") == RECORDED[1]
    assert not answer.body
    assert not answer.has("RSeq")


def test_reliable_180(exchange: Exchange, phone: Phone) -> None:
    """If the peer requires 100rel: reliable; unmatched PRACK 481; repeated until its PRACK."""
    call = Call(phone, exchange.line().number)
    call.invite([("Require", "100rel")])
    first = call.answer(180)
    assert "100rel" in first.tokens("Require")
    again = call.answer(180)
    assert again.get("RSeq") == first.get("RSeq")
    call.adopt_early(first)
    wrong = call.ask("PRACK", [("RAck", f"{int(first.get('RSeq')) + 5} 1 INVITE")])
    assert wrong.status == 481
    assert call.ask("PRACK", [("RAck", f"{first.get('RSeq')} 1 INVITE")]).status == 200
    phone.inbox.clear()
    phone.none(lambda m: m.status == 180, 1.2)


def test_reliable_180_with_our_offer(exchange: Exchange, phone: Phone) -> None:
    """An INVITE without SDP then gets our offer in the 180 and its answer in PRACK; the 200 waits
    for a PRACK if the 180 had SDP."""
    line = exchange.line()
    call = Call(phone, line.number)
    call.invite([("Require", "100rel")], "")
    answer = call.answer(180)
    assert "m=audio" in answer.text
    Call(phone, line.number).invite()
    phone.none(lambda m: m.status == 200 and m.get("Call-ID") == call.call_id, 0.5)
    call.adopt_early(answer)
    rack = ("RAck", f"{answer.get('RSeq')} 1 INVITE")
    assert call.ask("PRACK", [rack], call.sdp()).status == 200
    final = call.answer(200, "INVITE", cseq=1)
    assert not final.body
    call.ack(cseq=1)
    call.up = True


def test_an_invite_that_expires_is_487(exchange: Exchange, phone: Phone) -> None:
    """RFC 3261 §13.3.1: after the time that its Expires names, as Twilio and Cisco send it."""
    line = exchange.line()
    call = Call(phone, line.number)
    call.invite([("Expires", "1")])
    call.answer(180)
    assert call.refuse().status == 487
    exchange.gone(line.room)


def test_a_call_that_rings_is_ended_with_headers(exchange: Exchange, phone: Phone) -> None:
    """Those of lk.sip.EndCall are on the 480 of a call in, and on the CANCEL of a call out."""
    line = exchange.line()
    call = Call(phone, line.number)
    call.invite()
    call.answer(180)
    end_call(exchange, line.room, {"X-Why": "elsewhere"})
    refused = call.refuse()
    assert (refused.status, refused.get("X-Why")) == (480, "elsewhere")
    other = exchange.phone()
    dialed = exchange.dial(other)
    ringing = called(other)
    ringing.ring()
    until(lambda: exchange.attribute(dialed.room, "sip.callStatus") == "ringing", "ringing")
    end_call(exchange, dialed.room, {"Reason": "SIP;cause=200", "X-Why": "elsewhere"})
    cancel = ringing.request("CANCEL")
    assert (cancel.get("X-Why"), cancel.get("Reason")) == ("elsewhere", "SIP;cause=200")
    ringing.decline("487 Request Terminated")
    assert dialed.answer.result(5).status != 200


def end_call(exchange: Exchange, room: str, headers: dict[str, str]) -> None:
    """lk.sip.EndCall of the one who is there."""
    exchange.ok(
        "RoomService/PerformRpc",
        {
            "room": room,
            "destination_identity": exchange.participant(room)["identity"],
            "method": "lk.sip.EndCall",
            "payload": json.dumps({"headers": headers}),
        },
        room,
    )


def test_supported_100rel_is_not_required(exchange: Exchange, phone: Phone) -> None:
    """Reliable only if the peer requires 100rel."""
    call = Call(phone, exchange.line().number)
    call.invite([("Supported", "100rel")])
    assert not call.answer(180).has("RSeq")


def test_room(exchange: Exchange, phone: Phone) -> None:
    """The participant joins with `sip.callStatus=ringing`."""
    line = exchange.line()
    call = Call(phone, line.number)
    call.invite()
    call.answer(180)
    assert exchange.attribute(line.room, "sip.callStatus") == "ringing"


def test_room_full(exchange: Exchange, phone: Phone) -> None:
    """Room full or refused: 480."""
    room = token("full-")
    exchange.ok("RoomService/CreateRoom", {"name": room, "max_participants": 1}, room)
    line = exchange.line(room=room)
    Call(phone, line.number).invite()
    until(lambda: exchange.participants(room), "the first caller")
    second = Call(phone, line.number)
    second.invite()
    assert second.refuse().status == 480


def test_answered_by_another_phone(exchange: Exchange, phone: Phone) -> None:
    """answer subscribed: another phone is in the room; 200 with SDP, Contact, Allow, Supported,
    Record-Route copied."""
    line = exchange.line(headers={"X-Trunk": "yes"})
    first, second = Call(phone, line.number), Call(phone, line.number)
    first.invite([RECORDED])
    first.answer(180)
    phone.none(lambda m: m.status == 200, 0.3)
    second.connect()
    answer = first.accepted()
    first.routes = []
    first.ack()
    assert answer.sdp("m=audio ")
    assert answer.contact
    assert answer.get("Record-Route") == RECORDED[1]
    assert answer.get("X-Trunk") == "yes"
    allowed = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, PRACK, NOTIFY"
    assert answer.get("Allow") == allowed
    assert answer.tokens("Supported") == {"100rel", "timer"}


def test_ringing_timeout(exchange: Exchange, phone: Phone) -> None:
    """ringing_timeout (trunk): 480."""
    call = ringing(exchange, phone, ringing_timeout="1s")
    assert call.refuse().status == 480


def test_ringing_timeout_status(exchange: Exchange, phone: Phone) -> None:
    """Or the trunk's ringing_timeout_status."""
    trunk: dict[str, Any] = {
        "ringing_timeout": "1s",
        "ringing_timeout_status": "SIP_STATUS_BUSY_HERE",
    }
    created = exchange.rpc(
        "SIP/CreateSIPInboundTrunk", {"trunk": {"numbers": [exchange.number()], **trunk}}
    )
    assert "ringing_timeout_status" in created.body
    call = ringing(exchange, phone, **trunk)
    assert call.refuse().status == 486


def test_cancel(exchange: Exchange, phone: Phone, hooks: Hooks) -> None:
    """CANCEL: 200 for it and 487 for the INVITE."""
    line = exchange.line()
    call = Call(phone, line.number)
    call.invite()
    call.answer(180)
    call.cancel()
    assert call.answer(200, "CANCEL").status == 200
    assert call.answer(method="INVITE").status == 487
    call.ack(branch=call.branches[1])
    exchange.gone(line.room)
    ended = hooks.event("sip_call_ended", line.room)
    assert ended["sipCall"]["callStatusCode"]["code"] == "SIP_STATUS_REQUEST_TERMINATED"


def test_cancel_of_nothing(exchange: Exchange, phone: Phone) -> None:
    """CANCEL that fits no transaction: 481 (RFC 3261 §9.2)."""
    call = Call(phone, exchange.line().number)
    call.branches[1] = token("z9hG4bK")
    call.cancel(1)
    assert call.answer(481, "CANCEL", cseq=1)


def test_cancel_after_200(exchange: Exchange, phone: Phone) -> None:
    """After the 200 it has no effect."""
    line = exchange.line()
    one, two = Call(phone, line.number), Call(phone, line.number)
    one.invite()
    two.dial()
    tag, two.to_tag = two.to_tag, ""
    two.cancel()
    assert two.answer(method="CANCEL").status == 200
    two.to_tag = tag
    two.ack()
    assert two.ask("OPTIONS").status == 200
    one.accepted()
    one.ack()


def test_bye_in_an_open_invite(exchange: Exchange, phone: Phone) -> None:
    """BYE in an open INVITE: that INVITE gets 487."""
    call = ringing(exchange, phone)
    assert call.ask("BYE").status == 200
    assert call.answer(method="INVITE", cseq=1).status == 487


@pytest.mark.parametrize("kind", [Phone, TcpPhone])
def test_200_repeated(exchange: Exchange, kind: type[Phone]) -> None:
    """200 repeated T1, 2·T1 … until ACK, on TCP too; BYE of ours waits for the ACK."""
    line = exchange.line()
    phone = exchange.phone(kind)
    other, call = Call(phone, line.number), Call(phone, line.number)
    other.invite()
    call.dial()
    call.answer(200, "INVITE")
    times = [at for at, m in phone.log if m.status == 200 and m.get("Call-ID") == call.call_id]
    assert 0.4 < times[1] - times[0] < 0.9
    person = next(
        p["identity"]
        for p in exchange.participants(line.room)
        if p["attributes"]["sip.callIDFull"] == call.call_id
    )
    body = {"room": line.room, "identity": person}
    exchange.ok("RoomService/RemoveParticipant", body, line.room)
    phone.none(lambda m: m.method == "BYE", 0.3)
    call.ack()
    call.ended()
    phone.close()


def test_removed_while_ringing(exchange: Exchange, phone: Phone) -> None:
    """When the room side ends a call that is not answered: a final answer, no BYE."""
    line = exchange.line()
    call = Call(phone, line.number)
    call.invite()
    call.answer(180)
    exchange.ok("RoomService/DeleteRoom", {"room": line.room}, line.room)
    assert call.refuse().status in {480, 486, 603}


def test_attributes_to_headers(exchange: Exchange, phone: Phone) -> None:
    """attributes_to_headers of the trunk: in the 200 and in BYE."""
    fields: dict[str, Any] = {
        "attributes_to_headers": {"team": "X-Team"},
        "rule": {"attributes": {"team": "red"}},
    }
    line = exchange.line(**fields)
    one, two = Call(phone, line.number), Call(phone, line.number)
    one.invite()
    assert two.connect().get("X-Team") == "red"
    one.accepted()
    one.ack()
    exchange.ok("RoomService/DeleteRoom", {"room": line.room}, line.room)
    assert two.ended().get("X-Team") == "red"
    one.ended()


def test_call_status_active(exchange: Exchange, phone: Phone) -> None:
    """`callStatus` becomes `active` with the first RTP packet or 1 s after the ACK."""
    line = exchange.line()
    one, two = Call(phone, line.number), Call(phone, line.number)
    one.invite()
    two.connect()
    one.accepted()
    one.ack()
    two.sound.play(440)
    until(
        lambda: (
            sorted(p["attributes"]["sip.callStatus"] for p in exchange.participants(line.room))
            == ["active", "active"]
        ),
        "both active",
        3,
    )


def test_transfer_while_ringing(exchange: Exchange, phone: Phone) -> None:
    """transfer.md §2: a call that is not established → failed_precondition at once."""
    line = exchange.line()
    call = Call(phone, line.number)
    call.invite()
    call.answer(180)
    answer = exchange.transfer(line).result(5)
    assert (answer.status, answer.body["code"]) == (412, "failed_precondition")
    assert answer.text == "can't transfer non established call"


@pytest.mark.parametrize("method", ["UPDATE", "INVITE"])
def test_overlapping_offer(exchange: Exchange, phone: Phone, method: str) -> None:
    """§2: the peer's INVITE or offer still unanswered by us: 500 with Retry-After 0-10."""
    call = ringing(exchange, phone)
    call.send(method, (), call.sdp(version=2))
    answer = call.answer(method=method)
    assert answer.status == 500
    assert 0 <= int(answer.get("Retry-After")) <= 10
    if method == "INVITE":
        call.ack(branch=call.branches[call.cseq])
    call.cseq = 1
    call.to_tag = ""
    call.cancel()
    assert call.answer(method="INVITE", cseq=1).status == 487


def test_update_in_an_early_dialog(exchange: Exchange, phone: Phone) -> None:
    """UPDATE without SDP in an early dialog is answered."""
    call = ringing(exchange, phone)
    assert call.ask("UPDATE").status == 200


def test_answers_come_from_the_leg_that_rings(exchange: Exchange, phone: Phone) -> None:
    """180 and 200 have one tag (one dialog), which is the SCL id."""
    line = exchange.line()
    call = Call(phone, line.number)
    call.invite()
    early = call.answer(180)
    Call(phone, line.number).invite()
    assert call.accepted().tag("To") == early.tag("To")
    call.ack()
