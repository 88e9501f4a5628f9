"""A phone that is transferred, and each way in which that may go wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from hookflash.carrier.agent import CarrierError
from hookflash.carrier.call import CallState, CarrierCall
from hookflash.carrier.network import Carrier
from hookflash.carrier.phone import Behaviour
from hookflash.sip.message import Request
from hookflash.sip.refer import parse_fragment

ANNA, BERT, CARL = "+14150000001", "+14150000002", "+14150000003"
Test = Callable[[Carrier, CarrierCall, CarrierCall], Awaitable[None]]


def run(test: Test, behaviour: Behaviour | None = None, target: Behaviour | None = None) -> None:
    """Anna calls Bert, who is going to transfer her to Carl; Anna behaves so."""

    async def main() -> None:
        async with Carrier() as carrier:
            anna = await carrier.phone(ANNA, name="Anna", tone=330, behaviour=behaviour)
            bert = await carrier.phone(BERT, name="Bert", tone=550)
            await carrier.phone(CARL, name="Carl", tone=1000, behaviour=target)
            call = await anna.call(BERT)
            await test(carrier, call, await bert.called())

    asyncio.run(main())


def told(request: Request) -> tuple[int, str]:
    """(status, Subscription-State) of a NOTIFY."""
    fragment = parse_fragment(request.body)
    assert fragment is not None
    return fragment.status, (request.header("Subscription-State") or "").partition(";")[0]


def test_a_transfer() -> None:
    async def test(carrier: Carrier, anna: CarrierCall, bert: CarrierCall) -> None:
        assert await bert.refer(f"tel:{CARL}") == 202
        last = await bert.received("NOTIFY", count=3)
        news = [told(r) for r in bert.requests if r.method == "NOTIFY"]
        assert news == [(100, "active"), (180, "active"), (200, "terminated")]
        assert last.header("Event") == "refer"
        assert last.content_type == "message/sipfrag"
        await bert.hang_up()
        await anna.ended()
        carl = await carrier.phones[CARL].called()
        await carl.hears(330)
        referral = anna.referrals[0]
        assert referral.new_call is not None
        await referral.new_call.hears(1000)
        assert referral.notified == [(100, 200), (180, 200), (200, 200)]
        assert referral.refer_to == f"<tel:{CARL}>"

    run(test)


def test_the_target_declines() -> None:
    async def test(carrier: Carrier, anna: CarrierCall, bert: CarrierCall) -> None:
        await bert.refer(f"sip:{CARL}@carrier.example")
        assert told(await bert.received("NOTIFY", count=2)) == (486, "terminated")
        assert anna.state is CallState.UP
        # A second REFER is named by its CSeq.
        assert await bert.refer(f"sip:{CARL}@carrier.example") == 202
        again = await bert.received("NOTIFY", count=4)
        assert bert.dialog is not None
        event = again.header("Event")
        assert event == f"refer;id={anna.referrals[1].request.cseq.number}"

    run(test, target=Behaviour(answer=486))


def test_nobody_has_that_number() -> None:
    async def test(carrier: Carrier, anna: CarrierCall, bert: CarrierCall) -> None:
        assert await bert.refer("tel:+1999") == 202
        assert told(await bert.received("NOTIFY", count=2)) == (404, "terminated")

    run(test)


@pytest.mark.parametrize("status", [603, 405, 500])
def test_refused(status: int) -> None:
    async def test(carrier: Carrier, anna: CarrierCall, bert: CarrierCall) -> None:
        assert await bert.refer(f"tel:{CARL}") == status
        assert not anna.referrals[0].notified

    run(test, Behaviour(refer=status))


def test_a_refer_that_says_nothing() -> None:
    async def test(carrier: Carrier, anna: CarrierCall, bert: CarrierCall) -> None:
        assert await bert.refer("not a URI") == 400

    run(test)


def test_a_refer_to_nobody() -> None:
    async def test(carrier: Carrier, anna: CarrierCall, bert: CarrierCall) -> None:
        assert bert.dialog is not None
        request, hop = bert.dialog.make_request("REFER")
        agent = bert.phone.agent
        assert (await agent.send(request, agent.flow_of(hop)).final).status == 400
        assert anna.referrals[0].refer_to == ""

    run(test)


def test_the_target_learns_who_sent_the_caller() -> None:
    async def test(carrier: Carrier, anna: CarrierCall, bert: CarrierCall) -> None:
        assert bert.dialog is not None
        headers = [("Refer-To", f"<tel:{CARL}>"), ("Referred-By", f"<sip:{BERT}@127.0.0.1>")]
        request, hop = bert.dialog.make_request("REFER", headers)
        agent = bert.phone.agent
        assert (await agent.send(request, agent.flow_of(hop)).final).status == 202
        invite = (await carrier.seen("INVITE", count=2)).message
        assert invite.header("Referred-By") == f"<sip:{BERT}@127.0.0.1>"

    run(test)


def test_silence() -> None:
    async def test(carrier: Carrier, anna: CarrierCall, bert: CarrierCall) -> None:
        asking = asyncio.ensure_future(bert.refer(f"tel:{CARL}"))
        await anna.received("REFER")
        await anna.hears(550)
        assert not asking.done()
        asking.cancel()

    run(test, Behaviour(refer=None))


def test_accepted_and_never_a_word_of_it() -> None:
    async def test(carrier: Carrier, anna: CarrierCall, bert: CarrierCall) -> None:
        assert await bert.refer(f"tel:{CARL}") == 202
        with pytest.raises(CarrierError, match="no NOTIFY"):
            await bert.received("NOTIFY", within=0.1)

    run(test, Behaviour(notify=()))


def test_any_news_that_one_likes() -> None:
    async def test(carrier: Carrier, anna: CarrierCall, bert: CarrierCall) -> None:
        await bert.refer(f"tel:{CARL}")
        assert told(await bert.received("NOTIFY", count=2)) == (603, "terminated")
        assert anna.referrals[0].new_call is None

    run(test, Behaviour(notify=(183, 603)))


def test_news_before_the_answer() -> None:
    async def test(carrier: Carrier, anna: CarrierCall, bert: CarrierCall) -> None:
        await bert.refer(f"tel:{CARL}")
        await bert.received("NOTIFY", count=3)
        labels = carrier.labels()
        assert labels.index("NOTIFY 100 Trying") < labels.index("202 Accepted")
        assert labels.count("NOTIFY 100 Trying") == 1

    run(test, Behaviour(notify_early=True))


def test_bye_in_the_middle() -> None:
    async def test(carrier: Carrier, anna: CarrierCall, bert: CarrierCall) -> None:
        await bert.refer(f"tel:{CARL}")
        await bert.ended()
        assert bert.ended_by == "peer"

    run(test, Behaviour(hang_up=True, notify=()))
