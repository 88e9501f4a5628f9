"""The header fields of one message: ordered, case-insensitive, compact forms known."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from ..base.errors import SipError
from .grammar import LWS, is_token, split_list

COMPACT = {
    "a": "accept-contact",
    "b": "referred-by",
    "c": "content-type",
    "d": "request-disposition",
    "e": "content-encoding",
    "f": "from",
    "i": "call-id",
    "j": "reject-contact",
    "k": "supported",
    "l": "content-length",
    "m": "contact",
    "n": "identity-info",
    "o": "event",
    "r": "refer-to",
    "s": "subject",
    "t": "to",
    "u": "allow-events",
    "v": "via",
    "x": "session-expires",
    "y": "identity",
}
"""RFC 3261 §7.3.3 and the registry of header fields."""

_SPELLINGS = """
    Accept Accept-Contact Accept-Encoding Accept-Language Alert-Info Allow Allow-Events
    Authentication-Info Authorization Call-ID Call-Info Contact Content-Disposition
    Content-Encoding Content-Language Content-Length Content-Type CSeq Date Diversion Error-Info
    Event
    Expires From Geolocation History-Info Identity Identity-Info In-Reply-To Join Max-Forwards
    MIME-Version Min-Expires Min-SE Organization P-Access-Network-Info P-Asserted-Identity
    P-Called-Party-ID P-Charging-Vector P-Early-Media P-Preferred-Identity Path Priority Privacy
    Proxy-Authenticate Proxy-Authorization Proxy-Require RAck Reason Record-Route Refer-Sub
    Refer-To Referred-By Reject-Contact Remote-Party-ID Replaces Reply-To Request-Disposition
    Require Retry-After Route RSeq Server Service-Route Session-Expires SIP-ETag SIP-If-Match
    Subject Subscription-State Supported Target-Dialog Timestamp To Unsupported User-Agent
    User-to-User Via Warning WWW-Authenticate
"""
_BY_KEY = {spelling.lower(): spelling for spelling in _SPELLINGS.split()}
_KEYS = (
    {spelling: key for key, spelling in _BY_KEY.items()}
    | {key: key for key in _BY_KEY}
    | COMPACT
    | {short.upper(): key for short, key in COMPACT.items()}
)
"""The usual spellings of a header (canonical, lower case, compact) to the key of the index."""
CANONICAL = {written: _BY_KEY[key] for written, key in _KEYS.items()}
"""The same to the canonical spelling."""


MOST_ELEMENTS = 257
"""Elements of a list header that are looked at; one more than a list may have that is refused for
its length (`message.MAX_ELEMENTS`)."""


def header_key(name: str) -> str:
    """The lower-case long form of a header name: what two names of one header share."""
    key = _KEYS.get(name)
    if key is None:
        key = name.lower()
        key = COMPACT.get(key, key)
    return key


def canonical_name(name: str) -> str:
    """The spelling in which we write a header; an unknown one stays as it is."""
    found = CANONICAL.get(name)
    if found is None:
        found = _BY_KEY.get(name.lower(), name)
    return found


class Headers:
    """Header fields in order. Values are str: UTF-8 with surrogateescape, so bytes round trip.

    Names are checked when they come in (SipError 400 if one is no token); values are checked for
    line ends and NUL by the serialiser. `views` keeps the typed views of the owner and is emptied
    by every change.
    """

    __slots__ = ("_first", "_index", "_items", "views")

    def __init__(self, items: Iterable[tuple[str, str]] = ()) -> None:
        self._items: list[tuple[str, str]] = list(items)
        for name, _ in self._items:
            if name not in _KEYS:
                _check_name(name)
        self._first: dict[str, str] | None = None
        self._index: dict[str, list[str]] | None = None
        self.views: dict[str, Any] = {}

    @classmethod
    def trusted(cls, items: list[tuple[str, str]]) -> Headers:
        """Headers of items whose names are known to be good; takes the list over."""
        headers = cls.__new__(cls)
        headers._items = items
        headers._first = headers._index = None
        headers.views = {}
        return headers

    def first(self) -> dict[str, str]:
        """The first field value of each header, by `header_key`. Not to be changed."""
        first = self._first
        if first is None:
            keys = _KEYS
            first = self._first = {
                keys.get(name) or header_key(name): value for name, value in reversed(self._items)
            }
        return first

    def index(self) -> dict[str, list[str]]:
        """All field values by `header_key`, in order. Not to be changed."""
        index = self._index
        if index is None:
            index = self._index = {}
            keys = _KEYS
            for name, value in self._items:
                key = keys.get(name)
                if key is None:
                    key = header_key(name)
                if key in index:
                    index[key].append(value)
                else:
                    index[key] = [value]
        return index

    def get(self, name: str) -> str | None:
        """The value of the first field of that name, or None."""
        first = self._first
        if first is None:
            first = self.first()
        return first.get(_KEYS.get(name) or header_key(name))

    def find(self, name: str) -> str | None:
        """As `get`, for one look at a message of ours that nobody asks anything else: no index is
        made."""
        key = header_key(name)
        keys = _KEYS
        for written, value in self._items:
            if (keys.get(written) or header_key(written)) == key:
                return value
        return None

    def get_all(self, name: str) -> list[str]:
        """The values of all fields of that name, comma lists not split."""
        key, first = header_key(name), self.first()
        if len(first) == len(self._items):  # each stands once
            return [first[key]] if key in first else []
        return list(self.index().get(key, ()))

    def split(self, name: str) -> list[str]:
        """The elements of a list header over all its fields, `MOST_ELEMENTS` at most; quotes and <>
        are respected."""
        key = header_key(name)
        first = self.first()
        if key not in first:
            return []
        if len(first) == len(self._items):
            return split_list(first[key], MOST_ELEMENTS)
        items: list[str] = []
        for value in self.index()[key]:
            items += split_list(value, MOST_ELEMENTS - len(items))
            if len(items) >= MOST_ELEMENTS:
                break
        return items

    def add(self, name: str, value: str) -> None:
        """Append a field."""
        if name not in _KEYS:
            _check_name(name)
        self._items.append((name, value))
        self._changed()

    def set(self, name: str, value: str) -> None:
        """Replace all fields of that name by one, in the place of the first, else at the end."""
        if name not in _KEYS:
            _check_name(name)
        key = header_key(name)
        kept: list[tuple[str, str]] = []
        placed = False
        for item in self._items:
            if header_key(item[0]) != key:
                kept.append(item)
            elif not placed:
                kept.append((name, value))
                placed = True
        if not placed:
            kept.append((name, value))
        self._items = kept
        self._changed()

    def insert_first(self, name: str, value: str) -> None:
        """Put a field before all others (a Via on a request of ours)."""
        if name not in _KEYS:
            _check_name(name)
        self._items.insert(0, (name, value))
        self._changed()

    def remove(self, name: str) -> int:
        """Take all fields of that name out; how many there were."""
        key = header_key(name)
        kept = [item for item in self._items if header_key(item[0]) != key]
        removed = len(self._items) - len(kept)
        if removed:
            self._items = kept
            self._changed()
        return removed

    def replace_first_value(self, name: str, value: str) -> None:
        """Put `value` in the place of the first element of a list header (the top Via).

        Cheaper than taking it out and putting another in: the views of other headers stay.
        KeyError if there is no such header.
        """
        key = header_key(name)
        first = self.first()
        if "," in first[key]:
            value = ", ".join([value, *split_list(first[key])[1:]])
        for position, (written, _) in enumerate(self._items):
            if header_key(written) == key:
                self._items[position] = (written, value)
                break
        first[key] = value
        if self._index is not None:
            self._index[key][0] = value
        self.views.pop(key, None)
        self.views.pop(f"top-{key}", None)

    def items(self) -> list[tuple[str, str]]:
        """All fields in order, names as written."""
        return list(self._items)

    def raw(self) -> list[tuple[str, str]]:
        """As `items`, but the list itself: not to be changed."""
        return self._items

    def copy(self) -> Headers:
        """An independent copy."""
        return Headers.trusted(list(self._items))

    def _changed(self) -> None:
        self._first = self._index = None
        if self.views:
            self.views = {}

    def __contains__(self, name: str) -> bool:
        return header_key(name) in self.first()

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(list(self._items))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Headers) and self._items == other._items

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Headers({self._items!r})"


def _check_name(name: str) -> None:
    if not is_token(name):
        raise SipError(f"Bad header name {name.strip(LWS)[:40]!r}")
