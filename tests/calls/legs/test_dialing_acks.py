"""Every 2xx to an INVITE of ours has its ACK (RFC 3261 §13.2.2.4), whatever else stands in it."""

from __future__ import annotations

import pytest
from tests.simulation.legs import LegDriver, sdp

from hookflash.calls.effects import LegAnswered, StoreDialog
from hookflash.sip.message import Response
from hookflash.sip.uri import Uri


def dialing() -> LegDriver:
    driver = LegDriver.with_settings(direction="outbound")
    driver.dial()
    return driver


UNREADABLE: list[tuple[str, str]] = [
    ("Contact", '"Sami\\" <sip:callee@198.51.100.7:5070>'),
    ("Contact", "sip:callee@198.51.100.7:5070?x=y"),
    ("Contact", "<mailto:callee@example.com>"),
    ("Contact", "broken"),
    ("Record-Route", "broken"),
    ("Record-Route", "<sip:p1;lr>, <"),
    ("Require", '"'),
    ("Allow", '<"'),
    ("Supported", '"<'),
    ("RSeq", "x"),
    ("Session-Expires", "soon"),
    ("Min-SE", "soon"),
    ("Content-Type", ";"),
    ("Content-Disposition", ";;"),
    ("Content-Encoding", "gzip"),
    ("Content-Type", "multipart/mixed"),
    ("Content-Type", "multipart/mixed;boundary=b"),
    ("Content-Type", "application/json"),
    ("Expires", "x"),
    ("Warning", '"'),
    ("Retry-After", "("),
]


@pytest.mark.parametrize("early", [False, True])
@pytest.mark.parametrize("body", [sdp(), b"", b"v=0\r\nm=", b"\xff\x00", sdp(formats="3")])
@pytest.mark.parametrize(("name", "value"), UNREADABLE)
def test_every_2xx_has_its_ack(name: str, value: str, body: bytes, early: bool) -> None:
    """RFC 3261 §13.2.2.4, whatever else stands in it, or in a 183 before it."""
    driver = dialing()
    if early:
        driver.respond(183, ((name, value),), body)
    driver.respond(200, ((name, value),), body)
    (ack,) = driver.acks()
    assert ack.request.cseq.number == 1
    ack.request.encode()
    driver.respond(200, ((name, value),), body)
    assert len(driver.acks()) == 2
    assert driver.all(LegAnswered) or driver.sent("BYE")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Contact", "sip:callee@unknown.invalid?x=y"),
        ("Contact", "<mailto:callee@example.com>"),
        ("Record-Route", "broken"),
    ],
)
def test_what_cannot_be_routed_goes_to_the_source_of_the_200(name: str, value: str) -> None:
    """ACK and BYE, and the BYE after a restart."""
    driver = dialing()
    driver.respond(200, ((name, value),), sdp())
    driver.hangup()
    source = Uri.parse("sip:198.51.100.7:5060;transport=udp")
    assert driver.acks()[0].hop.uri == source
    assert driver.sent("BYE")[0].hop.uri == source
    assert driver.last(StoreDialog).record.next_hop == ("198.51.100.7", 5060)


def test_a_contact_that_can_be_read_later_is_the_target_again() -> None:
    driver = dialing()
    driver.respond(200, (("Contact", "broken"),), sdp())
    driver.receive("UPDATE", (("Contact", "<sip:callee@203.0.113.9>"),))
    driver.hangup()
    assert driver.sent("BYE")[0].hop.uri == Uri.parse("sip:callee@203.0.113.9")


def test_a_tag_in_a_to_that_cannot_be_read_makes_the_dialog() -> None:
    driver = dialing()
    sent = driver.sent("INVITE")[0]
    ok = Response.reply(sent.request, 200, headers=(("Contact", "<sip:callee@198.51.100.7>"),))
    ok.headers.set("To", '"Sami\\" sip:callee@198.51.100.7;tag=odd')
    driver.do(driver.leg.response_received(driver.now, sent.token, ok, driver.flow))
    assert driver.acks()[0].request.header("To") == '"Sami\\" sip:callee@198.51.100.7;tag=odd'
    assert driver.leg.dialog is not None
    assert driver.leg.dialog.remote_tag == "odd"
