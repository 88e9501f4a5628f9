"""Addresses, Via, CSeq and the other structured values."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from hookflash.base.errors import SipError
from hookflash.sip.fields import (
    CSeq,
    EventField,
    MediaType,
    NameAddr,
    RAck,
    Reason,
    Replaces,
    SessionExpires,
    SubscriptionState,
    Via,
)
from hookflash.sip.uri import Uri

AB = Uri("sip", "a", host="b")


@pytest.mark.parametrize(
    ("text", "expected", "written"),
    [
        ("sip:a@b", NameAddr("", AB), "<sip:a@b>"),
        ("sip:a@b;tag=x", NameAddr("", AB, (("tag", "x"),)), "<sip:a@b>;tag=x"),
        ("<sip:a@b>", NameAddr("", AB), "<sip:a@b>"),
        (" <sip:a@b> ; tag = x ", NameAddr("", AB, (("tag", "x"),)), "<sip:a@b>;tag=x"),
        ("A.  B <sip:a@b>", NameAddr("A.  B", AB), "A.  B <sip:a@b>"),
        ("José <sip:a@b>", NameAddr("José", AB), '"José" <sip:a@b>'),
        ('"A, \\"B\\" <c>" <sip:a@b>', NameAddr('A, "B" <c>', AB), '"A, \\"B\\" <c>" <sip:a@b>'),
        ('" A\t" <sip:a@b>', NameAddr(" A\t", AB), '" A\t" <sip:a@b>'),
        ('""<sip:a@b>', NameAddr("", AB), "<sip:a@b>"),
        ('<sip:a@b>;x="y;z"', NameAddr("", AB, (("x", '"y;z"'),)), '<sip:a@b>;x="y;z"'),
        ("<sip:a@b>;", NameAddr("", AB), "<sip:a@b>"),
        ("<tel:+1;ext=2>", NameAddr("", Uri.parse("tel:+1;ext=2")), "<tel:+1;ext=2>"),
    ],
)
def test_addresses(text: str, expected: NameAddr, written: str) -> None:
    address = NameAddr.parse(text)
    assert address == expected
    assert str(address) == written
    assert NameAddr.parse(written) == address


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<>",
        "<sip:a@b",
        "sip:a@b>",
        "A, B <sip:a@b>",
        'A" <sip:a@b>',
        '"A <sip:a@b>',
        '"A" sip:a@b',
        "<sip:a@b> x",
        "<sip:a@b>,<sip:c@d>",
        "<sip:a@b>;;x",
        "< sip:a@b >",
        "sip:a@b?Route=x",
        "sip:a@b,c",
        "*",
    ],
)
def test_bad_addresses(text: str) -> None:
    with pytest.raises(SipError) as caught:
        NameAddr.parse(text)
    assert caught.value.status == 400


def test_parameters_of_an_address() -> None:
    address = NameAddr.parse('<sip:a@b>;TAG=x;expires="60";flag')
    assert address.tag == "x"
    assert address.param("EXPIRES") == "60"
    assert address.param("flag") == ""
    assert address.param("q") is None
    assert address.has_param("flag")
    assert not address.has_param("q")
    assert address.with_param("tag", "y").tag == "y"
    assert str(address.with_param("q", "0.5")).endswith(";flag;q=0.5")
    assert NameAddr.parse("<sip:a@b>;tag=").tag is None
    assert NameAddr("", AB).tag is None


def test_vias() -> None:
    via = Via.parse("SIP/2.0/UDP 192.0.2.1:5062;branch=z9hG4bK1;rport;received=192.0.2.9")
    assert via == Via(
        "UDP",
        "192.0.2.1",
        5062,
        (("branch", "z9hG4bK1"), ("rport", None), ("received", "192.0.2.9")),
    )
    assert via.sent_by == "192.0.2.1:5062"
    assert (via.branch, via.received, via.rport) == ("z9hG4bK1", "192.0.2.9", None)
    assert via.has_param("rport")
    assert not via.has_param("ttl")
    answered = via.with_param("rport", "5070")
    assert answered.rport == 5070
    assert str(answered) == (
        "SIP/2.0/UDP 192.0.2.1:5062;branch=z9hG4bK1;rport=5070;received=192.0.2.9"
    )
    assert Via.parse("sip / 2.0 / tcp  h").transport == "TCP"
    assert Via.parse("SIP/7.0/UDP h").protocol == "SIP/7.0"
    assert Via.parse("SIP/2.0/UDP h").branch == ""


def test_vias_with_ipv6() -> None:
    via = Via.parse("SIP/2.0/TLS [2001:db8::1]:5061;received=[2001:db8::2]")
    assert (via.host, via.port, via.received) == ("2001:db8::1", 5061, "2001:db8::2")
    assert str(via) == "SIP/2.0/TLS [2001:db8::1]:5061;received=[2001:db8::2]"
    assert Via.parse("SIP/2.0/UDP h;received=2001:db8::2").received == "2001:db8::2"


@pytest.mark.parametrize("value", ["", "=", "=x", "=0", "=65536", "=999999"])
def test_rports_that_are_no_port(value: str) -> None:
    assert Via.parse(f"SIP/2.0/UDP h;rport{value}").rport is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "SIP/2.0/UDP",
        "SIP/2.0/UDP ",
        "SIP/2.0 h",
        "SIP/2.0/UDP h:99999",
        "SIP/2.0/UDP h:x",
        "SIP/2.0/UDP h i",
        "SIP/2.0/UDP [::1",
        "SIP/2.0/UDP [:::]",
        "SIP/2.0/UDP h;;x",
        "SIP/2.0/UDP h, SIP/2.0/UDP i",
    ],
)
def test_bad_vias(text: str) -> None:
    with pytest.raises(SipError):
        Via.parse(text)


def test_cseq() -> None:
    assert CSeq.parse(" 0009 \t INVITE ") == CSeq(9, "INVITE")
    assert str(CSeq(2**31 - 1, "BYE")) == "2147483647 BYE"
    for text in (
        "",
        "1",
        "INVITE",
        "-1 A",
        "1 A B",
        "2147483648 A",
        "1 a/b",
        "1INVITE",
        "9" * 4999,
    ):
        with pytest.raises(SipError):
            CSeq.parse(text)


def test_events() -> None:
    event = EventField.parse(" Refer ; ID=93809823 ; x")
    assert event.package == "refer"
    assert event.id == "93809823"
    assert str(event) == "refer;ID=93809823;x"
    assert EventField.parse("refer;id=").id is None
    assert EventField.parse("refer").id is None


def test_subscription_states() -> None:
    state = SubscriptionState.parse("Terminated;reason=NoResource;retry-after=5;expires=x")
    assert state == SubscriptionState("terminated", "noresource", None, 5)
    assert str(state) == "terminated;reason=noresource;retry-after=5"
    assert str(SubscriptionState.parse("active; expires=60")) == "active;expires=60"
    assert SubscriptionState.parse("active;expires=99999999999").expires is None
    assert SubscriptionState.parse("pending;reason").reason is None


def test_session_expires() -> None:
    assert SessionExpires.parse("1800;refresher=UAS") == SessionExpires(1800, "uas")
    assert SessionExpires.parse("90 ;refresher=me") == SessionExpires(90)
    assert str(SessionExpires(90, "uac")) == "90;refresher=uac"
    assert str(SessionExpires(90)) == "90"
    for text in ("", "x", "1;;2", "4294967296"):
        with pytest.raises(SipError):
            SessionExpires.parse(text)


def test_rack() -> None:
    assert RAck.parse(" 776656 1 INVITE") == RAck(776656, 1, "INVITE")
    assert str(RAck(1, 2, "INVITE")) == "1 2 INVITE"
    for text in ("", "1 INVITE", "1 2", "4294967296 1 INVITE", "1 2147483648 INVITE"):
        with pytest.raises(SipError):
            RAck.parse(text)


def test_replaces() -> None:
    replaces = Replaces.parse("98732@sip.example.com; from-tag=r33th4x0r;to-tag=ff87ff;early-only")
    assert replaces == Replaces("98732@sip.example.com", "ff87ff", "r33th4x0r", True)
    assert Replaces.parse(str(replaces)) == replaces
    assert str(Replaces("a", "b", "c")) == "a;to-tag=b;from-tag=c"
    for text in ("a", "a;to-tag=b", ";to-tag=b;from-tag=c", "a;from-tag=b;to-tag="):
        with pytest.raises(SipError):
            Replaces.parse(text)


def test_reasons() -> None:
    reason = Reason.parse('Q.850 ;cause=16 ;text="Normal \\"call\\" clearing"')
    assert reason == Reason("Q.850", 16, 'Normal "call" clearing')
    assert Reason.parse(str(reason)) == reason
    assert str(Reason("SIP", 200)) == "SIP;cause=200"
    assert Reason.parse("SIP;cause=x") == Reason("SIP")


def test_media_types() -> None:
    kind = MediaType.parse('Multipart / Mixed ; Boundary="a b"')
    assert kind.value == "multipart/mixed"
    assert kind.param("boundary") == "a b"
    assert kind.param("x") is None
    assert str(kind) == 'multipart/mixed;Boundary="a b"'
    assert MediaType.parse("session;handling=optional").param("handling") == "optional"
    for text in ("", "a/b/c", "a/", "/b", "a b", "a/b;;c"):
        with pytest.raises(SipError):
            MediaType.parse(text)


@pytest.mark.parametrize(
    "parse", [EventField.parse, SubscriptionState.parse, Reason.parse, SessionExpires.parse]
)
@pytest.mark.parametrize("text", ["", ";a=b", "a b", "a\tb;c", "a;;b"])
def test_values_without_a_value(parse: Callable[[str], object], text: str) -> None:
    with pytest.raises(SipError):
        parse(text)
