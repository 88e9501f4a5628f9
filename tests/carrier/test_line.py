"""What is between the carrier and the exchange: what is lost, doubled, late or changed."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.support.sip_messages import request_of

from hookflash.carrier.departures import ON_TIME, Copies
from hookflash.carrier.faults import Faults
from hookflash.carrier.line import Kept, Line
from hookflash.sip.codec import parse
from hookflash.sip.fields import NameAddr
from hookflash.sip.message import Request, Response

SDP = b"v=0\r\nc=IN IP4 127.0.0.1\r\nm=audio 4000 RTP/AVP 0\r\nc=IN IP6 ::1\r\n"


def numbers(*values: float) -> Callable[[], float]:
    """These one after another; asked for more it fails."""
    left = iter(values)
    return lambda: next(left)


@pytest.mark.parametrize(
    ("faults", "chances", "copies"),
    [
        (Faults(), (), ON_TIME),
        (Faults(sip_loss=0.5), (0.4,), Copies(())),
        (Faults(sip_loss=0.5), (0.5,), Copies((0.0,))),
        (Faults(sip_duplicate=0.5), (0.4,), Copies((0.0, 0.0))),
        (Faults(sip_loss=0.5, sip_duplicate=0.5, sip_delay=2.0), (0.9, 0.9), Copies((2.0,))),
        (Faults(sip_loss=0.5, sip_duplicate=0.5, sip_delay=2.0), (0.9, 0.1), Copies((2.0, 2.0))),
        (Faults(sip_reorder=0.5), (0.4,), Copies((0.0,), overtaken=True)),
        (Faults(sip_reorder=0.5), (0.5,), Copies((0.0,))),
        (
            Faults(sip_loss=0.1, sip_duplicate=0.5, sip_delay=2.0, sip_reorder=0.5),
            (0.9, 0.1, 0.2),
            Copies((2.0, 2.0), overtaken=True),
        ),
        (Faults(rtp_loss=1.0, rtp_reorder=1.0, one_way=True), (), ON_TIME),
    ],
)
def test_copies_of_a_message(faults: Faults, chances: tuple[float, ...], copies: Copies) -> None:
    request = request_of("INVITE")
    line = Line(0, faults, numbers(*chances))
    assert line.outgoing(request, reliable=False) == (request, copies)


def test_by_tcp_nothing_is_lost() -> None:
    faults = Faults(sip_loss=1.0, sip_duplicate=1.0, sip_delay=0.5, sip_reorder=1.0)
    line = Line(0, faults, numbers())
    assert line.outgoing(request_of("BYE"), reliable=True)[1] == Copies((0.5,))


@pytest.mark.parametrize(
    ("faults", "chances", "copies"),
    [
        (Faults(sip_loss=1.0, sip_reorder=1.0), (), ON_TIME),
        (Faults(rtp_loss=0.5), (0.4,), Copies(())),
        (Faults(rtp_duplicate=0.5, rtp_delay=0.1), (0.4,), Copies((0.1, 0.1))),
        (Faults(rtp_reorder=0.5), (0.4,), Copies((0.0,), overtaken=True)),
        (Faults(one_way=True), (), Copies(())),
    ],
)
def test_copies_of_a_packet(faults: Faults, chances: tuple[float, ...], copies: Copies) -> None:
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


NAMED = "edge.carrier.invalid"


@pytest.mark.parametrize("answer", [False, True])
@pytest.mark.parametrize("hops", [0, 1, 2])
def test_a_wrong_host(hops: int, answer: bool) -> None:
    """The Contact has it or, where there is a route to follow, the route; no other header does."""
    own = ("Contact", "<sip:192.0.2.1:5080;transport=udp>")
    theirs = ("Record-Route", "<sip:192.0.2.7;lr>")
    request = request_of("INVITE", headers=[own, theirs])
    message = Response.reply(request, 200, headers=[own]) if answer else request
    line = Line(hops, Faults(), numbers())
    usual, _ = line.outgoing(message, reliable=False)
    line.faults = Faults(wrong_host=NAMED)
    seen, _ = line.outgoing(message, reliable=False)
    changed = [
        (one[0], one[1], other[1])
        for one, other in zip(usual.headers.items(), seen.headers.items(), strict=True)
        if one != other
    ]
    assert [name for name, _, _ in changed] == (["Record-Route"] * hops or ["Contact"])
    for _, right, wrong in changed:
        told = NameAddr.parse(right)
        assert NameAddr.parse(wrong) == told._replace(uri=told.uri._replace(host=NAMED))
    assert theirs in seen.headers.items()


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
