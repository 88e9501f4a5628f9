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

_RTP_TAG: Final = {"AES_CM_128_HMAC_SHA1_80": 10, "AES_CM_128_HMAC_SHA1_32": 4}
"""Octets of the authentication tag, before which an MKI stands (RFC 3711 §3.1); the tag of AEAD is
part of the ciphertext, so there it is the end of the packet (RFC 7714 §8.2)."""
_RTCP_TAG: Final = {"AES_CM_128_HMAC_SHA1_80": 10, "AES_CM_128_HMAC_SHA1_32": 10}


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
        try:
            sealed = self._out.protect(packet)
        except pylibsrtp.Error:
            self.failed += 1
            return None
        mki = self._send.mki
        return _with_mki(sealed, mki, _RTP_TAG.get(self._send.suite, 0)) if mki else sealed

    def unprotect(self, packet: bytes) -> bytes | None:
        """The plain RTP packet; None for one that is not the peer's or was seen before."""
        mki = self._receive.mki
        if mki:
            packet = _without_mki(packet, mki, _RTP_TAG.get(self._receive.suite, 0))
        try:
            return self._in.unprotect(packet)
        except (pylibsrtp.Error, TypeError):
            self.failed += 1
            return None

    def protect_rtcp(self, packet: bytes) -> bytes:
        """The compound packet, encrypted."""
        sealed, mki = self._out.protect_rtcp(packet), self._send.mki
        return _with_mki(sealed, mki, _RTCP_TAG.get(self._send.suite, 0)) if mki else sealed

    def unprotect_rtcp(self, packet: bytes) -> bytes | None:
        """The plain compound packet, None as with `unprotect`."""
        mki = self._receive.mki
        if mki:
            packet = _without_mki(packet, mki, _RTCP_TAG.get(self._receive.suite, 0))
        try:
            return self._in.unprotect_rtcp(packet)
        except (pylibsrtp.Error, TypeError):
            self.failed += 1
            return None


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


def _outgoing(key: CryptoKey) -> pylibsrtp.Session:
    return _session(key, pylibsrtp.Policy.SSRC_ANY_OUTBOUND)


def _incoming(key: CryptoKey) -> pylibsrtp.Session:
    return _session(key, pylibsrtp.Policy.SSRC_ANY_INBOUND)


def _session(key: CryptoKey, direction: int) -> pylibsrtp.Session:
    policy = pylibsrtp.Policy(
        key=key.key,
        ssrc_type=direction,
        srtp_profile=getattr(pylibsrtp.Policy, _PROFILES[key.suite]),
    )
    policy.allow_repeat_tx = False
    return pylibsrtp.Session(policy)
