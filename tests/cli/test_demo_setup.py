"""The middle of the demo, against the carrier's REST."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from hookflash.adapters.http import HttpServers
from hookflash.carrier.config import AccountConfig, NetworkConfig, PhoneConfig, TrunkConfig
from hookflash.carrier.http_face import http_app
from hookflash.carrier.profile_files import load_profile
from hookflash.carrier.service import CarrierService
from hookflash.carrier.twilio.account import TRUNK, Account
from hookflash.carrier.twilio.http import new_account, twilio_routes
from hookflash.cli.demo_setup import DemoError, set_up
from hookflash.providers.twilio_plan import TwilioWish
from hookflash.sip.uri import Uri

LINE = "+15550000001"
NETWORK = NetworkConfig(
    (TrunkConfig("line", (LINE,), Uri.parse("sip:127.0.0.1:5060")),),
    (PhoneConfig("+15105550123"),),
    numbers=("+15550000009",),
)
WISH = TwilioWish(transfer_caller_id="from-transferor", numbers=(LINE,))


def judge(check: Callable[[str, Account], Awaitable[None]]) -> None:
    async def main() -> None:
        servers = HttpServers()
        async with CarrierService(load_profile("twilio"), NETWORK) as carrier:
            account = new_account(carrier, NETWORK)
            app = http_app(carrier, twilio_routes(carrier, account))
            await servers.start(app, ["127.0.0.1"], 0)
            try:
                await check(f"http://127.0.0.1:{servers.port}", account)
            finally:
                await servers.stop()

    asyncio.run(main())


def test_the_trunk_is_changed_as_the_plan_has_it() -> None:
    async def check(url: str, account: Account) -> None:
        plan = await set_up(url, NETWORK.account, WISH)
        (step,) = plan.steps
        assert "transfer_mode from disable-all to enable-all" in str(step)
        (trunk,) = account.below(TRUNK, "")
        assert trunk.values["transfer_mode"] == "enable-all"
        assert trunk.values["transfer_caller_id"] == "from-transferor"
        assert (await set_up(url, NETWORK.account, WISH)).steps == ()

    judge(check)


def test_what_cannot_be_done() -> None:
    async def check(url: str, account: Account) -> None:
        with pytest.raises(DemoError, match="GET /v1/Trunks: 401, Authenticate"):
            await set_up(url, AccountConfig(token="guess"), WISH)
        more = replace(WISH, numbers=(LINE, "+15550000009"))
        with pytest.raises(DemoError, match=r"not as it was made: put \+15550000009 on the trunk"):
            await set_up(url, NETWORK.account, more)

    judge(check)
