"""Where keyframes begin, and the numbers of pictures, in payloads of video."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.media.video_kit import vp8

from hookflash.media.keyframes import begins_keyframe, picture_numbers, renumbered

CODECS = ["VP8", "VP9", "H264", "AV1", "H265"]


@pytest.mark.parametrize(
    ("codec", "payload", "begins"),
    [
        ("VP8", "10 00", True),
        ("VP8", "10 01", False),
        ("VP8", "00 00", False),  # in the middle of a partition
        ("VP8", "11 00", False),  # the second partition
        ("VP8", "90 00 00", True),
        ("VP8", "90 80 05 00", True),
        ("VP8", "90 80 81 05 00", True),
        ("VP8", "90 e0 81 05 07 20 00", True),
        ("VP8", "90 e0 81 05 07 20 01", False),
        ("VP8", "90 e0 81", False),
        ("VP8", "90", False),
        ("VP9", "08", True),
        ("VP9", "48", False),  # predicted
        ("VP9", "00", False),  # not the begin
        ("VP9", "a8 05 00", True),
        ("VP9", "a8 05 02", False),  # the second spatial layer
        ("VP9", "a8 81 05 00", True),
        ("VP9", "a8 81 05", False),
        ("H264", "67 42", True),
        ("H264", "65 88", True),
        ("H264", "41 9a", False),
        ("H264", "78 00 02 67 42", True),
        ("H264", "78 00 02 41 42", False),
        ("H264", "7c 85", True),
        ("H264", "7c 05", False),  # in the middle
        ("H264", "7c 81", False),
        ("H264", "7c", False),
        ("AV1", "18 0a", True),
        ("AV1", "10 0a", False),
        ("AV1", "98 0a", False),  # goes on from the packet before
        ("opus", "10 00", False),
        ("VP8", "", False),
    ],
)
def test_where_a_keyframe_begins(codec: str, payload: str, begins: bool) -> None:
    assert begins_keyframe(codec, bytes.fromhex(payload)) is begins


@pytest.mark.parametrize(
    ("codec", "payload", "picture", "layer0"),
    [
        ("VP8", "90 e0 81 05 07 20 01", 0x105, 7),
        ("VP8", "90 80 05 00 00 00", 5, None),
        ("VP8", "90 c0 05 09 00 00", 5, 9),
        ("VP9", "a8 81 05 00 07", 0x105, 7),
        ("VP9", "b8 81 05 00 07", 0x105, None),  # flexible mode has none
        ("VP9", "88 05 00 00 00", 5, None),
    ],
)
def test_numbers_of_pictures(codec: str, payload: str, picture: int, layer0: int | None) -> None:
    data = bytes.fromhex(payload)
    numbers = picture_numbers(codec, data)
    assert numbers is not None
    assert numbers.picture == picture
    assert bool(numbers.layer0_at) is (layer0 is not None)
    assert numbers.layer0 == (layer0 or 0)
    again = picture_numbers(codec, renumbered(data, numbers, 3, 4))
    assert again is not None
    assert (again.picture, again.layer0) == (3, 4 if layer0 is not None else 0)
    assert renumbered(data, numbers, picture, layer0 or 0) == data


@pytest.mark.parametrize(
    ("codec", "payload"),
    [("VP8", "10 00"), ("VP8", "90 60 05 05 05 05"), ("VP9", "08"), ("VP9", "28 00 00 00 00")],
)
def test_payloads_without_numbers(codec: str, payload: str) -> None:
    assert picture_numbers(codec, bytes.fromhex(payload)) is None


def test_what_the_kit_makes() -> None:
    assert begins_keyframe("VP8", vp8(300, 5, key=True))
    assert not begins_keyframe("VP8", vp8(300, 5))


@given(st.sampled_from(CODECS), st.binary(max_size=12))
def test_any_payload_is_borne(codec: str, payload: bytes) -> None:
    begins_keyframe(codec, payload)
    numbers = picture_numbers(codec, payload)
    if numbers is not None:
        same = renumbered(payload, numbers, numbers.picture, numbers.layer0)
        assert same == payload
