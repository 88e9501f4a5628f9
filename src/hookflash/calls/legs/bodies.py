"""The session description in a message's body, alone or in a multipart (RFC 3261 §20.11, 5621)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...base.errors import SipError

if TYPE_CHECKING:
    from ...sip.message import Message

_SDP = "application/sdp"
_IGNORED = frozenset({"application/isup", "application/qsig"})
"""ISUP travels with handling=required everywhere and is none of ours (calls.md §1)."""
_MAX_DEPTH = 4


def session_body(message: Message) -> bytes | None:
    """The SDP of `message`, or None without one. Raises SipError (415)
    where a body is required and not understood."""
    body = message.body
    if not body:
        return None
    kind = message.content_type
    if kind == _SDP or (not kind and body.startswith(b"v=")):
        encoding = message.header("Content-Encoding")
        if encoding is not None and encoding.strip().lower() != "identity":
            raise SipError("body not understood", status=415)
        return body
    return _find(
        message.header("Content-Type") or "", message.header("Content-Disposition"), body, 0
    )


def _find(content_type: str, disposition: str | None, body: bytes, depth: int) -> bytes | None:
    kind, parameters = _split(content_type)
    purpose, handling = _split(disposition or "")
    if kind == _SDP and purpose in {"", "session"}:
        return body
    if kind.startswith("multipart/") and depth < _MAX_DEPTH and parameters.get("boundary"):
        return _search(kind, parameters["boundary"], body, depth)
    if kind in _IGNORED or handling.get("handling", "required").lower() == "optional":
        return None
    raise SipError("body not understood", status=415)


def _search(kind: str, boundary: str, body: bytes, depth: int) -> bytes | None:
    """The first SDP of the parts. A part that must be understood and is not refuses the whole,
    but among alternatives one is enough."""
    found: bytes | None = None
    refused = False
    for part in _parts(body, boundary):
        headers, content = _headers(part)
        try:
            sdp = _find(
                headers.get("content-type", "text/plain"),
                headers.get("content-disposition"),
                content,
                depth + 1,
            )
        except SipError:
            refused = True
        else:
            found = found if found is not None else sdp
    if refused and (found is None or kind != "multipart/alternative"):
        raise SipError("body not understood", status=415)
    return found


def _parts(body: bytes, boundary: str) -> list[bytes]:
    """The parts between the delimiter lines, without preamble and epilogue (RFC 2046 §5.1.1)."""
    delimiter = b"--" + boundary.encode("utf-8", "surrogateescape")
    parts: list[bytes] = []
    for piece in (b"\n" + body.replace(b"\r\n", b"\n")).split(b"\n" + delimiter)[1:]:
        if piece.startswith(b"--"):
            break
        parts.append(piece.partition(b"\n")[2])
    return parts


def _headers(part: bytes) -> tuple[dict[str, str], bytes]:
    if part.startswith(b"\n"):
        return {}, part[1:]
    head, _, content = part.partition(b"\n\n")
    text = head.decode("utf-8", "replace").replace("\n ", " ").replace("\n\t", " ")
    headers: dict[str, str] = {}
    for line in text.split("\n"):
        name, _, value = line.partition(":")
        headers.setdefault(name.strip().lower(), value.strip())
    if "c" in headers:
        headers.setdefault("content-type", headers["c"])
    return headers, content


def _split(value: str) -> tuple[str, dict[str, str]]:
    """`type;name=value` with quoted values, as Content-Type and Content-Disposition have it."""
    kind, *rest = value.split(";")
    parameters: dict[str, str] = {}
    for item in rest:
        name, _, text = item.partition("=")
        parameters.setdefault(name.strip().lower(), text.strip().strip('"'))
    return kind.strip().lower(), parameters
