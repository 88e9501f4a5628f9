"""200 transfers while each datagram, either way, is lost with 5 %: SIPp loses them itself."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import pytest
from tests.interop.support.client import Client, Outcome
from tests.interop.support.exchange import Exchange
from tests.interop.support.lab import Lab
from tests.interop.support.sipp import (
    ENDED,
    Sipp,
    Step,
    answer,
    dial,
    exchange_hangs_up,
    notify,
    pause,
    step,
)
from tests.interop.support.webhook_receiver import Hooks

pytestmark = pytest.mark.interop

WAYS = ("lost (recv)", "lost (while sending)")
"""How SIPp's trace tells what it loses: of each some 80 in all."""
PATIENCE = 16000
"""Milliseconds in which SIPp goes on answering retransmissions: six of them all lost is 1e-7."""

ACCEPTED = (step("refer"), answer("202 Accepted"), pause(700), notify(2, "SIP/2.0 100 Trying"))
HANGS_UP = (pause(PATIENCE), step("bye_sent", cseq=9))
GROUPS: dict[str, tuple[int, tuple[Step, ...], tuple[str, int]]] = {
    "succeeded": (
        100,
        (
            *(*ACCEPTED, notify(3, "SIP/2.0 200 OK", state=ENDED, until="notify_ok_or_bye")),
            *exchange_hangs_up(PATIENCE),
        ),
        ("", 0),
    ),
    "refused": (
        50,
        (step("refer"), answer("603 Decline"), *HANGS_UP),
        ("permission_denied", 603),
    ),
    "rejected": (
        50,
        (*ACCEPTED, notify(3, "SIP/2.0 486 Busy Here", state=ENDED), *HANGS_UP),
        ("resource_exhausted", 486),
    ),
}


async def transfer_one(client: Client, room: str, identity: str) -> Outcome:
    await client.wait_active(room, identity, 30)
    return await client.transfer(room, identity, ringing_timeout=30)


async def run_group(
    lab: Lab, exchange: Exchange, verdict: str, number: str, lost: Counter[str]
) -> list[str]:
    """All callers of one kind; what went wrong, a line for each. What SIPp has lost is counted."""
    count, steps, expected = GROUPS[verdict]
    client = exchange.client
    trunk = await client.create_trunk(number)
    await client.create_rule(trunk, prefix=verdict)
    sipp = await Sipp.call(
        lab,
        exchange.address,
        (dial(), *steps),
        name=f"loss-{verdict}",
        number=number,
        prefix=f"{number}99",
        calls=count,
        rate=10,
        lost=5,
        within=75,
        options=("-default_behaviors", "all,-abortunexp"),
    )
    rooms = {f"{verdict}_{sipp.caller(call)}": sipp.identity(call) for call in range(1, count + 1)}
    outcomes = await asyncio.gather(
        *(transfer_one(client, room, identity) for room, identity in rooms.items())
    )
    wrong = []
    for room, outcome in zip(rooms, outcomes, strict=True):
        record = await client.record(room, outcome.transfer_id)
        if (outcome.code, outcome.sip_status) != expected or record["verdict"] != verdict:
            wrong.append(f"{room}: {outcome} {record}")
    await sipp.process.wait(90)
    for way in WAYS:
        lost[way] += sipp.messages().count(way)
    return wrong


async def scenario(folder: Path) -> None:
    async with Lab(folder) as lab:
        hooks = await Hooks.start(lab)
        exchange = await Exchange.start(lab, hooks=hooks.url, rtp_ports=500)
        lost: Counter[str] = Counter()
        groups = await asyncio.gather(
            *(
                run_group(lab, exchange, verdict, f"+155510{index}", lost)
                for index, verdict in enumerate(GROUPS)
            )
        )
        wrong = [line for group in groups for line in group]
        assert not wrong, "\n".join([f"{len(wrong)} of 200 transfers went wrong:", *wrong[:20]])
        assert all(lost[way] > 10 for way in WAYS), f"SIPp has hardly lost anything: {lost}"
        metrics = await exchange.metrics()
        assert metrics["hookflash_transfers_total"] == 200
        assert metrics["hookflash_transfers_succeeded_total"] == 100
        assert metrics['hookflash_transfers_failed_total{reason="STR_REJECTED"}'] == 100
        assert metrics["hookflash_transfers_active"] == 0
        assert len(hooks.named("sip_transfer_ended")) == 200
        await exchange.wait_idle()
        assert not exchange.complaints(), exchange.complaints()
        assert not hooks.faults, hooks.faults


def test_200_transfers_under_loss_get_the_right_verdict(tmp_path: Path) -> None:
    asyncio.run(scenario(tmp_path))
