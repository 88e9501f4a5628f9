"""transfer.md: rows that meet each other, and peers that do odd things at odd times."""

from __future__ import annotations

import json
import socket

import pytest
from tests.wire.kit.call import Call
from tests.wire.kit.message import token
from tests.wire.kit.phone import Phone, TcpPhone
from tests.wire.kit.server import Exchange, until
from tests.wire.kit.ways import both

pytestmark = pytest.mark.interop

OK, GONE = "SIP/2.0 200 OK\r\n", "terminated;reason=noresource"
MD5 = 'Digest realm="one", nonce="n1", qop="auth", algorithm=MD5'


def verdict(exchange: Exchange, room: str) -> str:
    """Of the newest transfer of a room; "" while there is none."""
    found = exchange.get(f"/hookflash/transfers?room={room}", room).body["transfers"]
    return str(found[0]["verdict"] or "") if found else ""


@both
def test_http_request_dies(exchange: Exchange, phone: Phone) -> None:
    """§1: the transfer lives on when the HTTP request dies."""
    line = exchange.line()
    call = exchange.call(line, phone)
    body = json.dumps(
        {
            "room_name": line.room,
            "participant_identity": exchange.participant(line.room)["identity"],
            "transfer_to": "sip:bob@example.com",
        }
    )
    head = (
        "POST /twirp/livekit.SIP/TransferSIPParticipant HTTP/1.1\r\nHost: x\r\n"
        f"Authorization: Bearer {exchange.token(line.room)}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    connection = socket.create_connection(("127.0.0.1", exchange.settings["port"]))
    connection.sendall((head + body).encode())
    refer = call.request("REFER")
    connection.close()
    phone.reply(refer, "202 Accepted")
    call.notify("SIP/2.0 180 Ringing")
    assert not verdict(exchange, line.room)
    call.notify(OK, GONE)
    call.ended()
    until(lambda: verdict(exchange, line.room) == "succeeded", "the verdict")


@both
@pytest.mark.parametrize("attempt", [0, 1])
def test_id_of_any_attempt(exchange: Exchange, phone: Phone, attempt: int) -> None:
    """§4: `id` = CSeq of any attempt of a REFER selects it, also of the challenged one."""
    line = exchange.line()
    trunk = {"address": "192.0.2.99", "numbers": [line.number], "name": "o"}
    credentials = {"auth_username": "user", "auth_password": "pass"}
    exchange.ok("SIP/CreateSIPOutboundTrunk", {"trunk": {**trunk, **credentials}})
    call = exchange.call(line, phone, trunk=credentials)
    answer = exchange.transfer(line)
    first = call.request("REFER")
    phone.reply(first, "401 Unauthorized", [("WWW-Authenticate", MD5)])
    second = call.request("REFER")
    phone.reply(second, "202 Accepted")
    call.notify(OK, GONE, f"refer;id={(first, second)[attempt].cseq}")
    call.ended()
    assert answer.result(5).status == 200


@both
def test_notify_repeated(exchange: Exchange, phone: Phone) -> None:
    """§4: a retransmitted NOTIFY gets the same 200, also after the BYE; one BYE only."""
    line = exchange.line()
    call = exchange.call(line, phone)
    answer = exchange.transfer(line)
    phone.reply(call.request("REFER"), "202 Accepted")
    fields = [("Event", "refer"), ("Subscription-State", GONE), ("Content-Type", "message/sipfrag")]
    data = call.message("NOTIFY", fields, OK)
    for _ in range(3):
        phone.send(data)
    first, second, third = (call.answer(200, "NOTIFY") for _ in range(3))
    assert first.raw == second.raw == third.raw
    call.ended()
    phone.send(data)
    assert call.answer(200, "NOTIFY").raw == first.raw
    phone.none(lambda m: m.method == "BYE" and not m.status)
    assert answer.result(5).status == 200


@both
def test_202_lost(exchange: Exchange, phone: Phone) -> None:
    """§3: the REFER is answered late, after its outcome: nothing changes."""
    line = exchange.line()
    call = exchange.call(line, phone)
    answer = exchange.transfer(line)
    refer = call.request("REFER")
    call.notify("SIP/2.0 100 Trying")
    call.notify(OK, GONE)
    assert answer.result(5).status == 200
    bye = call.request("BYE")
    phone.reply(bye, "200 OK")
    call.up = False
    phone.reply(refer, "202 Accepted")
    phone.none(lambda m: not m.status and m.cseq > bye.cseq)


@both
def test_refer_crosses_a_reinvite(exchange: Exchange, phone: Phone) -> None:
    """§3: 491 because the peer's re-INVITE crossed: retried when that is over."""
    line = exchange.line()
    call = exchange.call(line, phone)
    answer = exchange.transfer(line)
    refer = call.request("REFER")
    call.invite(body=call.sdp(direction="sendonly", version=2))
    number = call.cseq
    phone.reply(refer, "491 Request Pending")
    assert call.answer(200, "INVITE")
    phone.none(lambda m: m.method == "REFER", 0.2)
    call.ack(cseq=number)
    phone.reply(call.request("REFER"), "202 Accepted")
    call.notify(OK, GONE)
    call.ended()
    assert answer.result(5).status == 200


@both
def test_removed_in_a_transfer(exchange: Exchange, phone: Phone) -> None:
    """§1 call ended: the room hung up, by RemoveParticipant."""
    line = exchange.line()
    call = exchange.call(line, phone)
    answer = exchange.transfer(line)
    phone.reply(call.request("REFER"), "202 Accepted")
    identity = exchange.participant(line.room)["identity"]
    body = {"room": line.room, "identity": identity}
    exchange.ok("RoomService/RemoveParticipant", body, line.room)
    call.ended()
    got = answer.result(5)
    assert (got.status, got.meta["sip_transfer_reason"]) == (409, "STR_CALL_ENDED")


def test_notify_of_a_stranger(exchange: Exchange, phone: Phone) -> None:
    """§4: 481 for a NOTIFY of another dialog, with the right To tag but another Call-ID or From
    tag."""
    line = exchange.line()
    call = exchange.call(line, phone)
    answer = exchange.transfer(line)
    phone.reply(call.request("REFER"), "202 Accepted")
    stranger = Call(phone, line.number)
    stranger.to_tag, stranger.target = call.to_tag, call.target
    assert stranger.notify(OK, GONE).status == 481
    phone.none(lambda m: m.method == "BYE", 0.3)
    assert not answer.done()
    call.notify("SIP/2.0 603 Decline", GONE)
    answer.result(5)


@both
def test_notify_by_another_way(exchange: Exchange, phone: Phone) -> None:
    """§4: a NOTIFY may come by another way than the call; §3: TCP: the old connection if its far
    end is the next hop (a Contact that names no transport)."""
    line = exchange.line()
    call = exchange.call(line, phone)
    answer = exchange.transfer(line)
    phone.reply(call.request("REFER"), "202 Accepted")
    other = exchange.phone(TcpPhone)
    call.phone = other
    assert call.notify(OK, GONE).status == 200
    call.ended()
    call.phone = phone
    assert answer.result(5).status == 200
    other.close()


@both
def test_bye_while_refer_is_unanswered(exchange: Exchange, phone: Phone) -> None:
    """§1 friendly and not: BYE instead of an answer to REFER, then a NOTIFY in the grace."""
    line = exchange.line()
    call = exchange.call(line, phone)
    answer = exchange.transfer(line)
    call.request("REFER")
    call.hang_up()
    assert call.notify(OK, GONE).status == 200
    assert answer.result(5).status == 200


@both
def test_second_success_after_success(exchange: Exchange, phone: Phone) -> None:
    """§1: after a verdict another request for the same call finds no participant."""
    line = exchange.line()
    call = exchange.call(line, phone)
    identity = exchange.participant(line.room)["identity"]
    answer = exchange.transfer(line)
    phone.reply(call.request("REFER"), "202 Accepted")
    call.notify(OK, GONE)
    call.ended()
    assert answer.result(5).status == 200
    assert exchange.transfer(line, identity=identity).result(5).status == 404


def test_prefix_of_the_text(exchange: Exchange) -> None:
    """facts §1.4: the prefix `twirp error unknown: ` where the facts mark a text prefixed."""
    answer = exchange.rpc("SIP/TransferSIPParticipant", {}, "r")
    assert answer.body["msg"] == "twirp error unknown: Missing room name"


@pytest.mark.parametrize("missing", ["Contact", "From tag"])
def test_odd_invite(exchange: Exchange, phone: Phone, missing: str) -> None:
    """calls.md §1: an INVITE without Contact is malformed; one without a From tag (RFC 2543) is
    answered somehow, and never breaks anything."""
    call = Call(phone, exchange.line().number)
    data = call.message("INVITE", (), call.sdp(), without=["Contact"] if missing[0] == "C" else [])
    if missing == "From tag":
        data = data.replace(f";tag={call.from_tag}".encode(), b"", 1)
    phone.send(data)
    answer = phone.wait(lambda m: m.status >= 200, "an answer")
    assert answer.status in {200, 400}
    if missing == "Contact":
        assert answer.status == 400
    if answer.status == 200:
        phone.send(data.replace(b"INVITE", b"BYE").replace(b"CSeq: 1", b"CSeq: 2"))
    assert Call(phone, "ping").ask("OPTIONS").status == 200


def test_many_at_once(exchange: Exchange) -> None:
    """Twenty calls are transferred at the same time, each with its own outcome."""
    phones = [exchange.phone() for _ in range(20)]
    lines = [exchange.line() for _ in phones]
    calls = [exchange.call(line, phone) for line, phone in zip(lines, phones, strict=True)]
    answers = [exchange.transfer(line) for line in lines]
    for index, call in enumerate(calls):
        call.phone.reply(call.request("REFER"), "202 Accepted")
        call.send_notify(OK if index % 2 else "SIP/2.0 486 Busy Here", GONE)
    statuses = [answer.result(10).status for answer in answers]
    assert statuses == [200 if index % 2 else 429 for index in range(20)]
    for call in calls[1::2]:
        call.ended()
    for phone in phones:
        phone.close()


@both
def test_loss(exchange: Exchange, phone: Phone) -> None:
    """The 200 to our NOTIFY's sender got lost: the same NOTIFY by another branch is answered too,
    and the lower CSeq of a late 180 changes nothing."""
    line = exchange.line()
    call = exchange.call(line, phone)
    answer = exchange.transfer(line)
    phone.reply(call.request("REFER"), "202 Accepted")
    fields = [("Event", "refer"), ("Subscription-State", GONE), ("Content-Type", "message/sipfrag")]
    number = call.cseq + 3
    for _ in range(2):
        phone.send(call.message("NOTIFY", fields, OK, cseq=number, branch=token("z9hG4bK")))
        assert call.answer(200, "NOTIFY", cseq=number)
    late = [("Event", "refer"), ("Subscription-State", "active")]
    phone.send(call.message("NOTIFY", late, "SIP/2.0 180 Ringing", cseq=number - 1))
    assert call.answer(200, "NOTIFY", cseq=number - 1)
    call.ended()
    assert answer.result(5).status == 200
    assert verdict(exchange, line.room) == "succeeded"
