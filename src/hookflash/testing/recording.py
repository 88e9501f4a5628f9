"""What a telephone has heard, for a test to look at or to keep."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from ..audio.tone_bank import Pcm
from ..carrier.speech import RATE
from ..carrier.wave_files import wave_bytes


class PhoneRecording:
    """From the answer of a call on; silence where nothing came."""

    rate: Final = RATE
    """Samples a second."""

    def __init__(self, samples: Pcm) -> None:
        self.samples = samples
        """int16, as a numpy array."""

    def __repr__(self) -> str:
        return f"<recording of {self.seconds:.1f} s>"

    @property
    def seconds(self) -> float:
        """How long it is."""
        return len(self.samples) / RATE

    def save(self, file: str | Path) -> None:
        """Write it as a WAV file; raises OSError."""
        Path(file).write_bytes(wave_bytes(self.samples))
