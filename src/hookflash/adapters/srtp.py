"""SRTP with keys from SDP (RFC 4568) or from DTLS (RFC 5764), by libsrtp.

Every packet of a call that is encrypted goes through here, so libsrtp itself is called: what
pylibsrtp does around it costs as much again. What is used of pylibsrtp that is
not its public interface, as of 0.10 to 1.0: `_binding.ffi`, `_binding.lib` with libsrtp's four
functions for a packet, and `Session._srtp`, whose first element is libsrtp's state.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import pylibsrtp
from pylibsrtp._binding import ffi, lib

from ..rtp.packet import Buffer
from ..sdp.plan import CryptoKey

_PROFILES: Final = {
    "AES_CM_128_HMAC_SHA1_80": "SRTP_PROFILE_AES128_CM_SHA1_80",
    "AES_CM_128_HMAC_SHA1_32": "SRTP_PROFILE_AES128_CM_SHA1_32",
    "AEAD_AES_128_GCM": "SRTP_PROFILE_AEAD_AES_128_GCM",
    "AEAD_AES_256_GCM": "SRTP_PROFILE_AEAD_AES_256_GCM",
}

SUITES: Final = tuple(_PROFILES)
"""Suites that can be agreed on, by their names in SDP."""

_RTP_TAG: Final = {"AES_CM_128_HMAC_SHA1_80": 10, "AES_CM_128_HMAC_SHA1_32": 4}
"""Octets of the authentication tag, before which an MKI stands (RFC 3711 §3.1); the tag of AEAD is
part of the ciphertext, so there it is the end of the packet (RFC 7714 §8.2)."""
_RTCP_TAG: Final = {"AES_CM_128_HMAC_SHA1_80": 10, "AES_CM_128_HMAC_SHA1_32": 10}

_LONGEST: Final = 2048
"""Octets of a packet; what is longer came by no datagram."""
_TRAILER: Final = 148
"""Octets that libsrtp may put behind it: an index, a tag and an MKI."""

_WINDOW: Final = 128
"""Packets back from the newest that are told apart from replays (RFC 3711 §3.3.2 wants 64)."""

_PEER_WINDOW: Final = 1024
"""The same for a peer connection: a picture's packet that is sent again comes after a second of
others."""


class SrtpSession:
    """The encryption of one leg or of one peer connection, all its SSRCs: out by `send`, in by
    `receive`."""

    __slots__ = ("_in", "_out", "_receive", "_send", "_window", "failed")

    def __init__(self, send: CryptoKey, receive: CryptoKey, *, window: int = _WINDOW) -> None:
        """Raises KeyError for a suite that is none of `SUITES`."""
        self._send, self._receive, self._window = send, receive, window
        self._out, self._in = _outgoing(send, window), _incoming(receive, window)
        self.failed = 0

    @classmethod
    def of_peer(cls, profile: str, local: bytes, remote: bytes) -> SrtpSession:
        """The session of a peer connection, from what `dtls.SrtpKeys` has.

        A number is used once here too: who sends a packet again sends the octets that `protect`
        gave the first time. Changed in a header extension only, it would give away the key of
        AES-GCM's tag (RFC 7714 §9.1)."""
        return cls(CryptoKey(profile, local), CryptoKey(profile, remote), window=_PEER_WINDOW)

    def rekey(self, send: CryptoKey, receive: CryptoKey) -> None:
        """Take new keys. A direction whose key stays goes on: its rollover counter is a part of
        each packet's place in the key stream (RFC 3711 §3.3.1), and the peer has counted on."""
        if not _same(send, self._send):
            self._out = _outgoing(send, self._window)
        if not _same(receive, self._receive):
            self._in = _incoming(receive, self._window)
        self._send, self._receive = send, receive

    def protect(self, packet: Buffer) -> bytes | None:
        """The RTP packet, encrypted; None for a sequence number that has been used, which would
        use its part of the key stream twice (RFC 3711 §9.1)."""
        sealed = self._out.run(lib.srtp_protect, packet)
        if sealed is None:
            self.failed += 1
            return None
        mki = self._send.mki
        return _with_mki(sealed, mki, _RTP_TAG.get(self._send.suite, 0)) if mki else sealed

    def unprotect(self, packet: bytes) -> bytes | None:
        """The plain RTP packet; None for one that is not the peer's or was seen before."""
        mki = self._receive.mki
        if mki:
            packet = _without_mki(packet, mki, _RTP_TAG.get(self._receive.suite, 0))
        plain = self._in.run(lib.srtp_unprotect, packet)
        if plain is None:
            self.failed += 1
        return plain

    def protect_rtcp(self, packet: bytes) -> bytes:
        """The compound packet, encrypted. Raises ValueError for what is none."""
        sealed, mki = self._out.run(lib.srtp_protect_rtcp, packet), self._send.mki
        if sealed is None:
            raise ValueError("libsrtp does not take this RTCP packet")
        return _with_mki(sealed, mki, _RTCP_TAG.get(self._send.suite, 0)) if mki else sealed

    def unprotect_rtcp(self, packet: bytes) -> bytes | None:
        """The plain compound packet, None as with `unprotect`."""
        mki = self._receive.mki
        if mki:
            packet = _without_mki(packet, mki, _RTCP_TAG.get(self._receive.suite, 0))
        plain = self._in.run(lib.srtp_unprotect_rtcp, packet)
        if plain is None:
            self.failed += 1
        return plain


class _Direction:
    """Libsrtp's state of one key, and a buffer for its packets: libsrtp works without the
    interpreter lock, so that loops in several threads cannot share one."""

    __slots__ = ("_data", "_length", "_octets", "_session", "_state")

    def __init__(self, key: CryptoKey, window: int, kind: int) -> None:
        policy = pylibsrtp.Policy(
            key=key.key,
            ssrc_type=kind,
            srtp_profile=getattr(pylibsrtp.Policy, _PROFILES[key.suite]),
        )
        policy.allow_repeat_tx = False
        policy.window_size = window
        self._session = pylibsrtp.Session(policy)  # frees the state when it goes
        self._state = self._session._srtp[0]
        self._data = ffi.new("char[]", _LONGEST + _TRAILER)
        self._octets = ffi.buffer(self._data)
        self._length = ffi.new("int *")

    def run(self, function: Callable[[Any, Any, Any], int], packet: Buffer) -> bytes | None:
        """What that function of libsrtp makes of a packet; None where it refuses it."""
        size = len(packet)
        if size > _LONGEST:
            return None
        self._octets[:size] = packet
        self._length[0] = size
        if function(self._state, self._data, self._length):
            return None
        result: bytes = self._octets[: self._length[0]]
        return result


def _with_mki(packet: bytes, mki: bytes, tag: int) -> bytes:
    """libsrtp knows MKIs by its own key table only; none of their octets is authenticated (RFC 3711
    §3.1), so they are put in and taken out here."""
    end = len(packet) - tag
    return packet[:end] + mki + packet[end:]


def _without_mki(packet: bytes, mki: bytes, tag: int) -> bytes:
    """b"" for a packet with another MKI: there is no key for it."""
    end = len(packet) - tag
    start = end - len(mki)
    return packet[:start] + packet[end:] if start > 0 and packet[start:end] == mki else b""


def _same(one: CryptoKey, other: CryptoKey) -> bool:
    return (one.suite, one.key) == (other.suite, other.key)


def _outgoing(key: CryptoKey, window: int) -> _Direction:
    return _Direction(key, window, pylibsrtp.Policy.SSRC_ANY_OUTBOUND)


def _incoming(key: CryptoKey, window: int) -> _Direction:
    return _Direction(key, window, pylibsrtp.Policy.SSRC_ANY_INBOUND)
