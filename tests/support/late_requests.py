"""Requests of a peer whose call is over for us."""

from __future__ import annotations

from hookflash.sip.message import Request


def late_request(
    method: str,
    body: bytes = b"",
    tag: str = "them",
    state: str = "terminated;reason=noresource",
    event: str = "refer",
    call_id: str = "call@peer",
) -> Request:
    """In the dialog of `tag` and `call_id`; without `event` no Event."""
    headers = [
        ("Via", "SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK1"),
        ("From", f"<sip:them@192.0.2.9>;tag={tag}"),
        ("To", "<sip:us@192.0.2.1>;tag=SCL_one"),
        ("Call-ID", call_id),
        ("CSeq", f"9 {method}"),
        ("Subscription-State", state),
        *([("Event", event)] if event else []),
    ]
    return Request(method, "sip:us@192.0.2.1", headers, body)
