"""What a preset's values say of themselves."""

from __future__ import annotations

from hookflash.providers.preset import UNKNOWN, Fact, Preset


def test_a_list_has_one_entry_a_line_and_the_unknown_none() -> None:
    assert Fact("first\nsecond").lines == ("first", "second")
    assert Fact(UNKNOWN).lines == ()
    assert not Fact(UNKNOWN).known
    assert Fact("no").known


def test_a_preset_says_what_it_knows_by_key() -> None:
    preset = Preset("acme", "Acme", {"refer": Fact("no"), "notify": Fact(UNKNOWN)})
    assert preset.value("refer") == "no"
    assert preset.value("notify") == UNKNOWN
