"""transfer.md §3: the REFER on the wire, its route, when it goes out, and its answers."""

from __future__ import annotations

import socket

import pytest
from tests.wire.kit.call import Call
from tests.wire.kit.digest import fields, right
from tests.wire.kit.message import Message, reply
from tests.wire.kit.phone import Phone, TcpPhone
from tests.wire.kit.server import Exchange, background
from tests.wire.kit.ways import both

pytestmark = pytest.mark.interop

OK, GONE = "SIP/2.0 200 OK\r\n", "terminated;reason=noresource"
MD5 = 'Digest realm="one", nonce="n1", qop="auth", algorithm=MD5, opaque="o"'
SHA = 'Digest realm="one", nonce="n1", qop="auth", algorithm=SHA-256'
FROB = 'Digest realm="one", nonce="n1", algorithm=FROB'
OTHER = 'Digest realm="two", nonce="n2"'
USER = {"auth_username": "user", "auth_password": "pass"}


def outbound(exchange: Exchange, number: str) -> None:
    """An outbound trunk that has the called number, with credentials."""
    trunk = {
        "name": "out",
        "address": "192.0.2.99",
        "numbers": [number],
        **USER,
    }
    exchange.ok("SIP/CreateSIPOutboundTrunk", {"trunk": trunk})


def finish(call: Call, refer: Message) -> None:
    """202, a final NOTIFY, and the BYE that follows."""
    call.phone.reply(refer, "202 Accepted")
    call.notify(OK, GONE)
    call.ended()


def test_headers(exchange: Exchange, phone: Phone) -> None:
    """Headers: Refer-To, Referred-By: <local URI> without tag and display name, Contact,
    Max-Forwards, Allow, Supported, User-Agent, Content-Length: 0; never Refer-Sub."""
    line = exchange.line()
    to = f'"The Line" <sip:{line.number}@127.0.0.1;user=phone>'
    call = Call(phone, line.number, to=to)
    call.connect()
    answer = exchange.transfer(line)
    refer = call.request("REFER")
    assert refer.get("Refer-To") == "<sip:bob@example.com>"
    assert refer.get("Referred-By") == f"<sip:{line.number}@127.0.0.1;user=phone>"
    assert refer.get("Max-Forwards") == "70"
    assert refer.get("Content-Length") == "0"
    assert refer.contact.startswith("sip:")
    assert refer.tokens("Allow") >= {"NOTIFY", "BYE"}
    assert refer.tokens("Supported") == {"100rel", "timer"}
    assert refer.get("User-Agent").startswith("Hookflash/")
    assert not refer.has("Refer-Sub")
    assert refer.tag("From") == call.to_tag
    assert refer.tag("To") == call.from_tag
    assert refer.get("Call-ID") == call.call_id
    assert refer.uri == phone.uri
    assert refer.get("Via").startswith("SIP/2.0/UDP 127.0.0.1:")
    assert "rport" in refer.get("Via")
    finish(call, refer)
    assert answer.result(5).status == 200


def test_loose_route(exchange: Exchange, phone: Phone) -> None:
    """Route set from Record-Route only (callee: in order), never from the INVITE's own Route; the
    first hop by the top Route."""
    proxy, line = exchange.phone(), exchange.line()
    call = Call(phone, line.number, routes=["<sip:127.0.0.1;lr;mine>"])
    top = f"<sip:127.0.0.1:{proxy.port};lr;x=1>"
    call.dial([("Record-Route", top), ("Record-Route", "<sip:192.0.2.7;lr>, <sip:192.0.2.8;lr>")])
    call.routes = []
    call.ack()
    answer = exchange.transfer(line)
    refer = proxy.request("REFER")
    routes = ", ".join(refer.all("Route")).replace(" ", "").split(",")
    assert routes == [top, "<sip:192.0.2.7;lr>", "<sip:192.0.2.8;lr>"]
    assert refer.uri == phone.uri
    proxy.reply(refer, "202 Accepted")
    call.notify(OK, GONE)
    bye = proxy.request("BYE")
    assert bye.all("Route") == refer.all("Route")
    proxy.reply(bye, "200 OK")
    call.up = False
    assert answer.result(5).status == 200
    proxy.close()


def test_strict_route(exchange: Exchange, phone: Phone) -> None:
    """Strict routing when the top Route has no `lr` (RFC 3261 §12.2.1.1)."""
    proxy, line = exchange.phone(), exchange.line()
    call = Call(phone, line.number)
    top = f"sip:127.0.0.1:{proxy.port}"
    call.dial([("Record-Route", f"<{top}>, <sip:192.0.2.7;lr>")])
    call.routes = []
    call.ack()
    answer = exchange.transfer(line)
    refer = proxy.request("REFER")
    assert refer.uri == top
    routes = ", ".join(refer.all("Route")).replace(" ", "").split(",")
    assert routes == ["<sip:192.0.2.7;lr>", f"<{phone.uri}>"]
    proxy.reply(refer, "603 Decline")
    answer.result(5)
    call.up = False
    proxy.close()


@both
@pytest.mark.parametrize("method", ["INVITE", "UPDATE", "NOTIFY", "INFO", "OPTIONS"])
def test_target(exchange: Exchange, phone: Phone, method: str) -> None:
    """Remote target: Contact of the last accepted INVITE or UPDATE and of NOTIFY (RFC 5057 §5.4),
    never of INFO, OPTIONS, PRACK, BYE."""
    line = exchange.line()
    call = exchange.call(line, phone)
    first = exchange.transfer(line)
    phone.reply(call.request("REFER"), "202 Accepted")
    call.contact = f"<{phone.uri};new=1>"
    if method == "INVITE":
        call.reinvite(call.sdp(version=2))
    elif method == "NOTIFY":
        call.notify("SIP/2.0 180 Ringing")
    else:
        call.ask(method)
    call.notify("SIP/2.0 486 Busy", GONE, headers=[("Contact", call.contact)])
    first.result(5)
    answer = exchange.transfer(line)
    refer = call.request("REFER")
    moved = refer.uri == f"{phone.uri};new=1"
    assert moved or method in {"INFO", "OPTIONS"}
    phone.reply(refer, "603 Decline")
    answer.result(5)


@both
def test_target_not_by_info(exchange: Exchange, phone: Phone) -> None:
    """Never of INFO, OPTIONS."""
    line = exchange.line()
    call = exchange.call(line, phone)
    old, call.contact = phone.uri, "<sip:elsewhere@192.0.2.5>"
    call.ask("INFO")
    call.ask("OPTIONS")
    answer = exchange.transfer(line)
    refer = call.request("REFER")
    assert refer.uri == old
    phone.reply(refer, "603 Decline")
    answer.result(5)


def test_tcp_connection_is_used_again(exchange: Exchange) -> None:
    """TCP: the old connection if the next hop is a NATed Contact or its far end."""
    phone, line = exchange.phone(TcpPhone), exchange.line()
    call = exchange.call(line, phone)
    answer = exchange.transfer(line)
    refer = call.request("REFER")
    assert refer.get("Via").startswith("SIP/2.0/TCP")
    finish(call, refer)
    assert answer.result(5).status == 200
    phone.close()


def test_tcp_connection_closed(exchange: Exchange) -> None:
    """TCP: closed: a new one (here to the Contact's own listener)."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(6)
    phone, line = exchange.phone(TcpPhone), exchange.line()
    call = Call(phone, line.number)
    call.contact = f"<sip:wire@127.0.0.1:{listener.getsockname()[1]};transport=tcp>"
    call.connect()
    phone.drop()
    answer = exchange.transfer(line)
    connection, _ = listener.accept()
    connection.settimeout(6)
    data = connection.recv(65535)
    assert data.startswith(b"REFER ")
    connection.sendall(reply(Message(data), "603 Decline"))
    assert answer.result(5).status == 403
    connection.close()
    listener.close()


def test_tcp_unreachable(exchange: Exchange) -> None:
    """unreachable: `unavailable` for a TCP target that cannot be connected."""
    phone, line = exchange.phone(TcpPhone), exchange.line()
    call = Call(phone, line.number)
    call.contact = "<sip:wire@127.0.0.1:1;transport=tcp>"
    call.connect()
    phone.drop()
    answer = exchange.transfer(line).result(10)
    assert answer.body["code"] == "unavailable", answer
    assert answer.meta["sip_transfer_reason"] == "STR_UNSPECIFIED"


def test_waits_for_the_ack(exchange: Exchange, phone: Phone) -> None:
    """It waits for the ACK of a 200 of ours; a hang-up while it waits: no REFER is sent."""
    line = exchange.line()
    call = Call(phone, line.number)
    call.dial()
    answer = exchange.transfer(line)
    phone.none(lambda m: m.method == "REFER")
    call.hang_up()
    assert answer.result(5).status == 409
    phone.none(lambda m: m.method == "REFER", 0.2)


@both
def test_waits_for_an_open_invite(exchange: Exchange, phone: Phone) -> None:
    """And while an INVITE transaction of either side is open: a re-INVITE whose 200 has no ACK."""
    line = exchange.line()
    call = exchange.call(line, phone)
    call.invite(body=call.sdp(version=2))
    call.answer(200, "INVITE")
    answer = exchange.transfer(line)
    phone.none(lambda m: m.method == "REFER")
    call.ack()
    finish(call, call.request("REFER"))
    assert answer.result(5).status == 200


@both
def test_no_invite_of_ours_in_a_refer(exchange: Exchange, phone: Phone) -> None:
    """§5: the peer's re-INVITE or UPDATE in a transfer is answered as ever: neither failure nor
    end."""
    line = exchange.line()
    call = exchange.call(line, phone)
    answer = exchange.transfer(line)
    refer = call.request("REFER")
    held = call.reinvite(call.sdp(direction="sendonly", version=2))
    assert "a=recvonly" in held.text
    phone.reply(refer, "202 Accepted")
    assert call.ask("UPDATE", (), call.sdp(direction="inactive", version=3)).status == 200
    call.notify(OK, GONE)
    call.ended()
    assert answer.result(5).status == 200


@both
@pytest.mark.parametrize(
    ("status", "header", "reply"),
    [
        ("401 Unauthorized", "WWW-Authenticate", "Authorization"),
        ("407 Proxy Authentication Required", "Proxy-Authenticate", "Proxy-Authorization"),
    ],
)
@pytest.mark.parametrize("challenges", [[MD5], [SHA, MD5], [FROB, MD5], [MD5, OTHER]])
def test_challenge(
    exchange: Exchange, phone: Phone, status: str, header: str, reply: str, challenges: list[str]
) -> None:
    """401/407: the first challenge whose algorithm we know (MD5, SHA-256), all realms of one
    answer together; of an inbound call those of the outbound trunk that has the called number."""
    line = exchange.line()
    outbound(exchange, line.number)
    call = exchange.call(line, phone, trunk=USER)
    answer = exchange.transfer(line)
    first = call.request("REFER")
    phone.reply(first, status, [(header, challenge) for challenge in challenges])
    second = call.request("REFER")
    assert second.cseq > first.cseq
    credentials = second.all(reply)
    realms = {fields(value)["realm"] for value in credentials}
    assert realms == {fields(value)["realm"] for value in challenges}
    assert len(credentials) == len(realms)
    algorithm = "SHA-256" if SHA in challenges else "MD5"
    for value in credentials:
        used = algorithm if fields(value)["realm"] == "one" else "MD5"
        assert right(value, "user", "pass", "REFER", used)
        assert fields(value)["uri"] == second.uri
    finish(call, second)
    got = answer.result(5)
    stages = exchange.record(line.room, got.body["transfer_id"])["stages"]
    assert "challenged" in [entry["stage"] for entry in stages]


@both
def test_once_per_realm(exchange: Exchange, phone: Phone) -> None:
    """Once per realm, again only on `stale=true`."""
    line = exchange.line()
    outbound(exchange, line.number)
    call = exchange.call(line, phone, trunk=USER)
    answer = exchange.transfer(line)
    phone.reply(call.request("REFER"), "407 Proxy", [("Proxy-Authenticate", MD5)])
    stale = MD5.replace("n1", "n9") + ", stale=true"
    phone.reply(call.request("REFER"), "407 Proxy", [("Proxy-Authenticate", stale)])
    third = call.request("REFER")
    assert fields(third.get("Proxy-Authorization"))["nonce"] == "n9"
    phone.reply(third, "407 Proxy Authentication Required", [("Proxy-Authenticate", MD5)])
    got = answer.result(5)
    assert got.meta["sip_status_code"] == "407"


def test_no_credentials(exchange: Exchange, phone: Phone) -> None:
    """None → refused with that status and a message that says so; the inbound trunk's own only if
    this caller authenticated with them."""
    line = exchange.line()
    call = exchange.call(line, phone)
    answer = exchange.transfer(line)
    phone.reply(call.request("REFER"), "401 Unauthorized", [("WWW-Authenticate", MD5)])
    got = answer.result(5)
    assert got.meta["sip_status_code"] == "401"
    assert "credentials" in got.text


@both
def test_bye_is_challenged(exchange: Exchange, phone: Phone) -> None:
    """BYE of ours answers challenges the same way."""
    line = exchange.line()
    outbound(exchange, line.number)
    call = exchange.call(line, phone, trunk=USER)
    exchange.ok("RoomService/DeleteRoom", {"room": line.room}, line.room)
    phone.reply(call.request("BYE"), "407 Proxy", [("Proxy-Authenticate", MD5)])
    again = call.ended()
    assert right(again.get("Proxy-Authorization"), "user", "pass", "BYE")


@both
def test_491(exchange: Exchange, phone: Phone) -> None:
    """491: retry after the RFC 3261 §14.1 interval (callee: 0-2 s) while time is left."""
    line = exchange.line()
    call = exchange.call(line, phone)
    answer = exchange.transfer(line)
    first = call.request("REFER")
    phone.reply(first, "491 Request Pending")
    second = call.request("REFER")
    assert second.cseq == first.cseq + 1
    finish(call, second)
    got = answer.result(5)
    stages = exchange.record(line.room, got.body["transfer_id"])["stages"]
    assert "waiting" in [entry["stage"] for entry in stages]


@both
def test_491_until_time_is_over(exchange: Exchange, phone: Phone) -> None:
    """Time over → refused with 491."""
    line = exchange.line()
    call = exchange.call(line, phone)
    answer = exchange.transfer(line, ringing_timeout="1s")
    while not answer.done():
        try:
            phone.reply(call.request("REFER", 0.5), "491 Request Pending")
        except AssertionError:
            continue
    got = answer.result(5)
    assert got.meta.get("sip_status_code") == "491"
    assert got.meta["sip_transfer_reason"] == "STR_REJECTED"


@both
def test_408_with_media(exchange: Exchange, phone: Phone) -> None:
    """408: refused, and the call goes on if RTP came within the last 2 s."""
    line = exchange.line()
    call = exchange.call(line, phone)
    call.sound.play(440)
    call.sound.heard(lambda seen: len(seen) > 10, "RTP")
    answer = exchange.transfer(line)
    phone.reply(call.request("REFER"), "408 Request Timeout")
    assert answer.result(5).meta["sip_status_code"] == "408"
    phone.none(lambda m: m.method in {"BYE", "OPTIONS"} and not m.status)
    assert call.ask("OPTIONS").status == 200


@both
@pytest.mark.parametrize(("status", "ends"), [("200 OK", False), ("481 Gone", True)])
def test_408_with_a_probe(exchange: Exchange, phone: Phone, status: str, ends: bool) -> None:
    """408 without RTP: an in-dialog OPTIONS gets any answer but 481/408 within 4 s, else BYE."""
    line = exchange.line()
    call = exchange.call(line, phone)
    answer = exchange.transfer(line)
    phone.reply(call.request("REFER"), "408 Request Timeout")
    phone.reply(call.request("OPTIONS"), status)
    assert answer.result(8).meta["sip_status_code"] == "408"
    if ends:
        call.ended()
    else:
        phone.none(lambda m: m.method == "BYE", 0.3)


@both
@pytest.mark.parametrize("status", [404, 410, 416, 482, 483, 484, 485, 502, 604])
def test_never_ends_the_call(exchange: Exchange, phone: Phone, status: int) -> None:
    """404, 410, 416, 482-485, 502, 604 never end the call (against RFC 5057 §5.1)."""
    line = exchange.line()
    call = exchange.call(line, phone)
    answer = exchange.transfer(line)
    phone.reply(call.request("REFER"), f"{status} No")
    assert answer.result(5).meta["sip_status_code"] == str(status)
    assert call.ask("OPTIONS").status == 200
    phone.none(lambda m: m.method == "BYE", 0.1)


@both
def test_1xx_and_2xx(exchange: Exchange, phone: Phone) -> None:
    """1xx are ignored. Any 2xx is acceptance, never success."""
    line = exchange.line()
    call = exchange.call(line, phone)
    answer = exchange.transfer(line)
    refer = call.request("REFER")
    phone.reply(refer, "100 Trying")
    phone.reply(refer, "182 Queued")
    phone.reply(refer, "200 OK")
    phone.none(lambda m: m.method == "BYE")
    assert not answer.done()
    call.notify(OK, GONE)
    call.ended()
    assert answer.result(5).status == 200


@both
def test_retransmitted(exchange: Exchange, phone: Phone) -> None:
    """The REFER is repeated by T1 until it is answered (RFC 3261 §17.1.2)."""
    line = exchange.line()
    call = exchange.call(line, phone)
    answer = exchange.transfer(line)
    first, again = call.request("REFER"), call.request("REFER")
    assert first.raw == again.raw
    finish(call, again)
    assert answer.result(5).status == 200


@both
def test_large_refer(exchange: Exchange, phone: Phone) -> None:
    """calls.md §5: UDP requests over 1,300 bytes go by TCP if it connects within 1 s, else UDP."""
    line = exchange.line()
    call = exchange.call(line, phone)
    body = {
        "room_name": line.room,
        "participant_identity": exchange.participant(line.room)["identity"],
        "transfer_to": "sip:bob@example.com",
        "headers": {"X-Large": "x" * 1000, "X-Larger": "y" * 500},
    }
    answer = background(lambda: exchange.rpc("SIP/TransferSIPParticipant", body, line.room))
    refer = call.request("REFER")
    assert len(refer.raw) > 1500
    assert refer.get("Via").startswith("SIP/2.0/UDP")
    finish(call, refer)
    assert answer.result(5).status == 200


@both
def test_large_refer_by_tcp(exchange: Exchange, phone: Phone) -> None:
    """The same where the peer listens on TCP too: the REFER comes by TCP."""
    listener = phone.listen()
    listener.settimeout(6)
    line = exchange.line()
    exchange.call(line, phone)
    body = {
        "room_name": line.room,
        "participant_identity": exchange.participant(line.room)["identity"],
        "transfer_to": "sip:bob@example.com",
        "headers": {"X-Large": "x" * 1000, "X-Larger": "y" * 500},
        "ringing_timeout": "2s",
    }
    answer = background(lambda: exchange.rpc("SIP/TransferSIPParticipant", body, line.room))
    connection, _ = listener.accept()
    connection.settimeout(6)
    refer = Message(connection.recv(65535))
    assert refer.method == "REFER"
    assert refer.get("Via").startswith("SIP/2.0/TCP")
    answer.result(8)
    connection.close()
    listener.close()
