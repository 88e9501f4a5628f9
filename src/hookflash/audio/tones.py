"""Call progress tones as endless cadences of 20 ms frames (transfer.md §6).

Every cadence is a whole number of periods of its frequencies, so one rendered cycle can be
repeated for ever without a jump of phase, and all legs share it.
"""

from __future__ import annotations

from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from ..base.light import light_dataclass

Pcm = NDArray[np.int16]
ToneName = Literal["ringing", "busy", "beep", "lone"]

HALF_SCALE: Final = 16383
_SOFT: Final = 1200
_RAMP_MS: Final = 4


@light_dataclass(frozen=True, slots=True)
class Cadence:
    """A tone: `frequencies` (Hz) together, on and off in turn by `pattern` (seconds, on first).

    `modulation`: Hz of an envelope that swings the level between nothing and full. `peak`: the
    loudest sample.
    """

    frequencies: tuple[int, ...]
    pattern: tuple[float, ...]
    modulation: int = 0
    peak: int = HALF_SCALE

    @property
    def seconds(self) -> float:
        """Length of one cycle."""
        return sum(self.pattern)


_RINGING: Final[dict[str, Cadence]] = {
    "ETSI": Cadence((425,), (1.0, 4.0)),
    "US": Cadence((440, 480), (2.0, 4.0)),
    "UK": Cadence((400, 450), (0.4, 0.2, 0.4, 2.0)),
    "JP": Cadence((400,), (1.0, 2.0), modulation=16),
    "AU": Cadence((400, 425, 450), (0.4, 0.2, 0.4, 2.0)),
}
_BUSY: Final[dict[str, Cadence]] = {
    "ETSI": Cadence((425,), (0.5, 0.5)),
    "US": Cadence((480, 620), (0.5, 0.5)),
    "UK": Cadence((400,), (0.375,) * 4),
    "JP": Cadence((400,), (0.5, 0.5)),
    "AU": Cadence((425,), (0.375,) * 8),
}
_BEEP: Final = Cadence((1400,), (0.2, 14.8), peak=8000)
LONE: Final = Cadence((440,), (0.25, 4.75), peak=_SOFT)
"""What a phone alone in a room hears under `--dev`: a soft beep every 5 s."""


def cadence(tone: ToneName, country: str = "ETSI") -> Cadence:
    """The cadence of `tone`; an unknown country sounds as ETSI."""
    if tone == "beep":
        return _BEEP
    if tone == "lone":
        return LONE
    table = _RINGING if tone == "ringing" else _BUSY
    return table.get(country.upper(), table["ETSI"])


def render(spec: Cadence, rate: int) -> Pcm:
    """One whole cycle at `rate` Hz, a whole number of 20 ms frames long."""
    length = round(spec.seconds * rate)
    time = np.arange(length) / rate
    wave = np.zeros(length)
    for frequency in spec.frequencies:
        wave += np.sin(2 * np.pi * frequency * time)
    wave /= len(spec.frequencies)
    if spec.modulation:
        wave *= (1 - np.cos(2 * np.pi * spec.modulation * time)) / 2
    return (wave * _envelope(spec, rate, length) * spec.peak).astype(np.int16)


def _envelope(spec: Cadence, rate: int, length: int) -> NDArray[np.float64]:
    """1 while the tone is on, 0 while off, with short slopes inside the on time (no clicks)."""
    gate = np.zeros(length)
    ramp = np.linspace(0, 1, rate * _RAMP_MS // 1000, endpoint=False)
    start = 0.0
    for index, part in enumerate(spec.pattern):
        if index % 2 == 0:
            first, last = round(start * rate), round((start + part) * rate)
            gate[first:last] = 1
            gate[first : first + len(ramp)] = ramp
            gate[last - len(ramp) : last] = ramp[::-1]
        start += part
    return gate


class ToneBook:
    """Rendered cycles, made when first needed and shared by all legs."""

    def __init__(self) -> None:
        self._cycles: dict[tuple[Cadence, int], Pcm] = {}

    def cycle(self, spec: Cadence, rate: int) -> Pcm:
        """The cycle of `spec` at `rate` Hz, read-only."""
        key = (spec, rate)
        found = self._cycles.get(key)
        if found is None:
            found = render(spec, rate)
            found.setflags(write=False)
            self._cycles[key] = found
        return found


class TonePlayer:
    """One leg's place in a tone."""

    __slots__ = ("_book", "_spec", "_ticks")

    def __init__(self, book: ToneBook, spec: Cadence) -> None:
        self._book = book
        self._spec = spec
        self._ticks = 0

    def frame(self, rate: int) -> Pcm:
        """The next 20 ms at `rate` Hz; the rate may change between frames."""
        cycle = self._book.cycle(self._spec, rate)
        size = rate // 50
        start = self._ticks * size % len(cycle)
        self._ticks += 1
        return cycle[start : start + size]
