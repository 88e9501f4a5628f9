"""What a telephone says: a tone all the time, or a speech once, in packets of 20 ms. Pure."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import numpy as np

from ..audio import g711
from ..audio.tone_bank import Pcm
from .person import Person

RATE: Final = 8000
FRAME: Final = RATE // 50
PEAK: Final = 8000
LAWS: Final[tuple[g711.Law, ...]] = ("PCMU", "PCMA")
BEEP, GAP = RATE * 80 // 1000, RATE * 120 // 1000
"""Samples of a character, and between two words, where a text is said as tones."""


class Speech:
    """Something that is said once: a recording or a text. Every packet of it is made here, so that
    none has to be while it is said."""

    __slots__ = ("_frames", "samples")

    def __init__(self, samples: Pcm) -> None:
        """`samples`: int16, 8 kHz."""
        self.samples = samples
        whole = np.concatenate([samples, np.zeros(-len(samples) % FRAME, np.int16)])
        self._frames = {law: _packets(law, whole) for law in LAWS}

    @property
    def seconds(self) -> float:
        """How long it takes to say."""
        return len(self.samples) / RATE

    def frame(self, law: g711.Law, number: int) -> bytes:
        """Its packet of that number, from 0 on; silence after its end."""
        frames = self._frames[law]
        return frames[number] if number < len(frames) else bytes([g711.SILENCE[law]]) * FRAME


class Mouth:
    """Says what it is told to in the codec that was agreed."""

    __slots__ = ("_frames", "_law", "_number", "_speech", "_tone", "person")

    def __init__(self, tone: float) -> None:
        """`tone`: Hz, 0 for silence."""
        self._tone = tone
        self._speech: Speech | None = None
        self.person: Person | None = None
        """Who speaks instead of all else."""
        self._law: g711.Law = "PCMU"
        self._frames: tuple[bytes, ...] = ()
        """One second of the tone; made when there is somebody to hear it."""
        self._number = 0

    def use(self, law: g711.Law) -> None:
        """Say it in this codec from now on."""
        if law != self._law or not self._frames:
            self._law = law
            self._frames = tone_frames(law, self._tone)

    def say(self, tone: float, speech: Speech | None = None, since: float = 0.0) -> None:
        """Say this from now on: the tone (Hz) or, where there is one, the speech, of which so many
        seconds have gone by."""
        self._tone, self._speech, self._number = tone, speech, round(since * RATE / FRAME)
        if self._frames:
            self._frames = tone_frames(self._law, tone)

    def next(self) -> bytes:
        """The next 20 ms."""
        number, self._number = self._number, self._number + 1
        if self.person is not None:
            return g711.encode(self._law, self.person.take(FRAME)).tobytes()
        if self._speech is not None:
            return self._speech.frame(self._law, number)
        return self._frames[number % len(self._frames)]


@lru_cache(maxsize=256)
def tone_frames(law: g711.Law, frequency: float) -> tuple[bytes, ...]:
    """One second of `frequency` (Hz, whole) in packets of 20 ms; silence for 0. Made once: all
    calls with a tone share it."""
    return tuple(_packets(law, _tone(frequency, RATE)))


def word_tones(text: str) -> Pcm:
    """A text as tones (int16, 8 kHz), for want of a voice: a tone for each word, as long as the
    word is, and another one for another word."""
    parts: list[Pcm] = []
    for word in text.split():
        frequency = 300 + 10 * (sum(map(ord, word)) % 100)
        parts += [_tone(frequency, BEEP * len(word)), np.zeros(GAP, np.int16)]
    return np.concatenate(parts) if parts else np.zeros(0, np.int16)


def _tone(frequency: float, samples: int) -> Pcm:
    time = np.arange(samples) / RATE
    return (np.sin(2 * np.pi * round(frequency) * time) * PEAK).astype(np.int16)


def _packets(law: g711.Law, samples: Pcm) -> list[bytes]:
    octets = g711.encode(law, samples).tobytes()
    return [octets[start : start + FRAME] for start in range(0, len(octets), FRAME)]
