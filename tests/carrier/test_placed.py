"""A call that is awaited, and one that is entered."""

from __future__ import annotations

import asyncio

import pytest

from hookflash.carrier.agent import CarrierError
from hookflash.carrier.call import CallState
from hookflash.carrier.network import Carrier
from hookflash.carrier.phone import Behaviour

CALLER, CALLED = "+14150000001", "+15550000100"


def test_a_call_that_is_entered_is_hung_up_on_at_the_end() -> None:
    async def main() -> None:
        async with Carrier(seed=1) as carrier:
            phone = await carrier.phone(CALLER, tone=330)
            called = await carrier.phone(CALLED, tone=440)
            async with phone.call(CALLED) as call:
                await call.hears(440)
                await (await called.called()).hears(330)
            assert (call.state, call.ended_by) == (CallState.ENDED, "phone")
            call = await asyncio.create_task(phone.call(CALLED))
            assert call.state is CallState.UP
            with pytest.raises(KeyError):
                async with phone.call(CALLED) as other:
                    raise KeyError
            assert other.state is CallState.ENDED
            called.behaviour = Behaviour(answer=None)
            task = asyncio.create_task(phone.call(CALLED))
            await carrier.seen("180 Ringing", 4)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            phone.call(CALLED).close()
            begun = phone.call(CALLED)
            begun.send(None)
            begun.close()
            called.behaviour = Behaviour(answer=486)
            with pytest.raises(CarrierError, match="486"):
                async with phone.call(CALLED):
                    pass

    asyncio.run(main())
