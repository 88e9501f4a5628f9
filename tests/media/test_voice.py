"""Codecs of sources and sinks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hookflash.audio.codecs import make_codec
from hookflash.audio.tone_bank import amplitude
from hookflash.media.receiver import Receiver
from hookflash.media.source import Source
from hookflash.media.voice import (
    FrameEncoder,
    make_concealer,
    make_decoder,
    make_jitter,
    silence_payload,
)
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
    encoder = FrameEncoder(codec)
    assert encoder.fits(codec, 20)
    assert not encoder.fits(codec, 40)
    assert not encoder.fits(CODECS["PCMA"], 20)
    source = Source(Receiver(Owner()))
    source.receiver.configure({codec.payload_type: codec}, name)
    source.buffer(wanted=True, rate=16000)
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


@pytest.mark.parametrize(
    ("name", "rate", "line", "samples"),
    [("PCMA", 16000, 158, 160), ("opus", 16000, 644, 320), ("opus", 8000, 324, 160)],
)
def test_a_frame_of_another_length_is_stretched(
    name: CodecName, rate: int, line: int, samples: int
) -> None:
    concealer = make_concealer(CODECS[name], rate)
    assert len(concealer.decode(bytes(line))) == samples
    assert len(concealer.fill()) == samples


def test_the_opus_encoder_is_made_as_told() -> None:
    """By the setting, and by what the peer's SDP says of FEC (RFC 7587 §6.1)."""
    plain = CODECS["opus"]
    time = np.arange(6400) / 16000
    sound = (8000 * np.sin(2 * np.pi * (300 + 400 * time) * time)).astype(np.int16)

    def octets(voice: FrameEncoder) -> int:
        frames = [sound[at : at + 320] for at in range(0, len(sound), 320)]
        return sum(len(payload) for frame in frames for payload in voice.encode(frame))

    usual = octets(FrameEncoder(plain))
    assert octets(FrameEncoder(plain, 20, 10)) != usual
    for fmtp in ("useinbandfec=1", "stereo=0; useinbandfec=1;usedtx=0"):
        able = replace(plain, fmtp=fmtp)
        assert octets(FrameEncoder(able)) > 1.2 * usual
        assert FrameEncoder(able).fits(able, 20)
        assert not FrameEncoder(plain).fits(able, 20)
    for fmtp in ("useinbandfec=0", "maxplaybackrate=16000"):
        assert octets(FrameEncoder(replace(plain, fmtp=fmtp))) == usual


def test_a_lost_opus_packet_is_concealed_by_the_decoder() -> None:
    codec = make_codec("opus")
    jitter = make_jitter(CODECS["opus"], make_decoder(CODECS["opus"], 16000), 16000)
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
