"""Framing: datagrams and streams."""

from __future__ import annotations

import pytest

from hookflash.base.errors import SipError
from hookflash.sip.codec import MAX_HEADERS, MAX_LINE, MAX_MESSAGE, KeepAlive, StreamDecoder, parse
from hookflash.sip.message import Message, Request, Response

START = b"INFO sip:a@b SIP/2.0\r\n"
REST = (
    b"Via: SIP/2.0/TCP h;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\n"
    b"Call-ID: x\r\nCSeq: 1 INFO\r\n"
)


def message(body: bytes = b"", extra: bytes = b"", start: bytes = START) -> bytes:
    length = b"Content-Length: %d\r\n" % len(body)
    return start + REST + extra + length + b"\r\n" + body


def refused(data: bytes) -> SipError:
    with pytest.raises(SipError) as caught:
        parse(data)
    return caught.value


def test_a_datagram() -> None:
    found = parse(message(b"\0\r\n\xff"))
    assert isinstance(found, Request)
    assert (found.method, found.uri_text, found.body) == ("INFO", "sip:a@b", b"\0\r\n\xff")
    assert found.headers.items()[0] == ("Via", "SIP/2.0/TCP h;branch=z9hG4bK1")


def test_content_length_cuts_and_its_absence_does_not() -> None:
    assert parse(message(b"abc") + b"more").body == b"abc"
    assert parse(START + REST + b"\r\nall of it").body == b"all of it"
    assert parse(START + REST + b"l:0\r\n\r\nx").body == b""


def test_empty_lines_before_a_datagram() -> None:
    assert parse(b"\r\n\r\n" + message(b"x")).body == b"x"


def test_values_are_stripped_and_bytes_kept() -> None:
    found = parse(message(extra=b"X-A: \t a b \t \r\nX-B:\r\nX-C:\xff\xc3\xbc\r\nX-D : \tx\r\n"))
    assert found.header("X-A") == "a b"
    assert found.header("X-B") == ""
    assert found.header("X-C") == "\udcffü"
    assert found.header("X-D") == "x"
    assert b"X-C: \xff\xc3\xbc\r\n" in found.encode()
    assert parse(message(extra=b"X-A: a\t\r\n")).header("X-A") == "a"
    assert parse(message(extra=b"X-A: a\xc2\xa0\r\n")).header("X-A") == "a\xa0"


def test_folded_lines() -> None:
    found = parse(message(extra=b"X-A: a\r\n b\r\n\t \tc: d\r\nX-B:\r\n x\r\n \r\n"))
    assert found.header("X-A") == "a b c: d"
    assert found.header("X-B") == "x"


@pytest.mark.parametrize(
    "start",
    [
        b"INFO sip:a@b SIP/2.0 ",
        b"INFO  sip:a@b SIP/2.0",
        b" INFO sip:a@b SIP/2.0",
        b"INFO sip:a@b",
        b"INFO",
        b"",
        b"INFO sip:a@b HTTP/1.1",
        b"INFO sip:a@b SIP/2",
        b"IN/FO sip:a@b SIP/2.0",
        b"INFO sip:a\tb SIP/2.0",
        b"INFO sip:a\0b SIP/2.0",
        b"INFO sip:a@b SIP/2.0\r\n folded",
        b"INFO sip:a@b SIP/2.0\r",
    ],
)
def test_bad_request_lines(start: bytes) -> None:
    assert refused(message(start=start + b"\r\n")).status == 400


def test_other_versions() -> None:
    error = refused(message(start=b"INFO sip:a@b SIP/3.0\r\n"))
    assert error.status == 505
    assert isinstance(error.message, Request)
    assert isinstance(parse(message(start=b"INFO sip:a@b sip/2.0\r\n")), Request)


@pytest.mark.parametrize(
    ("start", "status", "reason"),
    [
        (b"SIP/2.0 200 OK", 200, "OK"),
        (b"sip/2.0 200 OK", 200, "OK"),
        (b"SIP/2.0 200 ", 200, ""),
        (b"SIP/2.0 200", 200, ""),
        (b"SIP/2.0  200 OK", 200, "OK"),
        (b"SIP/2.0 \t200\tOK", 200, "OK"),
        (b"SIP/2.0 699 \xc3\xbc  x ", 699, "ü  x "),
        (b"SIP/2.0 603 D\xe9clin\xe9", 603, "D\ufffdclin\ufffd"),
        (b"SIP/2.0 603 De\x1b[31mcl\xc2\x9bine", 603, "De[31mcline"),
    ],
)
def test_status_lines(start: bytes, status: int, reason: str) -> None:
    found = parse(message(start=start + b"\r\n"))
    assert isinstance(found, Response)
    assert (found.status, found.reason) == (status, reason)


@pytest.mark.parametrize(
    "start",
    [
        b"SIP/2.0 20 OK",
        b"SIP/2.0 2000 OK",
        b"SIP/2.0 099 OK",
        b"SIP/2.0 700 OK",
        b"SIP/2.0",
        b"SIP/2.0-200 OK",
        b"SIP/3.0 200 OK",
        b"SIP/2.0 \xd9\xa3\xd9\xa3\xd9\xa3 OK",
        b"SIP/2.0 200 O\rK",
        b"SIP/2.0 200 O\0K",
    ],
)
def test_bad_status_lines(start: bytes) -> None:
    error = refused(message(start=start + b"\r\n"))
    assert (error.status, error.message) == (400, None)


BAD_LINES = [b"Foobar roobar", b": x", b"X Y: z", b"X\xc3\xbc: y", b"X: a\rb", b"X: a\nb"]
UNDER_WAY = [
    b"SIP/2.0 200 OK\r\n",
    b"BYE sip:a@b SIP/2.0\r\nt: <sip:a b@c>;tag=us\r\n",
    b"ACK sip:a@b SIP/2.0\r\n",
    b"CANCEL sip:a@b SIP/2.0\r\n",
]
"""Starts of what belongs to something that began before."""


@pytest.mark.parametrize("line", BAD_LINES)
def test_bad_header_lines(line: bytes) -> None:
    error = refused(message(extra=line + b"\r\n"))
    assert (error.text, error.status) == ("Bad header line", 400)
    assert isinstance(error.message, Request)
    assert error.message.header("Call-ID") == "x"


@pytest.mark.parametrize("start", UNDER_WAY)
@pytest.mark.parametrize("line", [*BAD_LINES, b"X: a\0b"])
def test_they_are_skipped_in_what_is_under_way(line: bytes, start: bytes) -> None:
    data = message(b"body", line + b"\r\nX-After: 1\r\n", start)
    decoder = StreamDecoder()
    for found in (parse(data), *decoder.feed(data + data)):
        assert isinstance(found, Message)
        assert (found.header("Call-ID"), found.header("X-After")) == ("x", "1")
        assert found.body == b"body"
    assert not decoder.broken


@pytest.mark.parametrize("start", UNDER_WAY)
def test_a_line_in_which_another_hides_is_skipped_whole(start: bytes) -> None:
    """In a stream a bare LF ends no line: who reads it otherwise would find another body."""
    hidden = b"X: a\nContent-Length: 4\r\n"
    first, second = StreamDecoder().feed(message(extra=hidden, start=start) + message(b"two"))
    assert isinstance(first, Message)
    assert first.body == b""
    assert isinstance(second, Message)
    assert second.body == b"two"


@pytest.mark.parametrize("start", UNDER_WAY)
def test_lines_are_counted_whatever_they_are(start: bytes) -> None:
    error = refused(message(extra=b"bad\r\n" * MAX_HEADERS, start=start))
    assert (error.text, error.status) == ("Too many headers", 513)
    assert refused(message(extra=b"b" * (MAX_LINE + 1) + b"\r\n", start=start)).status == 513


@pytest.mark.parametrize("start", UNDER_WAY)
@pytest.mark.parametrize(("second", "taken"), [(b"4", True), (b"3", False), (b"04", False)])
def test_a_content_length_that_stands_twice(start: bytes, second: bytes, taken: bool) -> None:
    data = message(b"body", b"l: " + second + b"\r\n", start)
    decoder = StreamDecoder()
    (found,) = decoder.feed(data)
    assert decoder.broken is not taken
    if taken:
        assert isinstance(found, Message)
        assert found.body == parse(data).body == b"body"
    else:
        assert refused(data).text == "Repeated Content-Length header"


def test_one_that_stands_twice_in_what_begins_something() -> None:
    assert refused(message(b"body", b"l: 4\r\n")).text == "Repeated Content-Length header"


def test_nul_only_as_quoted_pair() -> None:
    assert parse(message(extra=b'X: "\\\0"\r\n')).header("X") == '"\\\0"'
    error = refused(message(extra=b"X: a\0\r\n"))
    assert error.text == "NUL in a header"
    assert isinstance(error.message, Request)
    assert b"\0" not in error.message.encode()


@pytest.mark.parametrize("length", [b"-1", b"x", b"", b"1 2", b"9" * 30, b"1, 1"])
def test_bad_content_length(length: bytes) -> None:
    error = refused(START + REST + b"Content-Length: " + length + b"\r\n\r\nx")
    assert (error.text, error.status) == ("Bad Content-Length", 400)


def test_no_empty_line() -> None:
    """The end of the datagram is that of the message, but for one that was cut off in a line."""
    assert refused((START + REST)[:-2]).text == "No empty line after the headers"
    whole = parse(START + REST)
    assert isinstance(whole, Request)
    assert (whole.header("Call-ID"), whole.body) == ("x", b"")
    assert refused(b"").message is None
    cut = REST[:-2]
    assert refused(START[:-2]).message is None  # no Via: nowhere to answer to
    assert refused(START.replace(b"INFO", b"ACK") + cut).message is None  # never answered


def test_bare_line_feeds_in_a_datagram() -> None:
    """All of a message, or one line of it; its body stays as it is."""
    body = b"v=0\r\ns=-\n"
    data = message(body)
    head = data[: -len(body)]
    for written in (head.replace(b"\r\n", b"\n"), head.replace(b"\r\n", b"\n", 2)):
        read = parse(written + body)
        assert isinstance(read, Request)
        assert (read.header("Call-ID"), read.body) == ("x", body)
        assert parse(read.encode()).encode() == read.encode()
    assert parse((START + REST).replace(b"\r\n", b"\n")).body == b""


@pytest.mark.parametrize("start", UNDER_WAY)
def test_they_are_line_ends_before_a_line_is_skipped(start: bytes) -> None:
    data = message(b"body", b"X-A: 1\nX-B: 2\r\nbad\r\n", start)
    found = parse(data)
    assert (found.header("X-A"), found.header("X-B"), found.body) == ("1", "2", b"body")
    assert found.wire == data


def test_bare_line_feeds_break_a_stream() -> None:
    decoder = StreamDecoder()
    found = decoder.feed(message(b"").replace(b"\r\n", b"\n") + message(b""))
    assert isinstance(found[0], SipError)


def test_limits_of_a_datagram() -> None:
    assert parse(message(b"x" * (MAX_MESSAGE - 300)))
    assert refused(message(b"x" * MAX_MESSAGE)).status == 513
    assert parse(message(extra=b"X: y\r\n" * (MAX_HEADERS - 6)))
    error = refused(message(extra=b"X: y\r\n" * (MAX_HEADERS - 5)))
    assert (error.text, error.status) == ("Too many headers", 513)
    assert parse(message(extra=b"X: " + b"y" * (MAX_LINE - 3) + b"\r\n"))
    error = refused(message(extra=b"X: " + b"y" * (MAX_LINE - 2) + b"\r\n"))
    assert (error.text, error.status) == ("Header line too long", 513)
    error = refused(message(extra=b"X: " + b"y\r\n " * (MAX_LINE // 2) + b"\r\n"))
    assert error.status == 513
    assert parse(message(extra=(b"X: " + b"y" * 4_000 + b"\r\n") * 10))


# --- streams --------------------------------------------------------------------------------------


def test_messages_split_and_joined_in_any_way() -> None:
    data = message(b"one") + b"\r\n" + message() + message(b"x\r\n\r\n" * 40)
    for size in (1, 2, 3, 7, 100, 1_000, len(data)):
        decoder = StreamDecoder()
        found = []
        for position in range(0, len(data), size):
            found += decoder.feed(data[position : position + size])
        bodies = [item.body for item in found if isinstance(item, Message)]
        assert bodies == [b"one", b"", b"x\r\n\r\n" * 40]
        assert not decoder.broken


def test_keep_alives() -> None:
    decoder = StreamDecoder()
    assert decoder.feed(b"\r\n\r\n") == [KeepAlive(True)]
    assert decoder.feed(b"\r\n") == [KeepAlive(False)]
    assert decoder.feed(b"\r\n") == [KeepAlive(True)]
    assert decoder.feed(b"\r") == []
    assert decoder.feed(b"\n") == [KeepAlive(False)]
    assert decoder.feed(b"\r") == []
    assert decoder.feed(b"\n") == [KeepAlive(True)]
    assert decoder.feed(b"\r\n" * 100) == [KeepAlive(True)]
    first, second = decoder.feed(b"\r\n\r\n" + message(b"x"))
    assert first == KeepAlive(True)
    assert isinstance(second, Request)
    assert [type(item) for item in decoder.feed(b"\r\n" + message())] == [Request]
    assert decoder.feed(b"\r\n") == [KeepAlive(False)]


def test_a_bad_message_well_framed_does_not_end_the_stream() -> None:
    decoder = StreamDecoder()
    error, good = decoder.feed(message(b"abc", b"Bad line\r\n") + message())
    assert isinstance(error, SipError)
    assert isinstance(error.message, Request)
    assert error.__traceback__ is None
    assert isinstance(good, Request)
    assert not decoder.broken


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (START + REST + b"\r\n", 400),
        (START + REST + b"Content-Length: 1\r\nl: 1\r\n\r\nx", 400),
        (START + REST + b"Content-Length: -1\r\n\r\nx", 400),
        (START + REST + b"Content-Length: 65500\r\n\r\nx", 513),
        (b"x" * (MAX_MESSAGE + 1), 513),
        (message(extra=b"X: y\r\n" * 300), 513),
        (message(extra=b"X: " + b"y" * 9_000 + b"\r\n"), 513),
    ],
)
def test_a_lost_frame_breaks_the_stream(data: bytes, status: int) -> None:
    decoder = StreamDecoder()
    *_, error = decoder.feed(message() + data)
    assert isinstance(error, SipError)
    assert (error.status, error.__traceback__) == (status, None)
    assert decoder.broken
    assert decoder.feed(message()) == []


def test_a_body_of_line_ends_is_no_keep_alive() -> None:
    decoder = StreamDecoder()
    data = message(b"\r\n\r\n")
    assert decoder.feed(data[:-2]) == []
    (found,) = decoder.feed(data[-2:])
    assert isinstance(found, Request)
    assert found.body == b"\r\n\r\n"
