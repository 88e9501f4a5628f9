"""SDES (RFC 4568, 7714)."""

from __future__ import annotations

import random
from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hookflash.base.ids import Ids
from hookflash.sdp.crypto import SUITES, match_answer, new_key, read_key, read_keys, write_key
from hookflash.sdp.plan import CryptoKey
from hookflash.sdp.session import Media

# RFC 4568 §6.1, the key of its examples.
RFC_KEY = "PS1uQCVeeCFCanVmcjkpPywjNWhcYD0mXXtxaVBR"
LINE = f"1 AES_CM_128_HMAC_SHA1_80 inline:{RFC_KEY}"


def test_a_key_of_the_rfc() -> None:
    key = read_key(LINE + "|2^20")
    assert key is not None
    assert (key.suite, key.tag) == ("AES_CM_128_HMAC_SHA1_80", 1)
    assert key.key == b"=-n@%^x!Bjufr9)?,#5h\\`=&]{qiPQ"
    assert write_key(key) == LINE


@pytest.mark.parametrize("suite", SUITES)
def test_each_suite_has_its_length_and_comes_back(suite: str) -> None:
    key = new_key(Ids(random.Random(1)), suite, 7)
    assert len(key.key) == SUITES[suite]
    assert read_key(write_key(key)) == key
    assert key != new_key(Ids(random.Random(2)), suite, 7)
    # Many peers leave the padding out.
    assert read_key(write_key(key).rstrip("=")) == key


@pytest.mark.parametrize(
    "value",
    [
        LINE + "|1048576",
        LINE + "|2^20 WSH=64",
        LINE + " KDR=0",
        LINE + " -UNENCRYPTED_SRTP",
        LINE.replace("inline", "INLINE"),
        LINE.replace("AES", "aes"),
    ],
)
def test_what_changes_no_packet_is_taken(value: str) -> None:
    key = read_key(value)
    assert key is not None
    assert write_key(key) == LINE


@pytest.mark.parametrize(
    "value",
    [
        "",
        "1 AES_CM_128_HMAC_SHA1_80",
        LINE.replace("1 ", "x ", 1),
        LINE.replace("AES_CM_128_HMAC_SHA1_80", "F8_128_HMAC_SHA1_80"),
        LINE.replace("AES_CM_128_HMAC_SHA1_80", "AEAD_AES_128_GCM"),
        LINE.replace("inline", "other"),
        LINE.replace(RFC_KEY, "äöü"),
        LINE.replace(RFC_KEY, RFC_KEY[:-4]),
        LINE.replace(RFC_KEY, RFC_KEY[:-3]),
        LINE + "|",
        LINE + "|2^0",
        LINE + "|2^49",
        LINE + "|0",
        LINE + "|soon",
        LINE + "|1:0",
        LINE + "|1:129",
        LINE + "|256:1",
        LINE + "|-1:1",
        LINE + "|1:4|2^20",
        LINE + "|2^20|1:4|1:4",
        LINE + "|2^20|2^20",
        LINE + f";inline:{RFC_KEY}",
        LINE + " UNENCRYPTED_SRTP",
        LINE + " KDR=1",
        LINE + " FEC_ORDER=FEC_SRTP",
    ],
)
def test_what_cannot_be_carried_out_is_passed_over(value: str) -> None:
    assert read_key(value) is None


@pytest.mark.parametrize(
    ("text", "mki"),
    [("|1:4", b"\0\0\0\1"), ("|2^20|1:4", b"\0\0\0\1"), ("|2^31|255:1", b"\xff")],
)
def test_an_mki_is_taken_and_written(text: str, mki: bytes) -> None:
    """As offers of Lync-like peers have it (RFC 4568 §6.1)."""
    key = read_key(LINE + text)
    assert key is not None
    assert key.mki == mki
    again = read_key(write_key(key))
    assert again == key
    assert write_key(key).startswith(LINE + "|2^31|")


def test_the_lines_of_a_media_line_in_order() -> None:
    other = b64encode(bytes(28)).decode()
    media = Media(
        "audio", 1, "RTP/SAVP", ("0",),
        attributes=(
            ("crypto", "1 NOPE inline:x"),
            ("crypto", f"2 AEAD_AES_128_GCM inline:{other}"),
            ("crypto", LINE),
        ),
    )  # fmt: skip
    assert [key.tag for key in read_keys(media)] == [2, 1]


def test_an_answer_must_name_tag_and_suite_of_the_offer() -> None:
    offered = [CryptoKey("A", b"", 1), CryptoKey("B", b"", 2)]
    answered = CryptoKey("B", b"y", 2)
    for before in (CryptoKey("A", b"x", 2), CryptoKey("A", b"x", 9)):
        assert match_answer(offered, [before, answered]) == (offered[1], answered)
    assert match_answer(offered, [CryptoKey("B", b"", 1)]) is None


def test_a_tag_that_was_not_offered_is_one_of_the_suite_that_was_offered_once() -> None:
    offered = [CryptoKey("A", b"", 1), CryptoKey("B", b"", 2)]
    answered = CryptoKey("B", b"y", 9)
    assert match_answer(offered, [CryptoKey("C", b"", 8), answered]) == (offered[1], answered)
    assert match_answer(offered, [CryptoKey("C", b"", 9)]) is None
    assert match_answer([*offered, CryptoKey("B", b"", 3)], [answered]) is None
    assert match_answer([], [answered]) is None


@given(st.text(max_size=80))
def test_random_text_raises_nothing(text: str) -> None:
    read_key(text)
    read_key("1 AES_CM_128_HMAC_SHA1_80 inline:" + text)
