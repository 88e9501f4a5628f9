"""kill -9 in the middle of a transfer: what the next start on the same data makes of it."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from livekit import api
from tests.interop.support.exchange import Exchange
from tests.interop.support.kamailio import Kamailio
from tests.interop.support.lab import Lab
from tests.interop.support.sipp import (
    ENDED,
    Sipp,
    Step,
    answer,
    dial,
    exchange_hangs_up,
    notify,
    step,
)
from tests.interop.support.waiting import wait_until

pytestmark = pytest.mark.interop

NUMBER = "+15550100"
ROOM = "desk"
UNTIL_TRYING = (step("refer"), answer("202 Accepted"), notify(2, "SIP/2.0 100 Trying"))
FINAL = notify(3, "SIP/2.0 200 OK", state=ENDED)


async def call(lab: Lab, exchange: Exchange, name: str, *steps: Step, by: str = "") -> Sipp:
    """A caller that is up when this returns; `by`: through that proxy."""
    sipp = await Sipp.call(
        lab,
        by or exchange.address,
        (dial(), *steps),
        name=name,
        number=NUMBER,
        prefix=name,
        within=40,
    )
    await exchange.client.wait_active(ROOM, sipp.identity())
    return sipp


async def transfer_that_breaks(exchange: Exchange, sipp: Sipp) -> None:
    """The request of a user whose server dies."""
    with pytest.raises((aiohttp.ClientError, api.TwirpError)):
        await exchange.client.transfer(ROOM, sipp.identity())


async def crash(exchange: Exchange, requests: list[asyncio.Task[None]]) -> list[dict[str, Any]]:
    """Kill it while its transfers are at 100 Trying, start it again; the stored transfers."""
    await exchange.process.kill()
    await asyncio.gather(*requests)
    await exchange.launch()
    return await exchange.client.records(ROOM)


async def both_are_trying(exchange: Exchange) -> bool:
    records = await exchange.client.records(ROOM)
    return [record["stages"][-1]["stage"] for record in records] == ["trying", "trying"]


async def outcome_is_known(exchange: Exchange) -> bool:
    """What the NOTIFY after the BYE told is in the record, next to the verdict."""
    records = await exchange.client.records(ROOM)
    return [record["late_success"] for record in records].count(True) == 1


async def scenario(folder: Path) -> None:
    async with Lab(folder) as lab:
        exchange = await Exchange.start(lab)
        client = exchange.client
        trunk = await client.create_trunk(NUMBER)
        rule = await client.create_rule(trunk, room=ROOM)
        proxy = await Kamailio.start(lab, "edge", f"sip:{exchange.address};transport=tcp")
        # Of the two that are being transferred one goes on to report after the BYE.
        hung_up = (step("bye_received"), step("bye_answered"))
        callers = await asyncio.gather(
            call(lab, exchange, "idle", *exchange_hangs_up()),
            call(lab, exchange, "reporting", *UNTIL_TRYING, *hung_up, FINAL),
            call(lab, exchange, "waiting", *UNTIL_TRYING, *exchange_hangs_up()),
            call(lab, exchange, "proxied", *exchange_hangs_up(), by=proxy.address),
        )
        requests = [
            asyncio.create_task(transfer_that_breaks(exchange, sipp)) for sipp in callers[1:3]
        ]
        await wait_until(lambda: both_are_trying(exchange), "both transfers are at 100 Trying")
        records = await crash(exchange, requests)
        assert [record["verdict"] for record in records] == ["interrupted"] * 2, records
        for sipp in callers:
            await sipp.succeed(5)
            number = re.search(r"CSeq: (\d+) BYE", sipp.messages())
            assert number is not None
            assert int(number[1]) >= 100, "the CSeq of the BYE may be one that was used before"
        assert proxy.loose("BYE") == 1, "the BYE left the recorded route"
        await wait_until(lambda: outcome_is_known(exchange), "the outcome told after the crash")
        trunks = await client.sdk.sip.list_inbound_trunk(api.ListSIPInboundTrunkRequest())
        assert [item.sip_trunk_id for item in trunks.items] == [trunk.sip_trunk_id]
        rules = await client.sdk.sip.list_dispatch_rule(api.ListSIPDispatchRuleRequest())
        assert [item.sip_dispatch_rule_id for item in rules.items] == [rule.sip_dispatch_rule_id]
        new = await call(lab, exchange, "new", *UNTIL_TRYING, FINAL, *exchange_hangs_up())
        outcome = await client.transfer(ROOM, new.identity())
        assert outcome.ok, outcome
        await new.succeed()
        assert not exchange.complaints(), exchange.complaints()


def test_calls_and_transfers_after_kill_9(tmp_path: Path) -> None:
    asyncio.run(scenario(tmp_path))
