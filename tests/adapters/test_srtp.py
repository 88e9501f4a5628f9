"""calls.md §3, row *encryption*."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hookflash.adapters.srtp import SUITES, SrtpSession
from hookflash.rtp.packet import RtpPacket
from hookflash.rtp.rtcp import Report, encode_report
from hookflash.sdp.plan import CryptoKey

LENGTHS = {"AEAD_AES_128_GCM": 28, "AEAD_AES_256_GCM": 44}


def keys(suite: str) -> tuple[CryptoKey, CryptoKey]:
    length = LENGTHS.get(suite, 30)
    return CryptoKey(suite, bytes(range(length))), CryptoKey(suite, bytes(range(50, 50 + length)))


@pytest.mark.parametrize(
    ("suite", "tag"),
    [
        ("AES_CM_128_HMAC_SHA1_80", 10),
        ("AES_CM_128_HMAC_SHA1_32", 4),
        ("AEAD_AES_128_GCM", 16),
        ("AEAD_AES_256_GCM", 16),
    ],
)
def test_there_and_back(suite: str, tag: int) -> None:
    assert suite in SUITES
    one, two = keys(suite)
    ours, theirs = SrtpSession(one, two), SrtpSession(two, one)
    plain = RtpPacket(0, 1, 160, 9, bytes(160)).encode()
    secret = ours.protect(plain)
    assert secret is not None
    assert len(secret) == len(plain) + tag
    assert theirs.unprotect(secret) == plain
    assert theirs.unprotect(secret) is None, "replayed"
    assert theirs.unprotect(plain) is None
    assert theirs.unprotect(b"") is None
    assert theirs.failed == 3
    report = encode_report(Report(9), "x")
    hidden = ours.protect_rtcp(report)
    assert theirs.unprotect_rtcp(hidden) == report
    assert theirs.unprotect_rtcp(report) is None


@pytest.mark.parametrize(
    ("suite", "tag", "rtcp_tag"),
    [
        ("AES_CM_128_HMAC_SHA1_80", 10, 10),
        ("AES_CM_128_HMAC_SHA1_32", 4, 10),
        ("AEAD_AES_128_GCM", 0, 0),
        ("AEAD_AES_256_GCM", 0, 0),
    ],
)
def test_an_mki_stands_before_the_tag(suite: str, tag: int, rtcp_tag: int) -> None:
    """RFC 3711 §3.1 and §3.4, RFC 7714 §8.2. Without its octets the packet is as any other."""
    one, two = keys(suite)
    named = replace(one, mki=b"\1\2")
    ours = SrtpSession(named, replace(two, mki=b"\7"))
    theirs, plain_theirs = SrtpSession(two, named), SrtpSession(two, one)
    plain = RtpPacket(0, 1, 160, 9, bytes(160)).encode()
    secret = ours.protect(plain)
    assert secret is not None
    end = len(secret) - tag
    assert secret[end - 2 : end] == b"\1\2"
    assert plain_theirs.unprotect(secret[: end - 2] + secret[end:]) == plain
    assert theirs.unprotect(secret) == plain
    report = encode_report(Report(9), "x")
    hidden = ours.protect_rtcp(report)
    end = len(hidden) - rtcp_tag
    assert hidden[end - 2 : end] == b"\1\2"
    assert theirs.unprotect_rtcp(hidden) == report


def test_another_mki_or_none_is_no_packet_of_the_call() -> None:
    one, two = keys(SUITES[0])
    ours = SrtpSession(one, replace(two, mki=b"\7"))
    plain = RtpPacket(0, 1, 160, 9, bytes(160)).encode()
    for mki in (b"", b"\6"):
        secret = SrtpSession(replace(two, mki=mki), one).protect(plain)
        assert secret is not None
        assert ours.unprotect(secret) is None
    for short in (b"", b"\7", bytes(11)):
        assert ours.unprotect(short) is None
        assert ours.unprotect_rtcp(short) is None
    assert ours.failed == 8


def test_a_packet_that_no_datagram_brings_is_refused() -> None:
    """By TCP a peer may send up to 65,535 octets; libsrtp works in a buffer of ours."""
    one, two = keys(SUITES[0])
    ours, theirs = SrtpSession(one, two), SrtpSession(two, one)
    longest = RtpPacket(0, 1, 160, 9, bytes(2036)).encode()
    sealed = ours.protect(longest)
    assert sealed is not None
    assert len(sealed) == 2058
    assert theirs.unprotect(sealed) is None
    assert ours.protect(RtpPacket(0, 2, 160, 9, bytes(2037)).encode()) is None
    assert theirs.unprotect(bytes([128]) + bytes(2048)) is None
    with pytest.raises(ValueError, match="RTCP"):
        ours.protect_rtcp(bytes(2049))
    assert (ours.failed, theirs.failed) == (1, 2)


def test_each_direction_has_its_own_key() -> None:
    one, two = keys(SUITES[0])
    ours = SrtpSession(one, two)
    secret = ours.protect(RtpPacket(0, 1, 160, 9, b"x").encode())
    assert secret is not None
    assert ours.unprotect(secret) is None


def test_a_number_is_used_once() -> None:
    """A second packet under it would use the same key stream (RFC 3711 §9.1)."""
    one, two = keys(SUITES[0])
    ours = SrtpSession(one, two)
    packet = RtpPacket(0, 1, 160, 9, b"x").encode()
    assert ours.protect(packet) is not None
    assert ours.protect(packet) is None
    assert ours.failed == 1


@pytest.mark.parametrize("suite", SUITES)
def test_a_direction_whose_key_stays_counts_on(suite: str) -> None:
    """After 65,536 packets both sides have counted one round of sequence numbers."""
    one, two = keys(suite)
    ours, theirs = SrtpSession(one, two), SrtpSession(two, one)

    def goes(sequence: int) -> bool:
        plain = RtpPacket(0, sequence, 0, 9, b"x").encode()
        return theirs.unprotect(ours.protect(plain) or b"") == plain

    assert goes(65535)
    assert goes(0)
    third = replace(two, key=bytes(reversed(two.key)))
    ours.rekey(replace(one, tag=7), third)
    assert goes(1)
    assert ours.unprotect(SrtpSession(third, one).protect(bytes([128]) + bytes(20)) or b"")
    ours.rekey(third, third)
    assert not goes(2)


@pytest.mark.parametrize("suite", ["AEAD_AES_128_GCM", "AES_CM_128_HMAC_SHA1_80"])
def test_a_peer_connection(suite: str) -> None:
    """One session for all SSRCs each way; a packet sent again is known after 1,000 others, and a
    replay of it too."""
    one, two = (key.key for key in keys(suite))
    ours, theirs = SrtpSession.of_peer(suite, one, two), SrtpSession.of_peer(suite, two, one)
    sealed = {}
    for ssrc in range(1, 6):
        for sequence in range(65_000, 66_023):
            packet = RtpPacket(0, sequence % 65_536, 160, ssrc, b"x").encode()
            sealed[ssrc, sequence] = packet, ours.protect(packet) or b""
    for (_, sequence), (plain, secret) in sealed.items():
        if sequence != 65_000:
            assert theirs.unprotect(secret) == plain
    for ssrc in range(1, 6):
        plain, secret = sealed[ssrc, 65_000]
        assert theirs.unprotect(secret) == plain
        assert theirs.unprotect(secret) is None
        assert ours.protect(plain) is None
    report = encode_report(Report(9), "x")
    assert theirs.unprotect_rtcp(ours.protect_rtcp(report)) == report


def test_another_suite() -> None:
    with pytest.raises(KeyError):
        SrtpSession(CryptoKey("F8_128_HMAC_SHA1_80", bytes(30)), keys(SUITES[0])[1])
