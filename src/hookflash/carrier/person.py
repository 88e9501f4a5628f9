"""A person at a telephone, who speaks and listens at the sound card of a terminal. Pure."""

from __future__ import annotations

from collections.abc import Callable

from ..audio.elastic_buffer import ElasticBuffer
from ..audio.tone_bank import Pcm


class Person:
    """What is said waits here for the clock of the call, in an `ElasticBuffer`; what is heard goes
    on at once. All samples are int16, 8 kHz."""

    def __init__(self, hears: Callable[[Pcm], None]) -> None:
        """`hears`: called with what is in each packet that the telephone hears."""
        self.hears = hears
        self._said = ElasticBuffer()

    def says(self, samples: Pcm) -> None:
        """The next that is said."""
        self._said.put(samples)

    def connected(self) -> None:
        """To somebody who has heard nothing of what was said before."""
        self._said.clear()

    def take(self, count: int) -> Pcm:
        """The next samples for the other side."""
        return self._said.take(count)
