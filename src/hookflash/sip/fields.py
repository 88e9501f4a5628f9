"""Header values with structure: addresses, Via, CSeq, events, session timers and the like.

Every class has `parse(text)`, which raises SipError (400) and nothing else, and `str()`. What
stands in digest headers is in `auth_fields` and can be imported from here too.
"""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import IPv6Address
from typing import Literal, NamedTuple, cast

from ..base.errors import SipError
from ..base.light import light_dataclass
from .auth_fields import Challenge, Credentials
from .grammar import (
    LWS,
    Params,
    find_param,
    format_params,
    is_token,
    parse_params,
    quote,
    replace_param,
    scalar,
    unquote,
)
from .uri import MEMORY, REMEMBERED, Uri

__all__ = [
    "CSeq",
    "Challenge",
    "Credentials",
    "EventField",
    "MediaType",
    "NameAddr",
    "RAck",
    "Reason",
    "Replaces",
    "SessionExpires",
    "SubscriptionState",
    "Via",
]

MAX_CSEQ = 2**31 - 1
"""RFC 3261 §8.1.1.5."""
MAX_SECONDS = 2**32 - 1
"""RFC 3261 §20.19."""

_QUOTED_NAME = re.compile(r'[ \t]*+("(?>[^"\\]*(?:\\.[^"\\]*)*)")[ \t]*+<', re.DOTALL)
_BAD_DISPLAY = re.compile(r'[,";<>\\]')
_TOKENS = re.compile(r"[!%'*+\-.0-9A-Z_`a-z~]++(?:[ \t]++[!%'*+\-.0-9A-Z_`a-z~]++)*+")
_VIA = re.compile(
    r"[ \t]*+([^\x00-\x20/;,]++)[ \t]*+/[ \t]*+([^\x00-\x20/;,]++)[ \t]*+/[ \t]*+"
    r"([!%'*+\-.0-9A-Z_`a-z~]++)[ \t]++"
    r"(\[[0-9A-Fa-f:.]++\]|[A-Za-z0-9._\-]++)[ \t]*+"
    r"(?::[ \t]*+([0-9]{1,5})[ \t]*+)?(?:;(.*+))?",
    re.DOTALL,
)
_CSEQ = re.compile(r"[ \t]*+([0-9]++)[ \t]++([!%'*+\-.0-9A-Z_`a-z~]++)[ \t]*+")
_RACK = re.compile(r"([0-9]++)[ \t]++([0-9]++)[ \t]++([!%'*+\-.0-9A-Z_`a-z~]++)")


class NameAddr(NamedTuple):
    """An address with its display name and header parameters (From, To, Contact, Route ...).

    `display` is plain text, without quotes and quoted-pairs. Parameter values are as written.
    """

    display: str
    uri: Uri
    params: Params = ()

    @classmethod
    def parse(cls, text: str) -> NameAddr:
        """Read one name-addr or addr-spec with parameters. Raises SipError (400).

        A display name without quotes may hold anything but `, " ; < > \\` (RFC 4475 §3.1.2.16
        refused, UTF-8 without quotes taken). Without <> a `?` or comma is refused and every
        parameter belongs to the header (RFC 3261 §20.10; RFC 4475 §3.1.2.13).
        """
        return _known(text) if len(text) <= REMEMBERED else cls._read(text)

    @classmethod
    def _read(cls, text: str) -> NameAddr:
        start = text.find("<")
        if '"' in text:
            found = _QUOTED_NAME.match(text)
            if found is not None:
                display = unquote(found[1])
                start = found.end() - 1
                return cls._bracketed(text, start, display)
        if start < 0 or 0 <= text.find(";") < start:
            return cls._bare(text)  # a `<` in a parameter, such as +sip.instance="<urn:...>"
        display = text[:start].strip(LWS)
        if display and _BAD_DISPLAY.search(display) is not None:
            raise SipError("Bad display name")
        return cls._bracketed(text, start, display)

    @classmethod
    def _bracketed(cls, text: str, start: int, display: str) -> NameAddr:
        end = text.find(">", start)
        if end < 0:
            raise SipError("Unbalanced < in address")
        uri = Uri.read(text[start + 1 : end])
        rest = text[end + 1 :]
        if rest:
            rest = rest.strip(LWS)
        if not rest:
            return tuple.__new__(cls, (display, uri, ()))
        if rest[0] != ";":
            raise SipError("Unexpected text after address")
        return tuple.__new__(cls, (display, uri, parse_params(rest[1:])))

    @classmethod
    def _bare(cls, text: str) -> NameAddr:
        address, semicolon, rest = text.partition(";")
        address = address.strip(LWS)
        if "?" in address or "," in address:
            raise SipError("Address needs <>")
        return tuple.__new__(cls, ("", Uri.read(address), parse_params(rest) if semicolon else ()))

    def __str__(self) -> str:
        address = f"<{self.uri}>"
        if self.display:
            plain = _TOKENS.fullmatch(self.display) is not None
            address = f"{self.display if plain else quote(self.display)} {address}"
        return address + format_params(self.params) if self.params else address

    @property
    def tag(self) -> str | None:
        """The tag, or None (also for an empty one)."""
        found = find_param(self.params, "tag")
        return None if found is None else found[1] or None

    def param(self, name: str) -> str | None:
        """A header parameter, unquoted; "" for a flag, None where it is missing."""
        found = find_param(self.params, name)
        return None if found is None else unquote(found[1] or "")

    def has_param(self, name: str) -> bool:
        """True if the parameter is there, with or without a value."""
        return find_param(self.params, name) is not None

    def with_param(self, name: str, value: str | None = None) -> NameAddr:
        """This address with one header parameter set (`value` as it shall be written)."""
        return self._replace(params=replace_param(self.params, name, value))


_known = lru_cache(MEMORY)(NameAddr._read)


class Via(NamedTuple):
    """One Via value (RFC 3261 §20.42). `host` has no brackets around an IPv6 address."""

    transport: str
    """Upper case: `UDP`, `TCP`, `TLS`, or what the peer wrote."""
    host: str
    port: int | None = None
    params: Params = ()
    protocol: str = "SIP/2.0"
    """Another version is kept, so that its request can be answered 505."""

    @classmethod
    def parse(cls, text: str) -> Via:
        """Read one Via value. Raises SipError (400)."""
        found = _VIA.fullmatch(text)
        if found is None:
            raise SipError("Bad Via")
        name, version, transport, host, port, params = found.groups()
        number = None
        if port is not None:
            number = int(port)
            if number > 65535:
                raise SipError("Bad port in Via")
        if host[0] == "[":
            host = host[1:-1]
            try:
                IPv6Address(host)
            except ValueError:
                raise SipError("Bad IPv6 address in Via") from None
        return tuple.__new__(
            cls,
            (
                transport.upper(),
                host,
                number,
                () if params is None else parse_params(params),
                f"{name}/{version}",
            ),
        )

    def __str__(self) -> str:
        return f"{self.protocol}/{self.transport} {self.sent_by}{format_params(self.params)}"

    @property
    def sent_by(self) -> str:
        """`host` or `host:port`, an IPv6 address in brackets."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port is None else f"{host}:{self.port}"

    @property
    def branch(self) -> str:
        """The branch, "" where there is none (RFC 2543)."""
        return self.param("branch") or ""

    @property
    def received(self) -> str | None:
        """The address that the next element saw, without brackets."""
        value = self.param("received")
        if value and value[0] == "[" and value[-1] == "]":
            value = value[1:-1]
        return value or None

    @property
    def rport(self) -> int | None:
        """The port of `rport=`, None where it is missing, empty or no port (RFC 3581)."""
        value = self.param("rport")
        if value and value.isascii() and value.isdigit() and len(value) <= 5:
            port = int(value)
            return port if 0 < port <= 65535 else None
        return None

    def param(self, name: str) -> str | None:
        """A parameter, unquoted; "" for a flag such as `rport`, None where it is missing."""
        found = find_param(self.params, name)
        return None if found is None else unquote(found[1] or "")

    def has_param(self, name: str) -> bool:
        """True if the parameter is there, with or without a value."""
        return find_param(self.params, name) is not None

    def with_param(self, name: str, value: str | None = None) -> Via:
        """This Via with one parameter set (`None`: a flag)."""
        return self._replace(params=replace_param(self.params, name, value))


class CSeq(NamedTuple):
    """CSeq (RFC 3261 §20.16): number below 2**31, and method."""

    number: int
    method: str

    @classmethod
    def parse(cls, text: str) -> CSeq:
        """Raises SipError (400)."""
        found = _CSEQ.fullmatch(text)
        if found is None:
            raise SipError("Bad CSeq")
        return tuple.__new__(cls, (scalar(found[1], "CSeq", MAX_CSEQ), found[2]))

    def __str__(self) -> str:
        return f"{self.number} {self.method}"


def _valued(text: str, what: str) -> tuple[str, Params]:
    """`value;params`, the value without whitespace inside."""
    value, semicolon, rest = text.partition(";")
    value = value.strip(LWS)
    if not value or " " in value or "\t" in value:
        raise SipError(f"Bad {what}")
    return value, parse_params(rest) if semicolon else ()


def _param(params: Params, name: str) -> str | None:
    found = find_param(params, name)
    return None if found is None else unquote(found[1] or "")


def _seconds(params: Params, name: str) -> int | None:
    """A number of seconds; an unreadable or too large one is as good as none."""
    value = _param(params, name)
    if value is None:
        return None
    try:
        return scalar(value, name, MAX_SECONDS)
    except SipError:
        return None


@light_dataclass(frozen=True, slots=True)
class EventField:
    """Event (RFC 6665 §8.4). `package` is lower case, templates included (`presence.winfo`)."""

    package: str
    params: Params = ()

    @classmethod
    def parse(cls, text: str) -> EventField:
        """Raises SipError (400)."""
        package, params = _valued(text, "Event")
        return cls(package.lower(), params)

    def __str__(self) -> str:
        return self.package + format_params(self.params)

    @property
    def id(self) -> str | None:
        """The id parameter, or None (also for an empty one)."""
        return _param(self.params, "id") or None


@light_dataclass(frozen=True, slots=True)
class SubscriptionState:
    """Subscription-State (RFC 6665 §8.4). `state` and `reason` are lower case."""

    state: str
    reason: str | None = None
    expires: int | None = None
    """Seconds."""
    retry_after: int | None = None
    """Seconds."""

    @classmethod
    def parse(cls, text: str) -> SubscriptionState:
        """Raises SipError (400); numbers that cannot be read are None."""
        state, params = _valued(text, "Subscription-State")
        reason = _param(params, "reason")
        return cls(
            state.lower(),
            reason.lower() if reason else None,
            _seconds(params, "expires"),
            _seconds(params, "retry-after"),
        )

    def __str__(self) -> str:
        text = self.state
        if self.reason is not None:
            text += f";reason={self.reason}"
        if self.expires is not None:
            text += f";expires={self.expires}"
        if self.retry_after is not None:
            text += f";retry-after={self.retry_after}"
        return text


@light_dataclass(frozen=True, slots=True)
class SessionExpires:
    """Session-Expires (RFC 4028 §4), in seconds; `refresher` is None where it is not said."""

    seconds: int
    refresher: Literal["uac", "uas"] | None = None

    @classmethod
    def parse(cls, text: str) -> SessionExpires:
        """Raises SipError (400)."""
        value, params = _valued(text, "Session-Expires")
        refresher = (_param(params, "refresher") or "").lower()
        role = cast(Literal["uac", "uas"], refresher) if refresher in {"uac", "uas"} else None
        return cls(scalar(value, "Session-Expires", MAX_SECONDS), role)

    def __str__(self) -> str:
        return f"{self.seconds};refresher={self.refresher}" if self.refresher else f"{self.seconds}"


@light_dataclass(frozen=True, slots=True)
class RAck:
    """RAck (RFC 3262 §7.2): the RSeq, and the CSeq of the INVITE."""

    rseq: int
    cseq: int
    method: str

    @classmethod
    def parse(cls, text: str) -> RAck:
        """Raises SipError (400)."""
        found = _RACK.fullmatch(text.strip(LWS))
        if found is None:
            raise SipError("Bad RAck")
        return cls(
            scalar(found[1], "RAck", MAX_SECONDS), scalar(found[2], "RAck", MAX_CSEQ), found[3]
        )

    def __str__(self) -> str:
        return f"{self.rseq} {self.cseq} {self.method}"


@light_dataclass(frozen=True, slots=True)
class Replaces:
    """Replaces (RFC 3891 §6.1): a dialog, its tags seen from the one who gets the request."""

    call_id: str
    to_tag: str
    from_tag: str
    early_only: bool = False

    @classmethod
    def parse(cls, text: str) -> Replaces:
        """Raises SipError (400)."""
        call_id, params = _valued(text, "Replaces")
        to_tag, from_tag = _param(params, "to-tag"), _param(params, "from-tag")
        if not to_tag or not from_tag:
            raise SipError("Bad Replaces")
        return cls(call_id, to_tag, from_tag, find_param(params, "early-only") is not None)

    def __str__(self) -> str:
        early = ";early-only" if self.early_only else ""
        return f"{self.call_id};to-tag={self.to_tag};from-tag={self.from_tag}{early}"


@light_dataclass(frozen=True, slots=True)
class Reason:
    """One value of Reason (RFC 3326): `protocol` as written (`SIP`, `Q.850`)."""

    protocol: str
    cause: int | None = None
    text: str = ""

    @classmethod
    def parse(cls, text: str) -> Reason:
        """Raises SipError (400); a cause that cannot be read is None."""
        protocol, params = _valued(text, "Reason")
        return cls(protocol, _seconds(params, "cause"), _param(params, "text") or "")

    def __str__(self) -> str:
        text = self.protocol
        if self.cause is not None:
            text += f";cause={self.cause}"
        if self.text:
            text += f";text={quote(self.text)}"
        return text


@light_dataclass(frozen=True, slots=True)
class MediaType:
    """Content-Type, Content-Disposition, Accept and their like: a lower-case value with params."""

    value: str
    params: Params = ()

    @classmethod
    def parse(cls, text: str) -> MediaType:
        """`type / subtype` or one token. Raises SipError (400)."""
        value, semicolon, rest = text.partition(";")
        parts = [part.strip(LWS) for part in value.split("/")]
        if len(parts) > 2 or not all(is_token(part) for part in parts):
            raise SipError("Bad media type")
        return cls("/".join(parts).lower(), parse_params(rest) if semicolon else ())

    def __str__(self) -> str:
        return self.value + format_params(self.params)

    def param(self, name: str) -> str | None:
        """A parameter, unquoted, or None."""
        return _param(self.params, name)
