"""What one sink is played by itself: tones, recordings, digits."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ..audio.dtmf_tones import digit_tone
from ..audio.resample import resample_whole
from ..audio.tones import LONE, ToneBook, ToneName, TonePlayer, cadence
from ..rtp.dtmf import EventSender, EventStep

Pcm = NDArray[np.int16]


class Prompt:
    """A recording on its way to one sink."""

    __slots__ = ("_at", "_lines", "_rate", "_samples", "on_done")

    def __init__(self, samples: Pcm, rate: int, on_done: Callable[[], None] | None) -> None:
        self._samples = samples
        self._rate = rate
        self._at = 0.0
        self._lines: dict[int, Pcm] = {rate: samples}
        self.on_done = on_done

    @property
    def over(self) -> bool:
        """True when all has been played."""
        return self._at * self._rate >= len(self._samples)

    def frame(self, rate: int) -> Pcm:
        """The next 20 ms at `rate` Hz, silence after the end."""
        line = self._lines.get(rate)
        if line is None:
            line = self._lines[rate] = resample_whole(self._samples, self._rate, rate)
        start = round(self._at * rate)
        size = rate // 50
        self._at += 0.02
        part = line[start : start + size]
        return part if len(part) == size else np.pad(part, (0, size - len(part)))


class Player:
    """A tone or recordings instead of the room; telephone-events in between."""

    __slots__ = ("_digits", "_lone", "_prompts", "_tone", "_tones")

    def __init__(self, tones: ToneBook) -> None:
        self._tones = tones
        self._tone: TonePlayer | None = None
        self._lone: TonePlayer | None = None
        self._prompts: list[Prompt] = []
        self._digits: EventSender | None = None

    @property
    def sound(self) -> Prompt | TonePlayer | None:
        """What is heard instead of the room, if anything."""
        return self._prompts[0] if self._prompts else self._tone or self._lone

    @property
    def pressing(self) -> bool:
        """Digits are on their way as telephone-events."""
        return self._digits is not None and self._digits.active

    # --- tones and recordings -------------------------------------------------------------------

    def play(self, tone: ToneName, country: str = "ETSI") -> None:
        """This tone, from its beginning."""
        self._tone = TonePlayer(self._tones, cadence(tone, country))

    def stop_tone(self) -> bool:
        """No tone any more; False where there was none."""
        tone, self._tone = self._tone, None
        return tone is not None

    def set_lone(self, *, alone: bool) -> None:
        """Start or end the soft beep of a phone alone; beneath any other sound."""
        if not alone:
            self._lone = None
        elif self._lone is None:
            self._lone = TonePlayer(self._tones, LONE)

    def play_pcm(self, samples: Pcm, rate: int, on_done: Callable[[], None] | None) -> None:
        """A recording (mono int16), after those that already wait."""
        self._prompts.append(Prompt(samples, rate, on_done))

    def stop_pcm(self) -> bool:
        """Drop all recordings, without their `on_done`; False where there was none."""
        some = bool(self._prompts)
        self._prompts.clear()
        return some

    def finished(self) -> Prompt | None:
        """After a frame: the recording that is over with it, if one is."""
        if self._prompts and self._prompts[0].over:
            return self._prompts.pop(0)
        return None

    # --- digits ---------------------------------------------------------------------------------

    def press(self, digits: str, on_ms: int, off_ms: int, clock: int, *, as_sound: bool) -> None:
        """Digits (`w`: 500 ms pause) as telephone-events, whose clock rate is `clock` Hz, or as
        sound."""
        if self._digits is None:
            self._digits = EventSender(clock)
        self._digits.add(digits, on_ms, off_ms)
        if as_sound:
            self._sound_digits(self._digits)

    def _sound_digits(self, events: EventSender) -> None:
        while (order := events.next_digit()) is not None:
            digit, on_ms, off_ms = order
            parts = [digit_tone(digit, on_ms, 8000)] if digit else []
            parts.append(np.zeros(off_ms * 8, np.int16))
            self._prompts.append(Prompt(np.concatenate(parts), 8000, None))

    def event(self) -> EventStep | None:
        """20 ms pass: the telephone-event that goes out in them instead of sound."""
        return self._digits.tick() if self._digits is not None else None

    def pressed(self) -> bool:
        """After a frame: True once when the digits are over with it."""
        if self._digits is None or self._digits.active:
            return False
        self._digits = None
        return True
