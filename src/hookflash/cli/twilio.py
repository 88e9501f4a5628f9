"""`hookflash provider twilio show|check|setup`: Twilio's trunk, by Twilio's own library."""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Sequence
from dataclasses import replace
from enum import StrEnum
from typing import Annotated

import typer

from ..adapters.twilio_rest import TITLE, TwilioAccount
from ..providers.twilio_plan import TwilioPlan, TwilioTrunk, TwilioWish, make_plan
from .options import ApiSession, server_command
from .provider import AsJson
from .provider_setup import (
    AllowedUser,
    Api,
    Numbers,
    Origination,
    Password,
    Planned,
    Room,
    StepHere,
    Wanted,
    Yes,
    asked,
    carry_out,
    checked,
    judge,
    remarks_here,
    show_found,
    steps_here,
    tell,
)

NAME = "twilio"
_TRUNKS = (
    *("sid", "name", "domain", "transfers", "caller ID", "calls in go to", "numbers"),
    *("from addresses", "users"),
)

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Twilio's trunks. Credentials: TWILIO_ACCOUNT_SID, and TWILIO_AUTH_TOKEN or "
    "TWILIO_API_KEY with TWILIO_API_SECRET.",
)


class TransferMode(StrEnum):
    """TransferMode."""

    ALL = "enable-all"
    SIP = "sip-only"


class CallerId(StrEnum):
    """TransferCallerId, without its `from-`."""

    TRANSFEREE = "transferee"
    TRANSFEROR = "transferor"


Trunk = Annotated[str, typer.Option(help="SID, name or domain; else the number's, or a new one.")]
Name = Annotated[str, typer.Option(help="Of a new trunk.")]
Domain = Annotated[str, typer.Option(help="Termination domain: NAME.pstn.twilio.com.")]
Mode = Annotated[TransferMode, typer.Option(help="sip-only: not to telephone numbers.")]
Shown = Annotated[CallerId, typer.Option(help="Whose number the new party sees.")]
Addresses = Annotated[
    list[str], typer.Option("--allow-ip", help="Address that our calls come from; repeatable.")
]


@app.command()
def show(as_json: AsJson = False, api: Api = "") -> None:
    """Show the account's trunks with what matters for transfers."""
    trunks = asked(lambda: TwilioAccount(os.environ, api).trunks())
    show_found(trunks, _TRUNKS, _row, "the account has no trunks", as_json)


@app.command()
def check(
    trunk: Trunk = "",
    number: Numbers = [],  # noqa: B006  # typer reads it, nobody writes to it
    origination: Origination = "",
    transfer: Mode = TransferMode.ALL,
    caller_id: Shown = CallerId.TRANSFEREE,
    allow_ip: Addresses = [],  # noqa: B006
    user: AllowedUser = "",
    as_json: AsJson = False,
    api: Api = "",
) -> None:
    """Say what is missing at Twilio; exit code 1 where anything is."""
    wish = _wish(trunk, "hookflash", "", transfer, caller_id, origination, number)
    wish = _with_access(wish, allow_ip, user, "")
    plan = asked(lambda: _plan(TwilioAccount(os.environ, api), wish))
    judge(_planned(plan), as_json)


@server_command(app, "setup")
def setup(
    session: ApiSession,
    number: Numbers = [],  # noqa: B006
    origination: Origination = "",
    trunk: Trunk = "",
    name: Name = "hookflash",
    domain: Domain = "",
    transfer: Mode = TransferMode.ALL,
    caller_id: Shown = CallerId.TRANSFEREE,
    allow_ip: Addresses = [],  # noqa: B006
    user: AllowedUser = "",
    password: Password = "",
    room: Room = "lobby",
    yes: Yes = False,
    api: Api = "",
) -> None:
    """Set up a trunk at Twilio, and trunks and a rule here: what is there already stays."""
    wish = _wish(trunk, name, domain, transfer, caller_id, origination, number)
    wish = _with_access(wish, allow_ip, user, password)
    account = TwilioAccount(os.environ, api)
    plan = _plan(account, wish)
    domain = wish.domain or (plan.trunk.domain_name if plan.trunk is not None else "")
    wanted = Wanted(NAME, wish.numbers, room, domain, user=user, password=password)
    planned = _planned(plan, steps_here(session, wanted), remarks_here(session, wanted))
    if yes:
        carry_out(account, planned.sid, planned)
    tell(planned, session.as_json, done=yes)


def _wish(
    trunk: str,
    name: str,
    domain: str,
    transfer: TransferMode,
    caller_id: CallerId,
    origination: str,
    numbers: Sequence[str],
) -> TwilioWish:
    checked(numbers, origination)
    if domain and not re.fullmatch(r"[a-z0-9-]+\.pstn\.twilio\.com", domain):
        raise typer.BadParameter(
            f"{domain!r} is not such as acme.pstn.twilio.com", param_hint="domain"
        )
    return TwilioWish(
        trunk=trunk,
        name=name,
        domain=domain,
        transfer_mode=transfer.value,
        transfer_caller_id=f"from-{caller_id.value}",
        origination=origination,
        numbers=tuple(numbers),
    )


def _with_access(
    wish: TwilioWish, addresses: Sequence[str], user: str, password: str
) -> TwilioWish:
    """And who may call by the trunk."""
    for address in addresses:
        try:
            ipaddress.ip_address(address)
        except ValueError:
            raise typer.BadParameter(
                f"{address!r} is no IP address", param_hint="allow-ip"
            ) from None
    return replace(wish, addresses=tuple(addresses), user=user, password=password)


def _plan(account: TwilioAccount, wish: TwilioWish) -> TwilioPlan:
    return make_plan(wish, account.trunks(), account.numbers(wish.numbers))


def _planned(
    plan: TwilioPlan, here: Sequence[StepHere] = (), remarks: Sequence[str] = ()
) -> Planned:
    trunk = plan.trunk
    sid, name = (trunk.sid, trunk.friendly_name) if trunk is not None else ("", "")
    return Planned(NAME, TITLE, "trunk", sid, name, plan, here, remarks)


def _row(trunk: TwilioTrunk) -> list[str]:
    return [
        *(trunk.sid, trunk.friendly_name, trunk.domain_name),
        *(trunk.transfer_mode, trunk.transfer_caller_id),
        *(", ".join(trunk.origination), ", ".join(trunk.numbers)),
        *(", ".join(trunk.addresses), ", ".join(trunk.users)),
    ]
