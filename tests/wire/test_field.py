"""Messages as devices, carriers and gateways send them, against the grammar or beside it: the call
is taken all the same."""

from __future__ import annotations

from functools import partial

import pytest
from tests.wire.kit.call import Call
from tests.wire.kit.callee import called
from tests.wire.kit.message import Header
from tests.wire.kit.phone import Phone
from tests.wire.kit.server import Exchange
from tests.wire.kit.sound import Packet

pytestmark = pytest.mark.interop

PIDF = (
    '<?xml version="1.0" encoding="UTF-8"?>\r\n'
    '<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="pres:alice@atlanta.example.com"/>'
)


def with_part(session: str, kind: str, body: str, extra: str = "") -> str:
    """A multipart of a session and another part."""
    return (
        f"--boundary1\r\nContent-Type: application/sdp\r\n\r\n{session}\r\n"
        f"--boundary1\r\nContent-Type: {kind}\r\n{extra}\r\n{body}\r\n--boundary1--\r\n"
    )


MIXED: Header = ("Content-Type", 'multipart/mixed;boundary="boundary1"')


@pytest.mark.parametrize(
    ("kind", "body", "extra"),
    [
        ("application/pidf+xml", PIDF, "Content-ID: <target123@atlanta.example.com>\r\n"),
        ("application/resource-lists+xml", "<resource-lists/>", ""),
        ("application/x-q931", "\x05\x04", ""),
        ("text/plain", "hello", "Content-Disposition: recording-session\r\n"),
    ],
)
def test_a_body_beside_the_session(
    exchange: Exchange, phone: Phone, kind: str, body: str, extra: str
) -> None:
    """field-body-pidf: RFC 6442 §5.1 shows it so; also in a re-INVITE."""
    call = Call(phone, exchange.line().number)
    geolocation: Header = ("Geolocation", "<cid:target123@atlanta.example.com>")
    whole = with_part(call.sdp(), kind, body, extra)
    call.connect([geolocation, MIXED], whole)
    held = with_part(call.sdp(direction="sendonly", version=2), kind, body, extra)
    answer = call.reinvite(held, [MIXED])
    assert answer.status == 200
    assert "a=recvonly" in answer.text


def test_a_body_that_says_that_it_is_required(exchange: Exchange, phone: Phone) -> None:
    """With handling=required written out, 415 is right."""
    call = Call(phone, exchange.line().number)
    required = "Content-Disposition: render;handling=required\r\n"
    call.invite([MIXED], with_part(call.sdp(), "application/pidf+xml", PIDF, required))
    assert call.refuse().status == 415


INSTANCE = (
    ';+sip.instance="<urn:gsma:imei:35625608-009949-0>"'
    ';+g.3gpp.icsi-ref="urn%3Aurn-7%3A3gpp-service.ims.icsi.mmtel";audio'
)


def test_a_contact_without_brackets(exchange: Exchange, phone: Phone) -> None:
    """field-contact-addr-spec: its parameter has brackets in quotes; BYE comes to the URI."""
    line = exchange.line()
    call = Call(phone, line.number)
    call.connect([("Contact", f"{phone.uri}{INSTANCE}")])
    assert call.reinvite(headers=[("Contact", f"{phone.uri}{INSTANCE}")]).status == 200
    who = {"room": line.room, "identity": exchange.participant(line.room)["identity"]}
    exchange.ok("RoomService/RemoveParticipant", who, line.room)
    assert call.ended().uri == phone.uri


@pytest.mark.parametrize("name", ['"Sami\\"', '""unknown""', "Doe, John"])
def test_a_name_in_broken_quotes(exchange: Exchange, phone: Phone, name: str) -> None:
    """field-from-broken-quotes: the URI counts, the name is dropped."""
    line = exchange.line()
    call = Call(phone, line.number, from_=f"{name} <sip:+14155550199@{phone.host}>")
    call.connect()
    assert exchange.attribute(line.room, "sip.phoneNumber") == "+14155550199"
    assert call.hang_up().status == 200


def test_a_host_name_in_the_session(exchange: Exchange, phone: Phone) -> None:
    """field-fqdn-in-c: sound flows; also in a re-INVITE and in an answer."""
    call = Call(phone, exchange.line().number)
    named = call.sdp().replace("c=IN IP4 127.0.0.1", "c=IN IP4 localhost")
    assert call.connect(body=named).status == 200
    assert call.reinvite(named).status == 200
    other = exchange.phone()
    dialed = exchange.dial(other)
    taken = called(other)
    taken.accept([], taken.sdp().replace("c=IN IP4 127.0.0.1", "c=IN IP4 localhost"))
    assert dialed.answer.result(5).status == 200


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("o=wire 77 1 IN IP4 127.0.0.1", "o=- 1 1 IN IP4"),
        ("o=wire 77 1 IN IP4 127.0.0.1", "o="),
        ("o=wire 77 1 IN IP4 127.0.0.1", "o= 1 1 IN IP4 h"),
        ("s=-", " =x\r\nrubbish\r\ns=-"),
        ("a=sendrecv\r\n", "a=sendrecv\r\nm=application 0 UDP/BFCP\r\n"),
        ("a=sendrecv\r\n", "a=sendrecv\r\nm=video 0 RTP/AVP 31\r\nc=IN IP4\r\n"),
    ],
)
def test_only_what_the_sound_needs_can_refuse(
    exchange: Exchange, phone: Phone, old: str, new: str
) -> None:
    """field-origin-short, and its kind."""
    call = Call(phone, exchange.line().number)
    assert old in call.sdp()
    call.connect(body=call.sdp().replace(old, new))
    assert call.hang_up().status == 200


def test_digits_by_the_number_of_the_answer(exchange: Exchange, phone: Phone) -> None:
    """field-answer-event-number: our offer calls telephone-event 101, the answer 122; digits are
    taken by either, ours go out by that of the answer."""
    line = exchange.line()
    agent = exchange.call(line)
    agent.sound.listen()
    dialed = exchange.dial(phone, room=line.room)
    call = called(phone)
    events = ["a=rtpmap:122 telephone-event/8000", "a=fmtp:122 0-15"]
    assert "a=rtpmap:101 telephone-event/8000" in call.invited.text
    call.accept([], call.sdp(codecs="0 122", extra=events))
    assert dialed.answer.result(5).status == 200
    call.sound.listen()
    for digit, number in ((5, 122), (7, 101)):
        agent.sound.clear()
        call.sound.press(digit, payload_type=number)
        # The end of the one before is said three times, and may still come.
        agent.sound.heard(partial(said, digit), f"the digit {digit}")
    agent.sound.press(9)
    came = call.sound.heard(lambda seen: any(ended(p, 122) for p in seen), "ours as 122")
    assert {p.payload[0] for p in came if p.payload_type == 122} == {9}


def said(digit: int, seen: list[Packet]) -> bool:
    """The end of that digit has come, by our own number."""
    return any(ended(packet, 101) and packet.payload[0] == digit for packet in seen)


def ended(packet: Packet, number: int) -> bool:
    """The last packet of an event by that number."""
    return packet.payload_type == number and bool(packet.payload[1] & 0x80)


@pytest.mark.parametrize("ends", ["\r\n", "\n", "\n\n"])
def test_a_bye_whose_head_has_no_end(exchange: Exchange, phone: Phone, ends: str) -> None:
    """peers-head-without-end: the datagram ends after its last header, or its lines with LF."""
    line = exchange.line()
    call = Call(phone, line.number)
    call.connect()
    bye = call.message("BYE").removesuffix(b"\r\n")
    assert bye.endswith(b"\r\n")
    if "\r" not in ends:
        bye = bye.replace(b"\r\n", b"\n").removesuffix(b"\n") + ends.encode()
    phone.send(bye)
    assert call.answer(method="BYE").status == 200
    call.up = False
    exchange.gone(line.room)


@pytest.mark.parametrize(
    ("method", "status"),
    [
        *(("SUBSCRIBE", 405), ("OPTIONS", 200), ("REGISTER", 405), ("MESSAGE", 405)),
        *(("PUBLISH", 405), ("REFER", 405), ("FOO", 501), ("BYE", 481), ("INFO", 481)),
        *(("UPDATE", 481), ("PRACK", 481), ("NOTIFY", 481)),
    ],
)
def test_answers_outside_of_calls_have_a_tag(
    exchange: Exchange, phone: Phone, method: str, status: int
) -> None:
    """peers-out-of-dialog-to-tag (RFC 3261 §8.2.6.2); the same one for a retransmission."""
    call = Call(phone, exchange.line().number)
    request = call.message(method, [("Event", "message-summary")])
    phone.send(request)
    first = call.answer(method=method)
    assert first.status == status
    assert first.tag("To")
    phone.send(request)
    assert call.answer(method=method).tag("To") == first.tag("To")
