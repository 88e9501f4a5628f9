"""What requests with an id brought is kept a day."""

from __future__ import annotations

from hookflash.base.idempotency import MAX_REMEMBERED, REMEMBERED, IdempotencyCache


def test_what_is_kept_and_what_is_not() -> None:
    memory: IdempotencyCache[str, int] = IdempotencyCache()
    memory.put("a", 1, 10.0)
    memory.put("b", 2, 11.0)
    memory.put("a", 3, 10.0)
    assert (memory.get("a"), memory.get("c")) == (3, None)
    memory.expire(10.0 + REMEMBERED)
    assert len(memory) == 2
    memory.expire(10.5 + REMEMBERED)
    assert (memory.get("a"), memory.get("b")) == (None, 2)
    memory.forget("b")
    memory.forget("c")
    assert not len(memory)


def test_a_key_that_comes_again_is_as_young_as_its_last_value() -> None:
    memory: IdempotencyCache[str, int] = IdempotencyCache()
    for number, key in enumerate("aba"):
        memory.put(key, number, 10.0 + number)
    memory.expire(11.5 + REMEMBERED)
    assert (memory.get("a"), memory.get("b")) == (2, None)


def test_there_is_a_limit() -> None:
    memory: IdempotencyCache[int, int] = IdempotencyCache()
    for number in range(MAX_REMEMBERED + 1):
        memory.put(number, number, 1.0)
    assert (len(memory), memory.get(0), memory.get(1)) == (MAX_REMEMBERED, None, 1)
