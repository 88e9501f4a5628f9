"""What a test does with telephones."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine

import pytest

from hookflash.carrier.agent import CarrierError
from hookflash.testing.carrier import CALLER, RunningCarrier
from hookflash.testing.exchange import RunningExchange

OTHER, SILENT, MENU, TARGET = "+15105550123", "+15105550126", "+15105550130", "+15105550123"


def play(test: Callable[[RunningCarrier], Coroutine[None, None, None]]) -> None:
    with RunningExchange() as exchange, RunningCarrier(exchange) as carrier:
        asyncio.run(test(carrier))


def test_two_telephones() -> None:
    async def test(carrier: RunningCarrier) -> None:
        phone, other = carrier.phones[CALLER], carrier.phones[OTHER]
        assert repr(phone) == f"<telephone {CALLER}>"
        async with phone.call(OTHER) as call:
            assert repr(call) == f"<call of {CALLER}>"
            await call.hears(1000)
            await call.hears_anything()
            called = await other.talks()
            await called.hears(330)
            await call.say(500)
            await called.hears(500)
            await called.misses(330)
            await call.press("12#")
            await called.pressed("12#")
            assert not call.over
        assert call.over
        await called.ended()
        assert await other.rings() == CALLER
        async with phone.call(OTHER) as call:
            assert await other.rings(2) == CALLER
            await (await other.talks()).hang_up()
            await call.ended()
            await call.hang_up()

    play(test)


def test_a_call_follows_its_telephone() -> None:
    """A menu puts the caller through: what is heard then comes from elsewhere."""

    async def test(carrier: RunningCarrier) -> None:
        async with carrier.phones[CALLER].call(MENU) as call:
            await call.hears(700)
            await call.press("1")
            await call.hears(1000)
            await call.misses(700)
            await carrier.phones[TARGET].hears(330)

    play(test)


def test_what_does_not_happen_is_said() -> None:
    async def test(carrier: RunningCarrier) -> None:
        phone, other = carrier.phones[CALLER], carrier.phones[OTHER]
        with pytest.raises(CarrierError, match=r"\+15105550126 has not answered within 0\.2 s"):
            await phone.call(SILENT, within=0.2)
        with pytest.raises(CarrierError, match="has not answered, but 404"):
            await phone.call("+1999")
        with pytest.raises(CarrierError, match=r"is in no call after 0\.01 s"):
            await other.talks(within=0.01)
        with pytest.raises(CarrierError, match=r"has not rung within 0\.01 s"):
            await other.rings(within=0.01)
        async with phone.call(OTHER) as call:
            await call.hears(1000)
            for wait, text in (
                (call.hears(600, within=0.05), r"does not hear 600 Hz within 0\.05 s, but 1000 Hz"),
                (call.misses(1000, within=0.05), "still hears 1000 Hz"),
                (call.pressed("9", within=0.05), "got no keys 9"),
                (call.ended(within=0.05), "is still in its call"),
            ):
                with pytest.raises(CarrierError, match=text):
                    await wait
            called = await other.talks()
            await called.say(0)
            await call.misses(1000)
            with pytest.raises(CarrierError, match=r"hears nothing within 0\.05 s, but silence"):
                await call.hears_anything(within=0.05)
        for wait in (call.hears(1000), call.hears_anything()):
            with pytest.raises(CarrierError, match="its call is over"):
                await wait
        await call.misses(1000)

    play(test)
