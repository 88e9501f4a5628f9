"""Proxies in front of the carrier: who takes their route is heard, who does not gets 404."""

from __future__ import annotations

import pytest
from tests.support.carrier_rig import CALLER, CARRIER, TARGET, Rig
from tests.support.sip_messages import request_of

from hookflash.carrier.hops import INSIDE, Hops, OffRoute
from hookflash.carrier.manners import CarrierManners
from hookflash.sip.codec import parse
from hookflash.sip.message import Request, Response

THREE = CarrierManners(record_route=3)
ROUTE = [f"<sip:hop{number}@{CARRIER[0]}:{CARRIER[1]};lr>" for number in (1, 2, 3)]


def exchanged(rig: Rig, method: str) -> list[Request]:
    """Requests of the exchange, as they went by."""
    return [
        one
        for ours, one in rig.wire
        if not ours and isinstance(one, Request) and one.method == method
    ]


def test_an_exchange_that_is_called_follows_the_route() -> None:
    rig = Rig(THREE)
    rig.call()
    (invite,) = rig.sent("INVITE")
    assert invite.headers.get_all("Record-Route") == ROUTE
    assert len(invite.vias) == 4
    assert invite.contact is not None
    assert invite.contact.uri.host == INSIDE
    rig.transfer(f"tel:{TARGET}")
    rig.advance(5)
    assert rig.verdicts == [None]
    assert rig.hear_each_other(CALLER, TARGET)
    for method in ("REFER", "BYE"):
        (request,) = exchanged(rig, method)
        assert request.headers.get_all("Route") == ROUTE, method
    for notify in rig.sent("NOTIFY"):
        assert len(notify.vias) == 4
        assert not notify.headers.get_all("Route")
    assert rig.kept_away == []


def test_an_exchange_that_calls_turns_the_route_round() -> None:
    rig = Rig(THREE)
    leg = rig.dial(TARGET)
    rig.advance(3)
    answer = next(
        one
        for ours, one in rig.wire
        if ours and isinstance(one, Response) and one.status == 200 and one.cseq.method == "INVITE"
    )
    assert answer.headers.get_all("Record-Route") == ROUTE[::-1]
    rig.hangup(leg)
    rig.advance(1)
    (bye,) = exchanged(rig, "BYE")
    assert bye.headers.get_all("Route") == ROUTE
    assert rig.kept_away == []
    assert not rig.switch.conversations


def test_a_carrier_that_hangs_up_or_gives_up_is_heard_too() -> None:
    rig = Rig(THREE)
    conversation = rig.call()
    rig.carrier(rig.switch.hang_up(rig.now, conversation.caller))
    rig.advance(1)
    assert rig.left == ["remote"]
    waiting = Rig(THREE, answers=False)
    conversation = waiting.call()
    waiting.carrier(waiting.switch.hang_up(waiting.now, conversation.caller))
    waiting.advance(5)
    assert waiting.sent("CANCEL")
    assert waiting.left == ["remote"]
    assert not waiting.switch.ends


@pytest.mark.parametrize("routes", [[], ROUTE[:2], ROUTE[::-1], ["<sip:192.0.2.2:5060;lr>"]])
def test_who_takes_another_route_gets_404(routes: list[str]) -> None:
    headers = [("Route", route) for route in routes]
    request = parse(request_of("REFER", to_tag="x", headers=headers).encode())
    seen = Hops(3).incoming(request)
    assert isinstance(seen, OffRoute)
    assert seen.response is not None
    assert seen.response.status == 404
    assert seen.route == (", ".join(route.strip("<>") for route in routes) or "none")


def test_an_ack_off_the_route_is_not_answered() -> None:
    request = parse(request_of("ACK", to_tag="x").encode())
    assert Hops(1).incoming(request) == OffRoute("none", None)


def test_the_rest_of_a_route_stays() -> None:
    more = "<sip:beyond.example;lr>"
    headers = [("Route", ", ".join([*ROUTE, more]))]
    request = parse(request_of("REFER", to_tag="x", headers=headers).encode())
    seen = Hops(3).incoming(request)
    assert isinstance(seen, Request)
    assert seen.headers.get_all("Route") == [more]


def test_proxies_of_others_stay_on_the_route() -> None:
    edge = ("Record-Route", "<sip:edge.example;lr>")
    via = "SIP/2.0/UDP 192.0.2.1:5080;branch=z9hG4bK"
    told = [("Via", f"{via}hop1"), ("v", f"{via}1"), edge, ("Record-Route", ROUTE[0])]
    more = [("From", "<sip:a@b>"), ("To", "<sip:a@b>;tag=x"), ("CSeq", "1 INVITE")]
    seen = Hops(1).incoming(Response(200, "OK", [*told, *more]))
    assert isinstance(seen, Response)
    assert seen.headers.get_all("Record-Route") == [edge[1]]
    assert [str(via) for via in seen.vias] == [f"{via}1"]


def test_without_proxies_nothing_is_touched() -> None:
    request = request_of("INVITE")
    assert Hops(0).outgoing(request) is request
    assert Hops(0).incoming(request) is request


def test_the_route_names_the_transport() -> None:
    text = request_of("INVITE").encode().replace(b"SIP/2.0/UDP", b"SIP/2.0/TCP")
    told = Hops(1).outgoing(parse(text))
    assert (told.header("Record-Route") or "").endswith(";transport=tcp;lr>")
