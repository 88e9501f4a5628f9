"""Challenges and credentials (RFC 3261 §20.7, §20.44; RFC 7616; RFC 8760)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TypeVar

from ..base.errors import SipError
from ..base.light import light_dataclass
from .grammar import LWS, is_token, quote, unquote

_ITEM = re.compile(
    r"[ \t,]*+([!%'*+\-.0-9A-Z_`a-z~]++)[ \t]*+=[ \t]*+"
    r'("(?>[^"\\]*(?:\\.[^"\\]*)*)"|[^\x00-\x20\x7f",;]++)[ \t]*+(?:,|\Z)',
    re.DOTALL,
)
_SCHEME = re.compile(r"([^ \t]*+)[ \t]*+")
_TOKEN68 = re.compile(r"[A-Za-z0-9\-._~+/]++=*+")
_CHALLENGE_PLAIN = frozenset({"stale", "algorithm"})
_CREDENTIALS_PLAIN = frozenset({"algorithm", "qop", "nc"})

Pairs = tuple[tuple[str, str], ...]


@light_dataclass(frozen=True, slots=True)
class _Auth:
    """A scheme and its parameters, or its token68 (`Bearer`, `Basic`).

    Parameter names are lower case, values unquoted. `scheme` is as written.
    """

    scheme: str
    params: Pairs = ()
    token68: str = ""

    def param(self, name: str) -> str | None:
        """The value of a parameter, or None."""
        for key, value in self.params:
            if key == name:
                return value
        return None

    @property
    def is_digest(self) -> bool:
        """True for Digest in any case."""
        return self.scheme.lower() == "digest"

    def _write(self, plain: frozenset[str]) -> str:
        if self.token68:
            return f"{self.scheme} {self.token68}"
        return f"{self.scheme} " + ", ".join(
            f"{name}={value}" if name in plain and is_token(value) else f"{name}={quote(value)}"
            for name, value in self.params
        )


class Challenge(_Auth):
    """One WWW-Authenticate or Proxy-Authenticate."""

    @classmethod
    def parse(cls, text: str) -> Challenge:
        """Raises SipError (400)."""
        return _parse(cls, text)

    @classmethod
    def digest(cls, params: Iterable[tuple[str, str]]) -> Challenge:
        """A Digest challenge of ours."""
        return cls("Digest", tuple(params))

    def __str__(self) -> str:
        return self._write(_CHALLENGE_PLAIN)


class Credentials(_Auth):
    """One Authorization or Proxy-Authorization."""

    @classmethod
    def parse(cls, text: str) -> Credentials:
        """Raises SipError (400)."""
        return _parse(cls, text)

    @classmethod
    def digest(cls, params: Iterable[tuple[str, str]]) -> Credentials:
        """Digest credentials of ours."""
        return cls("Digest", tuple(params))

    def __str__(self) -> str:
        return self._write(_CREDENTIALS_PLAIN)


_A = TypeVar("_A", bound=_Auth)


def _parse(cls: type[_A], text: str) -> _A:
    text = text.strip(LWS)
    found = _SCHEME.match(text)
    assert found is not None
    scheme, rest = found[1], text[found.end() :]
    if not is_token(scheme):
        raise SipError("Bad authentication header")
    if _TOKEN68.fullmatch(rest) is not None:
        return cls(scheme, (), rest)
    params: list[tuple[str, str]] = []
    position = 0
    while position < len(rest):
        found = _ITEM.match(rest, position)
        if found is None:
            raise SipError("Bad authentication header")
        params.append((found[1].lower(), unquote(found[2])))
        position = found.end()
    return cls(scheme, tuple(params))
