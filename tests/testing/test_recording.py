"""What a telephone has heard, in the hands of a test."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hookflash.carrier.wave_files import read_wave
from hookflash.testing.recording import PhoneRecording


def test_it_can_be_looked_at_and_kept(tmp_path: Path) -> None:
    one = PhoneRecording(np.arange(4000, dtype=np.int16))
    assert (one.seconds, one.rate) == (0.5, 8000)
    assert repr(one) == "<recording of 0.5 s>"
    one.save(str(tmp_path / "heard.wav"))
    assert np.array_equal(read_wave("", (tmp_path / "heard.wav").read_bytes()), one.samples)
