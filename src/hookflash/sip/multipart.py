"""Bodies in parts (RFC 2046 §5.1, RFC 3261 §7.4.1, RFC 5621)."""

from __future__ import annotations

import re
from binascii import a2b_base64, a2b_qp

from ..base.errors import SipError
from ..base.light import light_dataclass
from .fields import MediaType
from .grammar import LWS
from .headers import Headers

MAX_PARTS = 64

_HEADER = re.compile(r"^([!%'*+\-.0-9A-Z_`a-z~]++)[ \t]*+:[ \t]*+([^\r\n]*+)\r?\n", re.MULTILINE)
_FOLD = re.compile(r"\r?\n[ \t]++")


@light_dataclass(frozen=True, slots=True)
class Part:
    """One part of a body, or a whole body that has no parts."""

    headers: Headers
    body: bytes

    @property
    def content_type(self) -> str:
        """`type/subtype` in lower case; `text/plain` where the part does not say (RFC 2046).
        Its parameters may be anything."""
        text = self.headers.get("Content-Type")
        return "text/plain" if text is None else MediaType.parse(text.partition(";")[0]).value

    @property
    def disposition(self) -> str:
        """Content-Disposition without parameters; by default `session` for SDP, else `render`
        (RFC 3261 §20.11)."""
        said = self._said()
        if said is not None:
            return said.value
        return "session" if self.content_type == "application/sdp" else "render"

    @property
    def content(self) -> bytes | None:
        """The body without its Content-Transfer-Encoding (RFC 2045 §6), as gateways from mail and
        S/MIME write one; None where it cannot be undone, nor a Content-Encoding."""
        if (self.headers.get("Content-Encoding") or "").strip(LWS).lower() not in {"", "identity"}:
            return None
        encoding = (self.headers.get("Content-Transfer-Encoding") or "").strip(LWS).lower()
        if encoding == "quoted-printable":
            return a2b_qp(self.body)
        if encoding != "base64":
            return self.body
        try:
            return a2b_base64(self.body)
        except ValueError:
            return None

    @property
    def handling(self) -> str:
        """`required` or `optional` (RFC 3261 §20.11) in lower case, "" where it is not said."""
        said = self._said()
        return "" if said is None else (said.param("handling") or "").lower()

    def _said(self) -> MediaType | None:
        """Content-Disposition, None where there is none that can be read."""
        try:
            return MediaType.parse(self.headers.get("Content-Disposition") or "")
        except SipError:
            return None


def parts(body: bytes, content_type: str) -> list[Part]:
    """The parts of a multipart `body`, whose Content-Type says where it is to be split.

    Parts within parts stay as they are: call again with the part's own. Line ends before a
    delimiter belong to the delimiter; LF alone is let pass there. Raises SipError (400): no
    boundary parameter, no delimiter in the body, over 64 parts. A part whose headers cannot be read
    is left out (calls.md §1); a missing last delimiter is let pass.
    """
    boundary = MediaType.parse(content_type).param("boundary")
    if not boundary:
        raise SipError("Multipart without boundary")
    pieces = _split(body, boundary.encode("utf-8", "surrogateescape"))
    return [part for piece in pieces if (part := _part(piece)) is not None]


def _split(body: bytes, boundary: bytes) -> list[bytes]:
    delimiter = re.compile(rb"(?:\A|\r?\n)--" + re.escape(boundary) + rb"(--)?[ \t]*+(?=\r?\n|\Z)")
    pieces: list[bytes] = []
    start: int | None = None
    for found in delimiter.finditer(body):
        if start is not None:
            pieces.append(body[start : found.start()])
            if len(pieces) > MAX_PARTS:
                raise SipError("Too many parts")
        start = found.end()
        if found[1]:
            return pieces
    if start is None:
        raise SipError("Multipart without its delimiter")
    pieces.append(body[start:])
    return pieces


def _part(piece: bytes) -> Part | None:
    """`piece` begins with the line end of its delimiter."""
    piece = piece[2:] if piece[:2] == b"\r\n" else piece[1:]
    if piece[:1] == b"\n" or piece[:2] == b"\r\n":
        return Part(Headers(), piece[1 if piece[:1] == b"\n" else 2 :])
    crlf, lf = piece.find(b"\r\n\r\n"), piece.find(b"\n\n")
    if crlf >= 0 and (lf < 0 or crlf < lf):
        head, body = piece[: crlf + 2], piece[crlf + 4 :]
    elif lf >= 0:
        head, body = piece[: lf + 1], piece[lf + 2 :]
    else:
        head, body = piece + b"\r\n", b""
    text = _FOLD.sub(" ", head.decode("utf-8", "surrogateescape"))
    items: list[tuple[str, str]] = _HEADER.findall(text)
    if len(items) != text.count("\n"):
        return None
    return Part(Headers.trusted([(name, value.rstrip(LWS)) for name, value in items]), body)
