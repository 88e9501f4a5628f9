"""Answers to requests that belong to no call (calls.md §2): OPTIONS, and refusals."""

from __future__ import annotations

from collections.abc import Sequence

from ..sip.message import Request, Response
from .legs.settings import ACCEPT, ALLOW, SUPPORTED

KNOWN_REFUSED = frozenset({"REFER", "MESSAGE", "SUBSCRIBE", "PUBLISH", "REGISTER"})
"""Methods that we know and do not carry out outside of a call: we are no registrar."""
IN_DIALOG_ONLY = frozenset({"BYE", "INFO", "UPDATE", "PRACK", "NOTIFY", "ACK", "CANCEL", "INVITE"})
RETRY_AFTER = "30"


def answer_stray(request: Request, *, stopping: bool = False) -> Response:
    """The answer to a request that no leg takes."""
    method = request.method
    allow = ("Allow", ALLOW)
    if request.to.tag is not None and method != "OPTIONS":
        return Response.reply(request, 481)
    if method == "OPTIONS":
        if request.to.tag is not None:
            return Response.reply(request, 481)
        headers: Sequence[tuple[str, str]] = (
            allow,
            ("Accept", ACCEPT),
            ("Supported", SUPPORTED),
        )
        if stopping:
            return Response.reply(request, 503, headers=(("Retry-After", RETRY_AFTER), *headers))
        return Response.reply(request, 200, headers=headers)
    if method in IN_DIALOG_ONLY:
        return Response.reply(request, 481)
    if method in KNOWN_REFUSED:
        return Response.reply(request, 405, headers=(allow,))
    return Response.reply(request, 501, headers=(allow,))
