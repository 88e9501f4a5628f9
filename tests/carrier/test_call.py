"""Calls between two phones: sound, keys, hold, and messages that get lost."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from hookflash.base.errors import SdpError
from hookflash.carrier.agent import CarrierError
from hookflash.carrier.call import SDP, CallState, CarrierCall
from hookflash.carrier.network import Carrier
from hookflash.carrier.phone import Behaviour
from hookflash.sip.message import Request, Response
from hookflash.sip.uri import Uri

ANNA, BERT = "+14150000001", "+14150000002"
Test = Callable[[Carrier, CarrierCall, CarrierCall], Awaitable[None]]


def run(test: Test, **settings: object) -> None:
    """With Anna (330 Hz) and Bert (550 Hz) in a call."""

    async def main() -> None:
        async with Carrier() as carrier:
            anna = await carrier.phone(ANNA, name="Anna", tone=330)
            bert = await carrier.phone(BERT, name="Bert", tone=550)
            call = await anna.call(BERT)
            await test(carrier, call, await bert.called())

    asyncio.run(main())


async def in_dialog(call: CarrierCall, method: str, body: bytes = b"") -> Response:
    """The answer to a request that a phone does not send by itself."""
    assert call.dialog is not None
    request, hop = call.dialog.make_request(method, (), body, SDP if body else None)
    agent = call.phone.agent
    return await agent.send(request, agent.flow_of(hop)).final


def test_another_step_than_those_of_the_table_is_a_mistake_of_ours() -> None:
    async def test(carrier: Carrier, anna: CarrierCall, bert: CarrierCall) -> None:
        with pytest.raises(AssertionError, match="up -> ringing"):
            anna._enter(CallState.RINGING)
        await anna.hang_up()
        with pytest.raises(AssertionError, match="ended -> up"):
            anna._enter(CallState.UP)
        anna.close()
        assert anna.state.value == "ended"

    run(test)


def test_each_hears_the_other() -> None:
    async def test(carrier: Carrier, anna: CarrierCall, bert: CarrierCall) -> None:
        assert await anna.hears(550) > 0
        await bert.hears(330)
        assert await anna.hears_anything() >= 0
        assert anna.sound.level(550) > 10 * anna.sound.level(330)
        with pytest.raises(CarrierError, match=r"Anna with \+14150000002: did not hear 660 Hz"):
            await anna.hears(660, within=0.05)

    run(test)


def test_keys() -> None:
    async def test(carrier: Carrier, anna: CarrierCall, bert: CarrierCall) -> None:
        await anna.press("1*")
        await bert.pressed("1*")
        assert bert.sound.digits == "1*"

    run(test)


def test_hold_and_resume() -> None:
    async def test(carrier: Carrier, anna: CarrierCall, bert: CarrierCall) -> None:
        await bert.hears(330)
        await anna.hold()
        assert bert.sound.plan is not None
        assert bert.sound.plan.held
        await anna.misses(550)
        await anna.resume()
        await anna.hears(550)
        await bert.received("ACK", count=3)

    run(test)


def test_a_refused_hold_leaves_all_as_it_was() -> None:
    async def test(carrier: Carrier, anna: CarrierCall, bert: CarrierCall) -> None:
        assert bert.dialog is not None
        bert.dialog.remote_cseq = 1000  # so that what comes now is out of order
        with pytest.raises(CarrierError, match="the re-INVITE was answered 500"):
            await anna.hold()
        await anna.hears(550)

    run(test)


def test_requests_within_the_call() -> None:
    async def test(carrier: Carrier, anna: CarrierCall, bert: CarrierCall) -> None:
        assert (await in_dialog(anna, "OPTIONS")).status == 200
        assert (await in_dialog(anna, "INFO")).status == 200
        assert (await in_dialog(anna, "UPDATE")).status == 200
        assert (await in_dialog(anna, "UPDATE", b"no SDP")).status == 400
        assert (await in_dialog(anna, "NOTIFY")).status == 481
        assert (await in_dialog(anna, "MESSAGE")).status == 405
        assert (await bert.received("MESSAGE")).method == "MESSAGE"
        with pytest.raises(CarrierError, match="no MESSAGE number 2"):
            await bert.received("MESSAGE", count=2, within=0.02)
        with pytest.raises(CarrierError, match="still up"):
            await bert.ended(within=0.02)

    run(test)


def test_an_invite_without_sdp_gets_an_offer() -> None:
    async def test(carrier: Carrier, anna: CarrierCall, bert: CarrierCall) -> None:
        assert anna.dialog is not None
        request, hop = anna.dialog.make_request("INVITE")
        agent = anna.phone.agent
        response = await agent.send(request, agent.flow_of(hop)).final
        assert response.content_type == SDP
        answer = anna.negotiator.answer(response.body)[0]
        ack, hop = anna.dialog.make_ack(request.cseq.number, body=answer)
        agent.send_ack(ack, agent.flow_of(hop))
        await bert.received("ACK", count=2)
        await anna.hears(550)

    run(test)


def test_a_200_is_repeated_until_its_ack_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async with Carrier() as carrier:
            anna, bert = await carrier.phone(ANNA), await carrier.phone(BERT)
            lost: list[Request] = []
            send_ack = anna.agent.send_ack
            monkeypatch.setattr(
                anna.agent,
                "send_ack",
                lambda ack, flow: send_ack(ack, flow) if lost else lost.append(ack),
            )
            await anna.call(BERT)
            await bert.called()
            assert carrier.labels().count("200 OK") == 2

    asyncio.run(main())


def test_a_200_that_nobody_confirms_ends_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async with Carrier() as carrier:
            anna, bert = await carrier.phone(ANNA), await carrier.phone(BERT)
            monkeypatch.setattr(anna.agent, "send_ack", lambda ack, flow: None)
            monkeypatch.setattr("hookflash.calls.legs.unacked.Unacked.over", lambda self, now: True)
            call = await anna.call(BERT)
            await call.ended()
            assert bert.calls[0].ended_by == "phone"

    asyncio.run(main())


def test_an_answer_without_sdp_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(body: bytes) -> None:
        raise SdpError("nothing in it")

    async def main() -> None:
        async with Carrier() as carrier:
            anna, bert = await carrier.phone(ANNA), await carrier.phone(BERT)
            call = anna.place(Uri("tel", opaque=BERT))
            monkeypatch.setattr(call.negotiator.__class__, "accept", lambda self, body: fail(body))
            with pytest.raises(CarrierError, match="not answered"):
                await call.answered()
            await carrier.seen("BYE")
            await bert.calls[0].ended()

    asyncio.run(main())


def test_no_common_codec() -> None:
    async def main() -> None:
        async with Carrier() as carrier:
            anna = await carrier.phone(ANNA, codecs=("PCMU",))
            bert = await carrier.phone(BERT, codecs=("PCMA",))
            with pytest.raises(CarrierError, match="488"):
                await anna.call(BERT)
            assert bert.calls[0].state is CallState.ENDED

    asyncio.run(main())


def test_a_cancel_that_crosses_the_200() -> None:
    async def main() -> None:
        async with Carrier() as carrier:
            anna = await carrier.phone(ANNA)
            bert = await carrier.phone(BERT, behaviour=Behaviour(answer=None))
            call = anna.place(Uri("tel", opaque=BERT))
            await carrier.seen("180 Ringing")
            bert.calls[0].answer(200)
            await call.hang_up()
            await carrier.seen("BYE")
            await bert.calls[0].ended()
            assert call.ended_by == "phone"

    asyncio.run(main())


def test_a_phone_that_was_switched_off_says_nothing_to_a_cancel() -> None:
    async def main() -> None:
        async with Carrier() as carrier:
            anna = await carrier.phone(ANNA)
            bert = await carrier.phone(BERT, behaviour=Behaviour(answer=None))
            call = anna.place(Uri("tel", opaque=BERT))
            await carrier.seen("180 Ringing")
            bert.calls[0].close()
            await call.hang_up()
            await carrier.seen("200 OK")  # of the CANCEL, by the transaction layer
            assert "487 Request Terminated" not in carrier.labels()
            assert bert.calls[0].ended_by == "phone"

    asyncio.run(main())


def test_what_comes_again_or_too_late_changes_nothing() -> None:
    async def test(carrier: Carrier, anna: CarrierCall, bert: CarrierCall) -> None:
        bert.answer(486)  # it is answered already
        assert anna.dialog is not None
        agent = anna.phone.agent
        again, hop = anna.dialog.make_ack(1)
        flow = agent.flow_of(hop)
        agent.send_ack(again, flow)
        await bert.received("ACK", count=2)
        stray, _ = anna.dialog.make_ack(1)
        stray.headers.set("To", f"<sip:{BERT}@127.0.0.1>;tag=other")
        agent.send_ack(stray, flow)
        assert (await in_dialog(anna, "OPTIONS")).status == 200
        assert len([r for r in bert.requests if r.method == "ACK"]) == 2
        assert (anna.state, bert.state) == (CallState.UP, CallState.UP)

    run(test)


def test_a_call_that_is_not_answered_cannot_be_held() -> None:
    async def main() -> None:
        async with Carrier() as carrier:
            anna = await carrier.phone(ANNA)
            await carrier.phone(BERT, behaviour=Behaviour(answer=None))
            call = anna.place(Uri("tel", opaque=BERT))
            with pytest.raises(CarrierError, match="there is no dialog"):
                await call.hold()

    asyncio.run(main())
