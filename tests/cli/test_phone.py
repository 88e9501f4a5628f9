"""`hookflash phone` with a carrier that runs."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable

import pytest
import uvloop
from tests.support.cli import Ran, invoke

from hookflash.adapters.http import HttpServers
from hookflash.carrier.config import Does, NetworkConfig, PhoneConfig
from hookflash.carrier.http_face import http_app
from hookflash.carrier.profile_files import load_profile
from hookflash.carrier.service import CarrierService
from hookflash.cli.phone import PhoneError, _ask, follow

CALLER, CALLED = "+14155550100", "+15105550123"
Phone = Callable[..., Awaitable[Ran]]
Test = Callable[[CarrierService, Phone, str], Awaitable[None]]


def run(test: Test, does: Does = "answers", hangs_up_after: float | None = 0.6) -> None:
    async def main() -> None:
        phones = (
            PhoneConfig(CALLER, tone=330.0),
            PhoneConfig(CALLED, "", does, after=0.3, tone=1000.0, hangs_up_after=hangs_up_after),
        )
        servers = HttpServers()
        async with (
            asyncio.timeout(30),
            CarrierService(load_profile("plain"), NetworkConfig((), phones)) as carrier,
        ):
            await servers.start(http_app(carrier), ["127.0.0.1"], 0)
            url = f"http://127.0.0.1:{servers.port}"

            async def phone(*words: str) -> Ran:
                return await asyncio.to_thread(invoke, "", "phone", *words, "--carrier", url)

            try:
                await test(carrier, phone, url)
            finally:
                await servers.stop()

    uvloop.run(main())


def test_it_says_what_becomes_of_the_call_and_what_it_hears() -> None:
    async def test(carrier: CarrierService, phone: Phone, url: str) -> None:
        ran = await phone(CALLER, "call", CALLED)
        assert ran.code == 0
        lines = ran.out.splitlines()
        assert lines[0] == f"{CALLED} rings"
        assert f"{CALLED} is there, and {CALLER} hears 1000 Hz" in lines
        assert lines[-1] == "over"
        assert not carrier.switch.conversations

    run(test)


@pytest.mark.parametrize("does", ["busy", "declines"])
def test_nobody_answers(does: Does) -> None:
    async def test(carrier: CarrierService, phone: Phone, url: str) -> None:
        ran = await phone(CALLER, "call", CALLED)
        assert ran.code == 1
        assert ran.out.splitlines()[-1] == "over"

    run(test, does)


def test_what_cannot_be_done_is_one_line() -> None:
    async def test(carrier: CarrierService, phone: Phone, url: str) -> None:
        ran = await phone("+1999", "call", CALLED)
        assert (ran.code, ran.err) == (1, "hookflash: no telephone has the number +1999\n")
        ran = await phone(CALLER, "call", "sales")
        assert ran.err.startswith("hookflash: called: 'sales' is not allowed")
        assert (await phone(CALLER, "sing", CALLED)).code == 2

    run(test)


def test_ctrl_c_hangs_up(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test(carrier: CarrierService, phone: Phone, url: str) -> None:
        conversation = carrier.call(CALLER, CALLED)
        await carrier.happened("call_answered")

        def interrupted(_: float) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr("hookflash.cli.phone.time.sleep", interrupted)
        assert await asyncio.to_thread(follow, url, conversation.id, CALLER)
        await carrier.happened("call_ended")
        with pytest.raises(PhoneError, match="there is no call"):
            await asyncio.to_thread(_ask, f"{url}/calls/{conversation.id}", "DELETE")

    run(test, hangs_up_after=None)


def test_no_carrier() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        ran = invoke("", "phone", CALLER, "call", CALLED, "--carrier", url)
    assert ran.code == 1
    assert ran.err.startswith(f"hookflash: no carrier at {url}/calls: ")
    ran = invoke("", "phone", CALLER, "call", CALLED, "--carrier", "carrier")
    assert "is no address such as http://127.0.0.1:8080" in ran.err
