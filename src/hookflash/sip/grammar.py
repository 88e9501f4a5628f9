"""The small words of SIP's grammar (RFC 3261 §25.1): tokens, quoted strings, parameters, lists.

All patterns are linear in their input: no nested repetition can match one text in two ways, and
repetitions that could be walked back are possessive. Whitespace is SP and HTAB only, never what
Unicode calls whitespace, so that bytes that are not ours to read pass through unchanged.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import islice

from ..base.errors import SipError

Param = tuple[str, str | None]
"""Name as written, and value as written (quotes included), None for a flag."""
Params = tuple[Param, ...]

LWS = " \t"

_TOKEN_CHARS = r"!%'*+\-.0-9A-Z_`a-z~"
TOKEN = re.compile(rf"[{_TOKEN_CHARS}]+")
_QUOTED = r'"(?>[^"\\]*(?:\\.[^"\\]*)*)"'
_ODD_IN_PARAMS = re.compile(r'[\x00-\x20\x7f"<>,\\]')
_PARAM = re.compile(
    r'[ \t]*+([^\x00-\x20\x7f"<>,;=\\]++)[ \t]*+'
    rf'(?:=[ \t]*+({_QUOTED}|[^\x00-\x20\x7f"<>,;\\]*+)[ \t]*+)?(?:;|\Z)',
    re.DOTALL,
)
_LIST_ITEM = re.compile(r'(?:[^,"<]++|"(?>[^"\\]*(?:\\.[^"\\]*)*)"?|<[^>]*+>?)++', re.DOTALL)
_QUOTED_PAIR = re.compile(r"\\(.)", re.DOTALL)
_TO_ESCAPE = re.compile(r'(["\\])')
_UNSAFE = re.compile(r"[\r\n]|(?<!\\)\x00")


def is_token(text: str) -> bool:
    """True for a token of RFC 3261 §25.1 (methods, header names, option tags)."""
    return TOKEN.fullmatch(text) is not None


def is_safe(text: str) -> bool:
    """True if `text` can stand in a header line: no CR, no LF, and NUL only as quoted-pair.

    A quoted-pair may hold NUL (RFC 3261 §25.1, and RFC 4475 §3.1.1.2 sends one).
    """
    return _UNSAFE.search(text) is None


def scalar(text: str, what: str, limit: int) -> int:
    """A decimal number of at most `limit`. Raises SipError (400) naming `what`."""
    digits = text.strip(LWS)
    if digits.isascii() and digits.isdigit():
        if len(digits) > 10:
            digits = digits.lstrip("0") or "0"
        if len(digits) <= 20:
            number = int(digits)
            if number <= limit:
                return number
    raise SipError(f"Bad {what}")


def unquote(text: str) -> str:
    """The content of a quoted string; another text as it is."""
    if len(text) > 1 and text[0] == '"' and text[-1] == '"':
        text = text[1:-1]
        if "\\" in text:
            text = _QUOTED_PAIR.sub(r"\1", text)
    return text


def quote(text: str) -> str:
    """`text` as a quoted string. CR and LF cannot be quoted: the serialiser refuses them."""
    if '"' in text or "\\" in text:
        text = _TO_ESCAPE.sub(r"\\\1", text)
    return f'"{text}"'


def split_list(text: str, most: int | None = None) -> list[str]:
    """The elements of a comma list, `most` of them, respecting quotes and <>; empty elements are
    dropped."""
    if "," not in text:
        text = text.strip(LWS)
        return [text] if text else []
    found: Iterable[str]
    if most is None or text.count(",") < most:
        found = _LIST_ITEM.findall(text)
    else:
        found = [match[0] for match in islice(_LIST_ITEM.finditer(text), most)]
    items = [item.strip(LWS) for item in found]
    return [item for item in items if item]


def parse_params(text: str) -> Params:
    """The parameters of `a=1;b;c="x;y"` (no leading semicolon), names and values as written.

    Names and values are read liberally: whatever is no delimiter. One semicolon too many at the
    end is let pass, empty parameters elsewhere are not. Raises SipError (400).
    """
    if _ODD_IN_PARAMS.search(text) is not None:
        return _parse_odd_params(text)
    return split_params(text)


def split_params(text: str) -> Params:
    """As `parse_params`, for a text known to hold no whitespace, quotes and such (a URI)."""
    params: list[Param] = []
    for piece in text.split(";"):
        name, equals, value = piece.partition("=")
        if not name:
            if piece or len(params) < text.count(";"):
                raise SipError("Bad parameter")
            break
        params.append((name, value if equals else None))
    return tuple(params)


def _parse_odd_params(text: str) -> Params:
    params: list[Param] = []
    position, end = 0, len(text.rstrip(LWS))
    while position < end:
        found = _PARAM.match(text, position)
        if found is None:
            raise SipError("Bad parameter")
        params.append((found[1], found[2]))
        position = found.end()
    return tuple(params)


def format_params(params: Iterable[Param]) -> str:
    """`;name=value` for each, `;name` for a flag."""
    return "".join([f";{name}" if value is None else f";{name}={value}" for name, value in params])


def find_param(params: Params, name: str) -> Param | None:
    """The first parameter of that name in any case, or None."""
    for param in params:
        if param[0] == name:
            return param
    wanted = name.lower()
    for param in params:
        if param[0].lower() == wanted:
            return param
    return None


def replace_param(params: Params, name: str, value: str | None) -> Params:
    """`params` with `name` set, in its old place or at the end; doubles of it go."""
    wanted = name.lower()
    out: list[Param] = []
    done = False
    for param in params:
        if param[0].lower() != wanted:
            out.append(param)
        elif not done:
            out.append((param[0], value))
            done = True
    if not done:
        out.append((name, value))
    return tuple(out)


def remove_param(params: Params, name: str) -> Params:
    """`params` without those of that name."""
    wanted = name.lower()
    return tuple([param for param in params if param[0].lower() != wanted])
