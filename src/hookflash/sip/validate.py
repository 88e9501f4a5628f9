"""What a message must be before anybody acts on it, as far as it shows in the message alone.

Duties that need a dialog, a transaction or the application's knowledge (420, 415, 481, 482, 405)
belong to those who have it.
"""

from __future__ import annotations

from collections.abc import Container
from typing import Final

from ..base.errors import SipError
from .fields import NameAddr
from .message import KNOWN_METHODS, Message, Request, Response

_MANDATORY = (
    ("via", "Via"),
    ("from", "From"),
    ("to", "To"),
    ("call-id", "Call-ID"),
    ("cseq", "CSeq"),
)
_MANDATORY_KEYS = frozenset(key for key, _ in _MANDATORY)
_SINGLE = {
    "from": "From",
    "to": "To",
    "call-id": "Call-ID",
    "cseq": "CSeq",
    "max-forwards": "Max-Forwards",
    "content-type": "Content-Type",
    "rack": "RAck",
    "refer-to": "Refer-To",
    "referred-by": "Referred-By",
    "replaces": "Replaces",
}
_SCHEMES = frozenset({"sip", "sips", "tel"})
_NEEDED: Final[dict[str, frozenset[str]]] = {
    "INVITE": _MANDATORY_KEYS | {"content-type", "replaces"},
    "UPDATE": _MANDATORY_KEYS | {"content-type"},
    "PRACK": _MANDATORY_KEYS | {"content-type", "rack"},
    "INFO": _MANDATORY_KEYS | {"content-type"},
    "REFER": _MANDATORY_KEYS | {"refer-to", "referred-by", "replaces"},
}
"""What a request needs: it may stand there once only. ACK, BYE, CANCEL and OPTIONS need nothing but
what every one has, a NOTIFY nothing that its reader (`subscription`) does not make do without, an
INVITE no session timer; of two Replaces none is right (RFC 3891 §3). The rest may be anything (RFC
3261 §8.2.2)."""
_NEEDED_TO_BEGIN: Final = {method: keys | {"max-forwards"} for method, keys in _NEEDED.items()}
_ALWAYS: Final = _MANDATORY_KEYS | {"max-forwards"}
_OF_AN_INVITE: Final = frozenset({"ACK", "CANCEL"})


def check_request(request: Request) -> None:
    """Raise SipError with the answer that the request deserves.

    Its `message` is the request, or None if there can be no answer (no Via, or an ACK).

    A request that begins something:

    - 400: a mandatory header missing (Max-Forwards may be, RFC 3261 §16.3 item 3); one of them, or
      of what the method needs (`_NEEDED`), twice; an unreadable Request-URI (or one with
      ?headers), top Via, From, To, Call-ID, CSeq, Contact (all of them), Record-Route; a CSeq with
      another method; Max-Forwards that is no number or over 255; numbers too large.
    - 416: a Request-URI scheme other than sip, sips and tel.
    - 501: a method that no RFC defines and whose CSeq names another (RFC 4475 §3.1.2.18); an
      unknown method that is consistent passes, it is the user's to answer.

    Tolerated: what a method does not need (RFC 3261 §8.2.2: malformed headers that are not
    necessary are ignored), lower Vias, Max-Forwards 0, everything of RFC 2543 (no branch, no From
    tag, no Contact).

    After it has passed, these views do not raise: uri, top_via, from_, to, call_id, cseq,
    contacts, record_routes, max_forwards, expires.

    A request with a To tag, an ACK and a CANCEL belong to something that is under way, which an
    error answer would keep up, or end, for what nobody asks for: 400 and 501 only for a missing or
    repeated one of the mandatory headers, an unreadable top Via, Call-ID or CSeq, and for what the
    method needs (`_NEEDED`). After it only top_via, call_id, cseq, from_tag and to_tag do not
    raise.
    """
    try:
        _check_request(request)
    except SipError as error:
        answerable = request if "via" in request.headers and request.method != "ACK" else None
        raise SipError(error.text, status=error.status, message=answerable) from None


def _check_request(request: Request) -> None:
    if request.method in _OF_AN_INVITE or request.to_tag:
        _check_there(request, _NEEDED.get(request.method, _MANDATORY_KEYS))
        _check_match(request)
    else:
        _check_there(request, _NEEDED_TO_BEGIN.get(request.method, _ALWAYS))
        _ = request.from_, request.to
        _check_match(request)
        _check_beginning(request)
    if request.method == "REFER" and (refer_to := request.header("Refer-To")) is not None:
        NameAddr.parse(refer_to)  # the rest is answered by who reads it


def _check_beginning(request: Request) -> None:
    uri = request.uri
    if uri.scheme not in _SCHEMES:
        raise SipError("Unsupported URI scheme", status=416)
    if uri.headers:
        raise SipError("Headers in Request-URI")
    _ = request.max_forwards
    first = request.headers.first()
    if "contact" in first:
        _ = request.contacts
    if "record-route" in first:
        _ = request.record_routes


def _check_match(request: Request) -> None:
    _ = request.top_via, request.call_id
    if request.cseq.method != request.method:
        if request.method not in KNOWN_METHODS:
            raise SipError("Unknown method", status=501)
        raise SipError("CSeq method differs from the request's")


def check_response(response: Response) -> None:
    """Raise SipError if the response is to be dropped (there is no answer to a response).

    A mandatory header missing or twice; Via or CSeq unreadable, by which it is known to whose
    request it is; more than one Via (RFC 3261 §8.1.3.3, RFC 4475 §3.3.10). Nothing else: whoever
    dropped a response for its To, its Contact or a second Expires would leave an answered call
    without its ACK, or a refused one waiting.
    """
    _check_there(response, _MANDATORY_KEYS)
    _ = response.top_via, response.cseq
    if len(response.headers.split("via")) > 1:
        raise SipError("More than one Via in a response")


def _check_there(message: Message, single: Container[str]) -> None:
    """Every mandatory header, and none of `single` twice where that may not be."""
    first = message.headers.first()
    if not first.keys() >= _MANDATORY_KEYS:
        missing = next(name for key, name in _MANDATORY if key not in first)
        raise SipError(f"Missing {missing} header")
    if len(first) != len(message.headers):
        for key, values in message.headers.index().items():
            if len(values) > 1 and key in _SINGLE and key in single:
                raise SipError(f"Repeated {_SINGLE[key]} header")
