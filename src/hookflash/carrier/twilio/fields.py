"""Parameters of Twilio's REST: read, or refused with what is allowed. Pure.

A parameter is a text. Limits are those of Twilio's pages for the resource, where no other is named.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from ...base.errors import SipError
from ...base.hosts import ip_literal
from ...base.light import light_dataclass
from ...sip.uri import Uri
from .. import reading
from ..reading import NotAllowed
from .errors import NOT_ALLOWED, RestError

Reader = Callable[[str], object]
LONGEST_URL: Final = 1000
"""Assumed."""
_DOMAIN = re.compile(r"[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})?\.pstn\.twilio\.com")
_HEX = re.compile(r"[0-9a-fA-F]{32}")
_SHOWN: Final = 60
"""Characters of a wrong value that an error shows."""


@light_dataclass(frozen=True, slots=True)
class Param:
    """One parameter of a POST."""

    name: str
    """`FriendlyName`."""
    key: str
    """In the answer's JSON: `friendly_name`; "" where it is not shown."""
    reader: Reader
    needed: bool = False
    """To make the resource."""
    once: bool = False
    """It cannot be changed: counts for nothing later."""
    default: object = None
    """Of a resource that is made without it, or with an empty one."""


def read_params(
    params: Sequence[Param], given: Mapping[str, str], *, making: bool, code: int
) -> dict[str, object]:
    """What is to be set, by its key in JSON. Parameters that are not known count for nothing
    (assumed).

    Raises:
        RestError: 400 with this code, or 20001 for one that is missing.
    """
    found: dict[str, object] = {}
    for param in params:
        if param.once and not making:
            continue
        value = given.get(param.name, "")
        if not value:
            if making and param.needed:
                raise RestError(400, NOT_ALLOWED, f"Missing required parameter {param.name}")
            if making or (param.name in given and not param.needed):
                found[param.key] = param.default
            continue
        found[param.key] = read(param.name, value, param.reader, code)
    found.pop("", None)
    return found


def read(name: str, value: str, reader: Reader, code: int = NOT_ALLOWED) -> object:
    """One value; raises RestError, which shows no password."""
    try:
        return reader(value)
    except NotAllowed as error:
        shown = "hidden" if name == "Password" else repr(value[:_SHOWN])
        text = f"Invalid {name}: {shown} is not allowed; allowed: {error.allowed}"
        raise RestError(400, code, text) from None


def text(value: str) -> str:
    """A name for people."""
    if len(value) > 64 or not value.isprintable():
        raise NotAllowed("a text of at most 64 characters in one line")
    return value


def boolean(value: str) -> bool:
    """`true` or `false`, in either case."""
    if value.lower() not in {"true", "false"}:
        raise NotAllowed("true or false")
    return value.lower() == "true"


def one_of(*choices: str) -> Reader:
    """One of these."""

    def reader(value: str) -> str:
        if value not in choices:
            raise NotAllowed(f"one of {', '.join(choices)}")
        return value

    return reader


def integer(least: int, most: int) -> Reader:
    """A number in decimal digits."""

    def reader(value: str) -> int:
        digits = value.isascii() and value.isdecimal() and len(value) <= 9
        if not digits or not least <= int(value) <= most:
            raise NotAllowed(f"an integer from {least} to {most}")
        return int(value)

    return reader


def sid(prefix: str) -> Reader:
    """A SID: two letters and 32 hexadecimal digits."""

    def reader(value: str) -> str:
        if not value.startswith(prefix) or not _HEX.fullmatch(value[2:]):
            raise NotAllowed(f"{prefix} and 32 hexadecimal digits")
        return value

    return reader


def sip_url(value: str) -> str:
    """Where calls go."""
    try:
        uri = Uri.parse(value) if len(value) <= LONGEST_URL else None
    except SipError:
        uri = None
    if uri is None or uri.scheme != "sip" or not uri.host:
        raise NotAllowed("an address such as sip:sip.example.com:5060; sips is none")
    return value


def web_url(value: str) -> str:
    """An address of the web."""
    begins = value.startswith(("http://", "https://"))
    if not begins or not value.isprintable() or len(value) > LONGEST_URL:
        raise NotAllowed("an address such as https://example.com/")
    return value


def domain(value: str) -> str:
    """Of a trunk."""
    if not _DOMAIN.fullmatch(value.lower()):
        raise NotAllowed("letters, digits and - before .pstn.twilio.com")
    return value.lower()


def ip_address(value: str) -> str:
    """An IPv4 address."""
    if ip_literal(value) is None or ":" in value:
        raise NotAllowed("an IP address such as 192.0.2.1")
    return value


def user(value: str) -> str:
    """Of a credential."""
    if len(value) > 32 or not value.isascii() or not value.isprintable() or " " in value:
        raise NotAllowed("a user name of at most 32 characters")
    return value


def password(value: str) -> str:
    """Of a credential."""
    mixed = value != value.lower() and value != value.upper()
    if len(value) < 12 or not mixed or not any(character.isdigit() for character in value):
        raise NotAllowed("12 characters at least, with a digit, in upper and lower case")
    return value


def number(value: str) -> str:
    """A telephone number."""
    return reading.number(value)
