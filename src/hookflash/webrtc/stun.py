"""STUN messages as far as an ICE lite agent needs them (RFC 8489, RFC 8445 §16).

Integrity is MESSAGE-INTEGRITY (HMAC-SHA1 with a short-term password), as every WebRTC client sends
it; MESSAGE-INTEGRITY-SHA256 is read over.
"""

from __future__ import annotations

import hmac
import zlib
from ipaddress import ip_address
from struct import Struct
from typing import Final, Literal

from ..base.errors import StunError
from ..base.hosts import ip_literal
from ..base.light import light_dataclass

Kind = Literal["request", "indication", "success", "error"]

BINDING: Final = 0x001
"""The only method of ICE."""

USERNAME: Final = 0x0006
MESSAGE_INTEGRITY: Final = 0x0008
ERROR_CODE: Final = 0x0009
UNKNOWN_ATTRIBUTES: Final = 0x000A
MESSAGE_INTEGRITY_SHA256: Final = 0x001C
XOR_MAPPED_ADDRESS: Final = 0x0020
PRIORITY: Final = 0x0024
USE_CANDIDATE: Final = 0x0025
FINGERPRINT: Final = 0x8028
ICE_CONTROLLED: Final = 0x8029
ICE_CONTROLLING: Final = 0x802A

REASONS: Final = {
    400: b"Bad Request",
    401: b"Unauthorized",
    420: b"Unknown Attribute",
    487: b"Role Conflict",
}
"""Of the errors that a lite agent answers with."""

_KINDS: Final[tuple[Kind, ...]] = ("request", "indication", "success", "error")
_COOKIE: Final = 0x2112A442
_COOKIE_OCTETS: Final = _COOKIE.to_bytes(4, "big")
_HEADER: Final = 20
_INTEGRITY: Final = 24
"""Octets of MESSAGE-INTEGRITY, and of FINGERPRINT, with their heads."""
_FINGERPRINT: Final = 8
_CHECKSUM_MASK: Final = 0x5354554E
_OPTIONAL: Final = 0x8000
"""Attributes from here on may be unknown (RFC 8489 §14)."""
_UNDERSTOOD: Final = frozenset(
    (
        USERNAME,
        MESSAGE_INTEGRITY,
        ERROR_CODE,
        UNKNOWN_ATTRIBUTES,
        MESSAGE_INTEGRITY_SHA256,
        XOR_MAPPED_ADDRESS,
        PRIORITY,
        USE_CANDIDATE,
    )
)
_HEAD: Final = Struct("!HHI12s")
_ATTRIBUTE: Final = Struct("!HH")


@light_dataclass(frozen=True, slots=True)
class StunMessage:
    """One message, read whole. `attributes` has the first value of each type, without padding;
    what stands behind MESSAGE-INTEGRITY does not count but for FINGERPRINT (RFC 8489 §14.5)."""

    kind: Kind
    method: int
    transaction: bytes
    """Its 12 octets."""
    attributes: dict[int, bytes]
    size: int
    """Octets of the whole message."""
    covered: bytes
    """What MESSAGE-INTEGRITY covers, with the length that it counts with; b"" without it."""

    @property
    def username(self) -> str:
        """USERNAME; "" where there is none. What is no UTF-8 is replaced."""
        return self.attributes.get(USERNAME, b"").decode("utf-8", "replace")

    def has(self, attribute: int) -> bool:
        """Whether it has an attribute of this type."""
        return attribute in self.attributes

    def is_signed_with(self, password: str) -> bool:
        """Whether MESSAGE-INTEGRITY is there and made with this short-term password (§9.1.3)."""
        theirs = self.attributes.get(MESSAGE_INTEGRITY)
        if theirs is None:
            return False
        return hmac.compare_digest(theirs, _sign(self.covered, password))

    def not_understood(self) -> list[int]:
        """The types that must be understood and are not (§6.3.1), in order."""
        return [
            attribute
            for attribute in self.attributes
            if attribute < _OPTIONAL and attribute not in _UNDERSTOOD
        ]

    def mapped_address(self) -> tuple[str, int] | None:
        """IP and port of XOR-MAPPED-ADDRESS (§14.2), of an answer; None where there is none that
        can be read."""
        value = self.attributes.get(XOR_MAPPED_ADDRESS, b"")
        if (len(value), value[1:2]) not in {(8, b"\x01"), (20, b"\x02")}:
            return None
        port = int.from_bytes(value[2:4], "big") ^ (_COOKIE >> 16)
        return str(ip_address(_xor(value[4:], self.transaction))), port


def is_stun(data: bytes) -> bool:
    """Whether a datagram is STUN rather than DTLS or RTP (RFC 7983 §7, RFC 8489 §5)."""
    return len(data) >= _HEADER and data[0] < 4 and data[4:8] == _COOKIE_OCTETS


def parse(data: bytes) -> StunMessage:
    """Read a whole message. Raises StunError where it is none, or FINGERPRINT is wrong."""
    if not is_stun(data):
        raise StunError("not a STUN message")
    type_, length, _, transaction = _HEAD.unpack_from(data)
    if length & 3 or length != len(data) - _HEADER:
        raise StunError("the length is not that of the message")
    attributes: dict[int, bytes] = {}
    covered = b""
    position = _HEADER
    while position < len(data):
        # Lengths are multiples of 4, and so is every position: a head is always whole.
        attribute, size = _ATTRIBUTE.unpack_from(data, position)
        start = position + 4
        if start + size > len(data):
            raise StunError("an attribute is longer than the message")
        if attribute == FINGERPRINT:
            _check_fingerprint(data, position, size)
            attributes[FINGERPRINT] = data[start : start + size]
        elif MESSAGE_INTEGRITY not in attributes:
            attributes.setdefault(attribute, data[start : start + size])
            if attribute == MESSAGE_INTEGRITY:
                if size != _INTEGRITY - 4:
                    raise StunError("MESSAGE-INTEGRITY has a wrong length")
                covered = _counting(data[:position], _INTEGRITY)
        position = start + ((size + 3) & ~3)
    kind = _KINDS[(type_ >> 7 & 2) | (type_ >> 4 & 1)]
    method = (type_ & 0x000F) | (type_ >> 1 & 0x0070) | (type_ >> 2 & 0x0F80)
    return StunMessage(kind, method, transaction, attributes, len(data), covered)


def request(
    transaction: bytes,
    attributes: tuple[tuple[int, bytes], ...] = (),
    *,
    password: str | None = None,
) -> bytes:
    """A Binding request with a transaction id of 12 octets; signed, and with FINGERPRINT, where a
    password is given."""
    return _build("request", transaction, attributes, password, fingerprint=password is not None)


def success(message: StunMessage, remote: tuple[str, int], password: str) -> bytes:
    """The answer to a check: where it came from, signed with our password, with FINGERPRINT.
    `remote` is an IPv4 or IPv6 address and a port."""
    address = ip_literal(remote[0].partition("%")[0])
    if address is None:
        raise ValueError(f"no IP address: {remote[0]}")
    value = (
        bytes((0, 1 if address.version == 4 else 2))
        + (remote[1] ^ (_COOKIE >> 16)).to_bytes(2, "big")
        + _xor(address.packed, message.transaction)
    )
    attributes = ((XOR_MAPPED_ADDRESS, value),)
    return _build("success", message.transaction, attributes, password, fingerprint=True)


def error(message: StunMessage, code: int, password: str | None = None) -> bytes:
    """An answer with this code, one of `REASONS`; signed where the request was (§9.1.3). 420 names
    the attributes that are not understood."""
    value = bytes((0, 0, code // 100, code % 100)) + REASONS[code]
    attributes: tuple[tuple[int, bytes], ...] = ((ERROR_CODE, value),)
    if code == 420:
        names = b"".join(one.to_bytes(2, "big") for one in message.not_understood())
        attributes += ((UNKNOWN_ATTRIBUTES, names),)
    return _build("error", message.transaction, attributes, password, fingerprint=True)


def _build(
    kind: Kind,
    transaction: bytes,
    attributes: tuple[tuple[int, bytes], ...],
    password: str | None,
    *,
    fingerprint: bool,
) -> bytes:
    number = _KINDS.index(kind)
    type_ = BINDING | (number & 2) << 7 | (number & 1) << 4
    data = _HEAD.pack(type_, 0, _COOKIE, transaction)
    for attribute, value in attributes:
        data += _ATTRIBUTE.pack(attribute, len(value)) + value + bytes(-len(value) % 4)
    if password is not None:
        data = _counting(data, _INTEGRITY)
        signature = _sign(data, password)
        data += _ATTRIBUTE.pack(MESSAGE_INTEGRITY, len(signature)) + signature
    if fingerprint:
        data = _counting(data, _FINGERPRINT)
        return data + _ATTRIBUTE.pack(FINGERPRINT, 4) + _checksum(data)
    return _counting(data, 0)


def _counting(data: bytes, more: int) -> bytes:
    """The same message with a length that has `more` octets besides these (§14.5, §14.7)."""
    return data[:2] + (len(data) - _HEADER + more).to_bytes(2, "big") + data[4:]


def _sign(covered: bytes, password: str) -> bytes:
    # SHA-1 is what the RFC has.
    return hmac.digest(password.encode(), covered, "sha1")


def _checksum(covered: bytes) -> bytes:
    return (zlib.crc32(covered) ^ _CHECKSUM_MASK).to_bytes(4, "big")


def _check_fingerprint(data: bytes, position: int, size: int) -> None:
    """It is the last attribute, so the length of the message is the one it counts with."""
    end = position + _FINGERPRINT
    if size != 4 or end != len(data) or data[position + 4 : end] != _checksum(data[:position]):
        raise StunError("FINGERPRINT is wrong")


def _xor(address: bytes, transaction: bytes) -> bytes:
    """An address as XOR-MAPPED-ADDRESS has it, and back (§14.2)."""
    size = len(address)
    mask = int.from_bytes((_COOKIE_OCTETS + transaction)[:size], "big")
    return (int.from_bytes(address, "big") ^ mask).to_bytes(size, "big")
