"""A buffer between two clocks."""

from __future__ import annotations

import weakref

import numpy as np
import pytest

from hookflash.audio.elastic_buffer import LIMIT, RATE, STEP, TARGET, ElasticBuffer
from hookflash.audio.tone_bank import Pcm

FRAME = RATE // 50


def numbered(start: int, count: int) -> Pcm:
    """Samples that say where they stand."""
    return np.arange(start, start + count, dtype=np.int16)


def test_what_comes_is_taken_in_its_order_once_there_is_enough() -> None:
    buffer = ElasticBuffer()
    buffer.put(numbered(1, TARGET - 1))
    assert not buffer.take(FRAME).any()
    buffer.put(numbered(TARGET, 1))
    taken = [buffer.take(100) for _ in range(TARGET // 100)]
    assert np.concatenate(taken).tolist() == numbered(1, TARGET // 100 * 100).tolist()
    assert len(buffer) == TARGET % 100


def test_more_may_be_taken_at_once_than_is_waited_for() -> None:
    buffer = ElasticBuffer()
    buffer.put(numbered(1, TARGET))
    assert not buffer.take(TARGET + 1).any()
    buffer.put(numbered(TARGET + 1, 1))
    assert buffer.take(TARGET + 1).tolist() == numbered(1, TARGET + 1).tolist()


def test_silence_where_nothing_is_until_there_is_enough_again() -> None:
    buffer = ElasticBuffer()
    buffer.put(numbered(1, TARGET))
    buffer.take(TARGET - 10)
    last = buffer.take(FRAME)
    assert last[:10].tolist() == numbered(TARGET - 9, 10).tolist()
    assert not last[10:].any()
    buffer.put(numbered(1, TARGET - 1))
    assert not buffer.take(FRAME).any()
    buffer.put(numbered(TARGET, 1))
    assert buffer.take(2).tolist() == [1, 2]


def test_what_comes_at_once_is_not_late_for_ever() -> None:
    buffer = ElasticBuffer()
    for start in range(1, LIMIT + 2, 100):
        buffer.put(numbered(start, 100))
    last = LIMIT + 100
    assert len(buffer) == TARGET
    assert buffer.take(3).tolist() == numbered(last - TARGET + 1, 3).tolist()


def test_what_was_to_come_is_forgotten() -> None:
    buffer = ElasticBuffer()
    buffer.put(numbered(1, TARGET))
    buffer.take(1)
    buffer.clear()
    assert len(buffer) == 0
    buffer.put(numbered(1, TARGET - 1))
    assert not buffer.take(FRAME).any()
    assert len(buffer) == TARGET - 1


def test_nothing_is_kept_of_what_is_empty() -> None:
    buffer = ElasticBuffer()
    empty = np.zeros(0, np.int16)
    kept = weakref.ref(empty)
    buffer.put(empty)
    del empty
    assert kept() is None
    assert len(buffer) == 0


def test_a_wait_that_nobody_needs_gets_shorter() -> None:
    """A burst, and both clocks go on alike."""
    buffer = ElasticBuffer()
    buffer.put(np.ones(LIMIT - FRAME, np.int16))
    rounds = 50 * (LIMIT - TARGET) // STEP
    for _ in range(rounds):
        buffer.put(np.ones(FRAME, np.int16))
        assert buffer.take(FRAME).all()
    assert TARGET <= len(buffer) < TARGET + STEP
    left_out = LIMIT - FRAME - len(buffer)
    assert left_out % STEP == 0


@pytest.mark.parametrize("faster", [1, -1])
def test_clocks_that_differ(faster: int) -> None:
    """By one sample of 160, which is more than any two cards do; for ten minutes."""
    buffer = ElasticBuffer()
    waits, taken = [], []
    rounds = 600 * 50
    for _ in range(rounds):
        buffer.put(np.ones(FRAME + faster, np.int16))
        taken.append(buffer.take(FRAME))
        waits.append(len(buffer))
    assert max(waits) < TARGET + 2 * STEP
    heard = np.concatenate(taken)
    left_out = rounds * (FRAME + faster) - np.count_nonzero(heard) - len(buffer)
    if faster > 0:
        assert heard[heard.argmax() :].all(), "no silence once the sound has begun"
        assert rounds - LIMIT <= left_out <= rounds
    else:
        assert left_out == 0
