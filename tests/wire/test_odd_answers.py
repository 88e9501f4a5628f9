"""calls.md §4 with phones whose answers are hard to read: each 200 has its ACK all the same."""

from __future__ import annotations

import pytest
from tests.wire.kit.callee import Called, called
from tests.wire.kit.message import Header, build, sdp
from tests.wire.kit.phone import Phone
from tests.wire.kit.server import Dialed, Exchange

pytestmark = pytest.mark.interop


def ringing(exchange: Exchange, phone: Phone) -> tuple[Dialed, Called]:
    """A call of the exchange, which waits for its answer."""
    return (exchange.dial(phone), called(phone))


@pytest.mark.parametrize(
    "contact",
    [
        '"Sami\\" <sip:wire@{0}>',
        "sip:wire@{0}?x=y",
        'sip:wire@{0};+sip.instance="<urn:gsma:imei:35625608-009949-0>"',
        "<sip:wire@{0}",
        "<mailto:wire@example.com>",
        "rubbish",
    ],
)
def test_an_odd_contact(exchange: Exchange, phone: Phone, contact: str) -> None:
    """field-answer-odd-contact: ACK at once, the API hears of the answer, and BYE comes: to the
    URI that can be made out, else to where the 200 came from."""
    dialed, call = ringing(exchange, phone)
    odd = ("Contact", contact.format(f"{phone.host}:{phone.port}"))
    call.say("180 Ringing", [odd])
    call.say("183 Session Progress", [odd], call.sdp())
    call.accept([odd])
    assert dialed.answer.result(5).status == 200
    hang_up(exchange, dialed)
    call.ended()


def test_an_odd_record_route(exchange: Exchange, phone: Phone) -> None:
    """The same for a route that cannot be read: both go to the source of the 200."""
    dialed, call = ringing(exchange, phone)
    call.accept([("Record-Route", "<sip:127.0.0.9;lr>, <broken")])
    assert dialed.answer.result(5).status == 200
    hang_up(exchange, dialed)
    call.ended()


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ([], "v=0\r\nm="),
        ([], ""),
        ([("Content-Type", "multipart/mixed")], "--b\r\n\r\n"),
        ([("Content-Type", ";")], "?"),
        ([("Content-Encoding", "gzip")], "?"),
    ],
)
def test_a_session_that_cannot_be_read(
    exchange: Exchange, phone: Phone, headers: list[Header], body: str
) -> None:
    """ACK, then BYE, and the API says why."""
    dialed, call = ringing(exchange, phone)
    call.accept(headers, body)
    assert "cause=488" in call.ended().get("Reason")
    answer = dialed.answer.result(5)
    assert answer.status != 200
    assert answer.text


@pytest.mark.parametrize("fault", ["to", "cseq", "twice"])
def test_an_answer_that_is_hard_to_assign(exchange: Exchange, phone: Phone, fault: str) -> None:
    """A To that cannot be read, a CSeq in other letters, a header twice that may stand once."""
    dialed, call = ringing(exchange, phone)
    invite = call.invited
    fields = [(name, invite.get(name)) for name in ("Via", "From", "To", "Call-ID", "CSeq")]
    given = dict(fields)
    given["To"] += f";tag={call.from_tag}"
    if fault == "to":
        given["To"] = f'"Sami\\" sip:100@{phone.host};tag={call.from_tag}'
    elif fault == "cseq":
        given["CSeq"] = given["CSeq"].lower()
    more = [("Expires", "5"), ("Expires", "6")] if fault == "twice" else []
    kind = [("Contact", call.contact), ("Content-Type", "application/sdp")]
    phone.send(build("SIP/2.0 200 OK", [*given.items(), *kind, *more], call.sdp()))
    ack = call.request("ACK")
    assert ack.get("To") == given["To"]
    call.up = True
    assert dialed.answer.result(5).status == 200


def test_an_answer_whose_way_leads_nowhere(exchange: Exchange, phone: Phone) -> None:
    """A route by a host that does not exist: the ACK goes back to the source of the 200."""
    dialed, call = ringing(exchange, phone)
    call.accept([("Record-Route", "<sip:nowhere.invalid;lr>")])
    assert dialed.answer.result(5).status == 200
    call.up = True


def hang_up(exchange: Exchange, dialed: Dialed) -> None:
    """The API puts the callee out."""
    who = {"room": dialed.room, "identity": exchange.participant(dialed.room)["identity"]}
    exchange.ok("RoomService/RemoveParticipant", who, dialed.room)


ALLOW = {"encryption": "SIP_MEDIA_ENCRYPT_ALLOW"}


@pytest.mark.parametrize("refusal", ["488 Not Acceptable Here", "606 Not Acceptable", "200 OK"])
def test_a_peer_that_takes_no_keys(exchange: Exchange, phone: Phone, refusal: str) -> None:
    """field-488-to-crypto: the same call at once without them; a 200 without our audio is hung up
    first."""
    dialed = exchange.dial(phone, media=ALLOW)
    call = called(phone)
    assert "a=crypto" in call.invited.text
    if refusal == "200 OK":
        call.accept([], sdp(0))
        call.ended()
    else:
        call.decline(refusal, [("Reason", 'SIP;cause=488;text="a=crypto in RTP/AVP"')])
    again = call.again()
    assert "a=crypto" not in again.text
    assert (again.cseq, again.tag("To")) == (2, "")
    call.accept([], call.sdp())
    assert dialed.answer.result(5).status == 200
    assert exchange.logged("encryption_refused")


def test_a_peer_that_takes_no_keys_where_they_are_required(
    exchange: Exchange, phone: Phone
) -> None:
    """REQUIRE: no second try."""
    dialed = exchange.dial(phone, media={"encryption": "SIP_MEDIA_ENCRYPT_REQUIRE"})
    called(phone).decline("488 Not Acceptable Here")
    assert dialed.answer.result(5).status != 200
    phone.none(lambda m: m.method == "INVITE" and not m.status)
