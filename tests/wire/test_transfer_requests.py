"""transfer.md §2: what TransferSIPParticipant refuses, joins and repeats."""

from __future__ import annotations

import uuid

import pytest
from tests.wire.kit.call import Call
from tests.wire.kit.phone import Phone
from tests.wire.kit.server import Exchange, background, until
from tests.wire.kit.ways import both

pytestmark = pytest.mark.interop

OK, GONE = "SIP/2.0 200 OK\r\n", "terminated;reason=noresource"
RESERVED = [
    *("Via", "To", "From", "Call-ID", "CSeq", "Contact", "Route", "Record-Route", "Max-Forwards"),
    *("Content-Type", "Content-Foo", "Require", "Proxy-Require", "Authorization", "Refer-Sub"),
    *("Proxy-Authorization", "Refer-To", "Target-Dialog", "Session-Expires", "Identity"),
    *"vtfimclrxy",
    "refer-TO",
]
FORM = "transfer_to must be a valid SIP(s) or TEL URI (sip:, sips: or tel:)"


def test_order_of_checks(exchange: Exchange) -> None:
    """Order of checks and texts: facts §3.1."""
    path = "SIP/TransferSIPParticipant"
    body: dict[str, str] = {}
    for key, status, text in [
        ("room_name", 400, "Missing room name"),
        ("participant_identity", 400, "Missing participant identity"),
        ("transfer_to", 400, "missing transfer to"),
        ("", 404, "participant does not exist"),
    ]:
        answer = exchange.rpc(path, body, "nowhere")
        assert (answer.status, answer.text) == (status, text)
        body[key] = "sip:x@y" if key == "transfer_to" else "nowhere"
    assert exchange.rpc(path, {**body, "transfer_to": "+1"}, "nowhere").text == FORM
    other = exchange.rpc(path, body, "elsewhere")
    assert (other.status, other.text) == (401, "permissions denied")


@pytest.mark.parametrize(
    "target",
    [
        "+15105550100",
        "bob@example.com",
        "http://example.com",
        '"Bob" <sip:bob@example.com>',
        "sip:bob@example.com\r\nX: y",
        "sip:bob smith@example.com",
        "sip:bob@example.com>",
        "<<sip:bob@example.com>>",
        'sip:"bob"@example.com',
        "sip:bob@example.com;method=BYE",
        "sip:bob@example.com?Route=%3Csip:x%3E",
        "sip:bob@example.com?Contact=x",
        "sip:bob@example.com?call-id=x",
        "sip:bob@example.com?a=b c",
        "sip:",
        "tel:",
    ],
)
def test_target_refused(exchange: Exchange, phone: Phone, target: str) -> None:
    """Target refused: control characters, spaces, `"`, other `<` `>`, a method parameter other
    than INVITE, reserved ?headers, no scheme: with LiveKit's text."""
    line = exchange.line()
    exchange.call(line, phone)
    answer = exchange.transfer(line, target).result(5)
    assert (answer.status, answer.body["code"]) == (400, "invalid_argument"), answer
    assert answer.text.startswith(FORM)
    assert ":" in target.strip('"') or answer.text == FORM
    phone.none(lambda m: m.method == "REFER", 0.1)


@both
@pytest.mark.parametrize(
    ("target", "sent"),
    [
        ("sip:bob@example.com", "<sip:bob@example.com>"),
        ("<sip:bob@example.com>", "<sip:bob@example.com>"),
        ("SIPS:bob@example.com;transport=tls", "sips:bob@example.com;transport=tls"),
        ("tel:+1555;ext=22", "<tel:+1555;ext=22>"),
        ("<TEL:+1555>", "tel:+1555"),
        ("sip:1,2@example.com", "<sip:1,2@example.com>"),
        ("sip:b@example.com;method=INVITE", "<sip:b@example.com;method=INVITE>"),
        ("sip:b@e.com?X-A=b%20c&Replaces=a%3Bto-tag%3D1", "?X-A=b%20c&Replaces=a%3Bto-tag%3D1>"),
        ("sip:[2001:db8::1]:5080", "<sip:[2001:db8::1]:5080>"),
    ],
)
def test_target_sent(exchange: Exchange, phone: Phone, target: str, sent: str) -> None:
    """Accept `sip:`, `sips:`, `tel:` (any case, optionally in one pair of `<>`); always send
    Refer-To in angle brackets."""
    line = exchange.line()
    call = exchange.call(line, phone)
    answer = exchange.transfer(line, target)
    refer = call.request("REFER")
    value = refer.get("Refer-To")
    assert value.startswith("<")
    assert value.endswith(">")
    assert sent.lower() in value.lower()
    phone.reply(refer, "603 Decline")
    answer.result(5)


@pytest.mark.parametrize("name", RESERVED)
def test_reserved_headers(exchange: Exchange, phone: Phone, name: str) -> None:
    """Extra headers: reserved ones, compact forms included: in a request: refused."""
    line = exchange.line()
    body = {
        "room_name": line.room,
        "participant_identity": "x",
        "transfer_to": "sip:x@y",
        "headers": {name: "<sip:x@y>"},
    }
    answer = exchange.rpc("SIP/TransferSIPParticipant", body, line.room)
    assert (answer.status, answer.body["code"]) == (400, "invalid_argument"), answer
    assert answer.text == f"invalid header name: header name {name} not supported"
    del phone


def test_bad_header_values(exchange: Exchange) -> None:
    """Values are checked (facts §2.2): no CR LF injection, 1024 bytes at most."""
    body = {"room_name": "r", "participant_identity": "x", "transfer_to": "sip:x@y"}
    for headers in ({"X-A": "a\r\nB: c"}, {"X-A": "x" * 1025}, {"X A": "b"}, {"": "b"}):
        answer = exchange.rpc("SIP/TransferSIPParticipant", {**body, "headers": headers}, "r")
        assert answer.status == 400
        assert answer.text.startswith("invalid header")


def test_headers_and_attributes(exchange: Exchange, phone: Phone) -> None:
    """§3: the request's headers and attributes_to_headers, sorted; from an attribute a reserved
    one is dropped and logged."""
    line = exchange.line(
        attributes_to_headers={"team": "X-Team", "bad": "Refer-Sub", "b": "X-Able"},
        rule={"attributes": {"team": "red", "bad": "false", "b": "able"}},
    )
    call = exchange.call(line, phone)
    body = {
        "room_name": line.room,
        "participant_identity": exchange.participant(line.room)["identity"],
        "transfer_to": "sip:bob@example.com",
        "headers": {"X-Zulu": "z", "X-Bravo": "b", "Referred-By": "<sip:me@example.com>"},
    }
    got = background(lambda: exchange.rpc("SIP/TransferSIPParticipant", body, line.room))
    refer = call.request("REFER")
    names = [name for name, _ in refer.headers if name.startswith("x-")]
    assert names == ["x-able", "x-bravo", "x-team", "x-zulu"]
    assert refer.get("X-Team") == "red"
    assert not refer.has("Refer-Sub")
    assert refer.all("Referred-By") == ["<sip:me@example.com>"]
    phone.reply(refer, "603 Decline")
    got.result(5)
    assert exchange.logged("Refer-Sub") or exchange.logged("refer-sub")


@both
def test_same_target_joins(exchange: Exchange, phone: Phone) -> None:
    """A second request while one is pending: same target → waits for the same verdict, one REFER;
    other target → invalid_argument `call already being transferred elsewhere`."""
    line = exchange.line()
    call = exchange.call(line, phone)
    first = exchange.transfer(line)
    refer = call.request("REFER")
    second = exchange.transfer(line)
    other = exchange.transfer(line, "sip:carol@example.com").result(5)
    assert (other.status, other.text) == (400, "call already being transferred elsewhere")
    phone.reply(refer, "202 Accepted")
    phone.none(lambda m: m.method == "REFER")
    call.notify(OK, GONE)
    call.ended()
    assert first.result(5).body["transfer_id"] == second.result(5).body["transfer_id"]


@both
def test_joiner_times_out(exchange: Exchange, phone: Phone) -> None:
    """The joiner's own ringing_timeout bounds its wait: 408 with the id, the transfer goes on."""
    line = exchange.line()
    call = exchange.call(line, phone)
    first = exchange.transfer(line)
    phone.reply(call.request("REFER"), "202 Accepted")
    joiner = exchange.transfer(line, ringing_timeout="1s").result(5)
    assert joiner.status == 408
    assert joiner.meta["sip_transfer_id"].startswith("STR_")
    assert not first.done()
    call.notify(OK, GONE)
    call.ended()
    assert first.result(5).body["transfer_id"] == joiner.meta["sip_transfer_id"]


@both
def test_request_id(exchange: Exchange, phone: Phone) -> None:
    """Same `X-Livekit-Request-Id` with the same key and call, even a finished one → the earlier
    verdict, no REFER; with another target → invalid_argument."""
    line = exchange.line()
    call = exchange.call(line, phone)
    headers = {"X-Livekit-Request-Id": str(uuid.uuid4())}
    first = exchange.transfer(line, headers=headers)
    phone.reply(call.request("REFER"), "603 Decline")
    once = first.result(5)
    again = exchange.transfer(line, headers=headers).result(5)
    assert (again.status, again.body) == (once.status, once.body)
    other = exchange.transfer(line, "sip:carol@example.com", headers=headers).result(5)
    assert (other.status, other.body["code"]) == (400, "invalid_argument")
    phone.none(lambda m: m.method == "REFER")


@both
def test_while_an_earlier_one_is_watched(exchange: Exchange, phone: Phone) -> None:
    """While an earlier REFER is still watched: same target → a new transfer that sends no REFER
    and takes its verdict from the open subscription."""
    line = exchange.line()
    call = exchange.call(line, phone)
    first = exchange.transfer(line, ringing_timeout="1s")
    phone.reply(call.request("REFER"), "202 Accepted")
    early = first.result(5)
    assert early.status == 408
    second = exchange.transfer(line)
    phone.none(lambda m: m.method == "REFER")
    call.notify(OK, GONE)
    call.ended()
    late = second.result(5)
    assert late.status == 200
    assert late.body["transfer_id"] != early.meta["sip_transfer_id"]


@both
def test_late_success_of_an_earlier_one(exchange: Exchange, phone: Phone) -> None:
    """Other target → a new REFER. A 2xx for any earlier REFER ends the call: late success there,
    and the pending transfer gets call ended with a note."""
    line = exchange.line()
    call = exchange.call(line, phone)
    first = exchange.transfer(line, ringing_timeout="1s")
    one = call.request("REFER")
    phone.reply(one, "202 Accepted")
    early = first.result(5)
    second = exchange.transfer(line, "sip:carol@example.com")
    two = call.request("REFER")
    assert two.cseq > one.cseq
    phone.reply(two, "202 Accepted")
    call.notify(OK, GONE, event=f"refer;id={one.cseq}")
    call.ended()
    got = second.result(5)
    assert got.meta["sip_transfer_reason"] == "STR_CALL_ENDED"
    assert exchange.record(line.room, got.meta["sip_transfer_id"])["notes"]
    until(
        lambda: exchange.record(line.room, early.meta["sip_transfer_id"])["late_success"],
        "the late success",
    )


def test_not_established(exchange: Exchange, phone: Phone) -> None:
    """§3: REFER waits for the ACK of a 200 of ours (before the 200 see test_answering)."""
    line = exchange.line()
    call = Call(phone, line.number)
    call.dial()
    late = exchange.transfer(line)
    answered = phone
    answered.none(lambda m: m.method == "REFER", 0.3)
    call.ack()
    refer = call.request("REFER")
    answered.reply(refer, "603 Decline")
    assert late.result(5).status == 403


@both
def test_again_after_a_failure(exchange: Exchange, phone: Phone) -> None:
    """After a failed transfer the call goes on and may be transferred again (next CSeq)."""
    line = exchange.line()
    call = exchange.call(line, phone)
    numbers = []
    for _ in range(3):
        answer = exchange.transfer(line)
        refer = call.request("REFER")
        numbers.append(refer.cseq)
        phone.reply(refer, "603 Decline")
        assert answer.result(5).status == 403
    assert numbers == [numbers[0], numbers[0] + 1, numbers[0] + 2]


@both
def test_ringing_timeout_bounds(exchange: Exchange, phone: Phone) -> None:
    """More than 1 h → invalid_argument `ringing_timeout must not exceed 1h`, after the header
    check; ≤ 0 → 30 s."""
    line = exchange.line()
    call = exchange.call(line, phone)
    answer = exchange.transfer(line, ringing_timeout="3601s").result(5)
    assert (answer.status, answer.text) == (400, "ringing_timeout must not exceed 1h")
    pending = exchange.transfer(line, ringing_timeout="-5s")
    refer = call.request("REFER")
    phone.none(lambda m: m.method == "BYE", 0.3)
    assert not pending.done()
    phone.reply(refer, "603 Decline")
    assert pending.result(5).status == 403


@both
def test_twirp_timeout(exchange: Exchange, phone: Phone) -> None:
    """`X-Twirp-Timeout-Ms` shortens the wait of that request only: deadline_exceeded with
    sip_transfer_id and no reason, the transfer goes on."""
    line = exchange.line()
    call = exchange.call(line, phone)
    answer = exchange.transfer(line, headers={"X-Twirp-Timeout-Ms": "500"})
    phone.reply(call.request("REFER"), "202 Accepted")
    got = answer.result(5)
    assert (got.status, got.body["code"]) == (408, "deadline_exceeded")
    assert got.meta["sip_transfer_id"].startswith("STR_")
    assert "sip_transfer_reason" not in got.meta
    record = exchange.record(line.room, got.meta["sip_transfer_id"])
    assert not record["verdict"]
    call.notify(OK, GONE)
    call.ended()
    until(
        lambda: exchange.record(line.room, got.meta["sip_transfer_id"])["verdict"] == "succeeded",
        "the verdict",
    )


@both
def test_unknown_participant(exchange: Exchange, phone: Phone) -> None:
    """The participant is resolved to its call inside the server: unknown → not_found."""
    line = exchange.line()
    exchange.call(line, phone)
    answer = exchange.transfer(line, identity="nobody").result(5)
    assert (answer.status, answer.text) == (404, "participant does not exist")
