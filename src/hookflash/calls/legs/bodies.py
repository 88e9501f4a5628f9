"""The session description in a message's body, alone or in a multipart (RFC 3261 §20.11, 5621)."""

from __future__ import annotations

from ...base.errors import SipError
from ...sip.message import Message
from ...sip.multipart import Part, parts

_SDP = "application/sdp"
_CHANGING = frozenset({"content-disposition", "content-encoding", "content-transfer-encoding"})
"""Headers that may make something else of it."""
_IGNORED = frozenset({"application/isup", "application/qsig"})
"""Bodies of the telephone network, which may come alone and are none of ours."""
_MAX_DEPTH = 4


def session_body(message: Message) -> bytes | None:
    """The SDP of `message`, or None without one. Raises SipError: 415 where a body is required
    and not understood, 400 for a multipart that cannot be split and an unreadable type.

    Parts beside the SDP are ignored unless they say handling=required themselves: locations (RFC
    6442 §5.1), ISUP and what exchanges tell each other come without a word on it, and RFC 3261
    §20.11 would have their calls refused (calls.md §1).
    """
    body = message.body
    if not body:
        return None
    headers = message.headers
    written = headers.first()
    if written.get("content-type") == _SDP and written.keys().isdisjoint(_CHANGING):
        return body  # as nearly all are
    if "content-type" not in written:
        if body.startswith(b"v="):
            return body
        raise _not_understood()
    return _find(Part(headers, body), 0)


def _find(part: Part, depth: int) -> bytes | None:
    kind = part.content_type
    session = kind == _SDP and part.disposition == "session"
    content = part.content if session else None
    if content is not None:
        return content
    if kind.startswith("multipart/") and depth < _MAX_DEPTH:
        return _search(part, kind == "multipart/alternative", depth)
    if depth and not session:
        refused = part.handling == "required"
    else:  # alone, or a session that we cannot unpack
        refused = kind not in _IGNORED and part.handling != "optional"
    if refused:
        raise _not_understood()
    return None


def _search(whole: Part, alternative: bool, depth: int) -> bytes | None:
    """The first SDP of the parts. A part that must be understood and is not refuses the whole,
    but among alternatives one is enough; one that cannot be read is ignored."""
    found: bytes | None = None
    refused = False
    for part in parts(whole.body, whole.headers.get("Content-Type") or ""):
        try:
            sdp = _find(part, depth + 1)
        except SipError as error:
            refused = refused or error.status == 415
        else:
            found = found if found is not None else sdp
    if refused and (found is None or not alternative):
        raise _not_understood()
    return found


def _not_understood() -> SipError:
    return SipError("body not understood", status=415)
