"""Numbers, and the trace of all phones."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from hookflash.carrier.agent import CarrierError, Traced
from hookflash.carrier.network import Carrier, plain_number

ANNA, BERT = "+14150000001", "+14150000002"


def run(test: Callable[[Carrier], Awaitable[None]], seed: int | None = None) -> None:
    async def main() -> None:
        async with Carrier(seed=seed) as carrier:
            await test(carrier)

    asyncio.run(main())


def test_numbers_are_found_however_they_are_written() -> None:
    async def test(carrier: Carrier) -> None:
        anna = await carrier.phone("+1 (415) 000-0001")
        assert anna.number == ANNA
        assert str(anna) == ANNA
        assert carrier.locate("+1.415.000.0001") == anna.address
        assert carrier.phone_at(anna.address) is anna
        assert carrier.phone_at(("127.0.0.1", 1)) is None
        with pytest.raises(CarrierError, match="nobody has the number 911"):
            carrier.locate("911")
        with pytest.raises(CarrierError, match="taken"):
            await carrier.phone(ANNA)

    run(test)
    assert plain_number("+1-2.3 (4)") == "+1234"


def test_a_carrier_is_entered_first() -> None:
    with pytest.raises(CarrierError, match="async with"):
        asyncio.run(Carrier().phone(ANNA))


def test_a_message_between_two_phones_stands_once_in_the_trace() -> None:
    async def test(carrier: Carrier) -> None:
        seen: list[Traced] = []
        carrier.watch(seen.append)
        anna = await carrier.phone(ANNA)
        bert = await carrier.phone(BERT)
        await anna.call(BERT)
        await carrier.seen("ACK")
        assert carrier.labels() == ["INVITE", "100 Trying", "180 Ringing", "200 OK", "ACK"]
        assert seen == carrier.trace
        assert seen[0].at <= seen[-1].at <= carrier.now()
        assert (seen[0].sender, seen[0].receiver) == (anna.address, bert.address)
        with pytest.raises(CarrierError, match="no INVITE number 2"):
            await carrier.seen("INVITE", count=2, within=0.02)

    run(test)


def test_a_seed_makes_the_same_ids_again() -> None:
    ids: list[str] = []

    async def test(carrier: Carrier) -> None:
        anna = await carrier.phone(ANNA)
        await carrier.phone(BERT)
        await anna.call(BERT)
        ids.append(carrier.trace[0].message.call_id)

    run(test, seed=5)
    run(test, seed=5)
    assert ids[0] == ids[1]


def test_phones_are_switched_off_in_the_middle_of_a_call() -> None:
    async def main() -> None:
        async with Carrier() as carrier:
            anna = await carrier.phone(ANNA)
            bert = await carrier.phone(BERT)
            call = await anna.call(BERT)
        assert call.sound.closed
        assert bert.calls[0].sound.closed
        await call.ended()

    asyncio.run(main())
