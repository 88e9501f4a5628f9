"""What a carrier tells, and who waits for it."""

from __future__ import annotations

import asyncio

import pytest
from tests.support.sip_messages import request_of

from hookflash.carrier.agent import CarrierError, Traced
from hookflash.carrier.conversation import Happened
from hookflash.carrier.news import KEPT, News


def test_the_last_thousand_are_kept_and_each_is_told() -> None:
    news = News()
    told: list[tuple[float, Happened]] = []
    news.watch(lambda at, what: told.append((at, what)), lambda _: None)
    for number in range(KEPT + 1):
        news.tell(float(number), Happened("ringing"))
    assert len(told) == KEPT + 1
    assert len(news.happenings) == KEPT
    assert news.happenings[0][0] == 1.0


def test_who_waits_is_woken_by_a_happening_and_by_a_message() -> None:
    async def check() -> None:
        news = News()
        asked = asyncio.Event()

        def traced() -> bool:
            asked.set()
            return len(news.trace) == 1

        late = asyncio.ensure_future(news.happened("ringing", 2, 5.0))
        waits = asyncio.ensure_future(news.until(traced))
        await asked.wait()
        news.tell(1.0, Happened("ringing", (("called", "one"),)))
        news.traced(
            Traced(2.0, ("127.0.0.1", 1), ("127.0.0.1", 2), request_of("OPTIONS"), sent=True)
        )
        await waits
        assert not late.done()
        news.tell(3.0, Happened("ringing", (("called", "two"),)))
        assert await late == {"called": "two"}

    asyncio.run(check())


def test_what_does_not_happen_is_an_error_that_says_what_did() -> None:
    async def check() -> None:
        news = News()
        news.tell(1.0, Happened("ringing"))
        with pytest.raises(CarrierError, match=r"no call_ended number 1 in 0\.01 s, but ringing"):
            await news.happened("call_ended", 1, 0.01)

    asyncio.run(check())
