"""Codecs of sources and sinks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.support.studio import CODECS

from hookflash.audio.codecs import make_codec
from hookflash.audio.tone_bank import amplitude, rms
from hookflash.media.receiver import Receiver
from hookflash.media.source import Source
from hookflash.media.voice import (
    FrameEncoder,
    G722Line,
    OpusLine,
    Pcm,
    at_rate,
    make_concealer,
    make_decoder,
    make_jitter,
    silence_payload,
)
from hookflash.sdp.plan import CodecName

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


def said(name: CodecName, count: int, fec: bool = False) -> list[bytes]:
    """Packets of 20 ms of a tone that rises, in which there is something to recover."""
    codec = make_codec(name, fec=fec)
    time = np.arange(count * 320) / 16000
    sound = (8000 * np.sin(2 * np.pi * (300 + 300 * time) * time)).astype(np.int16)
    return [codec.encode(sound[at : at + 320]) for at in range(0, len(sound), 320)]


def pcm(octets: bytes) -> Pcm:
    return np.frombuffer(octets, np.int16)


@pytest.mark.parametrize("rate", [8000, 16000])
def test_lines_are_decoded_to_the_rate_of_the_room(rate: int) -> None:
    lines: dict[CodecName, G722Line | OpusLine] = {"G722": G722Line(rate), "opus": OpusLine(rate)}
    for name, line in lines.items():
        sound = pcm(b"".join(line.decode(payload) for payload in said(name, 10)))
        assert len(sound) == rate // 5
        assert rms(sound[rate // 10 :]) == pytest.approx(8000 / np.sqrt(2), rel=0.1)
    assert G722Line(rate).decode(b"") == b""
    assert OpusLine(rate).decode(b"\x03") == b""


def test_a_lost_packet_is_recovered_from_the_next() -> None:
    packets = said("opus", 60, fec=True)
    whole, line = OpusLine(8000), OpusLine(8000)
    for payload in packets[:50]:
        whole.decode(payload)
        line.decode(payload)
    wanted = pcm(whole.decode(packets[50])).astype(float)
    recovered = line.recover(packets[51], 160).astype(float)
    assert rms(recovered - wanted) < 0.5 * rms(wanted)


def test_another_decoder_knows_what_the_one_before_it_heard() -> None:
    """So that it can conceal what is lost just when the room's rate has changed."""
    line = OpusLine(8000)
    for payload in said("opus", 50):
        line.decode(payload)
    line.decode(b"\x03")
    line.change_rate(16000)
    concealed = line.conceal(320)
    assert len(concealed) == 320
    assert rms(concealed) > 1000


@pytest.mark.parametrize(("name", "ptime"), [("opus", 60), ("opus", 20), ("G722", 20)])
def test_an_encoder_goes_on_at_the_other_rate(name: CodecName, ptime: int) -> None:
    """No packet is missing or too long, and what was gathered is in the next."""
    encoder = FrameEncoder(CODECS[name], ptime, rate=8000)
    decoder = make_codec(name)
    sound: list[Pcm] = []
    rate, at = 8000, 0.0
    for tick in range(90):
        if tick in {31, 61}:
            rate = 24000 - rate
            encoder.change_rate(rate)
            assert encoder.rate == rate
        time = at + np.arange(rate // 50) / rate
        frame = (8000 * np.sin(2 * np.pi * 600 * time)).astype(np.int16)
        at += 0.02
        sound += [decoder.decode(payload) for payload in encoder.encode(frame)]
    assert {len(part) for part in sound} == {16 * ptime}
    assert len(sound) == 90 * 20 // ptime
    line = np.concatenate(sound)[3200:]
    levels = [rms(line[start : start + 320]) for start in range(0, len(line), 320)]
    assert min(levels) > 3500
    assert sum(level < 5000 for level in levels) <= 2


def test_gathered_sound_is_counted_in_frames_at_any_rate() -> None:
    encoder = FrameEncoder(CODECS["opus"], 60, rate=16000)
    assert encoder.encode(np.zeros(320, np.int16)) == []
    encoder.change_rate(8000)
    assert encoder.encode(np.zeros(160, np.int16)) == []
    assert encoder.drop() == 2


@pytest.mark.parametrize(("length", "source", "target"), [(0, 8000, 16000), (1, 16000, 8000)])
def test_hardly_anything_at_another_rate(length: int, source: int, target: int) -> None:
    assert len(at_rate(np.zeros(length, np.int16), source, target)) == 0
    assert len(at_rate(np.zeros(320, np.int16), source, target)) == 320 * target // source
