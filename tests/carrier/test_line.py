"""What is between the carrier and the exchange: what is lost, doubled, late or changed."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.support.sip_messages import request_of

from hookflash.carrier.faults import Faults
from hookflash.carrier.line import Kept, Line
from hookflash.sip.codec import parse
from hookflash.sip.message import Request, Response

SDP = b"v=0\r\nc=IN IP4 127.0.0.1\r\nm=audio 4000 RTP/AVP 0\r\nc=IN IP6 ::1\r\n"


def numbers(*values: float) -> Callable[[], float]:
    """These one after another; asked for more it fails."""
    left = iter(values)
    return lambda: next(left)


@pytest.mark.parametrize(
    ("faults", "chances", "copies"),
    [
        (Faults(), (), (0.0,)),
        (Faults(sip_loss=0.5), (0.4,), ()),
        (Faults(sip_loss=0.5), (0.5,), (0.0,)),
        (Faults(sip_duplicate=0.5), (0.4,), (0.0, 0.0)),
        (Faults(sip_loss=0.5, sip_duplicate=0.5, sip_delay=2.0), (0.9, 0.9), (2.0,)),
        (Faults(sip_loss=0.5, sip_duplicate=0.5, sip_delay=2.0), (0.9, 0.1), (2.0, 2.0)),
        (Faults(rtp_loss=1.0, one_way=True), (), (0.0,)),
    ],
)
def test_copies_of_a_message(
    faults: Faults, chances: tuple[float, ...], copies: tuple[float, ...]
) -> None:
    request = request_of("INVITE")
    line = Line(0, faults, numbers(*chances))
    assert line.outgoing(request, reliable=False) == (request, copies)


def test_by_tcp_nothing_is_lost() -> None:
    line = Line(0, Faults(sip_loss=1.0, sip_duplicate=1.0, sip_delay=0.5), numbers())
    assert line.outgoing(request_of("BYE"), reliable=True)[1] == (0.5,)


@pytest.mark.parametrize(
    ("faults", "chances", "copies"),
    [
        (Faults(sip_loss=1.0), (), (0.0,)),
        (Faults(rtp_loss=0.5), (0.4,), ()),
        (Faults(rtp_duplicate=0.5, rtp_delay=0.1), (0.4,), (0.1, 0.1)),
        (Faults(one_way=True), (), ()),
    ],
)
def test_copies_of_a_packet(
    faults: Faults, chances: tuple[float, ...], copies: tuple[float, ...]
) -> None:
    assert Line(0, faults, numbers(*chances)).packet() == copies


@pytest.mark.parametrize("address", ["192.0.2.99", "2001:db8::99"])
@pytest.mark.parametrize("answer", [False, True])
def test_a_wrong_address_for_the_sound(address: str, answer: bool) -> None:
    request = request_of("INVITE", body=SDP)
    message = Response.reply(request, 200, body=SDP) if answer else request
    seen, _ = Line(0, Faults(wrong_address=address), numbers()).outgoing(message, reliable=False)
    assert seen.body.count(f"c=IN IP{6 if ':' in address else 4} {address}\r\n".encode()) == 2
    assert b"127.0.0.1" not in seen.body
    assert seen.headers == message.headers
    assert parse(seen.encode()).body == seen.body


@pytest.mark.parametrize("method", ["INVITE", "REFER", "OPTIONS"])
def test_an_unavailable_carrier(method: str) -> None:
    line = Line(0, Faults(unavailable=True), numbers())
    kept = line.incoming(request_of(method))
    assert isinstance(kept, Kept)
    assert kept.route == ""
    assert kept.response is not None
    assert kept.response.status == 503
    line.faults = Faults()
    assert isinstance(line.incoming(request_of(method)), Request)


def test_what_an_unavailable_carrier_still_hears() -> None:
    line = Line(0, Faults(unavailable=True), numbers())
    bye, answer = request_of("BYE"), Response.reply(request_of("NOTIFY"), 200)
    assert line.incoming(bye) is bye
    assert line.incoming(answer) is answer


def test_off_the_route_of_its_proxies() -> None:
    kept = Line(1, Faults(), numbers()).incoming(request_of("BYE", to_tag="x"))
    assert isinstance(kept, Kept)
    assert kept.route == "none"
