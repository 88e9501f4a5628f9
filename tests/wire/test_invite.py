"""calls.md §1: an INVITE arrives, whom it names, and whether it is let in."""

from __future__ import annotations

import pytest
from tests.wire.kit.call import Call
from tests.wire.kit.message import token
from tests.wire.kit.phone import Phone
from tests.wire.kit.server import Exchange, until

pytestmark = pytest.mark.interop


def test_100_at_once(exchange: Exchange, phone: Phone) -> None:
    """INVITE arrives: 100 at once."""
    call = Call(phone, exchange.line().number)
    call.dial()
    call.ack()
    statuses = [m.status for _, m in phone.log]
    assert statuses[0] == 100
    assert set(statuses[1:]) <= {180, 200}
    assert not phone.log[0][1].tag("To")


def test_retransmitted_invite(exchange: Exchange, phone: Phone) -> None:
    """Transaction: branch + sent-by + method: the same INVITE again is the same call."""
    line = exchange.line()
    call = Call(phone, line.number)
    data = call.message("INVITE", (), call.sdp())
    for _ in range(3):
        phone.send(data)
    call.accepted()
    call.ack()
    assert len(exchange.participants(line.room)) == 1


def test_no_magic_cookie(exchange: Exchange, phone: Phone) -> None:
    """RFC 2543 rules without the magic cookie: retransmissions match, ACK and CANCEL too."""
    line = exchange.line()
    call = Call(phone, line.number)
    data = call.message("INVITE", (), call.sdp(), branch="1")
    phone.send(data)
    phone.send(data)
    call.accepted()
    call.ack(branch="1")
    phone.none(lambda m: m.status == 200 and m.method == "INVITE", 1.2)
    assert len(exchange.participants(line.room)) == 1


def test_merged(exchange: Exchange, phone: Phone) -> None:
    """No To tag, same CSeq, other branch while the first is in progress: merged, 482."""
    call = Call(phone, exchange.line().number)
    phone.send(call.message("INVITE", (), call.sdp(), cseq=1, branch="z9hG4bKfirst" + call.call_id))
    phone.send(call.message("INVITE", (), call.sdp(), cseq=1, branch="z9hG4bKother" + call.call_id))
    call.cseq = 1
    merged = call.answer(482)
    assert "other" in merged.get("Via")
    call.accepted()
    call.ack()


@pytest.mark.parametrize(
    ("name", "value", "fault"),
    [
        ("Max-Forwards", "abc", "max-forwards"),
        ("Max-Forwards", "256", "max-forwards"),
        ("CSeq", "1 OPTIONS", "cseq"),
        ("CSeq", "x INVITE", "cseq"),
        ("From", "<sip:broken@[::1>;tag=1", "uri"),
    ],
)
def test_malformed(exchange: Exchange, phone: Phone, name: str, value: str, fault: str) -> None:
    """Malformed: 400 naming the fault; Max-Forwards not a number or over 255: 400."""
    call = Call(phone, exchange.line().number)
    phone.send(call.message("INVITE", [(name, value)], call.sdp()))
    answer = phone.wait(lambda m: m.status >= 200, "400")
    assert answer.status == 400
    assert fault in answer.reason.lower(), answer.start


@pytest.mark.parametrize("without", ["From", "Call-ID", "CSeq", "To"])
def test_missing_header(exchange: Exchange, phone: Phone, without: str) -> None:
    """Malformed: 400 naming the fault, here an absent header."""
    call = Call(phone, exchange.line().number)
    phone.send(call.message("INVITE", (), call.sdp(), without=[without]))
    answer = phone.wait(lambda m: m.status >= 200, "400")
    assert answer.status == 400
    assert without.lower() in answer.reason.lower(), answer.start


@pytest.mark.parametrize("hops", ["0", ""])
def test_max_forwards_0(exchange: Exchange, phone: Phone, hops: str) -> None:
    """Max-Forwards 0 or absent is processed (we are the endpoint, RFC 4475)."""
    call = Call(phone, exchange.line().number)
    headers = [("Max-Forwards", hops)] if hops else []
    phone.send(call.message("INVITE", headers, call.sdp(), without=["Max-Forwards"]))
    call.accepted()
    call.ack()


def test_unknown_require(exchange: Exchange, phone: Phone) -> None:
    """Unknown `Require`: 420 with `Unsupported`; norefersub and replaces are unknown."""
    for option in ("frobnicate", "replaces", "norefersub"):
        call = Call(phone, exchange.line().number)
        call.invite([("Require", f"100rel, {option}")])
        answer = call.refuse()
        assert answer.status == 420
        assert answer.get("Unsupported") == option


def test_unknown_scheme(exchange: Exchange, phone: Phone) -> None:
    """Unknown URI scheme 416."""
    call = Call(phone, exchange.line().number, uri="frob:whatever")
    call.invite()
    assert call.refuse().status == 416


def test_no_usable_body(exchange: Exchange, phone: Phone) -> None:
    """No usable body type: 415 with `Accept`."""
    call = Call(phone, exchange.line().number)
    call.invite([("Content-Type", "text/plain")], "hello")
    answer = call.refuse()
    assert answer.status == 415
    assert "application/sdp" in answer.get("Accept")


def test_called_number_of_to(exchange: Exchange, phone: Phone) -> None:
    """Called number: the To user, although the Request-URI names another."""
    line = exchange.line()
    call = Call(phone, line.number, uri=f"sip:gateway@127.0.0.1:{exchange.sip[1]}")
    call.connect()
    assert exchange.attribute(line.room, "sip.trunkPhoneNumber") == line.number


@pytest.mark.parametrize("scheme", ["sip", "tel"])
def test_called_number_of_request_uri(exchange: Exchange, phone: Phone, scheme: str) -> None:
    """If no trunk or rule names the To user, the Request-URI user (sip, sips, tel);
    sip.trunkPhoneNumber is the one that matched."""
    line = exchange.line()
    uri = line.number if scheme == "tel" else f"{line.number}@127.0.0.1"
    call = Call(phone, line.number, to="<sip:somebody@example.com>", uri=f"{scheme}:{uri}")
    call.connect()
    assert exchange.attribute(line.room, "sip.trunkPhoneNumber") == line.number


def test_caller(exchange: Exchange, phone: Phone) -> None:
    """Caller: the From user; its attributes and identity as LiveKit names them."""
    line = exchange.line()
    call = Call(phone, line.number, caller="+15551234567")
    call.connect()
    person = exchange.participant(line.room)
    assert person["identity"] == "sip_+15551234567"
    assert person["name"] == "Phone +15551234567"
    assert person["kind"] == "SIP"
    seen = person["attributes"]
    assert seen["sip.phoneNumber"] == "+15551234567"
    assert seen["sip.hostname"] == "127.0.0.1"
    assert seen["sip.trunkID"] == line.trunk_id
    assert seen["sip.ruleID"] == line.rule_id
    assert seen["sip.callIDFull"] == call.call_id
    assert seen["sip.callTag"] == call.from_tag
    assert seen["sip.callID"] == call.to_tag
    assert call.to_tag.startswith("SCL_")


@pytest.mark.parametrize(
    "sender", ['"Anonymous" <sip:anonymous@anonymous.invalid>', "<sip:127.0.0.1>"]
)
def test_anonymous_with_asserted_identity(exchange: Exchange, phone: Phone, sender: str) -> None:
    """Anonymous or empty: P-Asserted-Identity of a peer that passed allowed_addresses."""
    line = exchange.line(allowed_addresses=["127.0.0.1"])
    call = Call(phone, line.number, from_=sender)
    call.connect([("P-Asserted-Identity", "<sip:+15557654321@carrier.example>")])
    assert exchange.participant(line.room)["identity"] == "sip_+15557654321"


def test_asserted_identity_of_a_stranger(exchange: Exchange, phone: Phone) -> None:
    """P-Asserted-Identity only of a peer that passed allowed_addresses or digest."""
    line = exchange.line()
    call = Call(phone, line.number, from_="<sip:anonymous@anonymous.invalid>")
    call.connect([("P-Asserted-Identity", "<sip:+15557654321@carrier.example>")])
    person = exchange.participant(line.room)
    assert "7654321" not in str(person)


def test_asserted_identity_with_privacy(exchange: Exchange, phone: Phone) -> None:
    """Unless `Privacy: id`; still none: as hide_phone_number."""
    line = exchange.line(allowed_addresses=["127.0.0.0/8"])
    call = Call(phone, line.number, from_="<sip:anonymous@anonymous.invalid>")
    identity = ("P-Asserted-Identity", "<sip:+15557654321@carrier.example>")
    call.connect([identity, ("Privacy", "id")])
    person = exchange.participant(line.room)
    assert "7654321" not in str(person)
    assert "sip.phoneNumber" not in person["attributes"]
    assert person["identity"].startswith("sip_")


def test_hidden_number(exchange: Exchange, phone: Phone) -> None:
    """hide_phone_number: hashed identity, last four digits as the name, no number attributes."""
    line = exchange.line(rule={"hide_phone_number": True})
    Call(phone, line.number, caller="+15551234567").connect()
    person = exchange.participant(line.room)
    assert person["name"] == "Phone 4567"
    assert len(person["identity"]) == len("sip_") + 16
    hidden = {"sip.phoneNumber", "sip.hostname", "sip.trunkPhoneNumber"}
    assert not hidden & set(person["attributes"])


def test_identity_held_by_a_live_call(exchange: Exchange, phone: Phone) -> None:
    """An identity already held by a live call gets `_` and the last 6 characters of the SCL id."""
    line = exchange.line()
    first = Call(phone, line.number, caller="+15550001111")
    first.connect()
    second = Call(phone, line.number, caller="+15550001111")
    second.connect()
    identities = {person["identity"] for person in exchange.participants(line.room)}
    assert identities == {"sip_+15550001111", f"sip_+15550001111_{second.to_tag[-6:]}"}
    phone.none(lambda m: m.method == "BYE", 0.3)


def test_no_trunk(exchange: Exchange, phone: Phone) -> None:
    """A call that no trunk matches is refused with 403 and a log line that says which check
    failed for each trunk."""
    line = exchange.line(allowed_addresses=["192.0.2.0/24"])
    call = Call(phone, line.number)
    call.invite()
    assert call.refuse().status == 403
    until(lambda: exchange.logged("trunk_unmatched"), "the log line")
    lines = [text for text in exchange.log.read_text().splitlines() if "trunk_unmatched" in text]
    assert any(line.trunk_id in text and "address" in text for text in lines), lines[-1]


def test_allowed_numbers(exchange: Exchange, phone: Phone) -> None:
    """Trunk match as LiveKit §4.3: caller in allowed_numbers, compared normalised."""
    line = exchange.line(allowed_numbers=["+1 (555) 000-2222"])
    Call(phone, line.number, caller="15550002222").connect()
    stranger = Call(phone, line.number, caller="+15550002223")
    stranger.invite()
    assert stranger.refuse().status == 403


def test_several_trunks(exchange: Exchange, phone: Phone) -> None:
    """Several trunks match: 500 and an error in the log that names both."""
    number = exchange.number()
    caller = "+15559990000"
    one = exchange.trunk(numbers=[number], allowed_numbers=[caller])
    two = exchange.trunk(numbers=[number])
    exchange.rule([one, two], token("room-"))
    call = Call(phone, number, caller=caller)
    call.invite()
    assert call.refuse().status == 500
    lines = [text for text in exchange.log.read_text().splitlines() if one in text and two in text]
    assert any('"error"' in text for text in lines)
    exchange.ok("SIP/DeleteSIPTrunk", {"sip_trunk_id": one})


def test_no_rule(exchange: Exchange, phone: Phone) -> None:
    """Dispatch rule, none: 404 with a log line, never silence."""
    number = exchange.number()
    exchange.trunk(numbers=[number])
    call = Call(phone, number)
    call.invite()
    assert call.refuse().status == 404
    assert exchange.logged("rule_unmatched")
    assert 180 not in [m.status for _, m in phone.log]


def test_rule_numbers_normalised(exchange: Exchange, phone: Phone) -> None:
    """Dispatch rule as LiveKit §4.5, numbers compared normalised everywhere."""
    number = exchange.number()
    trunk = exchange.trunk(numbers=[number])
    room = token("room-")
    spelled = f"{number[1:5]} {number[5:8]}-{number[8:]}"
    exchange.rule([trunk], room, numbers=[spelled], inbound_numbers=["1 555 888 0000"])
    Call(phone, number.removeprefix("+"), caller="+15558880000").connect()
    assert len(exchange.participants(room)) == 1


def test_higher_cseq_after_refusal(exchange: Exchange, phone: Phone) -> None:
    """Higher CSeq after a final answer of ours: the same leg tried again (the same tag)."""
    line = exchange.line(auth_username="user", auth_password="pass")
    call = Call(phone, line.number)
    call.invite()
    first = call.refuse()
    call.invite()
    assert call.refuse().tag("To") == first.tag("To")


def test_replaces(exchange: Exchange, phone: Phone) -> None:
    """INVITE with Replaces: until then not in Supported, and 420 if required."""
    line = exchange.line()
    answer = Call(phone, line.number).connect()
    assert "replaces" not in answer.tokens("Supported")
    assert answer.tokens("Supported") == {"100rel", "timer"}
    required = Call(phone, line.number)
    required.invite([("Require", "replaces"), ("Replaces", "a@b;to-tag=c;from-tag=d")])
    refused = required.refuse()
    assert refused.status == 420
    assert refused.get("Unsupported") == "replaces"
