"""What is said becomes packets of the codec that was agreed on, and packets become samples."""

from __future__ import annotations

import numpy as np
import pytest

from hookflash.audio import opus
from hookflash.audio.tone_bank import Pcm, amplitude
from hookflash.carrier.coding import Coding
from hookflash.carrier.speech import FRAME, RATE
from hookflash.sdp.codecs import PREFERRED
from hookflash.sdp.plan import Codec

PCMU, PCMA, OPUS = PREFERRED["PCMU"], PREFERRED["PCMA"], PREFERRED["opus"]


def tone(samples: int) -> Pcm:
    return (np.sin(2 * np.pi * 500 * np.arange(samples) / RATE) * 8000).astype(np.int16)


@pytest.mark.parametrize("codec", [PCMU, PCMA, OPUS])
@pytest.mark.parametrize("ptime", [20, 40, 60])
def test_to_packets_and_back(codec: Codec, ptime: int) -> None:
    here, there = Coding(), Coding()
    here.use(codec, ptime)
    size = RATE * ptime // 1000
    line = tone(RATE * 6 // 5)
    parts = [
        there.decode(codec, here.encode(here.written(line[at : at + size])))
        for at in range(0, len(line), size)
    ]
    assert {len(part) for part in parts} == {size}
    heard = np.concatenate(parts)
    assert amplitude(heard[-RATE // 5 :], 500, RATE) == pytest.approx(8000, rel=0.1)


def test_what_is_gathered_in_one_form_is_of_no_use_in_another() -> None:
    coding = Coding()
    assert not coding.use(PCMU, 20)  # as it began
    assert coding.use(OPUS, 20)
    assert not coding.use(OPUS, 60)
    assert coding.use(PCMA, 60)
    assert coding.use(PCMU, 60)


def test_opus_is_cut_into_whole_packets() -> None:
    coding = Coding()
    coding.use(OPUS, 40)
    said = coding.written(tone(5 * FRAME + 7))
    assert coding.length(said) == 5 * FRAME + 7
    whole, rest = coding.cut(said)
    assert [coding.length(one) for one in whole] == [2 * FRAME, 2 * FRAME]
    assert coding.length(rest) == FRAME + 7
    assert b"".join(whole) + rest == said
    assert coding.cut(rest) == ([], rest)


def test_packets_of_g711_have_any_length() -> None:
    coding = Coding()
    coding.use(PCMA, 40)
    said = coding.written(tone(FRAME // 2))
    assert coding.cut(said) == ([said], b"")
    assert coding.cut(b"") == ([], b"")


def test_what_cannot_be_read_is_nothing() -> None:
    assert len(Coding().decode(OPUS, b"\xff")) == 0


def test_opus_is_made_with_its_first_packet(monkeypatch: pytest.MonkeyPatch) -> None:
    def loaded() -> None:
        raise LookupError("libopus")

    monkeypatch.setattr(opus, "_library", loaded)
    coding = Coding()
    coding.use(OPUS, 20)
    said = coding.written(tone(FRAME))
    with pytest.raises(LookupError):
        coding.encode(said)
    with pytest.raises(LookupError):
        coding.decode(OPUS, b"\x00")
