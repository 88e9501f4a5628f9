"""What a message costs grows as the message does, however it is made."""

from __future__ import annotations

from collections.abc import Callable
from time import process_time

import pytest
from tests.simulation.endpoints import new_endpoint
from tests.support.sip_messages import flow_to

from hookflash.base.errors import SipError
from hookflash.sip.codec import StreamDecoder, parse
from hookflash.sip.fields import Credentials
from hookflash.sip.message import Request
from hookflash.sip.multipart import parts

SMALL, LARGE = 900, 7200
"""Within what one line may have, and eight times as much as the other."""
FACTOR = 30.0
"""Between eight, which is linear, and 64, which is quadratic."""
HEAD = (
    "INVITE sip:a@b{uri} SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1{via};branch=z9hG4bKx\r\n"
    "From: {name}<sip:a@b{address}>{params};tag=1\r\nTo: <sip:b@c>\r\nCall-ID: x\r\n"
    "CSeq: {zeros}1 INVITE\r\nMax-Forwards: 70\r\nContact: <sip:a@b>{contact}\r\n{more}\r\n"
)
VIEWS = (
    "from_tag",
    "to_tag",
    "uri",
    "from_",
    "contacts",
    "routes",
    "record_routes",
    "vias",
    "require",
    "supported",
)


def message(**places: str) -> bytes:
    names = ("uri", "via", "name", "address", "params", "zeros", "contact", "more")
    return HEAD.format(**{name: places.get(name, "") for name in names}).encode()


def of_a_call(**places: str) -> bytes:
    return message(**places).replace(b"To: <sip:b@c>", b"To: <sip:b c>;tag=x")


SHAPES: dict[str, Callable[[int], bytes]] = {
    "vias": lambda n: message(more="Via: " + "SIP/2.0/UDP a," * (n // 14) + "\r\n"),
    "lines of Via": lambda n: message(more="Via: SIP/2.0/UDP a\r\n" * min(n // 36, 250)),
    "routes": lambda n: message(more="Route: " + "<sip:a>," * (n // 30) + "\r\n"),
    "elements": lambda n: message(more="Require: " + "a," * (n // 2) + "\r\n"),
    "commas": lambda n: message(more="Record-Route: " + "," * n + "\r\n"),
    "lines": lambda n: message(more="".join(f"x{i}: a\r\n" for i in range(n // 8))),
    "folds": lambda n: message(more="Subject: a" + "\r\n " * n + "\r\n"),
    "blanks": lambda n: message(more="Subject: a" + " \t" * (n // 2) + "b\r\n"),
    "quotes": lambda n: message(more="Route: " + '"' * n + "\r\n"),
    "quoted pairs": lambda n: message(name='"' + "\\x" * (n // 2) + '" '),
    "open quotes": lambda n: message(name='"a" ' * (n // 4)),
    "brackets": lambda n: message(more="Route: " + "<" * n + "\r\n"),
    "words": lambda n: message(name="a " * (n // 2)),
    "parameters": lambda n: message(params=" ; a = b" * (n // 8)),
    "tags": lambda n: message(params=";tag" * (n // 4)),
    "of the Via": lambda n: message(via=";a=b" * (n // 4)),
    "of the URI": lambda n: message(uri=";a=b" * (n // 4)),
    "of Contact": lambda n: message(contact=";a=b" * (n // 4)),
    "escapes": lambda n: message(address=";x=" + "%61" * (n // 3)),
    "headers of a URI": lambda n: message(address="?" + "a=b&" * (n // 4) + "a=b"),
    "zeros": lambda n: message(zeros="0" * n),
    "NULs": lambda n: message(more="Subject: " + "\\\0" * (n // 2) + "\r\n"),
    "bare LFs": lambda n: message().replace(b"\r\n", b"\n") + b"\n" * n,
    "bad lines": lambda n: of_a_call(more="bad\r\n" * min(n // 5, 240)),
    "one bad line": lambda n: of_a_call(more="b a d " * (n // 6) + "\r\n"),
    "an unreadable From": lambda n: of_a_call(name='"' + "<" * n),
    "its tags": lambda n: of_a_call(params="; tag <" * (n // 7)),
    "its blanks": lambda n: of_a_call(params="<;" + " " * n),
    "credentials": lambda n: message(more="Authorization: Digest " + 'a="b",' * (n // 6) + "\r\n"),
}


def take(data: bytes) -> None:
    """All that is done with a message before anybody knows whose it is."""
    endpoint = new_endpoint()
    try:
        request = parse(data)
    except SipError as error:
        endpoint.bad_message(0.0, error, flow_to())
        return
    endpoint.message_received(0.0, request, flow_to())
    assert isinstance(request, Request)
    for view in VIEWS:
        try:
            getattr(request, view)
        except SipError:
            continue
    try:
        Credentials.parse(request.header("Authorization") or "")
    except SipError:
        return


def cost(work: Callable[[], object]) -> float:
    """CPU seconds, at best."""
    found = []
    for _ in range(5):
        begun = process_time()
        for _ in range(3):
            work()
        found.append(process_time() - begun)
    return min(found)


def grows(make: Callable[[int], bytes], work: Callable[[bytes], object]) -> float:
    """How many times as much eight times as much costs."""
    small, large = make(SMALL), make(LARGE)
    return cost(lambda: work(large)) / cost(lambda: work(small))


@pytest.mark.parametrize("shape", SHAPES)
def test_a_message_costs_what_its_length_does(shape: str) -> None:
    assert grows(SHAPES[shape], take) < FACTOR


@pytest.mark.parametrize(
    "piece", [b"\r\n--b\r\n", b"\r\n--b ", b"\r\n--", b"\n", b"\r\n--b\r\na:b\r\n "]
)
@pytest.mark.parametrize("boundary", ["b", '"' + "-" * 60 + '"', '"b b"'])
def test_so_does_a_body_of_parts(piece: bytes, boundary: str) -> None:
    def split(body: bytes) -> None:
        try:
            parts(body, f"multipart/mixed;boundary={boundary}")
        except SipError:
            return

    assert grows(lambda n: piece * n, split) < FACTOR


@pytest.mark.parametrize("piece", [b"\r\n", b"\r", b"x", b"\r\nx", b"a: b\r\n"])
@pytest.mark.parametrize("at_once", [1, 7])
def test_so_does_a_stream_in_small_pieces(piece: bytes, at_once: int) -> None:
    def feed(data: bytes) -> None:
        decoder = StreamDecoder()
        for start in range(0, len(data), at_once):
            decoder.feed(data[start : start + at_once])

    assert grows(lambda n: piece * (n // len(piece)), feed) < FACTOR


def test_the_measure_finds_what_grows_faster() -> None:
    def quadratic(data: bytes) -> None:
        for start in range(0, len(data), 8):
            data[start:].count(b"x")

    assert grows(lambda n: b"ab" * n, quadratic) > FACTOR
