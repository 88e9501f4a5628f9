"""Broken SIP messages from a seed, and a walk through everything that a message can be asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

from hookflash.base.errors import SipError
from hookflash.sip.codec import parse
from hookflash.sip.fields import (
    Challenge,
    Credentials,
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
from hookflash.sip.headers import canonical_name
from hookflash.sip.message import Message, Request, Response
from hookflash.sip.multipart import parts
from hookflash.sip.uri import Uri
from hookflash.sip.validate import check_request, check_response

VIEWS = (
    "top_via",
    "vias",
    "from_",
    "to",
    "call_id",
    "cseq",
    "contacts",
    "contact",
    "routes",
    "record_routes",
    "max_forwards",
    "expires",
    "content_type",
    "event",
    "require",
    "supported",
    "allow",
)
PARSERS: tuple[Callable[[str], object], ...] = (
    Challenge.parse,
    Credentials.parse,
    CSeq.parse,
    EventField.parse,
    MediaType.parse,
    NameAddr.parse,
    RAck.parse,
    Reason.parse,
    Replaces.parse,
    SessionExpires.parse,
    SubscriptionState.parse,
    Uri.parse,
    Via.parse,
)
"""Everything that reads the value of a header."""

_PIECES = (
    b"\r\n",
    b"\r\n ",
    b"\r\n\r\n",
    b"\n",
    b"\r",
    b"\0",
    b'"',
    b"\\",
    b"<",
    b">",
    b";",
    b",",
    b":",
    b"=",
    b"?",
    b"@",
    b"%00",
    b"%zz",
    b"[::1]",
    b"[",
    b"]",
    b" ",
    b"\t",
    b"\xff\xfe",
    "ĸ\u2028".encode(),
    b"99999999999999999999",
    b"-1",
    b"SIP/2.0",
    b"sip:",
    b"tel:+1",
    b";tag=",
    b"*",
)


def mutated(random: Random, data: bytes, others: Sequence[bytes] = ()) -> bytes:
    """`data` with one to six faults: bytes changed, cut, doubled, inserted, or another's put in."""
    out = bytearray(data)
    for _ in range(random.randint(1, 6)):
        position = random.randrange(len(out) + 1)
        length = random.choice((1, 1, 2, 5, 20, 100))
        kind = random.randrange(6)
        if kind == 0:
            out[position : position + 1] = bytes([random.randrange(256)])
        elif kind == 1:
            del out[position : position + length]
        elif kind == 2:
            out[position:position] = out[position : position + length] * random.choice((1, 2, 30))
        elif kind == 3:
            out[position:position] = random.choice(_PIECES)
        elif kind == 4:
            out[position : position + length] = random.choice(_PIECES)
        elif others:
            other = random.choice(others)
            start = random.randrange(len(other))
            out[position:position] = other[start : start + length]
    return bytes(out)


def exercise(data: bytes) -> Message | None:
    """Read `data` as a datagram and ask for all that it holds.

    Returns the message, None if it could not be read. Whatever is not a SipError is a bug and
    comes out; so does AssertionError, if what we wrote again is not what we had read.
    """
    try:
        message = parse(data)
    except SipError as error:
        if isinstance(error.message, Request):
            Response.reply(error.message, error.status, to_tag="t").encode()
        return None
    walk(message)
    again = parse(message.encode())
    assert again.body == message.body
    assert _lines(again) == _lines(message)
    return message


def walk(message: Message) -> None:
    """Ask for every typed view, read every value as everything, validate, answer."""
    for name in VIEWS:
        _quietly(getattr, message, name)
    for _, value in message.headers.items():
        read_as_everything(value)
    _quietly(parts, message.body, message.header("Content-Type") or "text/plain")
    if isinstance(message, Request):
        _quietly(getattr, message, "uri")
        _quietly(check_request, message)
        Response.reply(message, 200, to_tag="t").encode()
    elif isinstance(message, Response):
        _quietly(check_response, message)


def read_as_everything(value: str) -> None:
    """Give `value` to every parser; what was read can be written and read again, unchanged."""
    for parser in PARSERS:
        read = _quietly(parser, value)
        if read is not None:
            assert parser(str(read)) == read, (parser, value)
            if isinstance(read, Uri):
                _use(read)
            elif isinstance(read, NameAddr):
                _use(read.uri)


def _use(uri: Uri) -> None:
    assert uri.equivalent(uri)
    _ = uri.user_text, uri.number, uri.header("Replaces")


def _quietly(function: Callable[..., object], *arguments: object) -> object:
    try:
        return function(*arguments)
    except SipError:
        return None


def _lines(message: Message) -> list[tuple[str, str]]:
    named = [(canonical_name(name), value) for name, value in message.headers.items()]
    return [line for line in named if line[0] != "Content-Length"]
