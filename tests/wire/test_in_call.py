"""calls.md §2: what the peer may ask in a call, and out of one."""

from __future__ import annotations

import pytest
from tests.wire.kit.call import Call
from tests.wire.kit.hooks import Hooks
from tests.wire.kit.message import reply, sdp, token
from tests.wire.kit.phone import Phone
from tests.wire.kit.server import Exchange

pytestmark = pytest.mark.interop

ALLOW = {"INVITE", "ACK", "CANCEL", "BYE", "OPTIONS", "INFO", "UPDATE", "PRACK", "NOTIFY"}
HOLDS = [("sendonly", "recvonly"), ("inactive", "inactive"), ("recvonly", "sendonly")]
T38 = "v=0\r\no=- 1 9 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n" + (
    "m=image 5004 udptl t38\r\n"
)


@pytest.mark.parametrize("method", ["INVITE", "UPDATE"])
@pytest.mark.parametrize(("asked", "answered"), HOLDS)
def test_hold(exchange: Exchange, phone: Phone, method: str, asked: str, answered: str) -> None:
    """re-INVITE, UPDATE: real offer/answer: sendonly → recvonly, inactive → inactive, recvonly →
    sendonly; resume restores."""
    call = exchange.call(exchange.line(), phone)
    for direction, expected in ((asked, answered), ("sendrecv", "sendrecv")):
        body = call.sdp(direction=direction, version=3)
        answer = call.reinvite(body) if method == "INVITE" else call.ask("UPDATE", (), body)
        assert answer.status == 200
        assert f"a={expected}" in answer.text


def test_hold_0000(exchange: Exchange, phone: Phone) -> None:
    """0.0.0.0 in any direction → recvonly."""
    call = exchange.call(exchange.line(), phone)
    for direction in ("sendrecv", "sendonly", "inactive"):
        body = sdp(call.sound.port, ip="0.0.0.0", direction=direction, version=4)
        answer = call.reinvite(body)
        assert answer.status == 200
        assert "a=recvonly" in answer.text


def test_no_rtp_on_hold(exchange: Exchange, phone: Phone) -> None:
    """On hold no RTP is sent, RTCP goes on, the caller is muted to the room; resume restores."""
    line = exchange.line()
    held, other = exchange.call(line, phone), exchange.call(line, phone)
    held.sound.play(440)
    other.sound.play(600)
    other.sound.hears(440)
    held.sound.hears(600)
    assert held.reinvite(held.sdp(direction="sendonly", version=2)).status == 200
    other.sound.hears_not(440)
    held.sound.clear()
    other.sound.heard(lambda packets: len(packets) > 20, "the other one goes on")
    assert len(held.sound.packets) <= 2
    assert held.reinvite(held.sdp(version=3)).status == 200
    held.sound.hears(600)
    other.sound.hears(440)


def test_unchanged_offer(exchange: Exchange, phone: Phone) -> None:
    """No change: unchanged version; a change counts by one."""
    call = Call(phone, exchange.line().number)
    origin = call.connect().sdp("o=").split()
    assert call.reinvite(call.sdp()).sdp("o=").split() == origin
    changed = call.reinvite(call.sdp(direction="sendonly", version=2)).sdp("o=").split()
    assert changed[1] == origin[1]
    assert int(changed[2]) == int(origin[2]) + 1


def test_changed_address_and_codec(exchange: Exchange, phone: Phone) -> None:
    """A changed address, port or codec is taken."""
    call = exchange.call(exchange.line(), phone)
    other = Call(phone, "1")
    body = sdp(other.sound.port, codecs="8 101", version=2)
    assert call.reinvite(body).sdp("m=audio ").split()[2] == "8"
    packets = other.sound.heard(lambda seen: len(seen) > 3, "RTP at the new port")
    assert {packet.payload_type for packet in packets} == {8}


def test_reinvite_without_sdp(exchange: Exchange, phone: Phone) -> None:
    """Without SDP: an offer of sendrecv with all our codecs, also on hold; an ACK without an
    answer leaves the session as it was."""
    call = exchange.call(exchange.line(), phone)
    call.reinvite(call.sdp(direction="inactive", version=2))
    call.invite(body="")
    offer = call.answer(200, "INVITE")
    assert "a=sendrecv" in offer.text
    assert {"0", "8", "9"} <= set(offer.sdp("m=audio ").split())
    call.ack()
    answer = call.reinvite(call.sdp(direction="sendonly", version=3))
    assert "a=recvonly" in answer.text
    call.invite(body="")
    call.answer(200, "INVITE")
    call.ack(body=call.sdp(version=4))
    call.sound.heard(lambda packets: len(packets) > 3, "RTP again")


@pytest.mark.parametrize("body", ["hello", T38, sdp(5000, codecs="18")])
def test_bad_reinvite(exchange: Exchange, phone: Phone, body: str) -> None:
    """Bad SDP 488, T.38 only 488: the call goes on as it was."""
    call = exchange.call(exchange.line(), phone)
    answer = call.reinvite(body)
    assert answer.status == 488
    assert call.ask("UPDATE", (), body).status == 488
    assert call.ask("OPTIONS").status == 200
    call.sound.clear()
    call.sound.heard(lambda packets: len(packets) > 3, "RTP goes on")


def test_update_without_sdp(exchange: Exchange, phone: Phone) -> None:
    """UPDATE without SDP only refreshes."""
    call = exchange.call(exchange.line(), phone)
    answer = call.ask("UPDATE")
    assert answer.status == 200
    assert not answer.body


def test_overlapping_offers(exchange: Exchange, phone: Phone) -> None:
    """Our own offer outstanding: 491."""
    call = exchange.call(exchange.line(), phone)
    call.invite(body="")
    first = call.cseq
    call.answer(200, "INVITE")
    assert call.ask("UPDATE", (), call.sdp(version=2)).status == 491
    call.ack(cseq=first, body=call.sdp(version=3))


def test_overlapping_invites(exchange: Exchange, phone: Phone) -> None:
    """The peer's INVITE still unanswered by us: 500 with Retry-After 0-10 (here: before the ACK
    of the first one nothing breaks)."""
    call = exchange.call(exchange.line(), phone)
    for _ in range(3):
        call.invite(body=call.sdp(version=2))
    answers = [call.answer(method="INVITE", cseq=n) for n in range(2, 5)]
    for number, answer in enumerate(answers, 2):
        assert answer.status in {200, 500}
        if answer.status == 500:
            assert 0 <= int(answer.get("Retry-After")) <= 10
        call.ack(cseq=number)
    assert call.ask("OPTIONS").status == 200


def test_session_timer_too_short(exchange: Exchange, phone: Phone) -> None:
    """As UAS below 90 s: 422 with Min-SE: 90."""
    call = Call(phone, exchange.line().number)
    call.invite([("Supported", "timer"), ("Session-Expires", "60")])
    answer = call.refuse()
    assert answer.status == 422
    assert answer.get("Min-SE") == "90"


def test_session_timer(exchange: Exchange, phone: Phone) -> None:
    """The peer refreshes if it can (Require: timer in the 200); compact `x` is read."""
    call = Call(phone, exchange.line().number)
    answer = call.connect([("Supported", "timer"), ("x", "1200")])
    assert answer.get("Session-Expires").replace(" ", "").startswith("1200;refresher=uac")
    assert "timer" in answer.tokens("Require")


def test_session_timer_ours(exchange: Exchange, phone: Phone) -> None:
    """Else we do: a peer that does not support timers is not made to."""
    call = Call(phone, exchange.line().number)
    answer = call.connect([("Session-Expires", "1200")])
    assert "timer" not in answer.tokens("Require")
    expires = answer.get("Session-Expires")
    assert not expires or "refresher=uas" in expires


def test_session_timer_refresh(exchange: Exchange, phone: Phone) -> None:
    """A refresh by UPDATE or re-INVITE with Session-Expires is answered with it."""
    call = Call(phone, exchange.line().number)
    fields = [("Supported", "timer"), ("Session-Expires", "1200;refresher=uac")]
    call.connect(fields)
    answer = call.ask("UPDATE", fields)
    assert answer.get("Session-Expires").startswith("1200")
    assert call.reinvite(call.sdp(), fields).get("Session-Expires").startswith("1200")


def test_require_timer(exchange: Exchange, phone: Phone) -> None:
    """Require: timer and 100rel are understood."""
    call = Call(phone, exchange.line().number)
    assert call.dial([("Require", "timer"), ("Session-Expires", "600")]).has("Session-Expires")
    call.ack()


@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [
        ("application/dtmf-relay", "Signal=5\r\nDuration=160\r\n", 200),
        ("application/dtmf", "7", 200),
        ("text/plain", "hello", 415),
        ("", "", 200),
    ],
)
def test_info(exchange: Exchange, phone: Phone, kind: str, body: str, status: int) -> None:
    """INFO: `application/dtmf-relay`, `application/dtmf`; others 415; empty 200."""
    call = exchange.call(exchange.line(), phone)
    answer = call.ask("INFO", [("Content-Type", kind)] if kind else [], body)
    assert answer.status == status
    if status == 415:
        assert answer.has("Accept")


def test_info_becomes_dtmf(exchange: Exchange, phone: Phone) -> None:
    """INFO becomes DTMF: another phone of the room gets the event; answered 200 and ignored once a
    4733 event has come in this call."""
    line = exchange.line()
    one, two = exchange.call(line, phone), exchange.call(line, phone)
    two.sound.listen()
    relay = [("Content-Type", "application/dtmf-relay")]
    assert one.ask("INFO", relay, "Signal=5\r\nDuration=160\r\n").status == 200
    events = two.sound.heard(
        lambda seen: any(p.payload_type == 101 for p in seen), "the digit by 4733"
    )
    assert {p.payload[0] for p in events if p.payload_type == 101} == {5}
    one.sound.press(1)
    two.sound.heard(lambda seen: any(p.payload[:1] == b"\x01" for p in seen), "1")
    assert one.ask("INFO", relay, "Signal=9\r\nDuration=160\r\n").status == 200
    two.sound.clear()
    two.sound.heard(lambda seen: len(seen) > 30, "a while")
    assert not any(p.payload_type == 101 and p.payload[0] == 9 for p in two.sound.packets)


def test_options(exchange: Exchange, phone: Phone) -> None:
    """OPTIONS: 200 with Allow, Accept, Supported, in and out of dialogs."""
    inside = exchange.call(exchange.line(), phone).ask("OPTIONS")
    outside = Call(phone, "ping").ask("OPTIONS")
    for answer in (inside, outside):
        assert answer.status == 200
        assert answer.tokens("Allow") == ALLOW
        assert "application/sdp" in answer.tokens("Accept")
        assert answer.tokens("Supported") == {"100rel", "timer"}


def test_bye(exchange: Exchange, phone: Phone, hooks: Hooks) -> None:
    """BYE: 200; a retransmission gets the same 200; the room is left."""
    line = exchange.line()
    call = exchange.call(line, phone)
    data = call.message("BYE", [("Reason", 'Q.850;cause=16;text="Normal"')])
    phone.send(data)
    assert call.answer(method="BYE").status == 200
    phone.send(data)
    assert call.answer(method="BYE").status == 200
    call.up = False
    exchange.gone(line.room)
    assert hooks.event("participant_left", line.room)
    assert call.ask("OPTIONS").status == 481


@pytest.mark.parametrize("method", ["REFER", "MESSAGE", "SUBSCRIBE", "PUBLISH", "REGISTER"])
def test_not_supported(exchange: Exchange, phone: Phone, method: str) -> None:
    """REFER, MESSAGE, SUBSCRIBE, PUBLISH, REGISTER: 405 with Allow, in a call and outside."""
    headers = [("Refer-To", "<sip:x@y>"), ("Event", "dialog"), ("Expires", "60")]
    calls = [exchange.call(exchange.line(), phone), Call(phone, "nobody")]
    for call in calls:
        answer = call.ask(method, headers)
        assert answer.status == 405
        assert answer.tokens("Allow") == ALLOW


def test_other_events(exchange: Exchange, phone: Phone) -> None:
    """NOTIFY, other events: 489 with `Allow-Events: refer`."""
    call = exchange.call(exchange.line(), phone)
    for event in ("message-summary", "dialog;id=7", "referx"):
        answer = call.notify("SIP/2.0 200 OK", event=event)
        assert answer.status == 489
        assert answer.get("Allow-Events") == "refer"
    assert call.notify("SIP/2.0 200 OK").status == 481


def test_unknown_method(exchange: Exchange, phone: Phone) -> None:
    """Unknown method: 501 with Allow, in a call and outside."""
    for call in (exchange.call(exchange.line(), phone), Call(phone, "nobody")):
        answer = call.ask("FROBNICATE")
        assert answer.status == 501
        assert answer.tokens("Allow") == ALLOW


@pytest.mark.parametrize(
    "method", ["BYE", "INFO", "UPDATE", "INVITE", "NOTIFY", "OPTIONS", "PRACK"]
)
def test_unknown_dialog(exchange: Exchange, phone: Phone, method: str) -> None:
    """Unknown dialog 481."""
    call = Call(phone, exchange.line().number)
    call.to_tag = token("SCL_")
    assert call.ask(method, [("Event", "refer"), ("RAck", "1 1 INVITE")]).status == 481


def test_lower_cseq(exchange: Exchange, phone: Phone) -> None:
    """Lower CSeq 500."""
    call = exchange.call(exchange.line(), phone)
    call.cseq = 50
    assert call.ask("OPTIONS").status == 200
    phone.send(call.message("INFO", cseq=10))
    assert call.answer(method="INFO", cseq=10).status == 500


def test_ack_is_never_answered(exchange: Exchange, phone: Phone) -> None:
    """ACK is never answered, in no dialog either."""
    call = Call(phone, "nobody")
    call.to_tag = "none"
    call.send("ACK")
    up = exchange.call(exchange.line(), phone)
    up.ack(cseq=77)
    assert up.ask("OPTIONS").status == 200
    phone.none(lambda m: m.method == "ACK", 0.3)


def test_unknown_require_in_a_call(exchange: Exchange, phone: Phone) -> None:
    """Unknown `Require` 420 with `Unsupported`, in a call too; a BYE with it too."""
    call = exchange.call(exchange.line(), phone)
    answer = call.reinvite(call.sdp(version=2), [("Require", "frob")])
    assert answer.status == 420
    assert answer.get("Unsupported") == "frob"
    assert call.ask("OPTIONS").status == 200


def test_target_refresh(exchange: Exchange, phone: Phone) -> None:
    """A re-INVITE's Contact is the new remote target: our BYE goes there."""
    line = exchange.line()
    call = exchange.call(line, phone)
    other = exchange.phone()
    call.contact = f"<{other.uri};moved=1>"
    assert call.reinvite(call.sdp(version=2)).status == 200
    exchange.ok("RoomService/DeleteRoom", {"room": line.room}, line.room)
    bye = other.request("BYE")
    assert bye.uri.endswith(";moved=1")
    other.reply(bye, "200 OK")
    call.up = False
    other.close()


def test_room_deleted(exchange: Exchange, phone: Phone) -> None:
    """The room hangs up: BYE to each phone."""
    line = exchange.line()
    calls = [exchange.call(line, phone) for _ in range(2)]
    exchange.ok("RoomService/DeleteRoom", {"room": line.room}, line.room)
    for call in calls:
        bye = call.ended()
        assert bye.get("To").startswith(call.from_)
        assert bye.tag("To") == call.from_tag
        assert bye.uri == phone.uri


def test_bytes_that_are_no_text(exchange: Exchange, phone: Phone, hooks: Hooks) -> None:
    """A caller's number, a Call-ID and a reason phrase that are no UTF-8 are told by the API and
    in webhooks with U+FFFD: no request is left waiting, no event is lost."""
    line = exchange.line()
    call = exchange.call(line, phone, from_="<sip:%ffbob@example.com>", call_id=token("\udcff"))
    waiting = exchange.transfer(line)
    phone.send(reply(call.request("REFER"), "603 D\udce9clin\udce9"))
    answer = waiting.result(10)
    assert answer.meta["sip_status_code"] == "603"
    assert answer.meta["sip_status"] == "D\ufffdclin\ufffd"
    call.hang_up()
    ended = hooks.event("sip_call_ended", line.room)["sipCall"]
    assert ended["caller"] == "\ufffdbob"
    assert ended["sipCallId"] == call.call_id.replace("\udcff", "\ufffd")
