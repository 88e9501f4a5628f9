"""carrier.md §3: what goes out on the wire where the trunk names its provider, one test a shape."""

from __future__ import annotations

import json
import uuid

import pytest
from tests.wire.kit.message import Message
from tests.wire.kit.phone import Phone
from tests.wire.kit.server import Exchange, Line, background

pytestmark = pytest.mark.interop

OK, GONE = "SIP/2.0 200 OK\r\n", "terminated;reason=noresource"
ASKED = "tel:+15105550100"


def line(exchange: Exchange, **metadata: str) -> Line:
    """A number whose trunk says this of its provider."""
    text = json.dumps({f"hookflash.{key}": value for key, value in metadata.items()})
    return exchange.line(metadata=text)


def refer(
    exchange: Exchange, phone: Phone, called: Line, asked: str = ASKED, **headers: str
) -> Message:
    """The REFER for `asked`. The transfer then succeeds; its record has what was asked and sent."""
    call = exchange.call(called, phone)
    body = {
        "room_name": called.room,
        "participant_identity": exchange.participant(called.room)["identity"],
        "transfer_to": asked,
        "headers": headers,
    }
    answer = background(lambda: exchange.rpc("SIP/TransferSIPParticipant", body, called.room))
    sent = call.request("REFER")
    call.phone.reply(sent, "202 Accepted")
    call.notify(OK, GONE)
    call.ended()
    done = answer.result(8)
    assert done.status == 200, done
    record = exchange.record(called.room, str(done.body["transfer_id"]))
    assert (record["target"], record["refer_to"]) == (asked, sent.get("Refer-To"))
    return sent


@pytest.mark.parametrize(
    ("name", "asked", "sent"),
    [
        ("twilio", ASKED, "<tel:+15105550100>"),
        ("twilio", "tel:5105550100", "<tel:+15105550100>"),
        ("telnyx", ASKED, "<sip:+15105550100@sip.telnyx.com>"),
        ("didww", ASKED, "<sip:15105550100@out.didww.com>"),
        ("didww", "sip:+1510@fra.eu.out.didww.com", "<sip:1510@fra.eu.out.didww.com>"),
        ("asterisk", "tel:6002", "<sip:6002@127.0.0.1>"),
        ("vonage", ASKED, "<tel:+15105550100>"),
    ],
)  # fmt: skip
def test_refer_to(exchange: Exchange, phone: Phone, name: str, asked: str, sent: str) -> None:
    """tel:, sip: at the provider's domain with and without +, an extension, and as asked."""
    called = line(exchange, provider=name, region="US")
    message = refer(exchange, phone, called, asked)
    assert message.get("Refer-To") == sent
    assert message.has("Diversion") == (name == "telnyx")


def test_the_domain_of_the_outbound_trunk(exchange: Exchange, phone: Phone) -> None:
    """plivo: the address is at the trunk's own domain."""
    called = line(exchange, provider="plivo")
    trunk = {"name": "out", "address": "42.zt.plivo.com", "numbers": [called.number]}
    exchange.ok("SIP/CreateSIPOutboundTrunk", {"trunk": trunk})
    message = refer(exchange, phone, called)
    assert message.get("Refer-To") == "<sip:+15105550100@42.zt.plivo.com>"


def test_headers_that_the_provider_wants(exchange: Exchange, phone: Phone) -> None:
    """telnyx: Diversion with our number, unless the request has one of its own."""
    called = line(exchange, provider="telnyx", domain="sip.telnyx.eu")
    message = refer(exchange, phone, called)
    assert message.get("Diversion") == f"<sip:{called.number}@sip.telnyx.eu>"
    assert message.get("Referred-By").startswith(f"<sip:{called.number}@")


def test_a_header_of_the_request_wins(exchange: Exchange, phone: Phone) -> None:
    called = line(exchange, provider="telnyx")
    own = "<sip:+15105550177@example.com>"
    message = refer(exchange, phone, called, diversion=own)
    assert message.all("Diversion") == [own]


@pytest.mark.parametrize(
    ("name", "asked", "status", "code", "words"),
    [
        ("exotel", ASKED, 412, "failed_precondition", "exotel knows no REFER, so it cannot transf"),
        ("plivo", ASKED, 412, "failed_precondition", "hookflash.domain in the trunk's metadata"),
        ("twilio", f"{ASKED};ext=12", 400, "invalid_argument", "the extension ;ext=12 would be lo"),
        ("didww", "sip:bob@example.com", 400, "invalid_argument", "addresses at example.com, only"),
        ("twilio", "tel:6002", 400, "invalid_argument", "no telephone number of US"),
    ],
)
def test_what_the_provider_cannot_do_is_refused_at_once(
    exchange: Exchange, phone: Phone, name: str, asked: str, status: int, code: str, words: str
) -> None:
    """No REFER and no record; the call goes on, and another target works."""
    called = line(exchange, provider=name, region="US")
    call = exchange.call(called, phone)
    answer = exchange.transfer(called, asked).result(8)
    assert (answer.status, answer.body["code"]) == (status, code)
    assert answer.body["msg"].startswith("twirp error unknown: ")
    assert words in answer.text
    found = exchange.get(f"/hookflash/transfers?room={called.room}", called.room).body
    assert found["transfers"] == []
    if name == "twilio":
        again = exchange.transfer(called, ASKED)
        sent = call.request("REFER")
        assert sent.get("Refer-To") == f"<{ASKED}>"
        call.phone.reply(sent, "603 Decline")
        assert again.result(8).status == 403


def test_another_spelling_of_what_was_sent_joins(exchange: Exchange, phone: Phone) -> None:
    """One REFER for two requests that mean the same."""
    called = line(exchange, provider="telnyx")
    call = exchange.call(called, phone)
    answer = exchange.transfer(called, ASKED)
    sent = call.request("REFER")
    same = exchange.transfer(called, "sip:+15105550100@sip.telnyx.com")
    other = exchange.transfer(called, "tel:+15105550101").result(8)
    assert (other.status, other.text) == (400, "call already being transferred elsewhere")
    phone.reply(sent, "202 Accepted")
    call.notify("SIP/2.0 486 Busy Here\r\n", GONE)
    first, joined = answer.result(8), same.result(8)
    assert first.status == joined.status == 429
    assert first.meta["sip_transfer_id"] == joined.meta["sip_transfer_id"]


def test_a_repeated_request_is_known_by_what_it_asked_for(exchange: Exchange, phone: Phone) -> None:
    """The same X-Livekit-Request-Id: the earlier verdict, though another address was sent."""
    called = line(exchange, provider="telnyx")
    call = exchange.call(called, phone)
    headers = {"X-Livekit-Request-Id": str(uuid.uuid4())}
    first = exchange.transfer(called, ASKED, headers=headers)
    phone.reply(call.request("REFER"), "603 Decline")
    once = first.result(8)
    again = exchange.transfer(called, ASKED, headers=headers).result(8)
    assert (again.status, again.body) == (once.status, once.body)
    for spelling in ("sip:+15105550100@sip.telnyx.com", "tel:+1-510-555-0100"):
        again = exchange.transfer(called, spelling, headers=headers).result(8)
        assert (again.status, again.body) == (once.status, once.body)
    other = exchange.transfer(called, "tel:+15105550101", headers=headers).result(8)
    assert (other.status, other.body["code"]) == (400, "invalid_argument")
    phone.none(lambda m: m.method == "REFER")
