"""What a telephone says: a tone all the time, or a speech once, 20 ms after 20 ms. Pure."""

from __future__ import annotations

from functools import lru_cache
from typing import Final, Literal

import numpy as np

from ..audio import g711
from ..audio.tone_bank import Pcm
from .person import Person

RATE: Final = 8000
FRAME: Final = RATE // 50
PEAK: Final = 8000
Form = g711.Law | Literal["linear"]
"""How what is said is written: as octets of G.711, or as samples (int16), for other codecs."""
OCTETS: Final[dict[Form, int]] = {"PCMU": 1, "PCMA": 1, "linear": 2}
"""Of each sample."""
LAWS: Final[tuple[g711.Law, ...]] = ("PCMU", "PCMA")
BEEP, GAP = RATE * 80 // 1000, RATE * 120 // 1000
"""Samples of a character, and between two words, where a text is said as tones."""


class Speech:
    """Something that is said once: a recording or a text. It is encoded here, as far as G.711 goes,
    so that it has not to be while it is said."""

    __slots__ = ("_frames", "_whole", "samples")

    def __init__(self, samples: Pcm) -> None:
        """`samples`: int16, 8 kHz."""
        self.samples = samples
        self._whole = np.concatenate([samples, np.zeros(-len(samples) % FRAME, np.int16)])
        self._frames = {law: _frames(law, self._whole) for law in LAWS}

    @property
    def seconds(self) -> float:
        """How long it takes to say."""
        return len(self.samples) / RATE

    def frame(self, form: Form, number: int) -> bytes:
        """Its 20 ms of that number, from 0 on; silence after its end."""
        if form == "linear":
            at = number * FRAME
            return self._whole[at : at + FRAME].tobytes() or bytes(2 * FRAME)
        frames = self._frames[form]
        return frames[number] if number < len(frames) else bytes([g711.SILENCE[form]]) * FRAME


class Mouth:
    """Says what it is told to in the form that is wanted."""

    __slots__ = ("_form", "_frames", "_number", "_speech", "_tone", "person")

    def __init__(self, tone: float) -> None:
        """`tone`: Hz, 0 for silence."""
        self._tone = tone
        self._speech: Speech | None = None
        self.person: Person | None = None
        """Who speaks instead of all else."""
        self._form: Form = "PCMU"
        self._frames: tuple[bytes, ...] = ()
        """One second of the tone; made when there is somebody to hear it."""
        self._number = 0

    def use(self, form: Form) -> None:
        """Say it in this form from now on."""
        if form != self._form or not self._frames:
            self._form = form
            self._frames = tone_frames(form, self._tone)

    def say(self, tone: float, speech: Speech | None = None, since: float = 0.0) -> None:
        """Say this from now on: the tone (Hz) or, where there is one, the speech, of which so many
        seconds have gone by."""
        self._tone, self._speech, self._number = tone, speech, round(since * RATE / FRAME)
        if self._frames:
            self._frames = tone_frames(self._form, tone)

    def next(self) -> bytes:
        """The next 20 ms."""
        number, self._number = self._number, self._number + 1
        if self.person is not None:
            return written(self._form, self.person.take(FRAME))
        if self._speech is not None:
            return self._speech.frame(self._form, number)
        return self._frames[number % len(self._frames)]


@lru_cache(maxsize=256)
def tone_frames(form: Form, frequency: float) -> tuple[bytes, ...]:
    """One second of `frequency` (Hz, whole), 20 ms after 20 ms; silence for 0. Made once: all
    calls with a tone share it."""
    return tuple(_frames(form, _tone(frequency, RATE)))


def written(form: Form, samples: Pcm) -> bytes:
    """Samples in a form."""
    return samples.tobytes() if form == "linear" else g711.encode(form, samples).tobytes()


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


def _frames(form: Form, samples: Pcm) -> list[bytes]:
    octets, size = written(form, samples), FRAME * OCTETS[form]
    return [octets[start : start + size] for start in range(0, len(octets), size)]
