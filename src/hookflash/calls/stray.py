"""Answers to requests that belong to no call (calls.md §2): OPTIONS, and refusals."""

from __future__ import annotations

from collections.abc import Sequence

from ..sip.message import Request, Response
from .legs.core import unsupported
from .legs.settings import ACCEPT, ALLOW, SUPPORTED

KNOWN_REFUSED = frozenset({"REFER", "MESSAGE", "SUBSCRIBE", "PUBLISH", "REGISTER"})
"""Methods that we know and do not carry out outside of a call: we are no registrar."""
IN_DIALOG_ONLY = frozenset({"BYE", "INFO", "UPDATE", "PRACK", "NOTIFY", "ACK", "CANCEL", "INVITE"})
RETRY_AFTER = "30"


def answer_stray(
    request: Request,
    to_tag: str,
    *,
    stopping: bool = False,
    allow: str = ALLOW,
    supported: str = SUPPORTED,
) -> Response:
    """The answer to a request that no leg takes. `to_tag` goes into To where the request had none
    (RFC 3261 §8.2.6.2)."""
    known = ("Allow", allow), ("Supported", supported)
    status, headers = _answer(request, *known, stopping=stopping)
    return Response.reply(request, status, to_tag=to_tag, headers=headers)


def shortened(answer: Response, request: Request) -> Response:
    """`answer`, without what tells of us as far as it would be longer than half as much again as
    `request`: whoever forges the source of a datagram shall gain nothing by it."""
    most = len(request.encode()) * 3 // 2
    for name in ("Supported", "Accept", "Allow"):
        if len(answer.encode()) <= most:
            break
        answer.headers.remove(name)
    return answer


def _answer(
    request: Request, allow: tuple[str, str], supported: tuple[str, str], *, stopping: bool
) -> tuple[int, Sequence[tuple[str, str]]]:
    method = request.method
    if request.to_tag or method in IN_DIALOG_ONLY:
        return 481, ()
    if method == "OPTIONS":
        lacking = unsupported(request, tuple(supported[1].split(", ")))
        if lacking:
            return 420, (("Unsupported", lacking),)
        headers = (allow, ("Accept", ACCEPT), supported)
        return (503, (("Retry-After", RETRY_AFTER), *headers)) if stopping else (200, headers)
    return (405 if method in KNOWN_REFUSED else 501), (allow,)
