"""A loop in a thread: used without a loop, from another one, and ended."""

from __future__ import annotations

import asyncio
import threading

import pytest

from hookflash.testing.loop_thread import LoopThread


async def where() -> str:
    return threading.current_thread().name


def test_it_is_used_from_anywhere() -> None:
    async def main(loop: LoopThread) -> str:
        return await loop.do(where())

    with LoopThread() as loop:
        assert loop.run(where()) == "hookflash"
        assert asyncio.run(main(loop)) == "hookflash"
        assert asyncio.run(main(loop)) == "hookflash"


def test_what_goes_wrong_there_is_raised_here() -> None:
    async def fails() -> None:
        raise KeyError("there")

    async def main(loop: LoopThread) -> None:
        await loop.do(fails())

    with LoopThread() as loop:
        with pytest.raises(KeyError, match="there"):
            loop.run(fails())
        with pytest.raises(KeyError, match="there"):
            asyncio.run(main(loop))


def test_who_gives_up_here_gives_up_there() -> None:
    ended = threading.Event()

    async def for_ever() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async def main(loop: LoopThread) -> None:
        async with asyncio.timeout(0.05):
            await loop.do(for_ever())

    with LoopThread() as loop:
        with pytest.raises(TimeoutError):
            asyncio.run(main(loop))
        assert ended.wait(5)


def test_at_its_end_all_is_cancelled() -> None:
    ended = threading.Event()
    began = threading.Event()

    async def for_ever() -> None:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async def begin() -> None:
        tasks.append(asyncio.get_running_loop().create_task(for_ever()))

    tasks: list[asyncio.Task[None]] = []
    with LoopThread() as loop:
        loop.run(begin())
        assert began.wait(5)
    assert ended.is_set()
    assert "hookflash" not in {thread.name for thread in threading.enumerate()}
