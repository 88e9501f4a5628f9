"""Nobody need be left to hear how a request ended."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import pytest

from hookflash.base.errors import ApiError
from hookflash.runtime.requests import outcome


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
