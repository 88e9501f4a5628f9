"""The RTP packet (RFC 3550 §5.1)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hookflash.base.errors import RtpError
from hookflash.rtp.packet import RtpPacket, is_rtcp, parse

HEADER = bytes.fromhex("8088 1234 00000140 deadbeef")


def test_a_plain_packet() -> None:
    packet = parse(HEADER + b"voice")
    assert packet == RtpPacket(8, 0x1234, 320, 0xDEADBEEF, b"voice", marker=True)
    assert packet.encode() == HEADER + b"voice"


def test_without_marker() -> None:
    packet = RtpPacket(101, 65535, 0xFFFFFFFF, 1, b"")
    assert packet.encode() == bytes.fromhex("8065 ffff ffffffff 00000001")
    assert parse(packet.encode()) == packet


def test_csrc_extension_and_padding_are_taken_off() -> None:
    data = (
        bytes.fromhex("b200 0001 00000002 00000003")
        + bytes(8)  # two CSRCs
        + bytes.fromhex("bede 0001 10aa0000")
        + b"voice"
        + bytes.fromhex("000003")
    )
    assert parse(data) == RtpPacket(0, 1, 2, 3, b"voice")
    assert parse(memoryview(bytearray(data))) == RtpPacket(0, 1, 2, 3, b"voice")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        HEADER[:11],
        b"\x00" + HEADER[1:],
        b"\xc0" + HEADER[1:],
        b"\x81" + HEADER[1:],
        b"\x90" + HEADER[1:] + b"\xbe\xde\x00",
        b"\x90" + HEADER[1:] + b"\xbe\xde\x00\x01abc",
        b"\x91" + HEADER[1:] + b"\xbe\xde\x00\x00",
        b"\xa0" + HEADER[1:] + b"\x00",
        b"\xa0" + HEADER[1:] + b"abc\x05",
        b"\xa0" + HEADER[1:],
    ],
)
def test_what_is_no_packet(data: bytes) -> None:
    with pytest.raises(RtpError):
        parse(data)


def test_rtcp_is_told_by_its_type() -> None:
    assert is_rtcp(bytes.fromhex("80c90001"))
    assert is_rtcp(bytes.fromhex("80c80001"))
    assert not is_rtcp(HEADER)
    assert not is_rtcp(b"\x80\xc9")
    # Payload type 13 with marker, and one of the dynamic range.
    assert not is_rtcp(bytes.fromhex("808d0001"))
    assert not is_rtcp(bytes.fromhex("80e00001"))


@given(st.binary(max_size=60))
def test_random_bytes_raise_only_rtp_error(data: bytes) -> None:
    is_rtcp(data)
    for candidate in (data, b"\x80" + data, b"\xb1" + data):
        try:
            packet = parse(candidate)
        except RtpError:
            continue
        assert parse(packet.encode()) == packet


@given(
    st.integers(0, 127), st.integers(0, 0xFFFF), st.integers(0, 0xFFFFFFFF),
    st.integers(0, 0xFFFFFFFF), st.binary(max_size=40), st.booleans(),
)  # fmt: skip
def test_what_is_written_is_read(
    kind: int, sequence: int, timestamp: int, ssrc: int, payload: bytes, marker: bool
) -> None:
    packet = RtpPacket(kind, sequence, timestamp, ssrc, payload, marker)
    assert parse(packet.encode()) == packet
