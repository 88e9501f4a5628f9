"""Addresses that the grammar refuses, and what sense can be made of them all the same.

Names of callers pass through many hands before they are a display name: quotes that are not
closed, a backslash at the end, a comma without quotes. Neither the caller nor whoever gets the call
can mend them, so From, To and Contact are read again here before a message is refused (against RFC
3261 §25.1; RFC 4475 §3.1.2.6, 15 and 16 leave it open). URI and tag count, the name does not. Nor
does it matter how the user of the URI is written, if only it can be told from the host.
"""

from __future__ import annotations

import re
from contextlib import suppress
from itertools import islice
from typing import Final

from ..base.errors import SipError
from .fields import NameAddr
from .grammar import Params, parse_params, split_list
from .uri import Uri

MOST: Final = 16
_NOBODY = re.compile(r"(?<![^< \t])(sips?:)(?::[^<>@;\x00-\x20]*+)?@", re.IGNORECASE)
"""`sip:@host`, as some write an anonymous caller: a URI without a user."""

_ADDRESS = re.compile(r"<[ \t]*+((?:sips?|tel):[^<>\x00-\x20]++)[ \t]*+>", re.IGNORECASE)
_ODD = re.compile(
    r"<[ \t]*+(sips?:)([^<>\x00-\x08\x0a-\x1f]*)@([^<>@\x00-\x20]++)[ \t]*+>", re.IGNORECASE
)
_TO_ESCAPE = re.compile(r"[ \t@]")
_NO_PORT = re.compile(r":(?=[;?]|\Z)")
_TAG = re.compile(r";[ \t]*+(tag)[ \t]*+=[ \t]*+([!%'*+\-.0-9A-Z_`a-z~]++)", re.IGNORECASE)


def read_address(text: str) -> NameAddr:
    """`NameAddr.parse`, and where that fails the first URI in angle brackets. Raises SipError (400)
    where there is none either."""
    try:
        return NameAddr.parse(text)
    except SipError:
        text = _NOBODY.sub(r"\1", text)
        with suppress(SipError):
            return NameAddr.parse(text)
        text = _repaired(text)
        found = _ADDRESS.search(text)
        if found is None:
            raise
        return NameAddr("", Uri.parse(found[1]), _params(text[found.end() :]))


def read_tag(text: str) -> str:
    """The tag of an address, also where nothing else of it can be read; "" for none."""
    try:
        return read_address(text).tag or ""
    except SipError:
        found = _TAG.search(text)
        return "" if found is None else found[2]


def read_addresses(values: list[str], *, named: bool) -> list[NameAddr]:
    """The addresses of a list header (its field values) that have their URIs in angle brackets, at
    most `MOST` of a value, without parameters. `named`: of those alone whose fault is the name, so
    that stray separators behind them are refused (RFC 4475 §3.1.2.1)."""
    read: list[NameAddr] = []
    for value in map(_repaired, values):
        for match in islice(_ADDRESS.finditer(value), MOST):
            try:
                if named:
                    _whole_params(value[match.end() :])
                read.append(NameAddr("", Uri.parse(_NOBODY.sub(r"\1", match[1]))))
            except SipError:
                continue
    return read


def _repaired(text: str) -> str:
    """`text` with blanks and a second `@` in the user of a URI in angle brackets escaped, and
    without a colon that no port follows: telephones write the name that was typed in."""

    def whole(found: re.Match[str]) -> str:
        user = _TO_ESCAPE.sub(lambda odd: f"%{ord(odd[0]):02X}", found[2].strip(" \t"))
        return f"<{found[1]}{user}@{_NO_PORT.sub('', found[3], count=1)}>"

    return _ODD.sub(whole, text)


def _whole_params(text: str) -> None:
    """Raise SipError where what stands behind an address, up to the next comma, is not whole."""
    rest = text.strip(" \t")
    if rest[:1] == ";":
        parse_params(split_list(rest)[0][1:])
    elif rest and rest[0] != ",":
        raise SipError("Unexpected text after address")


def _params(text: str) -> Params:
    """The parameters behind an address; of those that cannot be read, the tag."""
    rest = text.strip(" \t")
    if rest[:1] == ";":
        try:
            return parse_params(rest[1:])
        except SipError:
            pass
    tag = _TAG.search(text)
    return () if tag is None else ((tag[1], tag[2]),)
