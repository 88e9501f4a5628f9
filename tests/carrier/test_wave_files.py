"""Wave files that telephones say and write."""

from __future__ import annotations

import io
import struct
import wave

import numpy as np
import pytest

from hookflash.audio.tone_bank import Pcm, amplitude, hears
from hookflash.base.errors import ConfigError
from hookflash.carrier import wave_files
from hookflash.carrier.wave_files import read_wave, wave_bytes


def tone(frequency: float, rate: int, seconds: float = 0.5) -> Pcm:
    at = np.arange(int(rate * seconds)) / rate
    return (np.sin(2 * np.pi * frequency * at) * 8000).astype(np.int16)


def wave_of(data: bytes, rate: int = 8000, channels: int = 1, width: int = 2) -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(data)
    return out.getvalue()


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 22050, 44100, 48000])
def test_any_rate_becomes_8_khz(rate: int) -> None:
    samples = read_wave("a.wav", wave_of(tone(440, rate).tobytes(), rate))
    assert samples.dtype == np.int16
    assert abs(len(samples) - 4000) <= 2
    assert hears(samples, 440, 8000, share=0.95)
    assert amplitude(samples, 440, 8000) == pytest.approx(8000, rel=0.05)


def test_two_channels_are_mixed() -> None:
    both = np.stack([tone(440, 8000), tone(900, 8000)], axis=1)
    samples = read_wave("a.wav", wave_of(both.tobytes(), channels=2))
    assert len(samples) == 4000
    for frequency in (440, 900):
        assert amplitude(samples, frequency, 8000) == pytest.approx(4000, rel=0.05)


def test_what_is_written_can_be_read() -> None:
    samples = tone(440, 8000)
    assert np.array_equal(read_wave("a.wav", wave_bytes(samples)), samples)


def test_a_file_that_does_not_know_its_length() -> None:
    """As programs write it into a pipe: the lengths in its head are the largest there are."""
    data = bytearray(wave_of(tone(440, 8000).tobytes()))
    data[4:8] = data[40:44] = struct.pack("<I", 0x7FFFFFFF)
    assert len(read_wave("a.wav", bytes(data))) == 4000
    assert len(read_wave("a.wav", bytes(data[:-3]))) == 3998


def test_an_empty_file_says_nothing() -> None:
    assert len(read_wave("a.wav", wave_of(b"", 16000))) == 0


FLOAT = wave_of(b"\0" * 8).replace(b"fmt \x10\0\0\0\x01\0", b"fmt \x10\0\0\0\x03\0")


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"", "no WAV file of PCM: it ends too early"),
        (b"ID3" + b"\0" * 100, "no WAV file of PCM: file does not start with RIFF id"),
        (FLOAT, "no WAV file of PCM: unknown format: 3"),
        (wave_of(b"\0" * 8000, width=1), "PCM of 8 bits, channels: 1, 8000 Hz, 1.0 s"),
        (wave_of(b"\0" * 24000, width=3), "PCM of 24 bits, channels: 1, 8000 Hz, 1.0 s"),
        (wave_of(b"\0" * 48000, channels=3), "PCM of 16 bits, channels: 3, 8000 Hz, 1.0 s"),
        (wave_of(b"\0" * 8000, 4000), "PCM of 16 bits, channels: 1, 4000 Hz, 1.0 s"),
        (wave_of(b"\0" * 384000, 192000), "PCM of 16 bits, channels: 1, 192000 Hz, 1.0 s"),
        (wave_of(b"\0" * 16000 * 121), "PCM of 16 bits, channels: 1, 8000 Hz, 121.0 s"),
    ],
)
def test_what_is_wrong_names_the_file_what_it_is_and_what_is_allowed(
    data: bytes, what: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        read_wave("my.wav", data)
    allowed = "a WAV file of PCM with 16 bits, 1 or 2 channels, 8000 to 48000 Hz, at most 120 s"
    assert str(caught.value) == f"my.wav: {what!r} is not allowed; allowed: {allowed}"


def test_a_file_that_is_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wave_files, "LARGEST", 1000)
    with pytest.raises(ConfigError, match="larger than 1000 octets"):
        read_wave("my.wav", wave_of(b"\0" * 1000))
