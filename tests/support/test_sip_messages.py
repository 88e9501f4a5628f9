"""The message makers of the tests make what they say."""

from __future__ import annotations

from tests.support.sip_messages import (
    OUR_ADDRESS,
    PEER_ADDRESS,
    flow_to,
    request_of,
    response_of,
)

from hookflash.sip.flow import Flow


def test_flows() -> None:
    assert flow_to() == Flow("udp", OUR_ADDRESS, PEER_ADDRESS)
    assert flow_to("tcp") == Flow("tcp", OUR_ADDRESS, PEER_ADDRESS, 1)
    assert flow_to("tls", 0).connection == 0


def test_requests() -> None:
    request = request_of("BYE", branch=None, to_tag="t", cseq=4, body=b"x")
    assert request.top_via.branch == ""
    assert (request.to.tag, str(request.cseq), request.body) == ("t", "4 BYE", b"x")
    assert request_of("BYE", via="SIP/2.0/TLS h;branch=z").top_via.host == "h"


def test_responses() -> None:
    data = request_of("INVITE").encode()
    assert response_of(data, 100).to.tag is None
    answer = response_of(data, 200, tag="r", headers=[("X", "y")], body=b"b")
    assert (answer.to.tag, answer.header("X"), answer.body) == ("r", "y", b"b")
