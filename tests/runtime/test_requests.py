"""Nobody need be left to hear how it ended; what requests with an id brought is kept a day."""

from __future__ import annotations

import asyncio
import gc
import weakref
from typing import Any

import pytest

from hookflash.base.errors import ApiError
from hookflash.runtime.requests import (
    MAX_REMEMBERED,
    REMEMBERED,
    IdempotencyCache,
    heard,
    outcome,
)


def test_an_exception_that_nobody_hears_is_no_complaint_of_the_loop() -> None:
    async def check() -> list[dict[str, Any]]:
        complaints: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, what: complaints.append(what))
        heard, unheard, cancelled = outcome(), outcome(), outcome()
        cancelled.cancel()
        for future in (heard, unheard):
            future.set_exception(ApiError("aborted", "x"))
        with pytest.raises(ApiError):
            await heard
        del heard, unheard, cancelled, future
        gc.collect()
        return complaints

    assert asyncio.run(check()) == []


class Meant:
    """What a request is about."""


async def _wait(futures: asyncio.Queue[asyncio.Future[None]], ends: list[Any]) -> None:
    meant, future = Meant(), outcome()
    ends.append(weakref.ref(meant))
    futures.put_nowait(future)
    await heard(asyncio.shield(future))


def test_a_failure_that_is_kept_keeps_nothing_of_who_heard_it() -> None:
    async def check() -> tuple[list[asyncio.Future[None]], list[Any]]:
        futures: asyncio.Queue[asyncio.Future[None]] = asyncio.Queue()
        ends: list[Any] = []
        waiting = [asyncio.create_task(_wait(futures, ends)) for _ in range(2)]
        kept = [await futures.get() for _ in waiting]
        error = ApiError("aborted", "x", {"a": "b"})
        for future in kept:
            future.set_exception(error)
        for each in await asyncio.gather(*waiting, return_exceptions=True):
            assert isinstance(each, ApiError)
            assert (each.code, each.msg, each.meta) == ("aborted", "x", {"a": "b"})
        return kept, ends

    gc.disable()
    try:
        kept, ends = asyncio.run(check())
        failures = [future.exception() for future in kept]
        assert [failure and failure.__traceback__ for failure in failures] == [None, None]
        assert isinstance(failures[0], ApiError)
        assert [end() for end in ends] == [None, None]
    finally:
        gc.enable()


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
