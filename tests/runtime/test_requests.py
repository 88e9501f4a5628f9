"""Nobody need be left to hear how a request ended."""

from __future__ import annotations

import asyncio
import gc
import weakref
from typing import Any

import pytest

from hookflash.base.errors import ApiError
from hookflash.runtime.requests import heard, outcome


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
