"""RTCP feedback of video (RFC 4585, RFC 5104, REMB)."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hookflash.base.errors import RtpError
from hookflash.rtp.feedback import (
    BitrateEstimate,
    FullIntraRequest,
    Nack,
    PictureLoss,
    encode_estimate,
    encode_fir,
    encode_nack,
    encode_pli,
    parse_feedback,
)
from hookflash.rtp.rtcp import Report, encode_report


def test_a_picture_loss_on_the_wire() -> None:
    data = encode_pli(1, 0xDEADBEEF)
    assert data == bytes.fromhex("81ce0002 00000001 deadbeef")
    assert parse_feedback(data) == [PictureLoss(0xDEADBEEF)]


def test_a_full_intra_request_on_the_wire() -> None:
    data = encode_fir(1, 0xDEADBEEF, 258)
    assert data == bytes.fromhex("84ce0004 00000001 00000000 deadbeef 02000000")
    assert parse_feedback(data) == [FullIntraRequest(0xDEADBEEF, 2)]


def test_missing_packets_on_the_wire() -> None:
    data = encode_nack(1, 2, [65534, 65535, 0, 14, 15, 100])
    assert data == bytes.fromhex("81cd0005 00000001 00000002 fffe8003 000f0000 00640000")
    assert parse_feedback(data) == [Nack(2, (65534, 65535, 0, 14, 15, 100))]


def test_an_estimate_on_the_wire() -> None:
    data = encode_estimate(1, BitrateEstimate(1_000_000, (7, 8)))
    assert data == bytes.fromhex("8fce0006 00000001 00000000 52454d42 020bd090 00000007 00000008")
    assert parse_feedback(data) == [BitrateEstimate(1_000_000, (7, 8))]


def test_feedback_stands_among_other_packets() -> None:
    data = encode_report(Report(1), "me") + encode_pli(1, 2) + encode_nack(1, 3, [4])
    assert parse_feedback(data) == [PictureLoss(2), Nack(3, (4,))]


@pytest.mark.parametrize(
    "text",
    [
        "81ce00",
        "41ce0002 00000001 00000002",
        "81ce0003 00000001 00000002",
        "81ce0001 00000001",
        "8fce0003 00000001 00000000 52454d42",
        "8fce0004 00000001 00000000 52454d42 02000000",
    ],
)
def test_what_cannot_be_read(text: str) -> None:
    with pytest.raises(RtpError):
        parse_feedback(bytes.fromhex(text))


@given(
    st.lists(
        st.tuples(
            st.sampled_from([0x81, 0x84, 0x8F, 0xA1, 0x41]),
            st.sampled_from([200, 205, 206]),
            st.integers(0, 6),
            st.binary(max_size=32),
        )
    )
)
def test_only_its_own_error_escapes(packets: list[tuple[int, int, int, bytes]]) -> None:
    data = b"".join(bytes([first, kind, 0, size]) + body for first, kind, size, body in packets)
    with contextlib.suppress(RtpError):
        parse_feedback(data)


@given(st.integers(0, 65535), st.sets(st.integers(0, 2000), min_size=1, max_size=200))
def test_what_is_asked_for_is_what_is_read(start: int, steps: set[int]) -> None:
    wanted = tuple((start + step) & 0xFFFF for step in sorted(steps))
    assert parse_feedback(encode_nack(1, 2, wanted)) == [Nack(2, wanted)]


@given(st.integers(0, 2**40))
def test_a_bitrate_loses_what_18_bits_cannot_say(bitrate: int) -> None:
    (read,) = parse_feedback(encode_estimate(1, BitrateEstimate(bitrate, (2,))))
    assert isinstance(read, BitrateEstimate)
    assert read.bitrate <= bitrate <= read.bitrate + (bitrate >> 17)
