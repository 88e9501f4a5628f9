"""REFER (RFC 3515): transfer targets and Refer-To, and the sipfrag bodies of its NOTIFYs."""

from __future__ import annotations

import re
from dataclasses import field

from ..base.errors import ApiError, SipError
from ..base.light import light_dataclass
from .phrases import told_phrase
from .uri import Uri

NOT_A_TARGET = "transfer_to must be a valid SIP(s) or TEL URI (sip:, sips: or tel:)"
_LONGEST_TARGET = 2000
_SCHEME = re.compile(r"(sips?|tel):", re.IGNORECASE)
_FORBIDDEN = re.compile(r'[\x00-\x20\x7f"<>]')
_TEL = re.compile(r"\+?[0-9A-Fa-f*#().\-]*[0-9A-Fa-f*#][0-9A-Fa-f*#().\-]*")
_ESCAPED = re.compile(r"(?:[A-Za-z0-9\-_.!~*'()\[\]/?:+$]|%[0-9A-Fa-f]{2})*")
"""hname and hvalue of RFC 3261 §25.1: everything else in an embedded header must be escaped."""
_ESCAPED_CONTROL = re.compile(r"%(?:[01][0-9A-Fa-f]|7[Ff])")
_EMBEDDED_FORBIDDEN = frozenset(
    (
        *("route", "via", "from", "to", "call-id", "cseq", "contact", "authorization"),
        *("proxy-authorization", "v", "f", "t", "i", "m"),
    )
)
_FRAGMENT = re.compile(rb"SIP/2\.0[ \t]+([1-6][0-9]{2})(?:[ \t]+(.*))?", re.IGNORECASE)
_LINE_END = re.compile(rb"[\r\n]")
_LONGEST_PHRASE = 512


@light_dataclass(frozen=True, slots=True)
class ReferTarget:
    """A transfer target that may be sent."""

    uri: str
    """Without brackets, the scheme in lower case; two targets are the same if this is."""
    asked: str = field(default="", compare=False)
    """As it was asked for."""

    @property
    def refer_to(self) -> str:
        """The value of Refer-To, always in angle brackets (RFC 3515 §2.1)."""
        return f"<{self.uri}>"


@light_dataclass(frozen=True, slots=True)
class Fragment:
    """The status line of a sipfrag (RFC 3420)."""

    status: int
    """100 to 699."""
    reason: str
    """Reason phrase, "" where there is none."""


def parse_target(text: str) -> ReferTarget:
    """Read `transfer_to`: a sip, sips or tel URI, in one pair of `<>` or none.

    Raises:
        ApiError: invalid_argument; LiveKit's text, with what is wrong behind it where there is a
            scheme that would do.
    """
    if not text:
        raise ApiError("invalid_argument", "missing transfer to")
    bare = text[1:-1] if text[0] == "<" and text[-1] == ">" else text
    found = _SCHEME.match(bare)
    if found is None:
        raise ApiError("invalid_argument", NOT_A_TARGET)
    scheme = found.group(1).lower()
    uri = f"{scheme}:{bare[found.end() :]}"
    fault = _common_fault(uri) or (_tel_fault(uri) if scheme == "tel" else _sip_fault(uri))
    if fault:
        raise ApiError("invalid_argument", f"{NOT_A_TARGET}: {fault}")
    return ReferTarget(uri, text)


def parse_fragment(body: bytes) -> Fragment | None:
    """The first line of a sipfrag body, whatever its Content-Type and line ends; None where it
    is no status line (an empty body too). Blank lines before it are skipped."""
    line = _LINE_END.split(body.lstrip(b"\r\n")[: _LONGEST_PHRASE * 2], maxsplit=1)[0]
    found = _FRAGMENT.fullmatch(line.strip())
    if found is None:
        return None
    phrase = told_phrase((found.group(2) or b"").decode("utf-8", "replace"))
    return Fragment(int(found.group(1)), phrase[:_LONGEST_PHRASE].strip())


def _common_fault(uri: str) -> str | None:
    if len(uri) > _LONGEST_TARGET:
        return f"longer than {_LONGEST_TARGET} characters"
    if bad := _FORBIDDEN.search(uri):
        return f"char {ord(bad.group())} not allowed"
    if not uri.isascii():
        return "characters outside ASCII must be escaped"
    for parameter in _behind_user(uri).partition("?")[0].split(";")[1:]:
        name, _, value = parameter.partition("=")
        if _unescape(name).lower() == "method" and _unescape(value).upper() != "INVITE":
            return "a method other than INVITE is not allowed"
    return None


def _tel_fault(uri: str) -> str | None:
    number = uri[4:].partition(";")[0]
    if not _TEL.fullmatch(number):
        return "no telephone number"
    return "a tel URI has no headers" if "?" in uri else None


def _sip_fault(uri: str) -> str | None:
    try:
        Uri.parse(uri)
    except SipError as error:
        return error.text
    for header in _behind_user(uri).partition("?")[2].split("&"):
        name, _, value = header.partition("=")
        if not (_ESCAPED.fullmatch(name) and _ESCAPED.fullmatch(value)):
            return "its headers must be escaped"
        if _ESCAPED_CONTROL.search(header):
            return "control characters in its headers are not allowed"
        if _unescape(name).lower() in _EMBEDDED_FORBIDDEN:
            return f"header {_unescape(name)} is not allowed in it"
    return None


def _behind_user(uri: str) -> str:
    """Host, parameters and headers: a user part may hold `;` and `?` of its own, and only
    there an `@` needs no escape."""
    return uri.partition("@")[2] or uri


def _unescape(text: str) -> str:
    return re.sub(r"%([0-9A-Fa-f]{2})", lambda found: chr(int(found.group(1), 16)), text)
