"""Transfers of a load run by the API of a whole exchange."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from livekit import api
from tests.support.lab import KEY, NUMBER, SECRET, Lab, run

from hookflash.carrier.behaviour import Behaviour
from hookflash.carrier.load_verdicts import TransferTold
from hookflash.carrier.manners import CarrierManners
from hookflash.cli import load_transfers
from hookflash.cli.load_options import LoadAsked
from hookflash.cli.load_transfers import LOOKS, LoadTransfers, told_by, told_of

CALLERS = ("+14156000000", "+14156000001", "+14156000002")
TARGET = "+15105550123"


def play(
    test: Callable[[Lab, LoadTransfers], Awaitable[None]],
    *,
    room: str = "",
    behaviour: Behaviour | None = None,
    manners: CarrierManners | None = None,
    port: int = 0,
    rule: api.SIPDispatchRule | None = None,
) -> None:
    """With a target and three callers, each in a room of their own unless the rule is another."""
    individual = api.SIPDispatchRuleIndividual(room_prefix="load")
    rule = rule or api.SIPDispatchRule(dispatch_rule_individual=individual)
    info = api.SIPDispatchRuleInfo(name="lab", rule=rule)

    async def main(lab: Lab) -> None:
        await lab.trunk()
        await lab.api.sip.create_dispatch_rule(api.CreateSIPDispatchRuleRequest(dispatch_rule=info))
        await lab.carrier.phone(TARGET)
        for number in CALLERS:
            phone = await lab.carrier.phone(number, behaviour=behaviour)
            await phone.call(NUMBER, proxy=lab.sip)
        url = f"ws://127.0.0.1:{port or lab.server.http_port}"
        asked = LoadAsked([], [], "", url, KEY, SECRET)
        async with LoadTransfers(asked, manners or CarrierManners(), TARGET, room) as transfers:
            await test(lab, transfers)

    run(main, sip__answer="immediately")


def test_calls_are_found_by_their_numbers() -> None:
    """One look serves all of them; who is called by a number without its + is found too."""

    async def test(lab: Lab, transfers: LoadTransfers) -> None:
        asked = (transfers.transfer(number, NUMBER) for number in CALLERS)
        told = await asyncio.gather(*asked)
        assert [(one.done, one.seconds > 0) for one in told] == [(True, True)] * 3

    play(test)
    play(test, manners=CarrierManners(number_format="e164-without-plus"))


def test_nobody_has_the_number() -> None:
    async def test(lab: Lab, transfers: LoadTransfers) -> None:
        told = await transfers.transfer("+14156000009", NUMBER)
        assert told == TransferTold(False, "no participant has the number of the caller")

    assert LOOKS > 1
    play(test)


def test_a_room_that_is_known() -> None:
    """Nobody is looked for: the identity is the usual one."""

    async def test(lab: Lab, transfers: LoadTransfers) -> None:
        told = await transfers.transfer(CALLERS[0], NUMBER)
        assert told.done
        told = await transfers.transfer(CALLERS[0], "+15550000002")
        assert told.text == "not_found: participant does not exist"
        assert told.reason == "not_found"

    callee = api.SIPDispatchRuleCallee(room_prefix="load")
    rule = api.SIPDispatchRule(dispatch_rule_callee=callee)
    play(test, room="load_{called}", rule=rule)


def test_what_the_carrier_refuses() -> None:
    async def test(lab: Lab, transfers: LoadTransfers) -> None:
        told = await transfers.transfer(CALLERS[0], NUMBER)
        assert told == TransferTold(False, "603 Decline", "STR_REJECTED", 603)

    play(test, behaviour=Behaviour(refer=603))


@pytest.mark.parametrize("room", ["", "lobby"])
def test_nobody_answers(room: str) -> None:
    async def test(lab: Lab, transfers: LoadTransfers) -> None:
        asked = (transfers.transfer(number, NUMBER) for number in CALLERS)
        for told in await asyncio.gather(*asked):
            assert not told.done
            assert told.text.startswith("no answer from the API (Client")

    play(test, room=room, port=9)


@pytest.mark.parametrize("room", ["", "lobby"])
@pytest.mark.parametrize(
    ("status", "text"),
    [("200 OK", "no answer from the API ("), ("502 Bad Gateway", "unknown: HTTP 502")],
)
def test_somebody_else_answers(room: str, status: str, text: str) -> None:
    """A proxy, with a page of its own."""

    async def page(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        body = b"<html>\xff</html>"
        head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        writer.write(head.encode() + body)
        writer.close()

    async def main() -> None:
        async with await asyncio.start_server(page, "127.0.0.1", 0) as server:
            url = "http://{}:{}".format(*server.sockets[0].getsockname())
            asked = LoadAsked([], [], "", url, KEY, SECRET)
            async with LoadTransfers(asked, CarrierManners(), TARGET, room) as transfers:
                told = await transfers.transfer(CALLERS[0], NUMBER)
        assert not told.done
        assert told.text.startswith(text)

    asyncio.run(main())


def held(
    test: Callable[[LoadTransfers, asyncio.Queue[str], asyncio.Event], Awaitable[None]],
) -> None:
    """With an API that has no rooms, and says so when it is let: (transfers, what it is asked for,
    the leave)."""

    async def main() -> None:
        asked: asyncio.Queue[str] = asyncio.Queue()
        let = asyncio.Event()

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            head = await reader.readuntil(b"\r\n\r\n")
            asked.put_nowait(head.split()[1].decode())
            await let.wait()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            writer.close()

        async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
            url = "http://{}:{}".format(*server.sockets[0].getsockname())
            order = LoadAsked([], [], "", url, KEY, SECRET)
            async with LoadTransfers(order, CarrierManners(), TARGET, "") as transfers:
                await test(transfers, asked, let)
            let.set()

    asyncio.run(main())


def test_who_comes_while_rooms_are_looked_at_has_a_look_of_his_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """At once: only those who have been looked for wait for the next look."""
    monkeypatch.setattr(load_transfers, "LOOKS", 1)
    monkeypatch.setattr(load_transfers, "PAUSE", 60.0)

    async def test(transfers: LoadTransfers, asked: asyncio.Queue[str], let: asyncio.Event) -> None:
        first = asyncio.ensure_future(transfers.transfer(CALLERS[0], NUMBER))
        assert (await asked.get()).endswith("ListRooms")
        second = asyncio.ensure_future(transfers.transfer(CALLERS[1], NUMBER))
        loop = asyncio.get_running_loop()
        loop.call_soon(let.set)
        for one in (first, second):
            assert not (await one).done
        assert (await asked.get()).endswith("ListRooms")

    held(test)


def test_who_has_gone_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load_transfers, "LOOKS", 1)

    async def test(transfers: LoadTransfers, asked: asyncio.Queue[str], let: asyncio.Event) -> None:
        gone = asyncio.ensure_future(transfers.transfer(CALLERS[0], NUMBER))
        await asked.get()
        gone.cancel()
        await asyncio.gather(gone, return_exceptions=True)
        let.set()
        assert not (await transfers.transfer(CALLERS[1], NUMBER)).done

    held(test)


def test_the_end_comes_while_rooms_are_looked_at() -> None:
    async def test(transfers: LoadTransfers, asked: asyncio.Queue[str], let: asyncio.Event) -> None:
        gone = asyncio.ensure_future(transfers.transfer(CALLERS[0], NUMBER))
        await asked.get()
        gone.cancel()

    held(test)


def test_what_answers_say() -> None:
    """Of Hookflash, of a server that knows no status, and of one that did not transfer."""
    status = api.SIPTransferStatus
    done = api.TransferSIPParticipantResponse(status=status.STS_TRANSFER_SUCCESSFUL)
    assert told_by(done, 2.0) == TransferTold(True, seconds=2.0)
    assert told_by(api.TransferSIPParticipantResponse(), 2.0) == TransferTold(True, seconds=2.0)
    failed = api.TransferSIPParticipantResponse(
        status=status.STS_TRANSFER_FAILED, reason=api.SIPTransferReason.STR_REJECTED
    )
    assert told_by(failed, 2.0) == TransferTold(
        False, "STS_TRANSFER_FAILED, STR_REJECTED", "STR_REJECTED"
    )


def test_an_error_without_words_of_sip() -> None:
    error = api.TwirpError("unauthenticated", "no\npermission", status=401)
    assert told_of(error) == TransferTold(
        False, "unauthenticated: no\\npermission", "unauthenticated"
    )
