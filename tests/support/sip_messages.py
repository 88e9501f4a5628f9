"""Short SIP messages for tests: made as bytes and read by the codec, as from the wire."""

from __future__ import annotations

from collections.abc import Sequence

from hookflash.sip.codec import parse
from hookflash.sip.flow import Flow, Transport
from hookflash.sip.message import Request, Response

OUR_ADDRESS = ("192.0.2.10", 5060)
PEER_ADDRESS = ("198.51.100.7", 5060)


def flow_to(transport: Transport = "udp", connection: int | None = None) -> Flow:
    """The flow between the two addresses; streams have connection 1 unless told otherwise."""
    number = (0 if transport == "udp" else 1) if connection is None else connection
    return Flow(transport, OUR_ADDRESS, PEER_ADDRESS, number)


def request_of(
    method: str,
    *,
    uri: str = "sip:100@192.0.2.10",
    branch: str | None = "z9hG4bKpeer1",
    via: str = "",
    transport: str = "UDP",
    to_tag: str = "",
    from_tag: str = "peer",
    call_id: str = "call-1",
    cseq: int = 1,
    cseq_method: str = "",
    headers: Sequence[tuple[str, str]] = (("Contact", "<sip:caller@198.51.100.7:5060>"),),
    body: bytes = b"",
) -> Request:
    """A request of a peer at `PEER_ADDRESS`; `via` replaces the whole Via value."""
    sent_by = f"SIP/2.0/{transport} 198.51.100.7:5060"
    lines = [
        f"{method} {uri} SIP/2.0",
        "Via: " + (via or (f"{sent_by};branch={branch}" if branch is not None else sent_by)),
        "Max-Forwards: 70",
        f"From: <sip:caller@198.51.100.7>;tag={from_tag}",
        "To: <sip:100@192.0.2.10>" + (f";tag={to_tag}" if to_tag else ""),
        f"Call-ID: {call_id}",
        f"CSeq: {cseq} {cseq_method or method}",
        *(f"{name}: {value}" for name, value in headers),
        f"Content-Length: {len(body)}",
    ]
    message = parse("\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape") + body)
    assert isinstance(message, Request)
    return message


def response_of(
    data: bytes,
    status: int,
    *,
    tag: str = "remote",
    headers: Sequence[tuple[str, str]] = (),
    body: bytes = b"",
) -> Response:
    """The peer's answer to a request of ours, given as it went over the wire."""
    request = parse(data)
    assert isinstance(request, Request)
    reply = Response.reply(
        request, status, to_tag=tag if status > 100 else None, headers=headers, body=body
    )
    message = parse(reply.encode())
    assert isinstance(message, Response)
    return message
