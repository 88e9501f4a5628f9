"""Codecs of sources and sinks."""

from __future__ import annotations

import numpy as np
import pytest

from hookflash.audio.codecs import make_codec
from hookflash.audio.tone_bank import amplitude
from hookflash.media.receiver import Receiver
from hookflash.media.source import Source
from hookflash.media.voice import WideEncoder, make_concealer, silence_payload
from hookflash.sdp.plan import CodecName
from hookflash.testing.media import CODECS

from .kit import Owner


@pytest.mark.parametrize("name", ["PCMU", "PCMA", "G722", "opus"])
def test_silence_is_silent(name: str) -> None:
    payload = silence_payload(name)
    assert payload
    codec = make_codec(name)
    heard = np.concatenate([codec.decode(payload) for _ in range(10)])
    assert np.abs(heard).max() < 40


@pytest.mark.parametrize("name", ["PCMU", "G722", "opus"])
def test_from_a_wide_room_and_back(name: CodecName) -> None:
    codec = CODECS[name]
    encoder = WideEncoder(codec)
    assert encoder.fits(codec, 20)
    assert not encoder.fits(codec, 40)
    assert not encoder.fits(CODECS["PCMA"], 20)
    source = Source(Receiver(Owner()))
    source.receiver.configure({codec.payload_type: codec}, name)
    source.buffer(wanted=True)
    jitter = source.receiver.jitter
    assert jitter is not None
    out = []
    for number in range(60):
        time = (np.arange(320) + 320 * number) / 16000
        sound = (8000 * np.sin(2 * np.pi * 600 * time)).astype(np.int16)
        for payload in encoder.encode(sound):
            jitter.put(number * codec.clock // 50, payload, number * 0.02)
        out.append(source.wide_frame(number * 0.02 + 0.001))
    assert {len(frame) for frame in out} == {320}
    assert amplitude(np.concatenate(out[40:]), 600, 16000) == pytest.approx(8000, rel=0.15)


@pytest.mark.parametrize(("name", "line", "samples"), [("PCMA", 158, 160), ("opus", 644, 320)])
def test_a_frame_of_another_length_is_stretched(name: CodecName, line: int, samples: int) -> None:
    concealer = make_concealer(CODECS[name])
    assert len(concealer.decode(bytes(line))) == samples
    assert len(concealer.fill()) == samples
