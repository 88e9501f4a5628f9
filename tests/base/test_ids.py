"""Identifiers in LiveKit's form, from a random source that is passed in."""

from __future__ import annotations

import random
import re

from hookflash.base.ids import ALPHABET, Ids


def test_livekits_form() -> None:
    assert re.fullmatch(rf"SCL_[{ALPHABET}]{{12}}", Ids(random.Random(1)).new("SCL_"))
    assert not set("01IOl") & set(ALPHABET)


def test_the_same_seed_gives_the_same_ids() -> None:
    one, two = Ids(random.Random(7)), Ids(random.Random(7))
    assert [one.new("A_"), one.token(), one.branch()] == [two.new("A_"), two.token(), two.branch()]


def test_branches_have_the_magic_cookie() -> None:
    assert Ids(random.Random(1)).branch().startswith("z9hG4bK")


def test_every_character_is_about_as_frequent() -> None:
    ids = Ids(random.Random(1))
    text = "".join(ids.new("") for _ in range(5000))
    counts = [text.count(character) for character in ALPHABET]
    assert max(counts) < 1.2 * min(counts)


def test_numbers_have_the_bits_asked_for() -> None:
    ids = Ids(random.Random(1))
    assert all(ids.number(8) < 256 for _ in range(1000))
    assert ids.number().bit_length() <= 31


def test_no_character_is_used_twice_or_lost_between_two_drafts() -> None:
    """Whatever the lengths, the tokens are one stream of characters cut in pieces."""
    whole, parts = Ids(random.Random(3)), Ids(random.Random(3))
    stream = whole.token(5000)
    cut = "".join(parts.token(length) for length in (1, 700, 14, 10, 1200, 0, 3075))
    assert cut == stream
