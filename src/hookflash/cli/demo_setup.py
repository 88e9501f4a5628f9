"""The middle of the demo: transfers are switched on at the simulated Twilio.

The plan is the one of `hookflash provider twilio setup`. That carries it out by Twilio's library,
which is an extra; here the same requests go out without it.
"""

from __future__ import annotations

from base64 import b64encode
from typing import Any

from aiohttp import ClientSession

from ..base.errors import HookflashError
from ..carrier.config import AccountConfig
from ..providers.twilio_plan import (
    ChangeTrunk,
    TwilioNumber,
    TwilioPlan,
    TwilioTrunk,
    TwilioWish,
    make_plan,
)


class DemoError(HookflashError):
    """Something is not as it should be; the text says what."""


async def set_up(url: str, account: AccountConfig, wish: TwilioWish) -> TwilioPlan:
    """Change the trunk of the wish's number as the plan has it, which is returned.

    Raises:
        DemoError: the server refuses something, or the plan has other steps than changes.
    """
    basic = b64encode(f"{account.sid}:{account.token}".encode()).decode()
    async with ClientSession(url, headers={"Authorization": f"Basic {basic}"}) as session:
        trunks = (await _ask(session, "GET", "/v1/Trunks"))["trunks"]
        path = f"/2010-04-01/Accounts/{account.sid}/IncomingPhoneNumbers.json"
        numbers = (await _ask(session, "GET", path))["incoming_phone_numbers"]
        plan = make_plan(wish, map(_trunk, trunks), map(_number, numbers))
        for step in plan.steps:
            if plan.trunk is None or not isinstance(step, ChangeTrunk):
                raise DemoError(f"the trunk is not as it was made: {step}")
            form = {_written(name): to for name, _, to in step.changes}
            await _ask(session, "POST", f"/v1/Trunks/{plan.trunk.sid}", form)
    return plan


async def _ask(
    session: ClientSession, method: str, path: str, form: dict[str, str] | None = None
) -> Any:
    async with session.request(method, path, data=form) as answer:
        body = await answer.json()
    if answer.status != 200:
        raise DemoError(f"{method} {path}: {answer.status}, {body['message']}")
    return body


def _trunk(entry: dict[str, Any]) -> TwilioTrunk:
    return TwilioTrunk(
        entry["sid"],
        entry["friendly_name"] or "",
        entry["domain_name"] or "",
        entry["transfer_mode"],
        entry["transfer_caller_id"],
    )


def _number(entry: dict[str, Any]) -> TwilioNumber:
    return TwilioNumber(entry["sid"], entry["phone_number"], entry["trunk_sid"] or "")


def _written(name: str) -> str:
    """`transfer_mode` as a parameter: `TransferMode`."""
    return "".join(part.capitalize() for part in name.split("_"))
