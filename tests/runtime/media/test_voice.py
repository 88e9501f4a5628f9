"""Concealment, prompts, jitter buffers by codec."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hookflash.audio.codecs import make_codec
from hookflash.audio.tone_bank import amplitude
from hookflash.runtime.media.voice import (
    Concealer,
    Prompt,
    WideVoice,
    make_jitter,
    silence_payload,
)
from hookflash.testing.media import CODECS


def test_a_lost_sound_fades_within_60_ms() -> None:
    good = np.full(160, 9000, np.int16)
    concealer = Concealer()
    frames = [good]
    for _ in range(5):
        frames.append(concealer.fill(frames[-1]))
    line = np.concatenate(frames[1:]).astype(np.int32)
    assert (np.diff(line) <= 0).all()
    assert line[0] > 8900
    assert line[3 * 160 - 1] < 100
    assert not line[3 * 160 :].any()
    concealer.count = 0
    assert concealer.fill(good)[0] > 8900


def test_a_prompt_ends_with_silence() -> None:
    prompt = Prompt(np.ones(400, np.int16), 8000, None)
    assert [int(prompt.frame(8000).sum()) for _ in range(3)] == [160, 160, 80]
    assert prompt.over


@pytest.mark.parametrize("name", ["PCMU", "PCMA", "G722", "opus"])
def test_silence_is_silent(name: str) -> None:
    payload = silence_payload(name)
    assert payload
    codec = make_codec(name)
    heard = np.concatenate([codec.decode(payload) for _ in range(10)])
    assert np.abs(heard).max() < 40


@pytest.mark.parametrize("name", ["PCMU", "G722", "opus"])
def test_through_jitter_buffer_and_voice(name: str) -> None:
    codec = CODECS[name]  # type: ignore[index]
    voice = WideVoice(codec, codec)
    assert voice.fits(codec, codec, 20)
    assert not voice.fits(codec, codec, 40)
    assert not voice.fits(codec, CODECS["PCMA"], 20)
    jitter = make_jitter(codec)
    out = []
    for number in range(60):
        time = (np.arange(320) + 320 * number) / 16000
        sound = (8000 * np.sin(2 * np.pi * 600 * time)).astype(np.int16)
        for payload in voice.encode(sound):
            jitter.put(number * codec.clock // 50, payload, number * 0.02)
        out.append(voice.decode(jitter.pull(number * 0.02 + 0.001)))
    assert {len(frame) for frame in out} == {320}
    assert amplitude(np.concatenate(out[40:]), 600, 16000) == pytest.approx(8000, rel=0.15)


def test_the_opus_encoder_is_made_as_told() -> None:
    """By the setting, and by what the peer's SDP says of FEC (RFC 7587 §6.1)."""
    plain, pcmu = CODECS["opus"], CODECS["PCMU"]
    time = np.arange(6400) / 16000
    sound = (8000 * np.sin(2 * np.pi * (300 + 400 * time) * time)).astype(np.int16)

    def octets(voice: WideVoice) -> int:
        frames = [sound[at : at + 320] for at in range(0, len(sound), 320)]
        return sum(len(payload) for frame in frames for payload in voice.encode(frame))

    usual = octets(WideVoice(pcmu, plain))
    assert octets(WideVoice(pcmu, plain, 20, 10)) != usual
    for fmtp in ("useinbandfec=1", "stereo=0; useinbandfec=1;usedtx=0"):
        able = replace(plain, fmtp=fmtp)
        assert octets(WideVoice(pcmu, able)) > 1.2 * usual
        assert WideVoice(pcmu, able).fits(pcmu, able, 20)
        assert not WideVoice(pcmu, plain).fits(pcmu, able, 20)
    for fmtp in ("useinbandfec=0", "maxplaybackrate=16000"):
        assert octets(WideVoice(pcmu, replace(plain, fmtp=fmtp))) == usual


def test_a_lost_opus_packet_is_concealed_by_the_decoder() -> None:
    codec = make_codec("opus")
    jitter = make_jitter(CODECS["opus"])
    time = np.arange(16000) / 16000
    sound = (8000 * np.sin(2 * np.pi * 300 * time)).astype(np.int16)
    levels = []
    for number in range(40):
        payload = codec.encode(sound[number * 320 : number * 320 + 320])
        if number != 30:
            jitter.put(number * 960, payload, number * 0.02)
        line = jitter.pull(number * 0.02 + 0.001)
        if number > 10:
            assert line is not None
            levels.append(np.abs(np.frombuffer(line, np.int16)).mean())
    assert jitter.concealed == 1
    assert min(levels) > 1000
