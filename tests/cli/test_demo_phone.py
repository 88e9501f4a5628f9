"""`hookflash demo phone` as people run it."""

from __future__ import annotations

import asyncio
import re
import signal
import socket
import sys
from collections.abc import Awaitable, Callable

import uvloop
from tests.support.cli import Lines, invoke, running

from hookflash.carrier.network import Carrier
from hookflash.cli.demo_phone import TONE
from hookflash.sip.flow import Address

CALLER = "+14150000001"


def run(
    test: Callable[[asyncio.subprocess.Process, Lines, Carrier, Address], Awaitable[None]],
) -> None:
    """With the phone as a process of its own, ended by Ctrl-C."""

    async def main() -> None:
        command = (sys.executable, "-m", "hookflash", "demo", "phone", "--port", "0")
        async with running(*command) as (child, line), Carrier(seed=1) as carrier:
            found = re.fullmatch(r"the phone sip:demo@(127.0.0.1):(\d+) answers .*", await line())
            assert found is not None
            await test(child, line, carrier, (found[1], int(found[2])))

    uvloop.run(main())


def test_it_says_who_is_there_whether_they_are_heard_and_that_they_are_gone() -> None:
    async def test(_: object, line: Lines, carrier: Carrier, address: Address) -> None:
        for tone, heard in ((330, "is heard"), (0, "is not heard: there was silence")):
            phone = await carrier.phone(f"{CALLER}{tone}", tone=tone)
            call = await phone.call("demo", proxy=address)
            await call.hears(TONE)
            assert await line() == f"{phone.number} is there, and hears a tone of {TONE} Hz"
            assert (await line()).startswith(f"{phone.number} {heard}")
            await call.hang_up()
            assert re.fullmatch(rf"\+{phone.number[1:]} is gone after \d s", await line())

    run(test)


def test_ctrl_c_ends_the_calls_too() -> None:
    async def test(
        child: asyncio.subprocess.Process, _: Lines, carrier: Carrier, address: Address
    ) -> None:
        phone = await carrier.phone(CALLER, tone=330)
        call = await phone.call("demo", proxy=address)
        await call.hears(TONE)
        child.send_signal(signal.SIGINT)
        await call.ended()
        assert call.ended_by == "peer"
        assert await child.wait() == 0

    run(test)


def test_a_port_that_is_taken_is_said() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        done = invoke("http://127.0.0.1:9", "demo", "phone", "--port", str(port))
    assert done.code == 2
    assert done.err == f"hookflash: port {port}: Address already in use; --port names another\n"
