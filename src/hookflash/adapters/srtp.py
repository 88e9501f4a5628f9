"""SRTP with keys from SDP (RFC 4568), by libsrtp."""

from __future__ import annotations

from typing import Final

import pylibsrtp

from ..sdp.plan import CryptoKey

_PROFILES: Final = {
    "AES_CM_128_HMAC_SHA1_80": "SRTP_PROFILE_AES128_CM_SHA1_80",
    "AES_CM_128_HMAC_SHA1_32": "SRTP_PROFILE_AES128_CM_SHA1_32",
    "AEAD_AES_128_GCM": "SRTP_PROFILE_AEAD_AES_128_GCM",
    "AEAD_AES_256_GCM": "SRTP_PROFILE_AEAD_AES_256_GCM",
}

SUITES: Final = tuple(_PROFILES)
"""Suites that can be agreed on, by their names in SDP."""


class SrtpSession:
    """One leg's encryption, out by `send`, in by `receive`."""

    __slots__ = ("_in", "_out", "_receive", "_send", "failed")

    def __init__(self, send: CryptoKey, receive: CryptoKey) -> None:
        """Raises KeyError for a suite that is none of `SUITES`."""
        self._send, self._receive = send, receive
        self._out, self._in = _outgoing(send), _incoming(receive)
        self.failed = 0

    def rekey(self, send: CryptoKey, receive: CryptoKey) -> None:
        """Take new keys. A direction whose key stays goes on: its rollover counter is a part of
        each packet's place in the key stream (RFC 3711 §3.3.1), and the peer has counted on."""
        if not _same(send, self._send):
            self._out = _outgoing(send)
        if not _same(receive, self._receive):
            self._in = _incoming(receive)
        self._send, self._receive = send, receive

    def protect(self, packet: bytes) -> bytes | None:
        """The RTP packet, encrypted; None for a sequence number that has been used, which would
        use its part of the key stream twice (RFC 3711 §9.1)."""
        import pylibsrtp

        try:
            return self._out.protect(packet)
        except pylibsrtp.Error:
            self.failed += 1
            return None

    def unprotect(self, packet: bytes) -> bytes | None:
        """The plain RTP packet; None for one that is not the peer's or was seen before."""
        import pylibsrtp

        try:
            return self._in.unprotect(packet)
        except (pylibsrtp.Error, TypeError):
            self.failed += 1
            return None

    def protect_rtcp(self, packet: bytes) -> bytes:
        """The compound packet, encrypted."""
        return self._out.protect_rtcp(packet)

    def unprotect_rtcp(self, packet: bytes) -> bytes | None:
        """The plain compound packet, None as with `unprotect`."""
        import pylibsrtp

        try:
            return self._in.unprotect_rtcp(packet)
        except (pylibsrtp.Error, TypeError):
            self.failed += 1
            return None


def _same(one: CryptoKey, other: CryptoKey) -> bool:
    return (one.suite, one.key) == (other.suite, other.key)


def _outgoing(key: CryptoKey) -> pylibsrtp.Session:
    import pylibsrtp

    return _session(key, pylibsrtp.Policy.SSRC_ANY_OUTBOUND)


def _incoming(key: CryptoKey) -> pylibsrtp.Session:
    import pylibsrtp

    return _session(key, pylibsrtp.Policy.SSRC_ANY_INBOUND)


def _session(key: CryptoKey, direction: int) -> pylibsrtp.Session:
    import pylibsrtp

    policy = pylibsrtp.Policy(
        key=key.key,
        ssrc_type=direction,
        srtp_profile=getattr(pylibsrtp.Policy, _PROFILES[key.suite]),
    )
    policy.allow_repeat_tx = False
    return pylibsrtp.Session(policy)
