"""`hookflash provider twilio show|check|setup`: Twilio's trunk, by Twilio's own library."""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from enum import StrEnum
from typing import Annotated, Any

import typer

from ..adapters.twilio_rest import TwilioAccount
from ..base.errors import HookflashError
from ..base.light import light_dataclass
from ..providers.trunk_metadata import provider_name
from ..providers.twilio_plan import TwilioPlan, TwilioTrunk, TwilioWish, make_plan
from .options import EXIT_FAILED, ApiSession, fail, server_command
from .provider import AsJson
from .trunks import with_provider

NAME = "twilio"
_TRUNKS = (
    *("sid", "name", "domain", "transfers", "caller ID", "calls in go to", "numbers"),
    *("from addresses", "users"),
)
_NUMBER = re.compile(r"\+[0-9]{5,15}")

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


Api = Annotated[str, typer.Option(help="A server that stands for Twilio's, for tries.")]
Trunk = Annotated[str, typer.Option(help="SID, name or domain; else the number's, or a new one.")]
Name = Annotated[str, typer.Option(help="Of a new trunk.")]
Domain = Annotated[str, typer.Option(help="Termination domain: NAME.pstn.twilio.com.")]
Mode = Annotated[TransferMode, typer.Option(help="sip-only: not to telephone numbers.")]
Shown = Annotated[CallerId, typer.Option(help="Whose number the new party sees.")]
Origination = Annotated[str, typer.Option(help="Where calls go: sip:HOST:5060 of this exchange.")]
Numbers = Annotated[list[str], typer.Option("--number", help="A number of yours; repeatable.")]
Addresses = Annotated[
    list[str], typer.Option("--allow-ip", help="Address that our calls come from; repeatable.")
]
AllowedUser = Annotated[str, typer.Option("--user", help="User name that our calls go out with.")]
Password = Annotated[
    str, typer.Option(envvar="HOOKFLASH_TRUNK_PASSWORD", help="Better given by the variable.")
]


@app.command()
def show(as_json: AsJson = False, api: Api = "") -> None:
    """Show the account's trunks with what matters for transfers."""
    from dataclasses import asdict

    from .output import print_json, print_table

    trunks = _asked(lambda: TwilioAccount(os.environ, api).trunks())
    if as_json:
        print_json([asdict(trunk) for trunk in trunks])
        return
    print_table(_TRUNKS, [_row(trunk) for trunk in trunks], "the account has no trunks")


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
    plan = _asked(lambda: _plan(TwilioAccount(os.environ, api), wish))
    _tell(plan, [], as_json, done=False)
    if plan.steps or plan.missing:
        raise typer.Exit(EXIT_FAILED)


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
    room: Annotated[str, typer.Option(help="Room of a new rule.")] = "lobby",
    yes: Annotated[bool, typer.Option("--yes", help="Do it; else the plan is all.")] = False,
    api: Api = "",
) -> None:
    """Set up a trunk at Twilio, and trunks and a rule here: what is there already stays."""
    wish = _wish(trunk, name, domain, transfer, caller_id, origination, number)
    wish = _with_access(wish, allow_ip, user, password)
    account = TwilioAccount(os.environ, api)
    plan = _plan(account, wish)
    here = _here(session, plan, wish, room)
    if yes:
        _carry_out(account, plan, here)
    _tell(plan, here, session.as_json, done=yes)


def _wish(
    trunk: str,
    name: str,
    domain: str,
    transfer: TransferMode,
    caller_id: CallerId,
    origination: str,
    numbers: Sequence[str],
) -> TwilioWish:
    for number in numbers:
        if not _NUMBER.fullmatch(number):
            raise typer.BadParameter(f"{number!r} is not + and digits", param_hint="number")
    if origination and not re.match(r"sips?:[^\s@]+$", origination):
        raise typer.BadParameter(
            f"{origination!r} is not such as sip:sip.example.com:5060", param_hint="origination"
        )
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


def _asked(ask: Callable[[], Any]) -> Any:
    try:
        return ask()
    except HookflashError as error:
        raise fail(str(error)) from None


def _carry_out(account: TwilioAccount, plan: TwilioPlan, here: Sequence[StepHere]) -> None:
    """Twilio first: what is here is of no use without it."""
    sid, done = plan.trunk.sid if plan.trunk is not None else "", 0
    try:
        for step in plan.steps:
            sid = account.carry_out(sid, step)
            done += 1
        for local in here:
            local.carry_out()
            done += 1
    except HookflashError as error:
        what = (
            str(plan.steps[done]) if done < len(plan.steps) else here[done - len(plan.steps)].what
        )
        raise fail(f"{what}: {error}; {done} steps before it are done, run it again") from None


# --- here -----------------------------------------------------------------------------------------


@light_dataclass(frozen=True, slots=True)
class StepHere:
    """One step at this exchange."""

    what: str
    carry_out: Callable[[], object]


def _here(session: ApiSession, plan: TwilioPlan, wish: TwilioWish, room: str) -> list[StepHere]:
    """Trunks and a rule for the numbers, where they are not there yet."""
    from livekit.protocol import sip

    from .kept import INBOUND, OUTBOUND, RULES

    numbers = wish.numbers
    if not numbers:
        return []
    client, steps = session.client, []
    found = [t for t in INBOUND.find(client, [], numbers) if set(numbers) & set(t.numbers)]
    steps += [_named(client, trunk) for trunk in found if _nameless(trunk.metadata)]
    bare = [n for n in numbers if not any(n in trunk.numbers for trunk in found)]
    metadata = with_provider("", NAME)
    if bare:
        new = sip.SIPInboundTrunkInfo(name=NAME, numbers=bare, metadata=metadata)
        wanted = sip.CreateSIPInboundTrunkRequest(trunk=new)
        steps.append(_step(client, f"make an inbound trunk for {', '.join(bare)}", wanted))
    domain = wish.domain or (plan.trunk.domain_name if plan.trunk is not None else "")
    there = OUTBOUND.find(client, [], [])
    if domain and not any(trunk.address == domain for trunk in there):
        both = bool(wish.user and wish.password)
        out = sip.SIPOutboundTrunkInfo(
            name=NAME,
            address=domain,
            numbers=numbers,
            metadata=metadata,
            auth_username=wish.user if both else "",
            auth_password=wish.password if both else "",
        )
        wanted_out = sip.CreateSIPOutboundTrunkRequest(trunk=out)
        steps.append(_step(client, f"make an outbound trunk to {domain}", wanted_out))
    ours = {trunk.sip_trunk_id for trunk in found}
    if not any(not r.trunk_ids or ours & set(r.trunk_ids) for r in RULES.find(client, [], [])):
        direct = sip.SIPDispatchRuleDirect(room_name=room)
        rule = sip.SIPDispatchRuleInfo(rule=sip.SIPDispatchRule(dispatch_rule_direct=direct))
        wanted_rule = sip.CreateSIPDispatchRuleRequest(dispatch_rule=rule)
        steps.append(_step(client, f"make a rule: all callers to the room {room}", wanted_rule))
    return steps


def _nameless(metadata: str) -> bool:
    """Names no provider, and can be made to: what is no JSON object is somebody's own note."""
    if provider_name(metadata):
        return False
    try:
        with_provider(metadata, NAME)
    except typer.BadParameter:
        return False
    return True


def _named(client: Any, trunk: Any) -> StepHere:
    """An inbound trunk that is there gets its provider."""
    from livekit.protocol import sip

    metadata = with_provider(trunk.metadata, NAME)
    update = sip.SIPInboundTrunkUpdate(metadata=metadata)
    wanted = sip.UpdateSIPInboundTrunkRequest(sip_trunk_id=trunk.sip_trunk_id, update=update)
    return _step(client, f"name the provider of trunk {trunk.sip_trunk_id}", wanted)


def _step(client: Any, what: str, request: Any) -> StepHere:
    from livekit.protocol import sip

    method = type(request).__name__.removesuffix("Request")
    kind = method.removeprefix("Create").removeprefix("Update")
    answer = getattr(sip, f"{kind}Info")
    return StepHere(what, lambda: client.call(f"SIP/{method}", request, answer))


# --- what is printed ------------------------------------------------------------------------------


def _tell(plan: TwilioPlan, here: Sequence[StepHere], as_json: bool, *, done: bool) -> None:
    from .output import print_json, say

    trunk, steps = plan.trunk, [str(step) for step in plan.steps]
    if as_json:
        print_json(
            {
                "trunk": trunk.sid if trunk is not None else None,
                "steps": steps,
                "here": [step.what for step in here],
                "missing": list(plan.missing),
                "remarks": list(plan.remarks),
                "done": done,
            }
        )
        return
    at = f"trunk {trunk.sid} {trunk.friendly_name!r}" if trunk is not None else "a new trunk"
    for where, lines in ((f"Twilio, {at}", steps), ("here", [step.what for step in here])):
        for line in lines:
            say(f"{'done' if done else 'to do'}: {where}: {line}")
    for line in plan.missing:
        say(f"missing: {line}")
    if not (steps or here or plan.missing):
        say(f"nothing to do: Twilio, {at}")
    for line in plan.remarks:
        say(f"note: {line}")
    if (steps or here) and not done:
        say("nothing was changed; `hookflash provider twilio setup … --yes` does it")


def _row(trunk: TwilioTrunk) -> list[str]:
    return [
        *(trunk.sid, trunk.friendly_name, trunk.domain_name),
        *(trunk.transfer_mode, trunk.transfer_caller_id),
        *(", ".join(trunk.origination), ", ".join(trunk.numbers)),
        *(", ".join(trunk.addresses), ", ".join(trunk.users)),
    ]
