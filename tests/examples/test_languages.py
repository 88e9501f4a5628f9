"""The cold transfer of LiveKit's documentation in Node and in Go, run as a user runs it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from tests.sdk.support.toolchains import Go, Node
from tests.support.dev import EXAMPLES, Dev, run

from hookflash.carrier.phone import Behaviour

pytestmark = [pytest.mark.interop, pytest.mark.long, pytest.mark.timeout(1800)]

CALLER, OTHER, NEW_PARTY = "+14155550100", "+14155550101", "+15105550123"
NUMBER = "+15550100"
TARGET = f"tel:{NEW_PARTY}"
Command = tuple[str | Path, ...]


async def node() -> Command:
    """`npm ci` and the program."""
    toolchain, source = await Node.find(), EXAMPLES / "node"
    folder = await toolchain.project("example", source, source / "cold_transfer.mjs")
    return toolchain.node, folder / "cold_transfer.mjs"


async def go() -> Command:
    """`go build`."""
    return (await (await Go.find()).build("example", EXAMPLES / "go"),)


@pytest.mark.parametrize("prepare", [node, go])
def test_cold_transfer(prepare: Callable[[], Awaitable[Command]]) -> None:
    async def installed() -> Command:
        return await prepare()

    command = asyncio.run(installed())

    async def test(dev: Dev) -> None:
        async def transfer(*arguments: str) -> tuple[int, str]:
            return await dev.program(*command, "lobby", TARGET, *arguments)

        code, output = await dev.example("first_call.py")
        assert code == 0, output
        code, output = await transfer()
        assert (code, "phones in lobby: none" in output) == (1, True), output
        caller = await dev.carrier.phone(CALLER, tone=330)
        new_party = await dev.carrier.phone(NEW_PARTY, tone=1000)
        call = await caller.call(NUMBER, proxy=dev.sip)
        code, output = await transfer("sip_nobody")
        assert (code, "participant does not exist" in output) == (1, True), output
        code, output = await transfer()
        assert code == 0, output
        assert f"sip_{CALLER} now talks to {TARGET}" in output
        other = await new_party.called()
        await other.hears(330)
        await call.ended()
        stubborn = await dev.carrier.phone(OTHER, tone=440, behaviour=Behaviour(refer=603))
        call = await stubborn.call(NUMBER, proxy=dev.sip)
        code, output = await transfer(f"sip_{OTHER}")
        assert (code, "not transferred: 603 Decline" in output) == (1, True), output
        await call.hang_up()

    run(test)
