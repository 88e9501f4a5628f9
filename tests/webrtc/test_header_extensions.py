"""RFC 8285, RFC 6464: header extensions of RTP."""

from __future__ import annotations

import struct

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hookflash.base.errors import RtpError
from hookflash.rtp.packet import RtpPacket, parse
from hookflash.webrtc.header_extensions import ExtensionIds, find, take_off
from hookflash.webrtc.writing import AUDIO_LEVEL, MID

PLAIN = RtpPacket(111, 7, 8, 9, b"sound", marker=True).encode()


def extended(profile: int, words: bytes, *, csrcs: int = 0, padding: int = 0) -> bytes:
    head = 0x8000 | 0x1000 | csrcs << 8 | 0x80 | 111 | (0x2000 if padding else 0)
    packet = struct.pack("!HHII", head, 7, 8, 9) + bytes(4 * csrcs)
    words += bytes(-len(words) % 4)
    packet += struct.pack("!HH", profile, len(words) // 4) + words + b"sound"
    return packet + (bytes(padding - 1) + bytes([padding]) if padding else b"")


@pytest.mark.parametrize("padding", [0, 4])
@pytest.mark.parametrize("csrcs", [0, 2])
def test_the_packet_is_as_it_would_be_without_them(csrcs: int, padding: int) -> None:
    packet = extended(0xBEDE, bytes([0x10, 0x8A, 0x41]) + b"m7", csrcs=csrcs, padding=padding)
    plain, extensions, profile = take_off(packet)
    assert bytes(plain) == PLAIN
    assert find(extensions, profile, 1) == b"\x8a"
    assert find(extensions, profile, 4) == b"m7"
    assert find(extensions, profile, 2) is None
    assert parse(packet).payload == b"sound"


def test_a_packet_without_them_stays_what_it_is() -> None:
    assert take_off(PLAIN) == (bytearray(PLAIN), b"", 0)
    assert find(b"", 0, 1) is None


def test_two_octet_headers_and_padding_between() -> None:
    words = bytes([0, 1, 1, 0x85, 0, 0, 20, 3]) + b"abc"
    _, extensions, profile = take_off(extended(0x1000, words))
    assert find(extensions, profile, 1) == b"\x85"
    assert find(extensions, profile, 20) == b"abc"
    assert find(extensions, profile, 9) is None


def test_one_octet_headers_skip_padding_and_end_at_15() -> None:
    words = bytes([0, 0x20, 1, 0xF0, 0, 0x10, 3])
    _, extensions, profile = take_off(extended(0xBEDE, words))
    assert find(extensions, profile, 2) == b"\x01"
    assert find(extensions, profile, 1) is None, "behind the one that ends them"


def test_numbers_come_from_the_description() -> None:
    ids = ExtensionIds.of({3: AUDIO_LEVEL, 4: MID, 9: "urn:else"})
    assert ids == ExtensionIds(audio_level=3, mid=4)


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        b"\x80" * 11,
        b"\x40" + bytes(11),
        extended(0xBEDE, b"")[:14],
        extended(0xBEDE, bytes(8))[:20],
        b"\xa0" + bytes(11),
        b"\xa0" + bytes(11) + b"\x09",
        b"\x8f" + bytes(20),
    ],
)
def test_what_is_no_packet_is_refused(packet: bytes) -> None:
    with pytest.raises(RtpError):
        take_off(packet)


@given(st.binary(max_size=80), st.integers(0, 255))
@example(b"\x90" + bytes(11), 1)
@example(b"\x90" + bytes(14), 1)
def test_whatever_comes_is_read_or_refused(packet: bytes, number: int) -> None:
    try:
        plain, extensions, profile = take_off(packet)
    except RtpError:
        return
    value = find(extensions, profile, number)
    assert value is None or value in extensions
    assert parse(bytes(plain)).payload == parse(packet).payload
