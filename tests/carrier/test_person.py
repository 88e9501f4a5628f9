"""A person at a telephone."""

from __future__ import annotations

import numpy as np

from hookflash.audio.elastic_buffer import TARGET
from hookflash.audio.tone_bank import Pcm
from hookflash.carrier.person import Person
from hookflash.carrier.speech import FRAME


def test_what_is_said_waits_for_the_clock_of_the_call() -> None:
    heard: list[Pcm] = []
    person = Person(heard.append)
    person.says(np.ones(TARGET - 1, np.int16))
    assert not person.take(FRAME).any()
    person.says(np.ones(1, np.int16))
    assert person.take(FRAME).tolist() == [1] * FRAME
    assert heard == []


def test_nobody_hears_what_was_said_before() -> None:
    person = Person(lambda _: None)
    person.says(np.ones(TARGET, np.int16))
    person.connected()
    person.says(np.full(TARGET, 2, np.int16))
    assert person.take(FRAME).tolist() == [2] * FRAME
