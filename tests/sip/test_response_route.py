"""received, rport and the way of responses (RFC 3261 §18.2, RFC 3581)."""

from __future__ import annotations

import pytest
from tests.support.sip_messages import OUR_ADDRESS, request_of

from hookflash.base.errors import SipError
from hookflash.sip.fields import Via
from hookflash.sip.flow import Flow
from hookflash.sip.response_route import alternative_flow, response_flow, stamp_via

NAT = Flow("udp", OUR_ADDRESS, ("203.0.113.5", 40000))
HEAD = "SIP/2.0/UDP "
END = ";branch=z9hG4bKx"


@pytest.mark.parametrize(
    ("via", "stamped"),
    [
        ("203.0.113.5:5060" + END, "203.0.113.5:5060" + END),
        ("10.0.0.1" + END, "10.0.0.1" + END + ";received=203.0.113.5"),
        ("host.example" + END, "host.example" + END + ";received=203.0.113.5"),
        (
            "203.0.113.5:5060;rport" + END,
            "203.0.113.5:5060;rport=40000" + END + ";received=203.0.113.5",
        ),
        ("10.0.0.1;received=9.9.9.9" + END, "10.0.0.1" + END + ";received=203.0.113.5"),
        ("203.0.113.5;received=9.9.9.9" + END, "203.0.113.5" + END + ";received=203.0.113.5"),
        ("10.0.0.1;rport=1" + END, "10.0.0.1;rport=40000" + END + ";received=203.0.113.5"),
    ],
)
def test_stamps(via: str, stamped: str) -> None:
    request = request_of("OPTIONS", via=HEAD + via)
    assert str(stamp_via(request, NAT)) == HEAD + stamped
    assert request.headers.get("Via") == HEAD + stamped
    assert str(stamp_via(request, NAT)) == HEAD + stamped


def test_only_the_top_via_is_stamped_and_nothing_else_read_anew() -> None:
    below = HEAD + "below;branch=z9hG4bKb"
    request = request_of("OPTIONS", via=f"{HEAD}10.0.0.1{END}, {below}")
    to = request.to
    assert len(request.vias) == 2
    stamp_via(request, NAT)
    assert [str(via) for via in request.vias] == [
        f"{HEAD}10.0.0.1{END};received=203.0.113.5",
        below,
    ]
    assert request.to is to


def test_an_unreadable_via_cannot_be_stamped() -> None:
    request = request_of("OPTIONS")
    request.headers.set("Via", "?")
    with pytest.raises(SipError):
        stamp_via(request, NAT)


@pytest.mark.parametrize(
    ("via", "remote"),
    [
        ("10.0.0.1;rport=40000;received=203.0.113.5", ("203.0.113.5", 40000)),
        ("10.0.0.1;received=203.0.113.5", ("203.0.113.5", 5060)),
        ("10.0.0.1:5090;received=203.0.113.5", ("203.0.113.5", 5090)),
        ("203.0.113.5:40000", ("203.0.113.5", 40000)),
        ("10.0.0.1:5090;maddr=192.0.2.99;rport=40000", ("203.0.113.5", 40000)),
        ("10.0.0.1;maddr=192.0.2.99", ("203.0.113.5", 5060)),
        ("10.0.0.1;maddr=[2001:db8::5]", ("203.0.113.5", 5060)),
        ("10.0.0.1;maddr=name.example;rport=40000", ("203.0.113.5", 40000)),
        ("192.0.2.99;received=192.0.2.99;rport=40000", ("203.0.113.5", 40000)),
    ],
)
def test_datagrams_are_answered_to_their_source_at_the_port_of_the_via(
    via: str, remote: tuple[str, int]
) -> None:
    flow = response_flow(Via.parse(HEAD + via), NAT)
    assert flow == Flow("udp", OUR_ADDRESS, remote)


def test_streams_go_back_by_their_connection_or_to_sent_by() -> None:
    flow = Flow("tcp", OUR_ADDRESS, ("203.0.113.5", 40000), 3)
    via = Via.parse("SIP/2.0/TCP 10.0.0.1;received=203.0.113.5;maddr=192.0.2.99")
    assert response_flow(via, flow) is flow
    assert alternative_flow(via, flow) == Flow("tcp", OUR_ADDRESS, ("203.0.113.5", 5060))
    tls = Flow("tls", OUR_ADDRESS, ("203.0.113.5", 40000), 3)
    assert alternative_flow(via, tls).remote == ("203.0.113.5", 5061)
    named = Via.parse("SIP/2.0/TLS 10.0.0.1:5099")
    assert alternative_flow(named, tls).remote == ("203.0.113.5", 5099)


def test_streams_are_reliable_and_datagrams_are_not() -> None:
    ours, theirs = ("192.0.2.1", 5060), ("192.0.2.2", 5060)
    assert not Flow("udp", ours, theirs).reliable
    assert Flow("tcp", ours, theirs).reliable
    assert Flow("tls", ours, theirs).reliable
