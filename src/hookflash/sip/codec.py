"""Bytes to messages: datagrams and streams (RFC 3261 §7, §18.3).

Lines end in CRLF and nowhere else; a bare CR, a bare LF or a NUL outside a quoted-pair in the head
is refused, so whatever was parsed can be written again. In a datagram bare LFs may stand for some
or all CRLFs, and the empty line at its end may be missing: that is mended first. A Request-Line has
single spaces and no others (RFC 4475 §3.1.2.8 to §3.1.2.10 leave tolerance: refused here).

What belongs to something that is under way (`_under_way`) is not lost to a line that says nothing
to us: a header line that is none is skipped, and two Content-Lengths that are equal are one.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from ..base.errors import SipError
from ..base.light import light_dataclass
from .grammar import LWS, is_safe, is_token, scalar
from .headers import Headers
from .message import Request, Response, is_method
from .phrases import told_phrase
from .salvage import read_tag

MAX_MESSAGE = 65_536
"""Bytes of a whole message."""
MAX_HEADERS = 256
MAX_LINE = 8_192
"""Characters of a header line, unfolded."""

_LINE = re.compile(r"([!%'*+\-.0-9A-Z_`a-z~]++)[ \t]*+:[ \t]*+([^\r\n]*+)")
"""A header line without its end."""
_HEADER = re.compile(rf"^{_LINE.pattern}\r\n", re.MULTILINE)
_FOLD = re.compile(r"\r\n[ \t]++")
_URI_TEXT = re.compile(r"[^\x00-\x20\x7f]++")
_HEAD_END = re.compile(rb"\r?\n\r?\n")
_LINE_END = re.compile(rb"(?<!\r)\n")
_CRLFS = re.compile(rb"(?:\r\n)++")
_BLANK = frozenset(LWS)
_VERSION = re.compile(r"[sS][iI][pP]/[0-9]{1,9}\.[0-9]{1,9}")


@light_dataclass(frozen=True, slots=True)
class KeepAlive:
    """CRLFs between the messages of a stream (RFC 5626 §3.5.1).

    `ping` is a double CRLF and wants one CRLF back; a single CRLF is somebody's answer to a ping.
    """

    ping: bool


Item = Request | Response | SipError | KeepAlive
"""What comes out of a stream."""


class _Head(NamedTuple):
    data: bytes
    start: str
    headers: Headers
    fault: str
    """What is wrong with the header lines, "" if nothing."""
    status: int


def parse(data: bytes) -> Request | Response:
    """The message in one datagram.

    Content-Length cuts the body; what follows is ignored (RFC 3261 §18.3). Without it the body
    is the rest. Raises SipError: 400, 505 (version), 513 (limits); its `message` is the request
    as far as it could be read, if an answer to it is possible.
    """
    if len(data) > MAX_MESSAGE:
        raise SipError("Message too large", status=513)
    try:
        message = _datagram(data)
    except SipError:
        mended = _mend_lines(data)
        if mended is None:
            raise
        message = _datagram(mended)
    message.wire = data
    return message


def _mend_lines(data: bytes) -> bytes | None:
    """`data` with CRLF for each bare LF of the head and the empty line behind it, where one of them
    is missing; else None. The head has to end with a line end: the end of the datagram is the end
    of the message (RFC 3261 §18.3), but may also be where it was cut off."""
    data = data.lstrip(b"\r\n")
    found = _HEAD_END.search(data)
    head, body = (data[: found.start()], data[found.end() :]) if found else (data, b"")
    if found is None and data[-1:] != b"\n":
        return None
    lines = _LINE_END.sub(b"\r\n", head.rstrip(b"\r\n"))
    mended = lines + b"\r\n\r\n" + body
    return None if mended == data else mended


def _datagram(data: bytes) -> Request | Response:
    if data[:2] == b"\r\n":
        data = data.lstrip(b"\r\n")
    end = data.find(b"\r\n\r\n")
    if end < 0:
        head = _read_head(data.rstrip(b"\r\n"))
        raise _refusal(head, "No empty line after the headers")
    head = _read_head(data[:end])
    body = data[end + 4 :]
    # A line that only wants a CR is mended first.
    skips = bool(head.fault) and _LINE_END.search(head.data) is None
    message = _assemble(head, body, skips=skips)
    length = _content_length(head)
    if length is not None and length != len(body):
        if length > len(body):
            raise _refusal(head, "Content-Length is larger than the message")
        message.body = body[:length]
    return message


class StreamDecoder:
    """Finds the messages in the bytes of one TCP or TLS connection, split and joined in any way.

    A message that is framed well but reads badly comes out as SipError, and the stream goes on.
    When the framing is lost (no, bad or repeated Content-Length, a limit passed) `broken` is
    True after one last SipError: answer it, close the connection; whatever is fed then is ignored.
    """

    __slots__ = ("_buffer", "_crlf", "_head", "_head_size", "_length", "_scanned", "broken")

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._scanned = 0
        self._head: _Head | None = None
        self._head_size = 0
        self._length = 0
        self._crlf = False
        self.broken = False

    def feed(self, data: bytes) -> list[Item]:
        """Take the bytes that came; what is complete now, in order."""
        self.add(data)
        out: list[Item] = []
        while (item := self.next()) is not None:
            out.append(item)
        return out

    def add(self, data: bytes | bytearray | memoryview) -> None:
        """Take the bytes that came; `next` has what is complete."""
        if not self.broken:
            self._buffer += data

    @property
    def held(self) -> int:
        """Bytes that were taken and have not come out."""
        return self._head_size + len(self._buffer)

    def next(self) -> Item | None:
        """The next that is complete; None until more comes."""
        if self.broken:
            return None
        if self._head is None:
            item = self._next_head()
            if item is not None or self._head is None:
                return item
        return self._next_message(self._head)

    def _next_head(self) -> KeepAlive | SipError | None:
        """Read the next head; what stands before it, or why the stream broke, else None."""
        buffer = self._buffer
        if buffer[:1] == b"\r" or self._crlf:
            alive = self._skip_crlf()
            if alive is not None:
                return alive
        end = buffer.find(b"\r\n\r\n", self._scanned)
        if end < 0:
            self._scanned = max(0, len(buffer) - 3)
            if len(buffer) > MAX_MESSAGE:
                return self._break(SipError("Message too large", status=513))
            return None
        head = _read_head(bytes(buffer[:end]))
        try:
            if head.status == 513:
                raise _refusal(head, head.fault, 513)
            length = _content_length(head)
        except SipError as error:
            return self._break(_alone(error))
        if length is None:
            return self._break(_refusal(head, "Missing Content-Length header"))
        if end + 4 + length > MAX_MESSAGE:
            return self._break(_refusal(head, "Message too large", 513))
        del buffer[: end + 4]
        self._scanned = 0
        self._head = head
        self._head_size = end + 4
        self._length = length
        return None

    def _next_message(self, head: _Head) -> Request | Response | SipError | None:
        buffer = self._buffer
        if len(buffer) < self._length:
            return None
        body = bytes(buffer[: self._length])
        del buffer[: self._length]
        self._head = None
        self._head_size = 0
        try:
            message = _assemble(head, body, skips=True)
        except SipError as error:
            return _alone(error)
        message.wire = head.data + b"\r\n\r\n" + body
        return message

    def _skip_crlf(self) -> KeepAlive | None:
        """Take the CRLFs before a message: two are a ping, one alone a pong.

        Half a ping at the end of what came is reported as a pong first; the ping follows with
        its other half. Many pings at once are one.
        """
        buffer = self._buffer
        found = _CRLFS.match(buffer)
        skip = 0 if found is None else found.end()
        ping = skip > 2 or (skip == 2 and self._crlf)
        if skip % 4:
            self._crlf = not self._crlf
        if skip:
            del buffer[:skip]
            self._scanned = 0
        if buffer and buffer != b"\r":
            self._crlf = False
        if ping:
            return KeepAlive(True)
        return KeepAlive(False) if skip and not buffer else None

    def _break(self, error: SipError) -> SipError:
        self.broken = True
        self._buffer.clear()
        return error


def _alone(error: SipError) -> SipError:
    """To be handed on as a value: with its traceback it and the frames that hold it would never
    part, nor what else they hold."""
    return error.with_traceback(None)


def _read_head(data: bytes) -> _Head:
    """Everything before the empty line, without its CRLF. Faults are noted, not raised."""
    text = data.decode("utf-8", "surrogateescape")
    start, _, rest = text.partition("\r\n")
    if rest:
        rest += "\r\n"
    items: list[tuple[str, str]] = _HEADER.findall(rest)
    fault, status = "", 400
    lines = rest.count("\n")
    if len(items) != lines:
        # A folded line has no name of its own.
        text = _FOLD.sub(" ", text)
        start, _, rest = text.partition("\r\n")
        rest += "\r\n"
        items = _HEADER.findall(rest)
        lines = rest.count("\n")
        if len(items) != lines:
            # Whole lines only: behind a bare LF nothing begins.
            fault = "Bad header line"
            found = [_LINE.fullmatch(line) for line in rest.split("\r\n")]
            items = [(one[1], one[2]) for one in found if one is not None]
    if " \r\n" in rest or ("\t" in rest and "\t\r\n" in rest):
        items = [(name, value.rstrip(LWS)) for name, value in items]
    if "\0" in rest:
        safe = [item for item in items if is_safe(item[1])]
        if len(safe) != len(items):
            fault = "NUL in a header"
            items = safe
    if lines > MAX_HEADERS:
        fault, status = "Too many headers", 513
        del items[MAX_HEADERS:]
    if len(text) > MAX_LINE and max(map(len, text.split("\r\n"))) > MAX_LINE:
        fault, status = "Header line too long", 513
    return _Head(data, start, Headers.trusted(items), fault, status)


def _under_way(head: _Head) -> bool:
    """Whether the head is of a response, of a request within a dialog, or of an ACK or CANCEL: of
    something that began with a message that was good."""
    start = head.start
    if start[:4].upper() == "SIP/" or start.startswith(("ACK ", "CANCEL ")):
        return True
    return bool(read_tag(head.headers.get("To") or ""))


def _content_length(head: _Head) -> int | None:
    """Raises SipError if it is no number, or there twice (RFC 4475 §3.3.9): with two values, or in
    a request that begins something."""
    headers = head.headers
    first = headers.first()
    value = first.get("content-length")
    if value is None:
        return None
    if len(first) != len(headers):
        every = headers.get_all("Content-Length")
        if len(every) > 1 and not (every.count(value) == len(every) and _under_way(head)):
            raise _refusal(head, "Repeated Content-Length header")
    try:
        return scalar(value, "Content-Length", 2**31)
    except SipError as error:
        raise _refusal(head, error.text) from None


def _assemble(head: _Head, body: bytes, *, skips: bool) -> Request | Response:
    """`skips`: bad header lines, where they may be."""
    start = head.start
    faulty = bool(head.fault)
    if faulty and skips and head.status == 400:
        faulty = not _under_way(head)
    if start[:4].upper() == "SIP/":
        return _response(head, body, faulty=faulty)
    parts = start.split(" ")
    if len(parts) != 3:
        raise _refusal(head, "Bad Request-Line")
    method, uri_text, version = parts
    if version != "SIP/2.0" and version.upper() != "SIP/2.0":
        if _VERSION.fullmatch(version) is not None:
            raise _refusal(head, "SIP version not supported", 505)
        raise _refusal(head, "Bad Request-Line")
    if not is_method(method) or _URI_TEXT.fullmatch(uri_text) is None:
        raise _refusal(head, "Bad Request-Line")
    if faulty:
        raise _refusal(head, head.fault, head.status)
    return Request.trusted(method, uri_text, head.headers, body)


def _response(head: _Head, body: bytes, *, faulty: bool) -> Response:
    """The reason phrase may be missing, and its space too; more blanks are one."""
    version, blank = head.start[:7], head.start[7:8]
    rest = head.start[8:].lstrip(LWS)
    code = rest[:3]
    if (
        version.upper() != "SIP/2.0"
        or blank not in _BLANK
        or not (code.isascii() and code.isdigit())
        or rest[3:4] not in {"", *_BLANK}
        or not 100 <= int(code) <= 699
        or not is_safe(rest)
    ):
        raise SipError("Bad Status-Line")
    if faulty:
        raise SipError(head.fault, status=head.status)
    return Response.trusted(int(code), told_phrase(rest[4:]), head.headers, body)


def _refusal(head: _Head, text: str, status: int = 400) -> SipError:
    """The error, with the request as far as it is readable if it can be answered (never ACK)."""
    parts = head.start.split(" ")
    request = None
    if parts[0] != "ACK" and is_token(parts[0]) and "via" in head.headers:
        uri_text = parts[1] if len(parts) > 1 else ""
        request = Request.trusted(parts[0], uri_text, head.headers, b"")
    return SipError(text, status=status, message=request)
