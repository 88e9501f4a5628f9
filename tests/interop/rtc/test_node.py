"""LiveKit's SDK for Node.js, unmodified, with a telephone and with a client of another language."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from livekit.protocol.models import DisconnectReason as Reason
from tests.interop.support.client_checks import check_client
from tests.interop.support.process import Process
from tests.interop.support.remote import Remote, remote
from tests.sdk.support.toolchains import Node
from tests.support.lab import NUMBER, Lab, run
from tests.support.sdk import client

pytestmark = [pytest.mark.interop, pytest.mark.timeout(300)]

HERE = Path(__file__).resolve().parent
CALLER = "+14150000001"
LOW, HIGH = 440.0, 700.0


@asynccontextmanager
async def node_client() -> AsyncIterator[Remote]:
    """A Node process with the SDK."""
    node = await Node.find()
    program = HERE / "node" / "client.mjs"
    folder = await node.project("rtc", HERE / "node", program)

    async def start(address: str) -> Process:
        command = (node.node, str(folder / program.name), f"ws://{address}/control")
        return await Process.start("node", command)

    async with remote(start) as started:
        yield started


def test_a_phone_and_a_client_of_node_speak() -> None:
    async def check(lab: Lab) -> None:
        await lab.ready()
        caller = await lab.carrier.phone(CALLER, tone=LOW)
        async with node_client() as node:
            joined = await node.join(lab, "node")
            assert joined["sid"].startswith("RM_")
            await node.do("speak", frequency=HIGH)
            call = await caller.call(NUMBER, proxy=lab.sip)
            phone = f"sip_{CALLER}"
            await node.told("joined", identity=phone)
            await call.hears(HIGH)
            await node.hears(phone, LOW)
            await call.press("5")
            await node.told("digit", digit="5", code=5, identity=phone)
            await node.do("digit", code=7, digit="7")
            await call.pressed("7")
            await call.hang_up()
            await node.told("left", identity=phone)

    run(check, within=240)


def test_what_becomes_of_a_client_of_node() -> None:
    async def check(lab: Lab) -> None:
        async with node_client() as node:
            await check_client(lab, node, Reason.DUPLICATE_IDENTITY, Reason.ROOM_DELETED)

    run(check, within=240)


def test_clients_of_node_and_python_understand_each_other() -> None:
    async def check(lab: Lab) -> None:
        async with node_client() as node, client(lab, "ann") as ann:
            await node.join(lab, "node")
            await ann.told("participant_connected")
            await ann.speak(LOW)
            await node.hears("ann", LOW)
            await node.do("speak", frequency=HIGH)
            await ann.hears_as_said("node", HIGH)
            for reliable in (True, False):
                await node.do("data", text="from node", topic="t", reliable=reliable)
            packet, _ = [(await ann.told("data_received", count))[0] for count in (1, 2)]
            assert (packet.data, packet.topic) == (b"from node", "t")
            assert packet.participant.identity == "node"
            await ann.room.local_participant.publish_data(b"from ann", topic="u")
            await node.told("data", text="from ann", topic="u", identity="ann")
            await node.do("attributes", attributes={"mood": "good"})
            changed, who = await ann.told("participant_attributes_changed")
            assert (changed, who.identity) == ({"mood": "good"}, "node")
            await node.do("leave")
            await ann.told("participant_disconnected")

    run(check, within=240)
