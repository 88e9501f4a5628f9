"""Texts and wave files, made ready to be said. With a voice: tests/interop/test_spoken.py."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import numpy as np
import pytest

from hookflash.base.errors import ConfigError
from hookflash.carrier import speaking
from hookflash.carrier.speaking import Speaker, can_speak, speech_of
from hookflash.carrier.speech import word_tones
from hookflash.carrier.wave_files import wave_bytes

TEXT = "Good morning, who is there?"
PRINTS = '#!/bin/sh\necho "$@" > "$0.arguments"\ncat > "$0.text"\ncat "$0.wav"\n'


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only one with programs, but for those of the system."""
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def program(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Something by the name of espeak-ng."""
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}/usr/bin{os.pathsep}/bin")
    path = folder / "espeak-ng"
    path.write_text(script, "utf-8")
    path.chmod(0o755)
    return path


def test_without_a_voice_a_text_is_tones(folder: Path) -> None:
    assert not can_speak()
    assert np.array_equal(speech_of(TEXT).samples, word_tones(TEXT))


def test_that_there_is_no_voice_is_told_once(folder: Path) -> None:
    told: list[str] = []
    speaker = Speaker(told.append)
    (folder / "a.wav").write_bytes(wave_bytes(np.zeros(80, np.int16)))

    async def main() -> None:
        await speaker.speech(str(folder / "a.wav"))
        assert told == []
        for _ in range(2):
            assert np.array_equal((await speaker.speech(TEXT)).samples, word_tones(TEXT))

    asyncio.run(main())
    assert told == ["no_voice"]


def test_a_text_is_no_option(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It goes to the program's input, whatever it looks like."""
    path = program(folder, PRINTS, monkeypatch)
    spoken = np.arange(800, dtype=np.int16)
    path.with_suffix(".wav").write_bytes(wave_bytes(spoken))
    assert can_speak()
    text = "-w /etc/passwd $(reboot) grüße"
    assert np.array_equal(speech_of(text).samples, spoken)
    assert path.with_suffix(".text").read_text("utf-8") == text
    assert path.with_suffix(".arguments").read_text("utf-8") == "--stdin --stdout -s 150\n"


@pytest.mark.parametrize(
    ("script", "fault"),
    [
        ("#!/bin/sh\nexit 3\n", "cannot be spoken (Command"),
        ("no script", "cannot be spoken ("),
        ("#!/bin/sh\necho no sound\n", "espeak-ng: 'no WAV file of PCM: file does not start"),
    ],
)
def test_a_voice_that_does_not_speak(
    folder: Path, monkeypatch: pytest.MonkeyPatch, script: str, fault: str
) -> None:
    program(folder, script, monkeypatch)
    with pytest.raises(ConfigError) as caught:
        speech_of(TEXT)
    assert fault in str(caught.value)


def test_a_wave_file(tmp_path: Path) -> None:
    samples = np.arange(800, dtype=np.int16)
    file = tmp_path / "greeting.WAV"
    file.write_bytes(wave_bytes(samples))
    assert np.array_equal(speech_of(str(file)).samples, samples)


def test_a_wave_file_that_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(
        ConfigError, match=r"nowhere/a\.wav: 'no file' is not allowed; allowed: a WAV"
    ):
        speech_of("nowhere/a.wav")
    folder = tmp_path / "folder.wav"
    folder.mkdir()
    with pytest.raises(ConfigError, match="no file"):
        speech_of(str(folder))
    file = tmp_path / "long.wav"
    file.write_bytes(wave_bytes(np.zeros(800, np.int16)))
    monkeypatch.setattr(speaking, "LARGEST", 100)
    with pytest.raises(ConfigError, match="larger than 100 octets"):
        speech_of(str(file))

    def refuse(_: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(speaking, "LARGEST", 10_000)
    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(ConfigError, match=r"unreadable \(Permission denied\)"):
        speech_of(str(file))
