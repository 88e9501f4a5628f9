"""Phones that call each other: signalling, sound, transfers, without the exchange."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from hookflash.carrier.agent import CarrierError
from hookflash.carrier.call import CallState
from hookflash.carrier.network import Carrier
from hookflash.carrier.phone import Behaviour
from hookflash.sip.message import Request
from hookflash.sip.uri import Uri

ANNA, BERT = "+14150000001", "+14150000002"


def run(test: Callable[[Carrier], Awaitable[None]]) -> None:
    async def main() -> None:
        async with Carrier() as carrier:
            await test(carrier)

    asyncio.run(main())


def test_one_calls_the_other_and_hangs_up() -> None:
    async def test(carrier: Carrier) -> None:
        anna, bert = await carrier.phone(ANNA, name="Anna"), await carrier.phone(BERT, name="Bert")
        call = await anna.call(BERT)
        answered = await bert.called()
        assert (call.inbound, answered.inbound) == (False, True)
        assert (call.peer, answered.peer) == (BERT, ANNA)
        assert call.statuses == [100, 180, 200]
        await call.hang_up()
        await answered.ended()
        assert (call.ended_by, answered.ended_by) == ("phone", "peer")
        assert carrier.labels() == [
            *("INVITE", "100 Trying", "180 Ringing", "200 OK", "ACK"),
            *("BYE", "200 OK"),
        ]

    run(test)


def test_the_one_who_was_called_may_hang_up_too() -> None:
    async def test(carrier: Carrier) -> None:
        anna, bert = await carrier.phone(ANNA), await carrier.phone(BERT)
        call = await anna.call(BERT)
        await (await bert.called()).hang_up()
        await call.ended()
        assert call.ended_by == "peer"
        await call.hang_up()  # nothing to do

    run(test)


def test_a_refused_call_says_why() -> None:
    async def test(carrier: Carrier) -> None:
        anna = await carrier.phone(ANNA)
        await carrier.phone(BERT, behaviour=Behaviour(answer=486))
        with pytest.raises(CarrierError, match="486"):
            await anna.call(BERT)
        with pytest.raises(CarrierError, match="nobody has the number"):
            await anna.call("+1999")

    run(test)


def test_a_caller_gives_up() -> None:
    async def test(carrier: Carrier) -> None:
        anna = await carrier.phone(ANNA)
        bert = await carrier.phone(BERT, behaviour=Behaviour(answer=None))
        call = anna.place(Uri("tel", opaque=BERT))
        await carrier.seen("180 Ringing")
        with pytest.raises(CarrierError, match="not answered within"):
            await call.answered(within=0.05)
        await call.hang_up()
        await bert.calls[0].ended()
        assert bert.calls[0].ended_by == "peer"
        await carrier.seen("487 Request Terminated")

    run(test)


def test_somebody_called_declines_while_it_rings() -> None:
    async def test(carrier: Carrier) -> None:
        anna = await carrier.phone(ANNA)
        bert = await carrier.phone(BERT, behaviour=Behaviour(answer=None))
        call = anna.place(Uri("tel", opaque=BERT))
        await carrier.seen("180 Ringing")
        await bert.calls[0].hang_up()
        await call.ended()
        assert call.statuses[-1] == 603

    run(test)


def test_it_rings_for_a_while_before_it_answers() -> None:
    async def test(carrier: Carrier) -> None:
        anna = await carrier.phone(ANNA)
        await carrier.phone(BERT, behaviour=Behaviour(ring=0.05))
        assert (await anna.call(BERT)).state is CallState.UP

    run(test)


def test_tcp() -> None:
    async def test(carrier: Carrier) -> None:
        anna, bert = await carrier.phone(ANNA), await carrier.phone(BERT)
        call = await anna.call(BERT, transport="tcp")
        answered = await bert.called()
        assert {traced.message.top_via.transport for traced in carrier.trace} == {"TCP"}
        await answered.hang_up()
        await call.ended()

    run(test)


def test_what_is_outside_of_a_call() -> None:
    async def test(carrier: Carrier) -> None:
        anna, bert = await carrier.phone(ANNA), await carrier.phone(BERT)

        async def ask(method: str, to_tag: str = "") -> int:
            uri = Uri.sip(BERT, *bert.address)
            headers = [
                ("Max-Forwards", "70"),
                ("From", f"<sip:{ANNA}@127.0.0.1>;tag=a"),
                ("To", f"<{uri}>" + to_tag),
                ("Call-ID", f"c-{method}-{to_tag}"),
                ("CSeq", f"1 {method}"),
            ]
            request = Request(method, uri, headers)
            return (await anna.agent.send(request, anna.agent.flow_to(bert.address)).final).status

        assert await ask("OPTIONS") == 200
        assert await ask("REGISTER") == 405
        assert await ask("BYE", ";tag=unknown") == 481
        assert await ask("INVITE") == 400  # without a Contact
        with pytest.raises(CarrierError, match="nobody called"):
            await bert.called(within=0.01)

    run(test)


def test_what_fails_in_the_background_is_raised_at_the_end() -> None:
    async def test(carrier: Carrier) -> None:
        running = asyncio.Event()

        async def failing() -> None:
            running.set()
            raise CarrierError("in the background")

        (await carrier.phone(ANNA)).spawn(failing())
        await running.wait()

    with pytest.raises(CarrierError, match="in the background"):
        run(test)
