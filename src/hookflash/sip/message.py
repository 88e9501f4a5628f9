"""Requests and responses (RFC 3261 §7), with typed views that are parsed when first asked for."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import TypeVar

from ..base.errors import SipError
from .fields import MAX_SECONDS, CSeq, EventField, NameAddr, Via
from .grammar import LWS, is_safe, is_token, scalar, split_list
from .headers import CANONICAL, Headers, canonical_name
from .phrases import reason_phrase
from .salvage import read_address, read_addresses, read_tag
from .uri import REMEMBERED, Uri

__all__ = ["Message", "Request", "Response", "reason_phrase"]

KNOWN_METHODS = frozenset(
    {
        "ACK",
        "BYE",
        "CANCEL",
        "INFO",
        "INVITE",
        "MESSAGE",
        "NOTIFY",
        "OPTIONS",
        "PRACK",
        "PUBLISH",
        "REFER",
        "REGISTER",
        "SUBSCRIBE",
        "UPDATE",
    }
)
"""Every method that some RFC defines; another one is answered 501."""
MAX_ELEMENTS = 256
"""Addresses or Vias that one list may have, however few the header lines."""

_T = TypeVar("_T")
_URI_TEXT = re.compile(r"[^\x00-\x20\x7f]+")
_HAS_TAG = re.compile(r";[ \t]*+tag[ \t]*+=", re.IGNORECASE)


def is_method(text: str) -> bool:
    """True for what may stand as a method: any token."""
    return text in KNOWN_METHODS or is_token(text)


@lru_cache(256)
def _tag_set(text: str, fold: Callable[[str], str]) -> frozenset[str]:
    """All messages of a peer have the same Allow and Supported."""
    return frozenset([fold(item) for item in split_list(text)])


class Message:
    """What requests and responses have in common.

    The typed views raise SipError (400) when the header is missing where it must not be, or
    cannot be read; they are kept until the headers change. The lists they return belong to the
    message: not to be changed.
    """

    __slots__ = ("body", "headers", "wire")

    headers: Headers
    body: bytes
    wire: bytes
    """As it came in; empty of one that was made here."""

    def header(self, name: str) -> str | None:
        """The value of the first field of that name, or None."""
        return self.headers.get(name)

    # --- the five that every message has ---------------------------------------------------------

    @property
    def top_via(self) -> Via:
        """The first Via."""
        views = self.headers.views
        if "top-via" in views:
            via: Via = views["top-via"]
            return via
        text = self._must("Via", "via")
        if "," in text:
            text = (split_list(text) or [""])[0]
        view = views["top-via"] = Via.parse(text)
        return view

    @property
    def vias(self) -> list[Via]:
        """All Vias, top first."""
        return self._list("via", Via.parse)

    @property
    def from_(self) -> NameAddr:
        """From."""
        views = self.headers.views
        if "from" in views:
            view: NameAddr = views["from"]
            return view
        address = views["from"] = read_address(self._must("From", "from"))
        return address

    @property
    def to(self) -> NameAddr:
        """To."""
        views = self.headers.views
        if "to" in views:
            view: NameAddr = views["to"]
            return view
        address = views["to"] = read_address(self._must("To", "to"))
        return address

    @property
    def call_id(self) -> str:
        """Call-ID, compared byte by byte."""
        views = self.headers.views
        if "call-id" in views:
            view: str = views["call-id"]
            return view
        value = self._must("Call-ID", "call-id")
        if not value or " " in value or "\t" in value:
            raise SipError("Bad Call-ID")
        views["call-id"] = value
        return value

    @property
    def cseq(self) -> CSeq:
        """CSeq. A response whose method is only spelt in other letters is one to ours."""
        views = self.headers.views
        if "cseq" in views:
            view: CSeq = views["cseq"]
            return view
        cseq = CSeq.parse(self._must("CSeq", "cseq"))
        if cseq.method not in KNOWN_METHODS and isinstance(self, Response):
            known = cseq.method.upper()
            cseq = cseq._replace(method=known) if known in KNOWN_METHODS else cseq
        views["cseq"] = cseq
        return cseq

    # --- what says whose it is -------------------------------------------------------------------

    @property
    def from_tag(self) -> str:
        """The tag of From, also where nothing else of it can be read; "" for none (RFC 2543)."""
        try:
            return self.from_.tag or ""
        except SipError:
            return read_tag(self.headers.get("From") or "")

    @property
    def to_tag(self) -> str:
        """The tag of To, also where nothing else of it can be read; "" for none (RFC 2543)."""
        try:
            return self.to.tag or ""
        except SipError:
            return read_tag(self.headers.get("To") or "")

    # --- addresses -------------------------------------------------------------------------------

    @property
    def contacts(self) -> list[NameAddr]:
        """All Contacts; `*` (REGISTER) is none. Where the list cannot be read, those of it that
        can. A response is not refused for its Contact: its INVITE has been answered, and wants
        its ACK (RFC 3261 §13.2.2.4)."""
        try:
            return self._list("contact", NameAddr.parse)
        except SipError:
            found = read_addresses(self.headers.get_all("Contact"), named=isinstance(self, Request))
            most = len(self.headers.split("contact")) > MAX_ELEMENTS
            if isinstance(self, Request) and (most or not found):
                raise
            self.headers.views["contact"] = found
            return found

    @property
    def contact(self) -> NameAddr | None:
        """The first Contact, or None."""
        contacts = self.contacts
        return contacts[0] if contacts else None

    @property
    def routes(self) -> list[NameAddr]:
        """All Routes, top first."""
        return self._list("route", NameAddr.parse)

    @property
    def record_routes(self) -> list[NameAddr]:
        """All Record-Routes, top first; [] of a response whose list cannot be read (see
        `contacts`)."""
        try:
            return self._list("record-route", NameAddr.parse)
        except SipError:
            if isinstance(self, Request):
                raise
            return []

    # --- the rest --------------------------------------------------------------------------------

    @property
    def max_forwards(self) -> int | None:
        """Max-Forwards (0-255), or None."""
        return self._number("Max-Forwards", 255)

    @property
    def expires(self) -> int | None:
        """Expires in seconds; None where it is missing or cannot be read, for it is a wish."""
        text = self.headers.get("Expires")
        try:
            return None if text is None else scalar(text.partition(";")[0], "Expires", MAX_SECONDS)
        except SipError:
            return None

    @property
    def content_type(self) -> str:
        """`type/subtype` in lower case without parameters, "" if there is none."""
        text = self.headers.get("Content-Type")
        if text is None:
            return ""
        kind = text.partition(";")[0].strip(LWS).lower()
        if " " in kind or "\t" in kind:
            kind = "/".join([part.strip(LWS) for part in kind.split("/")])
        return kind

    @property
    def event(self) -> EventField | None:
        """Event, or None."""
        views = self.headers.views
        if "event" in views:
            view: EventField | None = views["event"]
            return view
        text = self.headers.get("Event")
        event = views["event"] = None if text is None else EventField.parse(text)
        return event

    @property
    def require(self) -> frozenset[str]:
        """Option tags of Require, lower case."""
        return self._tags("require", str.lower)

    @property
    def supported(self) -> frozenset[str]:
        """Option tags of Supported, lower case."""
        return self._tags("supported", str.lower)

    @property
    def allow(self) -> frozenset[str]:
        """Methods of Allow, as written (methods are case-sensitive)."""
        return self._tags("allow", str)

    # --- how the views are made ------------------------------------------------------------------

    def _must(self, name: str, key: str) -> str:
        value = self.headers.first().get(key)
        if value is None:
            raise SipError(f"Missing {name} header")
        return value

    def _list(self, key: str, parse: Callable[[str], _T]) -> list[_T]:
        views = self.headers.views
        if key in views:
            view: list[_T] = views[key]
            return view
        items = self.headers.split(key)
        if len(items) > MAX_ELEMENTS:
            raise SipError("Too many elements in a header")
        made = views[key] = [parse(item) for item in items if item != "*"]
        return made

    def _number(self, name: str, limit: int) -> int | None:
        text = self.headers.get(name)
        return None if text is None else scalar(text, name, limit)

    def _tags(self, key: str, fold: Callable[[str], str]) -> frozenset[str]:
        views = self.headers.views
        if key in views:
            view: frozenset[str] = views[key]
            return view
        first = self.headers.first()
        if key not in first:
            tags: frozenset[str] = frozenset()
        elif len(first) == len(self.headers) and len(first[key]) <= REMEMBERED:
            tags = _tag_set(first[key], fold)  # each header stands once
        else:
            tags = frozenset([fold(item) for item in self.headers.split(key)])
        views[key] = tags
        return tags

    # --- the serialiser --------------------------------------------------------------------------

    def start_line(self) -> str:
        """Request-Line or Status-Line, without CRLF. Raises SipError if it cannot be sent."""
        raise NotImplementedError

    def encode(self) -> bytes:
        """The bytes to send: canonical spellings, Content-Length as the body is long, last.

        Raises SipError if a value holds CR, LF or a NUL that is not quoted: nothing that a value
        holds can ever become a header of its own.
        """
        lines = [self.start_line()]
        canonical = CANONICAL
        for name, value in self.headers.raw():
            written = canonical.get(name)
            if written is None:
                written = canonical_name(name)
            if written != "Content-Length":
                lines.append(f"{written}: {value}")
        body = self.body
        lines.append(f"Content-Length: {len(body)}\r\n\r\n")
        text = "\r\n".join(lines)
        ends = len(lines) + 1
        if (
            text.count("\n") != ends
            or text.count("\r") != ends
            or ("\0" in text and not all(map(is_safe, lines[:-1])))
        ):
            raise SipError("Line end or NUL in a header value")
        try:
            return text.encode("utf-8", "surrogateescape") + body
        except UnicodeEncodeError:
            raise SipError("Header value is not Unicode") from None


class Request(Message):
    """A request. `uri` is parsed when first asked for; `uri_text` is what the line said.

    Raises SipError if `method` is no token or `uri` holds whitespace or control characters.
    """

    __slots__ = ("_uri", "method", "uri_text")

    def __init__(
        self,
        method: str,
        uri: Uri | str,
        headers: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
    ) -> None:
        self.method = method
        self._uri: Uri | None = None if isinstance(uri, str) else uri
        self.uri_text = str(uri)
        self.headers = Headers(headers)
        self.body = body
        self.wire = b""
        self.start_line()

    @classmethod
    def trusted(cls, method: str, uri_text: str, headers: Headers, body: bytes) -> Request:
        """A request whose parts were checked by the codec; takes `headers` over."""
        request = cls.__new__(cls)
        request.method = method
        request._uri = None
        request.uri_text = uri_text
        request.headers = headers
        request.body = body
        request.wire = b""
        return request

    @property
    def uri(self) -> Uri:
        """The Request-URI. Raises SipError (400)."""
        uri = self._uri
        if uri is None:
            uri = self._uri = Uri.parse(self.uri_text)
        return uri

    def start_line(self) -> str:
        if not is_method(self.method) or _URI_TEXT.fullmatch(self.uri_text) is None:
            raise SipError("Bad method or Request-URI")
        return f"{self.method} {self.uri_text} SIP/2.0"

    def __repr__(self) -> str:
        return f"<Request {self.method} {self.uri_text}>"


class Response(Message):
    """A response. `reason` defaults to the status code's own phrase.

    Raises SipError if `status` is not 100-699 or `reason` holds a line end.
    """

    __slots__ = ("reason", "status")

    def __init__(
        self,
        status: int,
        reason: str | None = None,
        headers: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
    ) -> None:
        self.status = status
        self.reason = reason_phrase(status) if reason is None else reason
        self.headers = Headers(headers)
        self.body = body
        self.wire = b""
        self.start_line()

    @classmethod
    def trusted(cls, status: int, reason: str, headers: Headers, body: bytes) -> Response:
        """A response whose parts were checked by the codec; takes `headers` over."""
        response = cls.__new__(cls)
        response.status = status
        response.reason = reason
        response.headers = headers
        response.body = body
        response.wire = b""
        return response

    @classmethod
    def reply(
        cls,
        request: Request,
        status: int,
        reason: str | None = None,
        *,
        to_tag: str | None = None,
        headers: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
    ) -> Response:
        """The answer to `request` (RFC 3261 §8.2.6): Via, From, To, Call-ID and CSeq as they came.

        `to_tag` is added where To has none yet. 101-299 copies Record-Route (§12.1.1), 100 the
        Timestamp. Works on what is left of a malformed request too.
        """
        copied = request.headers
        first = copied.first()
        items: list[tuple[str, str]] = []
        if "via" in first:
            items += [("Via", value) for value in copied.get_all("Via")]
        if 100 < status < 300 and "record-route" in first:
            items += [("Record-Route", value) for value in copied.get_all("Record-Route")]
        if "from" in first:
            items.append(("From", first["from"]))
        if "to" in first:
            to = first["to"]
            if to_tag is not None and not _has_tag(request, to):
                to = f"{to};tag={to_tag}"
            items.append(("To", to))
        if "call-id" in first:
            items.append(("Call-ID", first["call-id"]))
        if "cseq" in first:
            items.append(("CSeq", first["cseq"]))
        if status == 100 and "timestamp" in first:
            items.append(("Timestamp", first["timestamp"]))
        items.extend(headers)
        return cls(status, reason, items, body)

    def start_line(self) -> str:
        if not 100 <= self.status <= 699:
            raise SipError(f"Bad status {self.status}")
        return f"SIP/2.0 {self.status} {self.reason}"

    def __repr__(self) -> str:
        return f"<Response {self.status} {self.reason}>"


def _has_tag(request: Request, to: str) -> bool:
    """Whether To has a tag; of an unreadable To, whether it looks so."""
    if _HAS_TAG.search(to) is None:
        return False
    try:
        return request.to.tag is not None
    except SipError:
        return True
