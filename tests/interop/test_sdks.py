"""Releases of the official Python SDK against one exchange, each doing what its users do."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from tests.interop.support.exchange import Exchange
from tests.interop.support.lab import Lab
from tests.interop.support.sdks import Sdk
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
from tests.interop.support.webhook_receiver import KEY, SECRET, Hooks

pytestmark = pytest.mark.interop

VERSIONS = ("1.2.2", "1.0.7", "0.8.2")
ACCEPTS = (
    *(dial(), step("refer"), answer("202 Accepted"), notify(2, "SIP/2.0 100 Trying")),
    *(notify(3, "SIP/2.0 200 OK", state=ENDED), *exchange_hangs_up()),
)
DECLINES = (
    *(dial(), step("refer"), answer("603 Decline")),
    *(pause(500), step("bye_sent", cseq=2)),
)


async def transferred(
    lab: Lab, exchange: Exchange, sdk: Sdk, number: str, prefix: str, steps: tuple[Step, ...]
) -> dict[str, Any]:
    """A call that the SDK transfers; what the SDK returned or raised."""
    sipp = await Sipp.call(
        lab,
        exchange.address,
        steps,
        name=f"{prefix}-{sdk.version}",
        number=number,
        prefix=prefix,
    )
    room = f"room-{sdk.version}"
    await exchange.client.wait_active(room, sipp.identity())
    user = await sdk.user("transfer", exchange.url, KEY, SECRET, room, sipp.identity())
    await sipp.succeed()
    return user


async def use(lab: Lab, exchange: Exchange, sdk: Sdk, number: str) -> None:
    """Trunk, rule, list, a transfer that succeeds and one that is declined."""
    room = f"room-{sdk.version}"
    made = await sdk.user("prepare", exchange.url, KEY, SECRET, number, room)
    assert made["trunk"] in made["trunks"]
    assert made["rule"] in made["rules"]
    assert made["name"] == f"trunk of {room}"
    accepted, declined = await asyncio.gather(
        transferred(lab, exchange, sdk, number, "accepts", ACCEPTS),
        transferred(lab, exchange, sdk, number, "declines", DECLINES),
    )
    record = await exchange.client.record(room, accepted["transfer_id"])
    assert (record["verdict"], record["refer_to"]) == ("succeeded", "<tel:+15105550100>")
    assert declined["code"] == "permission_denied", declined
    assert "sip status: 603: Decline" in declined["message"]
    if sdk.version != "0.8.2":  # which drops the metadata
        assert declined["metadata"]["sip_status_code"] == "603"
    if sdk.version == "1.2.2":
        assert declined["error"] == "SipCallError"


async def scenario(folder: Path) -> None:
    sdks = await asyncio.gather(*(Sdk.install(version) for version in VERSIONS))
    async with Lab(folder) as lab:
        hooks = await Hooks.start(lab)
        exchange = await Exchange.start(lab, hooks=hooks.url)
        numbers = [f"+1555010{index}" for index in range(len(sdks))]
        await asyncio.gather(
            *(use(lab, exchange, sdk, number) for sdk, number in zip(sdks, numbers, strict=True))
        )
        for sdk in sdks:
            room = f"room-{sdk.version}"
            await hooks.wait("room_finished", room=room, within=30)
        file = lab.path("hooks.jsonl")
        lines = [json.dumps({"body": hook.body, "token": hook.token}) for hook in hooks.all]
        file.write_text("\n".join(lines), "utf-8")
        verified = await asyncio.gather(*(sdk.user("verify", KEY, SECRET, file) for sdk in sdks))
        for result in verified:
            assert result["events"] == [hook.name for hook in hooks.all]
        assert not hooks.faults, hooks.faults
        assert not exchange.complaints(), exchange.complaints()


def test_releases_of_the_sdk(tmp_path: Path) -> None:
    asyncio.run(scenario(tmp_path))
