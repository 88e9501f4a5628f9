"""The sound card, by the real PortAudio on ALSA's devices without a card."""

from __future__ import annotations

import ctypes.util
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import sounddevice
from tests.support.alsa import DEFAULT, NO_CARD, ODD, alsa, loudspeaker, microphone

from hookflash.adapters.sound_card import (
    NO_LIBRARY,
    NO_PORTAUDIO,
    SoundCard,
    SoundCardError,
    SoundDevice,
    find_device,
    sound_devices,
)
from hookflash.audio.elastic_buffer import LIMIT, RATE
from hookflash.audio.tone_bank import Pcm, hears

WITHIN = 20.0
FRAME = RATE // 50


def tone(frequency: int, rate: int, samples: int) -> Pcm:
    at = np.arange(samples) / rate
    return (np.sin(2 * np.pi * frequency * at) * 8000).astype(np.int16)


class Listener:
    """Keeps what the microphone hears, and says when it is so much."""

    def __init__(self, frames: int) -> None:
        self.enough = threading.Event()
        self.parts: list[Pcm] = []
        self._frames = frames

    def __call__(self, samples: Pcm) -> None:
        if len(self.parts) < self._frames:
            self.parts.append(samples)
        else:
            self.enough.set()


def until(ready: Callable[[], bool]) -> None:
    """Wait for what another thread does."""
    never = threading.Event()
    for _ in range(round(WITHIN / 0.01)):
        if ready():
            return
        never.wait(0.01)
    raise AssertionError("not within the time")


def test_microphone_and_loudspeaker(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Both have 48 kHz, and the loudspeaker two channels."""
    played = tmp_path / "played.raw"
    devices = (
        microphone(tmp_path / "said.raw", tone(400, 48000, 48000)),
        loudspeaker(played),
        DEFAULT,
    )
    listener = Listener(frames=25)
    with alsa(monkeypatch, tmp_path, *devices):
        card = SoundCard("tape", "PAPER", listener)
        card.play(tone(1000, RATE, LIMIT))
        with card:
            assert card.names == ("tape, ALSA", "paper, ALSA")
            assert listener.enough.wait(WITHIN)
            until(lambda: played.exists() and played.stat().st_size > 6 * 4 * LIMIT)
            assert not card.gone
    assert {len(part) for part in listener.parts} == {FRAME}
    assert hears(np.concatenate(listener.parts)[RATE // 10 :], 400, RATE)
    both = np.frombuffer(played.read_bytes()[: 6 * 4 * LIMIT], np.int16).reshape(-1, 2)
    assert np.array_equal(both[:, 0], both[:, 1])
    assert hears(both[4800:9600, 0], 1000, 48000)


def test_devices_and_which_is_which(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with alsa(monkeypatch, tmp_path, DEFAULT, ODD):
        found = {one.name: one for one in sound_devices()}
        card = SoundCard("", "", lambda _: None)
        names = card.names
        card.close()
    assert set(found) == {"default, ALSA", "odd, ALSA"}
    assert names == ("default, ALSA", "default, ALSA")
    assert found["default, ALSA"].default_input
    assert found["default, ALSA"].default_output
    assert not found["odd, ALSA"].takes("input")
    assert found["odd, ALSA"].takes("output")


def test_a_rate_that_is_none_of_ours(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """PortAudio writes of it to the standard error; we say it ourselves."""
    with (
        alsa(monkeypatch, tmp_path, DEFAULT, ODD),
        pytest.raises(SoundCardError, match=r"odd, ALSA takes none of 48000, 8000, 16000, 32000"),
    ):
        SoundCard("", "odd", lambda _: None)
    assert capfd.readouterr().err == ""


def test_no_card(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with alsa(monkeypatch, tmp_path, NO_CARD):
        assert sound_devices() == []
        with pytest.raises(SoundCardError, match="this machine has no sound input"):
            SoundCard("", "", lambda _: None)


def test_a_device_that_cannot_be_opened(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Its file was there when devices were looked for, and is gone."""
    said = tmp_path / "said.raw"
    device = microphone(said, tone(400, 48000, 960))
    with alsa(monkeypatch, tmp_path, device, DEFAULT):
        said.unlink()
        with pytest.raises(SoundCardError, match="tape, ALSA: Error opening RawInputStream: "):
            SoundCard("tape", "", lambda _: None)


def test_one_that_does_not_start(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with alsa(monkeypatch, tmp_path, DEFAULT):
        card = SoundCard("", "", lambda _: None)
        card._streams[0].close()
        with (
            pytest.raises(SoundCardError, match="the sound card does not start: Error starting"),
            card,
        ):
            pass
        assert card._streams == []


def test_one_that_the_system_ends(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def heard(_: Pcm) -> None:
        raise sounddevice.CallbackAbort

    with alsa(monkeypatch, tmp_path, DEFAULT), SoundCard("", "", heard) as card:
        until(lambda: card.gone)


def test_its_own_end_is_none_of_the_system(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    listener = Listener(frames=1)
    with alsa(monkeypatch, tmp_path, DEFAULT):
        with SoundCard("", "", listener) as card:
            assert listener.enough.wait(WITHIN)
        assert not card.gone


def test_the_extra_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(SoundCardError) as caught:
        sound_devices()
    assert str(caught.value) == NO_LIBRARY
    assert "pip install 'hookflash[sound]'" in NO_LIBRARY


def test_portaudio_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "sounddevice")
    monkeypatch.setattr(ctypes.util, "find_library", lambda _: None)
    with pytest.raises(SoundCardError) as caught:
        sound_devices()
    assert str(caught.value) == NO_PORTAUDIO
    assert "apt install libportaudio2" in NO_PORTAUDIO


HEADSET = SoundDevice(0, "Headset, ALSA", 1, 2, False, False)
SPEAKERS = SoundDevice(1, "Speakers, ALSA", 0, 2, False, True)
HEADSET_USB = SoundDevice(2, "Headset USB, ALSA", 1, 1, True, False)
DEVICES = [HEADSET, SPEAKERS, HEADSET_USB]


def test_how_a_device_is_found() -> None:
    assert find_device(DEVICES, "input", "") is HEADSET_USB
    assert find_device(DEVICES, "output", "") is SPEAKERS
    assert find_device([HEADSET], "output", "") is HEADSET
    assert find_device(DEVICES, "output", "headset") is HEADSET
    assert find_device(DEVICES, "output", "Headset, ALSA") is HEADSET
    assert find_device(DEVICES, "output", "usb") is HEADSET_USB


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("piano", "no sound input is called 'piano'; `hookflash phone --list-devices` names them"),
        ("speakers", "no sound input is called 'speakers'"),
        ("alsa", "more than one sound input is called 'alsa': Headset, ALSA; Headset USB, ALSA"),
    ],
)
def test_how_none_is_found(name: str, fault: str) -> None:
    with pytest.raises(SoundCardError) as caught:
        find_device(DEVICES, "input", name)
    assert str(caught.value).startswith(fault)
