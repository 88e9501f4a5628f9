"""Which server transaction a request belongs to (RFC 3261 §17.2.3), and which are merged."""

from __future__ import annotations

from .message import Request

MatchKey = tuple[object, ...]
"""The last element is the method; an ACK has the key of its INVITE."""

MAGIC_COOKIE = "z9hG4bK"


def server_key(request: Request) -> MatchKey:
    """The key of the transaction that `request` belongs to.

    Branch, sent-by and method; where the branch has no magic cookie, or nothing after it
    (RFC 4475 §3.2.1), the rules of RFC 2543. Raises SipError where a header that is needed
    cannot be read.
    """
    method = request.method
    if method == "ACK":
        method = "INVITE"
    via = request.top_via
    branch = via.branch
    if len(branch) > len(MAGIC_COOKIE) and branch.startswith(MAGIC_COOKIE):
        return branch, via.sent_by.lower(), method
    # The To tag is left out: an ACK has the one of our answer, which the endpoint compares.
    return (
        "",
        request.uri_text,
        request.from_tag,
        request.call_id,
        request.cseq.number,
        via.sent_by.lower(),
        branch,
        via.transport,
        method,
    )


def is_rfc2543(key: MatchKey) -> bool:
    """True for a key made without a magic cookie."""
    return key[0] == ""


def merge_key(request: Request) -> MatchKey:
    """What is the same in all copies of a request that reached us by several ways (§8.2.2.2)."""
    cseq = request.cseq
    return request.call_id, request.from_tag, cseq.number, cseq.method
