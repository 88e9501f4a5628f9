"""Extra SIP headers that a user may add: checks with LiveKit's texts (facts §2.2).

Headers of a transfer request and those made of attributes are checked against
`REQUEST_RESERVED`, headers of a trunk against `TRUNK_RESERVED`; both hold the compact forms.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from ..base.counts import check_count
from ..base.errors import ApiError
from ..sip.headers import header_key


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_LIVEKIT_RESERVED = _names(
    "accept accept-encoding accept-language allow allow-events call-id contact content-encoding "
    "content-length content-type cseq event expires from max-forwards record-route refer-to "
    "reply-to k l m o r t u v"
)
TRUNK_RESERVED = _LIVEKIT_RESERVED | _names("to via i f c e")
"""LiveKit's list, the two that it only warns of, and their compact forms."""
REQUEST_RESERVED = TRUNK_RESERVED | _names(
    "route require proxy-require authorization proxy-authorization refer-sub target-dialog "
    "session-expires x identity y"
)
"""What no REFER of ours takes from a user; `content-*` besides."""

MAX_HEADERS = 100
"""Of one request or trunk, and the most that either mapping of a trunk may have."""

_MAX_NAME = 255
_MAX_VALUE = 1024
_BAD_IN_NAME = re.compile(r"[^0-9A-Za-z\-.!%*_+`'~]")
_BAD_IN_VALUE = re.compile("[\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]")


def check_headers(headers: Mapping[str, str], reserved: frozenset[str] = REQUEST_RESERVED) -> None:
    """Refuse more than `MAX_HEADERS`, and the first header whose name or value cannot be sent.

    Raises:
        ApiError: invalid_argument with LiveKit's text.
    """
    check_count("headers", len(headers), MAX_HEADERS)
    for name, value in headers.items():
        check_header_name(name, reserved)
        if fault := _value_fault(name, value):
            raise ApiError("invalid_argument", f"invalid header value for {name}: {fault}")


def check_header_name(name: str, reserved: frozenset[str] = frozenset()) -> None:
    """Refuse a name that is none, or is reserved; mappings have no reserved names.

    Raises:
        ApiError: invalid_argument with LiveKit's text.
    """
    if fault := _name_fault(name, reserved):
        raise ApiError("invalid_argument", f"invalid header name: {fault}")


def attribute_headers(
    mapping: Mapping[str, str], attributes: Mapping[str, str]
) -> tuple[tuple[tuple[str, str], ...], tuple[str, ...]]:
    """Headers made of a participant's attributes by a trunk's attributes_to_headers.

    `mapping` is attribute name → header name. Returns the headers, sorted, of the attributes
    that are there, and the names of those that cannot be sent and were dropped (to be logged).
    """
    headers: dict[str, str] = {}
    dropped = []
    for attribute, name in mapping.items():
        value = attributes.get(attribute)
        if value is None:
            continue
        if _name_fault(name, REQUEST_RESERVED) or _value_fault(name, value):
            dropped.append(name)
        else:
            headers[name] = value
    return tuple(sorted(headers.items())), tuple(dropped)


def merge_headers(
    request: Mapping[str, str], attributes: Iterable[tuple[str, str]]
) -> tuple[tuple[str, str], ...]:
    """One sorted list of both; an attribute's header replaces the request's of that name
    (facts §3.7), whatever the case and also where one of them is the compact form."""
    made = tuple(attributes)
    if not made:
        return tuple(sorted(request.items(), key=_order))
    taken = {header_key(name) for name, _ in made}
    kept = [item for item in request.items() if header_key(item[0]) not in taken]
    return tuple(sorted([*kept, *made], key=_order))


def _order(item: tuple[str, str]) -> tuple[str, str, str]:
    """By name as it goes out: in its long form, without regard to case."""
    return header_key(item[0]), *item


def _name_fault(name: str, reserved: frozenset[str]) -> str | None:
    if not name:
        return "header name cannot be empty"
    if len(name) > _MAX_NAME:
        return f"header name too long (max {_MAX_NAME} characters)"
    if found := _BAD_IN_NAME.search(name):
        bad = ord(found.group())
        text = f"header name {name} contains invalid characters: char {bad}"
        if bad > 0x7F:
            return f"{text} out of range, consider explicilty adding utf8 characters"
        return f"{text} not allowed"
    lower = name.lower()
    if lower in reserved or (reserved is REQUEST_RESERVED and lower.startswith("content-")):
        return f"header name {name} not supported"
    return None


def _value_fault(name: str, value: str) -> str | None:
    if bad := _BAD_IN_VALUE.search(value):
        return f"header {name}: value: char {ord(bad.group())} not allowed"
    if len(value) > _MAX_VALUE or len(value.encode()) > _MAX_VALUE:
        return f"header {name}: value too long (max {_MAX_VALUE} characters)"
    return None
