"""Take the credentials out of a message before it is kept or shown.

What is secret is overwritten by as many `x`, so that Content-Length and the places of all else stay
what they were: digest answers (Authorization, Proxy-Authorization; also as a header in a URI), what
a server proves by the password (Authentication-Info), headers whose names speak of a password, a
secret, a token or an API key, passwords in URIs, keys of SRTP (`a=crypto`,
`a=key-mgmt`, `k=`) and of ICE in SDP, and digits that were typed (INFO). Challenges stay,
nonces included. A body that cannot be read as it is (compressed, in base64) is overwritten as a
whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

_FOLDED: Final = rb"[^\r\n]*(?:\r?\n[ \t][^\r\n]*)*"
"""A header value to its end, over the lines that it is folded into."""
_DIGEST: Final = re.compile(
    rb"(?im)^((?:proxy-)?authorization[ \t]*:[ \t]*(?:[a-z]+(?=[ \t]))?)(" + _FOLDED + rb")"
)
_REALM: Final = re.compile(rb'(?i)\brealm[ \t]*=[ \t]*"[^"\r\n]*"')
_NAMED: Final = re.compile(
    rb"(?im)^((?:authentication-info|proxy-authentication-info|"
    rb"[!-9;-~]{0,60}(?:passw|secret|token|api-?key)[!-9;-~]{0,60})[ \t]*:[ \t]*)("
    + _FOLDED
    + rb")"
)
_IN_URI: Final = re.compile(rb"(?i)([?&](?:proxy-)?authorization=)([^&>\s\"]*)")
_PASSWORD: Final = re.compile(
    rb"(?i)(\bsips?:[^\s:@<>\"]++:)((?:[^\s:@<>\"]*+:){0,3}[^\s:@<>\"]++)(?=@)"
)
"""RFC 3261 has no colon in a password; some write one. How far is looked is bounded, or a body full
of `sip:` would be looked through once for each."""
_SDP: Final = re.compile(
    rb"(?im)^(a=crypto:(?:[ \t]*[0-9]{1,9}[ \t]+[A-Z0-9_]+[ \t]+inline:)?|a=key-mgmt:|k=|"
    rb"a=ice-pwd:)([^\r\n]+)"
)
_DIGITS: Final = re.compile(rb"(?im)^([ \t]*signal[ \t]*[=:][ \t]*)([^\r\n]+)")
_HIDDEN_BODY: Final = re.compile(
    rb"(?im)^(?:content-encoding|e)[ \t]*+:[ \t]*+(?!identity)|"
    rb"^content-transfer-encoding[ \t]*+:[ \t]*+(?!7bit|8bit|binary)"
)
_DTMF_TYPE: Final = re.compile(
    rb"(?im)^(?:content-type|c)[ \t]*:[ \t]*application/(?:dtmf|[^\r\n]*digits)"
)

_SIGNS: Final = (
    *(b"auth", b"pass", b"pwd", b"secret", b"token", b"key", b"crypto", b"\nk="),
    *(b"dtmf", b" info\r", b"-encoding", b"\ne:"),
)
"""What no message without credentials has, in lower case: most are seen through by these alone."""
_URI_PASSWORD: Final = re.compile(_PASSWORD.pattern.replace(rb"(?i)(\b", rb"("))
"""The same for text in lower case, much faster."""


def may_hold_credentials(data: bytes) -> bool:
    """Whether there is anything to look at more closely, in one message or in many at once."""
    low = data.lower()
    return any(sign in low for sign in _SIGNS) or _URI_PASSWORD.search(low) is not None


def redacted(data: bytes) -> bytes:
    """`data`, a message as it went by, as long as before and without credentials."""
    if not may_hold_credentials(data):
        return data
    data = _DIGEST.sub(_hide_digest, data)
    for pattern in (_NAMED, _IN_URI, _PASSWORD, _SDP, _DIGITS):
        data = pattern.sub(_hide_rest, data)
    head, empty_line, body = _split(data)
    digits = _DTMF_TYPE.search(head) is not None and _DIGITS.search(body) is None
    if digits or _HIDDEN_BODY.search(data) is not None:
        body = _hidden(body)
    return head + empty_line + body


def all_redacted(messages: Iterable[bytes]) -> list[bytes]:
    """Each of them. Most calls hold none, and their messages say much alike: so all lines that
    differ are looked at first, together."""
    found = list(messages)
    lines = set(b"\r\n".join(found).split(b"\r\n"))
    if not may_hold_credentials(b"\r\n".join((b"", *lines, b""))):
        return found
    return [redacted(data) for data in found]


def _split(data: bytes) -> tuple[bytes, bytes, bytes]:
    head, line, body = data.partition(b"\r\n\r\n")
    return (head, line, body) if line else data.partition(b"\n\n")


def _hide_rest(match: re.Match[bytes]) -> bytes:
    return match[1] + _hidden(match[2])


def _hide_digest(match: re.Match[bytes]) -> bytes:
    """The scheme and the realm are told: whose password was given is what one wants to know."""
    value = match[2]
    kept = _REALM.search(value)
    if kept is None:
        return match[1] + _hidden(value)
    start, end = kept.span()
    return match[1] + _hidden(value[:start]) + kept[0] + _hidden(value[end:])


def _hidden(data: bytes) -> bytes:
    """Spaces and line ends stay."""
    return re.sub(rb"[^\s]", b"x", data)
