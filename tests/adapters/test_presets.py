"""The presets that are in the package."""

from __future__ import annotations

from pathlib import Path

import pytest

from hookflash.adapters import package_yaml, presets
from hookflash.adapters.presets import PRESETS, load_preset, preset_names
from hookflash.providers.reading import PresetError

WANTED = {
    *("twilio", "telnyx", "plivo", "didww", "sinch", "didlogic", "zadarma", "signalwire"),
    *("exotel", "vonage", "bandwidth", "wavix", "azure", "teams", "whatsapp"),
    *("asterisk", "freeswitch", "jambonz", "3cx"),
}


def test_the_providers_that_there_are() -> None:
    assert set(preset_names()) == WANTED
    assert list(preset_names()) == sorted(WANTED)
    assert PRESETS.names() == preset_names()


@pytest.mark.parametrize("name", preset_names())
def test_every_fact_has_a_source_with_its_date_or_says_that_it_is_assumed(name: str) -> None:
    preset = load_preset(name)
    assert preset is not None
    assert preset.name == name
    bare = [
        key
        for key, fact in preset.facts.items()
        if fact.known and not fact.assumed and (fact.source is None or not fact.source.date)
    ]
    assert bare == []


def test_one_that_is_not_there() -> None:
    assert load_preset("acme") is None
    assert load_preset("../presets/twilio") is None


@pytest.mark.parametrize(
    ("text", "words"), [("title: [", "acme.yaml: the file: "), ("title: Acme", "sources: None")]
)
def test_a_file_that_is_wrong_is_named(
    text: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "presets").mkdir()
    (tmp_path / "presets" / "acme.yaml").write_text(text, "utf-8")
    monkeypatch.setattr(package_yaml, "files", lambda _: tmp_path)
    monkeypatch.setattr(presets, "preset_names", lambda: ("acme",))
    with pytest.raises(PresetError) as caught:
        load_preset.__wrapped__("acme")
    assert words in str(caught.value)
