"""RTCP reports (RFC 3550 §6)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hookflash.base.errors import RtpError
from hookflash.rtp.rtcp import (
    Bye,
    Report,
    ReportBlock,
    SenderInfo,
    encode_report,
    ntp_time,
    parse_compound,
)

BLOCK = ReportBlock(0x01020304, 64, -3, 0x0001FFFF, 12, 0xAABBCCDD, 65536)
SENDER = SenderInfo(0x1122334455667788, 160, 50, 8000)


def test_a_sender_report_on_the_wire() -> None:
    data = encode_report(Report(0xDEADBEEF, (BLOCK,), SENDER), "me")
    assert data == bytes.fromhex(
        "81c8000c deadbeef 1122334455667788 000000a0 00000032 00001f40"
        "01020304 40fffffd 0001ffff 0000000c aabbccdd 00010000"
        "81ca0003 deadbeef 01026d65 00000000"
    )
    assert parse_compound(data) == [Report(0xDEADBEEF, (BLOCK,), SENDER)]


def test_a_receiver_report_on_the_wire() -> None:
    data = encode_report(Report(1), "abc")
    assert data == bytes.fromhex("80c90001 00000001 81ca0003 00000001 0103616263000000")
    assert parse_compound(data) == [Report(1)]


@pytest.mark.parametrize("length", [0, 1, 2, 3, 4, 5, 255, 400])
def test_the_name_ends_with_a_zero_on_a_word(length: int) -> None:
    data = encode_report(Report(1), "x" * length)
    assert len(data) % 4 == 0
    assert data[-1] == 0
    assert data.count(b"x") == min(length, 255)
    assert parse_compound(data) == [Report(1)]


def test_figures_that_do_not_fit_are_cut() -> None:
    block = ReportBlock(1, 255, 1 << 30, 1 << 40, 1 << 33, 0, 1 << 33)
    (report,) = parse_compound(encode_report(Report(1, (block,)), ""))
    assert isinstance(report, Report)
    assert report.blocks == (ReportBlock(1, 255, 0x7FFFFF, 0, 0, 0, 0),)
    low = ReportBlock(1, 0, -(1 << 30), 0, 0)
    (report,) = parse_compound(encode_report(Report(1, (low,)), ""))
    assert isinstance(report, Report)
    assert report.blocks[0].lost == -0x800000


def test_farewells_and_unknown_kinds() -> None:
    data = bytes.fromhex("80c90001 00000001 82cb0002 00000001 00000002 80cc0001 00000001")
    assert parse_compound(data) == [Report(1), Bye(1), Bye(2)]


@pytest.mark.parametrize(
    "text",
    [
        "80c900",
        "80c90001",
        "40c90001 00000001",
        "81c90001 00000001",
        "80c80001 00000001",
        "80c90001 00000001 80",
        "80c90000",
    ],
)
def test_what_cannot_be_read(text: str) -> None:
    with pytest.raises(RtpError):
        parse_compound(bytes.fromhex(text))


def test_ntp_time() -> None:
    # RFC 5905 figure 4: the Unix epoch.
    assert ntp_time(0.0) == 2208988800 << 32
    assert ntp_time(0.5) & 0xFFFFFFFF == 0x80000000


@given(st.binary(max_size=120))
def test_random_bytes_raise_only_rtp_error(data: bytes) -> None:
    for candidate in (data, b"\x81\xc8\x00\x0c" + data, b"\x81\xc9" + data):
        try:
            items = parse_compound(candidate)
        except RtpError:
            continue
        for item in items:
            if isinstance(item, Report):
                assert parse_compound(encode_report(item, "n")) == [item]
