"""Opus both ways at each rate, lost packets, and whatever a stranger sends."""

from __future__ import annotations

import contextlib
import gc
import subprocess
import sys
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from hookflash.audio import opus
from hookflash.audio.opus import OpusDecoder, OpusEncoder
from hookflash.audio.tone_bank import amplitude
from hookflash.base.errors import CodecError, RtpError

Pcm = NDArray[np.int16]

RATES = [8000, 16000, 48000]


def voice(rate: int, seconds: float = 2.0) -> Pcm:
    """Like a vowel: harmonics of a pitch that moves, with two formants, in syllables."""
    time = np.arange(round(rate * seconds)) / rate
    pitch = 2 * np.pi * np.cumsum(120 + 30 * np.sin(2 * np.pi * 0.7 * time)) / rate
    sound = np.zeros(len(time))
    for number in range(1, 26):
        at = 120 * number
        level = np.exp(-(((at - 500) / 300) ** 2)) + 0.6 * np.exp(-(((at - 1500) / 400) ** 2))
        sound += (level + 0.02) * np.sin(number * pitch)
    sound *= np.clip(np.sin(2 * np.pi * 2.3 * time) + 0.6, 0, 1)
    result: Pcm = (sound / np.abs(sound).max() * 12000).astype(np.int16)
    return result


def packets(encoder: OpusEncoder, sound: Pcm, size: int) -> list[bytes]:
    whole = range(0, len(sound) - size + 1, size)
    return [encoder.encode(sound[start : start + size]) for start in whole]


def likeness(one: Pcm, other: Pcm) -> float:
    """Correlation: 1 for the same sound at any level."""
    return float(np.corrcoef(one.astype(np.float64), other.astype(np.float64))[0, 1])


def level(sound: Pcm) -> float:
    return float(np.sqrt(np.mean(sound.astype(np.float64) ** 2)))


@pytest.mark.parametrize("ours", RATES)
@pytest.mark.parametrize("theirs", RATES)
def test_a_tone_comes_through_from_any_rate_to_any(theirs: int, ours: int) -> None:
    encoder, decoder = OpusEncoder(theirs), OpusDecoder(ours)
    tone = (10000 * np.sin(2 * np.pi * 1000 * np.arange(theirs) / theirs)).astype(np.int16)
    frames = [decoder.decode(packet) for packet in packets(encoder, tone, theirs // 50)]
    assert {len(frame) for frame in frames} == {ours // 50}
    heard = np.concatenate(frames[10:])
    assert amplitude(heard, 1000, ours) == pytest.approx(10000, rel=0.1)


@pytest.mark.parametrize("ms", [2.5, 5, 10, 20, 40, 60])
def test_packets_of_each_length(ms: float) -> None:
    size = round(16000 * ms / 1000)
    encoder, decoder = OpusEncoder(16000), OpusDecoder(8000)
    for packet in packets(encoder, voice(16000, 0.5), size):
        assert len(decoder.decode(packet)) == size // 2


def test_the_settings_reach_the_encoder() -> None:
    sound = voice(8000, 4)

    def size(**how: Any) -> float:
        made = packets(OpusEncoder(8000, **how), sound, 160)
        return float(np.mean([len(packet) for packet in made]))

    assert size(bitrate=12000) < 0.7 * size(bitrate=24000)
    assert size(complexity=0) != size(complexity=10)
    assert {len(packet) for packet in packets(OpusEncoder(8000, constant=True), sound, 160)} == {60}
    assert len({len(packet) for packet in packets(OpusEncoder(8000), sound, 160)}) > 5


def test_silence_is_sent_too() -> None:
    """Without DTX: a packet for each 20 ms that says something."""
    made = packets(OpusEncoder(8000), np.zeros(16000, np.int16), 160)
    assert min(len(packet) for packet in made) > 2


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: OpusEncoder(44100),
        lambda: OpusEncoder(8000, complexity=11),
        lambda: OpusEncoder(8000, bitrate=0),
        lambda: OpusEncoder(8000, expected_loss=101),
        lambda: OpusEncoder(8000).encode(np.zeros(161, np.int16)),
        lambda: OpusEncoder(8000).encode(np.zeros(0, np.int16)),
        lambda: OpusEncoder(8000).encode(np.zeros(160, np.float32)),
        lambda: OpusDecoder(44100),
        lambda: OpusDecoder(8000).conceal(0),
        lambda: OpusDecoder(8000).conceal(-160),
        lambda: OpusDecoder(8000).conceal(961),
        lambda: OpusDecoder(8000).recover(b"\x08\x00", 961),
    ],
)
def test_our_own_mistakes(wrong: object) -> None:
    with pytest.raises(ValueError, match=r"libopus|ms|int16"):
        wrong()  # type: ignore[operator]


def test_a_lost_packet_is_concealed_at_its_level_and_fades_when_more_are_lost() -> None:
    made = packets(OpusEncoder(8000), voice(8000), 160)
    ratios = []
    for first in range(10, 90, 4):
        decoder = OpusDecoder(8000)
        last = [decoder.decode(packet) for packet in made[:first]][-1]
        lost = [decoder.conceal(160) for _ in range(40)]
        assert {len(frame) for frame in lost} == {160}
        if level(last) > 1000:
            assert level(lost[39]) < 0.1 * level(last)
            ratios.append(level(lost[0]) / level(last))
    assert len(ratios) > 5
    assert np.median(ratios) == pytest.approx(0.9, abs=0.3)


@pytest.mark.parametrize("rate", [8000, 16000])
def test_a_lost_packet_is_recovered_from_the_next(rate: int) -> None:
    size = rate // 50
    made = packets(OpusEncoder(rate, bitrate=32000, expected_loss=10), voice(rate, 4), size)
    whole, recovering, concealing = (OpusDecoder(rate) for _ in range(3))
    original, by_fec, by_plc = [], [], []
    for number, packet in enumerate(made):
        sound = whole.decode(packet)
        if number % 10 != 5 or number + 1 == len(made):
            recovering.decode(packet)
            concealing.decode(packet)
            continue
        original.append(sound)
        by_fec.append(recovering.recover(made[number + 1], size))
        by_plc.append(concealing.conceal(size))
    wanted = np.concatenate(original)
    fec, plc = likeness(wanted, np.concatenate(by_fec)), likeness(wanted, np.concatenate(by_plc))
    assert fec > 0.9
    assert fec > plc + 0.1


def test_more_than_a_packet_is_lost() -> None:
    """What the next packet cannot know is concealed; all of it has the length asked for."""
    made = packets(OpusEncoder(8000, bitrate=32000, expected_loss=10), voice(8000), 160)
    decoder = OpusDecoder(8000)
    for packet in made[:20]:
        decoder.decode(packet)
    assert len(decoder.recover(made[23], 480)) == 480


def test_the_end_of_a_lost_packet() -> None:
    """It was waited for with other sound until the next one came: that has its end too."""
    made = packets(OpusEncoder(8000, bitrate=32000, expected_loss=10), voice(8000), 160)
    decoders = [OpusDecoder(8000) for _ in range(3)]
    for packet in made[:20]:
        for decoder in decoders:
            decoder.decode(packet)
    wanted = decoders[0].recover(made[21], 160)
    for samples in (1, 61, 100):
        decoder = OpusDecoder(8000)
        for packet in made[:20]:
            decoder.decode(packet)
        decoder.conceal(160 - samples)
        end = decoder.recover(made[21], samples)
        assert len(end) == samples
        if samples == 100:
            assert likeness(end, wanted[60:]) > 0.9


@settings(max_examples=1000)
@given(
    st.binary(max_size=300),
    st.sampled_from(RATES),
    st.integers(1, 5760),
)
def test_random_octets_do_no_harm(payload: bytes, rate: int, asked: int) -> None:
    decoder = OpusDecoder(rate)
    samples = max(1, asked * rate // 48000)
    acts: list[Callable[[], Pcm]] = [
        lambda: decoder.decode(payload),
        lambda: decoder.recover(payload, samples),
        lambda: decoder.decode(payload),
    ]
    for act in acts:
        with contextlib.suppress(RtpError):
            assert 0 < len(act()) <= rate * 120 // 1000
        assert len(decoder.conceal(samples)) == samples


def test_truncated_and_changed_packets_do_no_harm() -> None:
    noise = np.random.default_rng(4)
    for rate, size in ((8000, 160), (48000, 2880)):
        encoder = OpusEncoder(rate, bitrate=32000, expected_loss=10)
        decoder = OpusDecoder(8000)
        for packet in packets(encoder, voice(rate, 1), size):
            for cut in range(0, len(packet), 3):
                changed = bytearray(packet[: len(packet) - cut])
                changed[noise.integers(len(changed))] ^= 1 << noise.integers(8)
                for payload in (packet[:cut], bytes(changed)):
                    with contextlib.suppress(RtpError):
                        decoder.decode(payload)
                        decoder.recover(payload, 160)
            assert len(decoder.decode(packet)) in {160, 480}


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        bytes(0x10000),
        b"\x03",  # a count of frames is missing
        b"\x03\x31" + bytes(49),  # 49 frames
        b"\x1b\x03" + bytes(90),  # 3 frames of 60 ms
        b"\x01\x00",  # two equal frames in an odd number of octets
    ],
)
def test_payloads_that_cannot_be_read(payload: bytes) -> None:
    decoder = OpusDecoder(8000)
    with pytest.raises(RtpError, match="Opus"):
        decoder.decode(payload)
    with pytest.raises(RtpError, match="Opus"):
        decoder.recover(payload, 160)


def test_a_stereo_packet_is_heard_as_one() -> None:
    packet = packets(OpusEncoder(8000), voice(8000, 0.1), 160)[0]
    stereo = bytes([packet[0] | 4]) + packet[1:]
    assert len(OpusDecoder(8000).decode(stereo)) == 160


def test_states_go_with_their_objects() -> None:
    encoder, decoder = OpusEncoder(8000), OpusDecoder(8000)
    memories = [weakref.ref(encoder._memory), weakref.ref(decoder._memory)]
    del encoder, decoder
    gc.collect()
    assert [memory() for memory in memories] == [None, None]


def test_importing_loads_nothing() -> None:
    code = (
        "import sys; from hookflash.audio import opus, codecs\n"
        "assert opus._library.cache_info().currsize == 0\n"
        "opus.OpusEncoder(8000)\n"
        "assert opus._library.cache_info().currsize == 1\n"
        "assert 'av' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_pyav_brings_a_copy() -> None:
    inside = [name for name in opus.places() if "/" in name]
    assert inside
    assert opus.load(inside).opus_encoder_get_size(1) > 0


def test_the_newest_is_taken() -> None:
    found = []
    for name in opus.places():
        with contextlib.suppress(CodecError):
            found.append(opus.version(opus.load([name])))
    assert opus.version(opus.load(opus.places())) == max(found)
    assert opus.version(opus.load(reversed(list(opus.places())))) == max(found)
    assert max(found) > (1,)


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        (b"libopus 1.3.1", (1, 3, 1)),
        (b"libopus 1.10-rc2", (1, 10)),
        (b"libopus 1.5.2-32-gabcdef1-fixed", (1, 5, 2)),
        (b"libopus unknown", ()),
    ],
)
def test_versions(text: bytes, numbers: tuple[int, ...]) -> None:
    class Library:
        def opus_get_version_string(self) -> bytes:
            return text

    assert opus.version(Library()) == numbers  # type: ignore[arg-type]


def test_without_libopus_the_error_says_what_to_install() -> None:
    with pytest.raises(CodecError, match=r"install .*libopus0.* av"):
        opus.load(["libnosuchlibrary.so.0", "libc.so.6"])
