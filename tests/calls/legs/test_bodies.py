"""Which body is the session description (calls.md §1 "SDP": multipart, handling)."""

from __future__ import annotations

from base64 import b64encode
from binascii import b2a_qp
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hookflash.base.errors import SipError
from hookflash.calls.legs.bodies import session_body
from hookflash.sip.message import Request

SDP = b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\n"
PLAIN_SDP = (b"Content-Type: application/sdp", SDP)
ISUP = (b"Content-Type: application/isup", b"\x01\x00")


def message(body: bytes, *headers: tuple[str, str]) -> Request:
    return Request("INVITE", "sip:a@b", headers, body)


def multipart(*parts: tuple[bytes, bytes], boundary: bytes = b"b1", eol: bytes = b"\r\n") -> bytes:
    out = b"preamble" + eol
    for head, body in parts:
        lines = head.replace(b"\n", eol) + eol if head else b""
        out += b"--" + boundary + eol + lines + eol + body + eol
    return out + b"--" + boundary + b"--" + eol + b"epilogue"


def found(
    *parts: tuple[bytes, bytes], kind: str = "multipart/mixed;boundary=b1", eol: bytes = b"\r\n"
) -> bytes | None:
    return session_body(message(multipart(*parts, eol=eol), ("Content-Type", kind)))


def lines(body: bytes | None) -> list[bytes] | None:
    return None if body is None else body.split()


def test_alone() -> None:
    assert session_body(message(b"")) is None
    assert session_body(message(b"", ("Content-Type", "text/plain"))) is None
    assert session_body(message(SDP, ("c", "Application/SDP;charset=utf-8"))) == SDP
    assert session_body(message(SDP)) == SDP, "v=0 without a type"


@pytest.mark.parametrize(
    "headers",
    [
        (("Content-Type", "text/plain"),),
        (("Content-Type", "text/plain"), ("Content-Disposition", "render;handling=required")),
        (),
        (("Content-Type", "application/sdp"), ("Content-Encoding", "gzip")),
        (("Content-Type", "application/sdp+xml"),),
    ],
)
def test_not_understood_is_415(headers: tuple[tuple[str, str], ...]) -> None:
    with pytest.raises(SipError) as caught:
        session_body(message(b"hello", *headers))
    assert caught.value.status == 415


@pytest.mark.parametrize(
    ("kind", "body", "fault"),
    [
        ("multipart/mixed", b"--b1\r\n\r\nx\r\n--b1--", "Multipart without boundary"),
        ("multipart/mixed;boundary=b1", b"no part", "Multipart without its delimiter"),
        (";", b"x", "Bad media type"),
    ],
)
def test_malformed_is_400_and_names_the_fault(kind: str, body: bytes, fault: str) -> None:
    with pytest.raises(SipError) as caught:
        session_body(message(body, ("Content-Type", kind)))
    assert (caught.value.status, caught.value.text) == (400, fault)


def test_a_quoted_boundary_may_hold_a_semicolon() -> None:
    body = multipart(PLAIN_SDP, boundary=b"b;1")
    kind = 'multipart/mixed;boundary="b;1"'
    assert lines(session_body(message(body, ("Content-Type", kind)))) == SDP.split()


def test_sdp_that_is_no_session_or_is_encoded_is_not_understood() -> None:
    for header in (("Content-Disposition", "early-session"), ("Content-Encoding", "gzip")):
        with pytest.raises(SipError) as caught:
            session_body(message(SDP, ("Content-Type", "application/sdp"), header))
        assert caught.value.status == 415
    with pytest.raises(SipError):
        found((b"Content-Type: application/sdp\nContent-Encoding: gzip", SDP))


def test_an_encoding_of_mail_is_undone() -> None:
    for encoding, encoded in (
        ("Base64", b64encode(SDP)),
        ("quoted-printable", b2a_qp(SDP, istext=False)),
        ("binary", SDP),
    ):
        header = ("Content-Transfer-Encoding", encoding)
        whole = message(encoded, ("Content-Type", "application/sdp"), header)
        assert lines(session_body(whole)) == SDP.split()
        head = f"Content-Type: application/sdp\nContent-Transfer-Encoding: {encoding}"
        assert lines(found((head.encode(), encoded))) == SDP.split()
    with pytest.raises(SipError) as caught:
        found((b"Content-Type: application/sdp\nContent-Transfer-Encoding: base64", b"abcde"))
    assert caught.value.status == 415


@pytest.mark.parametrize(
    ("kind", "disposition"),
    [("application/sdp;;", ""), ("application/sdp", ";"), ("application/sdp", "session;;=")],
)
def test_what_says_no_more_about_an_sdp_may_be_unreadable(kind: str, disposition: str) -> None:
    headers = [("Content-Type", kind), ("Content-Disposition", disposition)]
    assert session_body(message(SDP, *headers)) == SDP


def test_an_empty_content_encoding_is_none() -> None:
    headers = [("Content-Type", "application/sdp"), ("Content-Encoding", " ")]
    assert session_body(message(SDP, *headers)) == SDP


def test_optional_and_isup_bodies_are_ignored() -> None:
    optional = ("Content-Disposition", "render;handling=optional")
    assert session_body(message(b"x", ("Content-Type", "text/plain"), optional)) is None
    assert session_body(message(b"x", ("Content-Type", "application/isup;version=itu"))) is None
    assert (
        session_body(
            message(SDP, ("Content-Type", "application/sdp"), ("Content-Encoding", "identity"))
        )
        == SDP
    )


@pytest.mark.parametrize("eol", [b"\r\n", b"\n"])
def test_the_sdp_part_of_a_multipart(eol: bytes) -> None:
    body = found(ISUP, PLAIN_SDP, eol=eol)
    assert lines(body) == SDP.split()
    assert lines(found(PLAIN_SDP, ISUP)) == SDP.split()
    assert lines(found(PLAIN_SDP, kind='multipart/mixed; BOUNDARY="b1"')) == SDP.split()
    assert lines(found((b"c:\n application/sdp", SDP))) == SDP.split()


def test_first_sdp_wins() -> None:
    other = (b"Content-Type: application/sdp", b"v=0\r\no=- 2 2 IN IP4 192.0.2.2\r\n")
    assert lines(found(PLAIN_SDP, other)) == SDP.split()


@pytest.mark.parametrize("kind", [b"text/xml", b"application/isup", b"text/plain"])
def test_a_part_that_says_that_it_is_required_is_415(kind: bytes) -> None:
    head = b"Content-Type: " + kind + b"\nContent-Disposition: render;handling=REQUIRED"
    for parts in ((PLAIN_SDP, (head, b"x")), ((head, b"x"), PLAIN_SDP)):
        with pytest.raises(SipError) as caught:
            found(*parts)
        assert caught.value.status == 415


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Type: application/pidf+xml\nContent-ID: <target123@atlanta.example.com>",
        b"Content-Type: application/x-broadworks-call-center+xml",
        b"Content-Type: application/gtd",
        b"Content-Type: text/plain",
        b"Content-Type: a/b\nContent-Disposition: by-reference",
        b"Content-Type: application/rs-metadata+xml\nContent-Disposition: recording-session",
        b"Content-Type: text/xml\nContent-Disposition: render; handling=optional",
        b"Content-Type: application/sdp\nContent-Disposition: early-session",
        b"Content-Type: application/sdp\nContent-Disposition: recording-session",
        b"Content-Type: multipart/mixed",
        b"Content-Type: no/such/type",
        b"Content-Type: text/plain\nContent-Disposition: ;",
        b"no header",
        b"",
    ],
)
def test_a_part_that_nobody_explains_is_ignored(head: bytes) -> None:
    part = (head, b"x")
    assert lines(found(part, PLAIN_SDP)) == SDP.split()
    assert lines(found(PLAIN_SDP, part)) == SDP.split()
    assert found(part) is None


def test_of_alternatives_one_is_enough() -> None:
    part = (b"Content-Type: text/xml\nContent-Disposition: render;handling=required", b"x")
    assert lines(found(part, PLAIN_SDP, kind="multipart/alternative;boundary=b1")) == SDP.split()
    with pytest.raises(SipError):
        found(part, kind="multipart/alternative;boundary=b1")


def test_nested() -> None:
    inner = multipart(PLAIN_SDP, boundary=b"b2")
    assert lines(found((b"Content-Type: multipart/mixed;boundary=b2", inner), ISUP)) == SDP.split()
    deep = SDP
    kind = b"application/sdp"
    for level in range(6):
        boundary = b"n%d" % level
        deep = multipart((b"Content-Type: " + kind, deep), boundary=boundary)
        kind = b"multipart/mixed;boundary=" + boundary
    assert session_body(message(deep, ("Content-Type", kind.decode()))) is None


@given(
    st.binary(max_size=200),
    st.sampled_from(["application/sdp", "multipart/mixed;boundary=b1", "text/plain", ";", "=;="]),
    st.lists(st.sampled_from([b"--b1\r\n", b"--b1--", b"\r\n\r\n", b"content-type:", b":", SDP])),
)
def test_only_sip_errors_escape(body: bytes, kind: str, pieces: list[bytes]) -> None:
    with suppress(SipError):
        session_body(message(b"".join(pieces) + body, ("Content-Type", kind)))
