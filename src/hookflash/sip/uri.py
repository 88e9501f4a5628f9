"""URIs as SIP uses them: sip and sips (RFC 3261 §19.1), tel (RFC 3966), and any other as it is."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv6Address
from typing import NamedTuple

from ..base.errors import SipError
from .grammar import (
    Param,
    Params,
    find_param,
    format_params,
    remove_param,
    replace_param,
    split_params,
)

_SIP_URI = re.compile(
    r"([sS][iI][pP][sS]?):"
    r'(?:([^@:\x00-\x20\x7f<>"]++)(?::([^@\x00-\x20\x7f<>"]*+))?@)?'
    r"(\[[0-9A-Fa-f:.]++\]|[A-Za-z0-9._\-]++)"
    r"(?::([0-9]{1,5}))?"
    r'(?:;([^?\x00-\x20\x7f<>"]*+))?'
    r'(?:\?([^\x00-\x20\x7f<>"]*+))?'
)
_OTHER_URI = re.compile(r'([A-Za-z][A-Za-z0-9+.\-]*+):([^\x00-\x20\x7f<>"]++)')
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")
_ESCAPES = re.compile(r"(?:%[0-9A-Fa-f]{2})++")
_USER_UNSAFE = re.compile(r"[^A-Za-z0-9\-_.!~*'()&=+$,;?/]")
_NUMBER = re.compile(r"\+?[0-9A-Da-d*#.()\-]+")
_SEPARATORS = str.maketrans("", "", "-.()")
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.!~*'()")
_MUST_AGREE = ("user", "ttl", "method", "maddr")
"""Parameters that never match when only one of two URIs has them (RFC 3261 §19.1.4)."""
REMEMBERED = 200
"""Characters of an address that is remembered once read: a dialog brings the same few in each of
its messages. Longer ones are read again, so that what is remembered stays small."""
MEMORY = 128
"""Addresses that are remembered: those of the calls that are being made. What is remembered for
longer has grown cold, and costs as much as to be read."""


def unescape(text: str) -> str:
    """Resolve %XX; sequences that are no escapes stay, bytes that are no UTF-8 are surrogates."""
    if "%" not in text:
        return text
    return _ESCAPES.sub(
        lambda run: bytes.fromhex(run[0].replace("%", "")).decode("utf-8", "surrogateescape"), text
    )


def escape_user(text: str) -> str:
    """`text` as the user part of a SIP URI: everything else than its grammar allows escaped."""
    return _USER_UNSAFE.sub(_escape, text)


def _escape(found: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in found[0].encode("utf-8", "surrogateescape"))


class Uri(NamedTuple):
    """One URI, immutable. All parts are as written; what the methods return is unescaped.

    For sip and sips `opaque` is ""; `host` has no brackets around an IPv6 address. For tel
    `opaque` is the number and `params` its parameters; for any other scheme `opaque` is
    everything after the colon. `==` compares the parts as written, `equivalent` by RFC 3261.
    """

    scheme: str
    """Lower case."""
    user: str | None = None
    password: str | None = None
    host: str = ""
    port: int | None = None
    params: Params = ()
    headers: Params = ()
    opaque: str = ""

    @classmethod
    def parse(cls, text: str) -> Uri:
        """Read a URI that stands alone, without <>. Raises SipError (400).

        The user part is read liberally (`#` and such), everything else by the grammar; there is
        no whitespace anywhere (RFC 4475 §3.1.2.8, §3.1.2.15: refused, not repaired).
        """
        return _known(text) if len(text) <= REMEMBERED else cls.read(text)

    @classmethod
    def read(cls, text: str) -> Uri:
        """As `parse`, for a text that is remembered otherwise, or not at all."""
        found = _SIP_URI.fullmatch(text)
        if found is None:
            return cls._parse_other(text)
        scheme, user, password, host, port, params, headers = found.groups()
        if host[0] == "[":
            host = host[1:-1]
            try:
                IPv6Address(host)
            except ValueError:
                raise SipError("Bad IPv6 address in URI") from None
        number = None
        if port is not None:
            number = int(port)
            if number > 65535:
                raise SipError("Bad port in URI")
        if scheme != "sip":
            scheme = scheme.lower()
        return tuple.__new__(
            cls,
            (
                scheme,
                user,
                password,
                host,
                number,
                split_params(params) if params else (),
                () if headers is None else _parse_headers(headers),
                "",
            ),
        )

    @classmethod
    def _parse_other(cls, text: str) -> Uri:
        found = _OTHER_URI.fullmatch(text)
        if found is None:
            raise SipError("Bad URI")
        scheme = found[1].lower()
        if scheme in {"sip", "sips"}:
            raise SipError("Bad SIP URI")
        if scheme != "tel":
            return cls(scheme, opaque=found[2])
        number, semicolon, params = found[2].partition(";")
        if not number:
            raise SipError("Bad tel URI")
        return cls("tel", opaque=number, params=split_params(params) if semicolon else ())

    @classmethod
    def sip(
        cls,
        user: str | None,
        host: str,
        port: int | None = None,
        params: Iterable[Param] = (),
    ) -> Uri:
        """A sip URI of ours. `user` is plain text and gets escaped; `host` without brackets."""
        return cls("sip", escape_user(user) if user else None, None, host, port, tuple(params))

    def __str__(self) -> str:
        params = format_params(self.params) if self.params else ""
        if not self.host:
            return f"{self.scheme}:{self.opaque}{params}"
        head = self.scheme + ":"
        if self.user is not None:
            head += self.user
            if self.password is not None:
                head += f":{self.password}"
            head += "@"
        head += self.host_port + params
        if self.headers:
            head += "?" + format_params(self.headers)[1:].replace(";", "&")
        return head

    @property
    def is_sip(self) -> bool:
        """True for sip and sips."""
        return self.scheme in {"sip", "sips"}

    @property
    def host_port(self) -> str:
        """`host` or `host:port`, an IPv6 address in brackets."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port is None else f"{host}:{self.port}"

    @property
    def user_text(self) -> str:
        """The user part with its escapes resolved, "" if there is none."""
        return unescape(self.user) if self.user else ""

    @property
    def number(self) -> str:
        """What was dialled: the user part, or the number of a tel URI as written. A telephone
        number in a user part may have parameters as in tel (`;cpc=`, `;npdi`, §19.1.6): they are
        no part of it."""
        if self.scheme == "tel":
            return unescape(self.opaque)
        user = self.user_text
        if ";" in user:
            number = user.partition(";")[0]
            return number if _NUMBER.fullmatch(number) else user
        return user

    def param(self, name: str) -> str | None:
        """A parameter's value, unescaped; "" for a flag such as `lr`, None if it is missing."""
        found = self._param(name)
        return None if found is None else unescape(found[1] or "")

    def has_param(self, name: str) -> bool:
        """True if the parameter is there, with or without a value."""
        return self._param(name) is not None

    def _param(self, name: str) -> Param | None:
        """Names may be escaped: `%6C%72` is `lr` (RFC 4475 §3.1.1.3)."""
        params = self.params
        found = find_param(params, name) if params else None
        if found is None and any("%" in key for key, _ in params):
            found = find_param(tuple([(unescape(key), value) for key, value in params]), name)
        return found

    def with_param(self, name: str, value: str | None = None) -> Uri:
        """This URI with one parameter set (`None`: a flag)."""
        return self._replace(params=replace_param(self.params, name, value))

    def without_param(self, name: str) -> Uri:
        """This URI without that parameter."""
        if find_param(self.params, name) is None:
            return self
        return self._replace(params=remove_param(self.params, name))

    def header(self, name: str) -> str | None:
        """The unescaped value of one of the `?headers`, or None."""
        for key, value in self.headers:
            if unescape(key).lower() == name.lower():
                return unescape(value or "")
        return None

    def equivalent(self, other: Uri) -> bool:
        """RFC 3261 §19.1.4; tel by RFC 3966 §4; other schemes: the same text.

        Not transitive, as the RFC says: a parameter that one of two lacks is mostly ignored.
        """
        if self.scheme != other.scheme:
            return False
        if self.scheme == "tel":
            return _tel_key(self) == _tel_key(other)
        if not self.is_sip:
            return self.opaque == other.opaque
        return (
            _same_text(self.user, other.user)
            and _same_text(self.password, other.password)
            and self.port == other.port
            and _host_key(self.host) == _host_key(other.host)
            and _same_params(self.params, other.params)
            and _headers_key(self.headers) == _headers_key(other.headers)
        )


_known = lru_cache(MEMORY)(Uri.read)


def _parse_headers(text: str) -> Params:
    headers: list[Param] = []
    for piece in text.split("&"):
        name, equals, value = piece.partition("=")
        if not name or not equals:
            raise SipError("Bad headers in URI")
        if ";" in piece:
            # Not of the grammar, and a semicolon would change its place when written again.
            piece = piece.replace(";", "%3B")
            name, _, value = piece.partition("=")
        headers.append((name, value))
    return tuple(headers)


def _normal(text: str) -> str:
    """Escapes of unreserved characters resolved, the others in capitals (§19.1.4)."""
    if "%" not in text:
        return text
    return _ESCAPE.sub(_normal_escape, text)


def _normal_escape(found: re.Match[str]) -> str:
    character = chr(int(found[1], 16))
    return character if character in _UNRESERVED else found[0].upper()


def _same_text(first: str | None, second: str | None) -> bool:
    if first is None or second is None:
        return first is second
    return first == second or _normal(first) == _normal(second)


def _host_key(host: str) -> object:
    return IPv6Address(host) if ":" in host else host.lower()


def _folded(params: Params) -> dict[str, str]:
    return {_normal(name).lower(): _normal(value or "").lower() for name, value in reversed(params)}


def _same_params(first: Params, second: Params) -> bool:
    if first == second:
        return True
    mine, theirs = _folded(first), _folded(second)
    if any((name in mine) != (name in theirs) for name in _MUST_AGREE):
        return False
    return all(theirs.get(name, value) == value for name, value in mine.items())


def _headers_key(headers: Params) -> list[tuple[str, str]]:
    return sorted((unescape(name).lower(), unescape(value or "")) for name, value in headers)


def _tel_key(uri: Uri) -> tuple[str, dict[str, str]]:
    return uri.opaque.translate(_SEPARATORS).lower(), _folded(uri.params)
