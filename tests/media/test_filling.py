"""A source that is forwarded says nothing: its sink gets silence."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from tests.support.studio import Studio

from hookflash.media.filling import FILL_AFTER, Filling
from hookflash.media.sink import Route


@pytest.fixture
def studio() -> Iterator[Studio]:
    studio = Studio()
    yield studio
    studio.close()


def test_only_after_a_while_and_only_where_packets_are_forwarded(studio: Studio) -> None:
    ann, bob = studio.phone(), studio.phone()
    ann.say()
    filling, sink, now = Filling(), bob.stream.sink, studio.clock.now()
    bob.clear()
    filling.check([sink], now + FILL_AFTER - 0.01)
    filling.tick(now + FILL_AFTER - 0.01)
    assert bob.heard == []
    filling.check([sink], now + FILL_AFTER + 0.01)
    for tick in range(5):
        filling.tick(now + 0.2 + tick * 0.02)
    assert len(bob.heard) == 5
    assert np.abs(bob.sound()).max() < 20
    assert bob.heard[0].marker
    bob.stream.play("busy")
    assert bob.route() is Route.OWN_SOUND
    filling.tick(now + 0.5)
    assert len(bob.heard) == 5
    assert not bob.stream.sender.filling


def test_one_that_is_closed_gets_nothing_more(studio: Studio) -> None:
    _ann, bob = studio.phone(), studio.phone()
    filling, sink = Filling(), bob.stream.sink
    filling.forget(sink)
    filling.check([sink], studio.clock.now() + 1)
    filling.forget(sink)
    filling.tick(studio.clock.now() + 1.02)
    assert bob.heard == []
