"""Bodies in parts."""

from __future__ import annotations

import pytest

from hookflash.base.errors import SipError
from hookflash.sip.headers import Headers
from hookflash.sip.multipart import Part, parts

KIND = 'multipart/mixed; boundary="b"'


def test_a_body_without_parts_is_one() -> None:
    headers = [("Content-Type", "application/sdp")]
    optional = ("Content-Disposition", "session;handling=optional")
    part = Part(Headers([*headers, optional]), b"v=0")
    assert (part.content_type, part.disposition, part.handling) == (
        "application/sdp",
        "session",
        "optional",
    )
    part = Part(Headers(headers), b"v=0")
    assert (part.disposition, part.handling) == ("session", "")


def test_parts_and_their_headers() -> None:
    body = (
        b"preamble\r\n--b\r\nContent-Type: application/SDP\r\n\r\nv=0\r\n\r\n--b \t\r\n"
        b"c: application/isup;\r\n version=x\r\nContent-Disposition: signal;handling=optional \r\n"
        b"\r\n\x00\x01--b\r\n--b\r\n\r\nplain\r\n--b--\r\nepilogue --b\r\n--b\r\n"
    )
    sdp, isup, plain = parts(body, KIND)
    assert (sdp.content_type, sdp.body) == ("application/sdp", b"v=0\r\n")
    assert (isup.content_type, isup.disposition, isup.handling, isup.body) == (
        "application/isup",
        "signal",
        "optional",
        b"\x00\x01--b",
    )
    assert isup.headers.get("Content-Type") == "application/isup; version=x"
    assert (plain.content_type, plain.disposition, plain.body) == ("text/plain", "render", b"plain")
    assert plain.handling == ""


def test_a_longer_delimiter_is_another_one() -> None:
    (part,) = parts(b"--b\r\n\r\none\r\n--bb\r\ntwo\r\n--b--", KIND)
    assert part.body == b"one\r\n--bb\r\ntwo"


def test_line_feeds_alone_and_a_missing_end() -> None:
    first, second = parts(b"--b\nContent-Type: a/b\n\none\n--b\n\ntwo", KIND)
    assert (first.content_type, first.body, second.body) == ("a/b", b"one", b"two")


def test_a_part_of_headers_only() -> None:
    (part,) = parts(b"--b\r\nX: y\r\n--b--", KIND)
    assert (part.headers.get("X"), part.body) == ("y", b"")


def test_a_part_whose_headers_cannot_be_read_is_left_out() -> None:
    (part,) = parts(b"--b\r\nbad line\r\n\r\nx\r\n--b\r\n\r\ny\r\n--b--", KIND)
    assert part.body == b"y"


def test_parts_within_parts() -> None:
    inner = b"--c\r\n\r\nx\r\n--c--"
    (outer,) = parts(
        b"--b\r\nContent-Type: multipart/alternative;boundary=c\r\n\r\n" + inner + b"\r\n--b--",
        KIND,
    )
    (part,) = parts(outer.body, outer.headers.get("Content-Type") or "")
    assert part.body == b"x"


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"--b\r\n\r\nx", "multipart/mixed"),
        (b"--b\r\n\r\nx", 'multipart/mixed;boundary=""'),
        (b"no delimiter", KIND),
        (b"", KIND),
        (b"--b\r\n\r\n" * 66, KIND),
        (b"", "no/such/type"),
    ],
)
def test_bad(body: bytes, kind: str) -> None:
    with pytest.raises(SipError) as caught:
        parts(body, kind)
    assert caught.value.status == 400


def test_a_bad_type_raises_when_asked_for_and_a_bad_disposition_is_none() -> None:
    (part,) = parts(b"--b\r\nContent-Type: //\r\nContent-Disposition: ;\r\n\r\n", KIND)
    assert isinstance(part, Part)
    with pytest.raises(SipError):
        _ = part.content_type
    assert part.handling == ""
    (part,) = parts(b"--b\r\nContent-Type: a/b;;\r\nContent-Disposition: ;\r\n\r\n", KIND)
    assert (part.content_type, part.disposition, part.handling) == ("a/b", "render", "")
