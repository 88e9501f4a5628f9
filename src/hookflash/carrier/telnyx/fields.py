"""Values of a JSON body of Telnyx's REST: read, or refused with what is allowed. Pure.

Limits are those of Telnyx's pages for the resource, where no other is named.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from ...base.hosts import ip_literal
from ...base.light import light_dataclass
from ..reading import NotAllowed
from .errors import BAD_REQUEST, MISSING, TelnyxFaceError

Reader = Callable[[object], object]
_HOST = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)(\.(?!-)[a-z0-9-]{1,63}(?<!-))*", re.IGNORECASE)
_USER = re.compile(r"[A-Za-z0-9]{4,32}")
_SHOWN: Final = 60
"""Characters of a wrong value that an error shows."""


@light_dataclass(frozen=True, slots=True)
class Field:
    """One value of a resource."""

    name: str
    reader: Reader | None = None
    """None: it is an object, of `inner`."""
    default: object = None
    """Of a resource that is made without it, or with null."""
    needed: bool = False
    """To make the resource."""
    secret: bool = False
    """It is not shown."""
    inner: tuple[Field, ...] = ()


def read_fields(
    fields: Sequence[Field], given: Mapping[str, Any], *, making: bool, at: str = ""
) -> dict[str, Any]:
    """What is to be set, by its key. Values that are not known count for nothing (assumed).

    Raises:
        TelnyxFaceError: 422, with a pointer to the value that is wrong.
    """
    found: dict[str, Any] = {}
    for field in fields:
        pointer = f"{at}/{field.name}"
        value = given.get(field.name)
        if field.reader is None:
            if making or value is not None:
                found[field.name] = _object(field, value, making, pointer)
        elif value is None:
            if field.needed and (making or field.name in given):
                raise TelnyxFaceError(422, MISSING, f"{field.name} is missing", pointer)
            if making or field.name in given:
                found[field.name] = field.default
        else:
            found[field.name] = _read(field, field.reader, value, pointer)
    return found


def _object(field: Field, value: object, making: bool, pointer: str) -> dict[str, Any]:
    if value is not None and not isinstance(value, Mapping):
        raise TelnyxFaceError(422, BAD_REQUEST, f"{field.name} is no object", pointer)
    return read_fields(field.inner, value or {}, making=making, at=pointer)


def _read(field: Field, reader: Reader, value: object, pointer: str) -> object:
    try:
        return reader(value)
    except NotAllowed as error:
        shown = "what was given" if field.secret else repr(value)[:_SHOWN]
        text = f"{field.name}: {shown} is not allowed; allowed: {error.allowed}"
        raise TelnyxFaceError(422, BAD_REQUEST, text, pointer) from None


def merged(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """The values with those changes; an object keeps what the change does not have."""
    found = dict(old)
    for key, value in new.items():
        before = found.get(key)
        if isinstance(value, Mapping) and isinstance(before, Mapping):
            found[key] = merged(before, value)
        else:
            found[key] = value
    return found


def name(value: object) -> str:
    """For people."""
    if not isinstance(value, str) or not 0 < len(value) <= 255 or not value.isprintable():
        raise NotAllowed("a text of at most 255 characters in one line")
    return value


def port(value: object) -> int:
    """Of a SIP server."""
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 65535:
        raise NotAllowed("an integer from 1 to 65535")
    return value


def ident(value: object) -> str:
    """The id of another resource."""
    if not isinstance(value, str) or not value.isascii() or not value.isdecimal():
        raise NotAllowed("an id, which is a text of digits")
    return value


def host(value: object) -> str:
    """A name in DNS. That an IP address is none is assumed: those have connections of their own."""
    right = isinstance(value, str) and len(value) <= 253 and _HOST.fullmatch(value)
    if not isinstance(value, str) or not right or ip_literal(value) is not None:
        raise NotAllowed("a name such as sip.example.com, and no IP address")
    return value


def countries(value: object) -> list[str]:
    """Countries by their two letters."""
    found = value if isinstance(value, list) and len(value) <= 300 else [""]
    if not all(isinstance(each, str) and re.fullmatch("[A-Z]{2}", each) for each in found):
        raise NotAllowed("a list of countries of two letters, such as US")
    return list(found)


def user(value: object) -> str:
    """Of a connection. Its length is assumed."""
    if not isinstance(value, str) or not _USER.fullmatch(value):
        raise NotAllowed("4 to 32 letters and digits")
    return value


def password(value: object) -> str:
    """Of a connection."""
    if not isinstance(value, str) or not 8 <= len(value) <= 128 or not value.isprintable():
        raise NotAllowed("8 to 128 characters")
    return value
