"""The cost of SIP messages: parse, serialise, and how the cost grows with the input.

Prints one table. Times are the best of many short runs, so that other work on the machine does
not count.
"""

from __future__ import annotations

import timeit
from collections.abc import Callable
from functools import partial
from itertools import cycle

from hookflash.base.errors import SipError
from hookflash.sip.codec import parse
from hookflash.sip.message import Message, Request, Response
from hookflash.sip.multipart import parts
from hookflash.sip.uri import MEMORY

SDP = (
    b"v=0\r\no=- 3890000000 3890000000 IN IP4 203.0.113.7\r\ns=-\r\nc=IN IP4 203.0.113.7\r\n"
    b"t=0 0\r\nm=audio 4000 RTP/AVP 0 8 9 101\r\na=rtpmap:0 PCMU/8000\r\n"
    b"a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=sendrecv\r\na=ptime:20\r\n"
)
HEAD = (
    "INVITE sip:+15105550100@sip.example.com:5060;transport=udp SIP/2.0\r\n"
    "Via: SIP/2.0/UDP 203.0.113.7:5060;rport;branch=z9hG4bKPj3b2a0c6d1e5f4a7b9c8d\r\n"
    "Max-Forwards: 70\r\n"
    'From: "Alice Example" <sip:+15105550123@carrier.example.net>;tag=8f3c1d2e-4b5a-6978\r\n'
    "To: <sip:+15105550100@sip.example.com>\r\n"
    "Contact: <sip:+15105550123@203.0.113.7:5060;transport=udp>\r\n"
    "Call-ID: 2f8a6c3e-9b1d-4e7f-a5c0-1d2e3f4a5b6c@203.0.113.7\r\n"
    "CSeq: 20177 INVITE\r\n"
    "Allow: PRACK, INVITE, ACK, BYE, CANCEL, UPDATE, INFO, NOTIFY, REFER, OPTIONS\r\n"
    "Supported: replaces, 100rel, timer, norefersub\r\n"
    "Session-Expires: 1800\r\nMin-SE: 90\r\nUser-Agent: Example SBC 4.2\r\n"
    f"Content-Type: application/sdp\r\nContent-Length: {len(SDP)}\r\n\r\n"
)
INVITE = HEAD.encode() + SDP
STRANGERS = [
    INVITE.replace(b"5550123", f"{number:07d}".encode()).replace(b"5550100", b"%07d" % number)
    for number in range(2_000_000, 2_000_000 + 3 * MEMORY)
]
"""The same from one caller after the other, so that no address is remembered from before."""

_START = "OPTIONS sip:a@example.com SIP/2.0\r\n"
_REST = (
    "Via: SIP/2.0/UDP h\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: x\r\n"
    "CSeq: 1 OPTIONS\r\n"
)


def best(function: Callable[[], object], loops: int, repeats: int) -> float:
    """Seconds of one call, the best of `repeats` runs of `loops` calls."""
    return min(timeit.repeat(function, number=loops, repeat=repeats)) / loops


_next = cycle(STRANGERS).__next__


def typed_invite() -> Message:
    """Parse an INVITE of somebody new and look at Via, From, To, CSeq and Contact."""
    message = parse(_next())
    _ = message.vias, message.from_, message.to, message.cseq, message.contact
    return message


def ok_to(request: Request) -> Response:
    """A 200 with an SDP answer."""
    return Response.reply(
        request,
        200,
        to_tag="SCL_abcdefghijkl",
        headers=[
            ("Contact", "<sip:hookflash@192.0.2.1:5060>"),
            ("Allow", "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, PRACK, NOTIFY"),
            ("Supported", "100rel, timer"),
            ("User-Agent", "Hookflash"),
            ("Content-Type", "application/sdp"),
        ],
        body=SDP,
    )


def read_all(data: bytes) -> None:
    """Parse, and ask for every list and address that the message has."""
    try:
        message = parse(data)
    except SipError:
        return
    for view in ("vias", "contacts", "routes", "record_routes", "allow", "from_", "to"):
        try:
            getattr(message, view)
        except SipError:
            continue
    message.encode()


def _filled(unit: str, size: int, before: str, after: str = "\r\n", line: int = 7_000) -> bytes:
    """A message of `size` bytes: header lines of `unit`s, each line under the limit."""
    head = _START + _REST
    body = before + unit * ((min(line, size - 400)) // len(unit)) + after
    return (head + body * max(1, (size - len(head)) // len(body)) + "\r\n").encode()


SHAPES: dict[str, Callable[[int], bytes]] = {
    "folded lines": lambda size: _filled("\r\n x", size, "Subject: a"),
    "comma list": lambda size: _filled("<sip:a@b>, ", size, "Contact: ", "<sip:c@d>\r\n"),
    "bare commas": lambda size: _filled(",", size, "Route: "),
    "open quotes": lambda size: _filled('\\"', size, 'Contact: "'),
    "quotes, no commas": lambda size: _filled('"', size, "Contact: "),
    "open brackets": lambda size: _filled("<", size, "Record-Route: "),
    "parameters": lambda size: _filled(";a=b", size, "Contact: <sip:a@b>"),
    "semicolons": lambda size: _filled(";", size, "Contact: <sip:a@b>"),
    "spaces": lambda size: _filled(" ", size, "Contact: ", "x\r\n"),
    "names without colon": lambda size: _filled("a", size, ""),
    "percent escapes": lambda size: _filled("%41", size, "Contact: <sip:", "@b>\r\n"),
    "one body": lambda size: (_START + _REST + "\r\n").encode() + b"x" * (size - 150),
}


def multipart(size: int) -> bytes:
    """A body of line ends and half delimiters."""
    return b"--b\r\n\r\n" + b"\r\n--" * ((size - 20) // 4) + b"\r\n--b--"


def figures() -> tuple[float, float]:
    """Seconds to parse a typed INVITE, and to serialise a 200 with SDP."""
    request = typed_invite()
    assert isinstance(request, Request)
    return best(typed_invite, 100, 300), best(ok_to(request).encode, 100, 300)


def main() -> None:
    """Print the table."""
    request = typed_invite()
    assert isinstance(request, Request)
    response = ok_to(request)
    rows = [
        (f"parse, {len(INVITE)}-byte INVITE, nothing typed", lambda: parse(INVITE)),
        ("  with Via, From, To, CSeq, Contact", typed_invite),
        ("serialise a 200 with SDP", response.encode),
        ("  and build it from the INVITE", lambda: ok_to(request).encode()),
    ]
    print(f"{'operation':50}{'µs':>8}")
    for name, function in rows:
        print(f"{name:50}{best(function, 100, 300) * 1e6:8.1f}")
    print(f"\n{'shape':30}{'6 kB µs':>10}{'64 kB µs':>10}{'ratio':>8}")
    for name, shape in SHAPES.items():
        _row(name, partial(read_all, shape(6_000)), partial(read_all, shape(64_000)))
    kind = "multipart/mixed;boundary=b"
    _row(
        "multipart delimiters",
        partial(parts, multipart(6_000), kind),
        partial(parts, multipart(64_000), kind),
    )


def _row(name: str, small: Callable[[], object], large: Callable[[], object]) -> None:
    first, second = best(small, 5, 20), best(large, 1, 20)
    print(f"{name:30}{first * 1e6:10.1f}{second * 1e6:10.1f}{second / first:8.1f}")


if __name__ == "__main__":
    main()
