"""What `hookflash provider NAME show|check|setup` have in common, whoever the provider is: options,
the steps at this exchange, carrying a plan out, and saying what it is."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Annotated, Any, ClassVar, Protocol, TypeVar

import typer

from ..base.errors import HookflashError
from ..base.light import light_dataclass
from ..providers.trunk_metadata import provider_name
from .exits import EXIT_FAILED, fail
from .options import ApiSession
from .trunks import with_provider

_NUMBER = re.compile(r"\+[0-9]{5,15}")
Answer = TypeVar("Answer")
At = TypeVar("At")
Step_contra = TypeVar("Step_contra", contravariant=True)

Api = Annotated[str, typer.Option(help="A server that stands for the provider's, for tries.")]
Origination = Annotated[str, typer.Option(help="Where calls go: sip:HOST:5060 of this exchange.")]
Numbers = Annotated[list[str], typer.Option("--number", help="A number of yours; repeatable.")]
AllowedUser = Annotated[str, typer.Option("--user", help="User name that our calls go out with.")]
Password = Annotated[
    str, typer.Option(envvar="HOOKFLASH_TRUNK_PASSWORD", help="Better given by the variable.")
]
Room = Annotated[str, typer.Option(help="Room of a new rule.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do it; else the plan is all.")]


class Fielded(Protocol):
    """A dataclass."""

    __dataclass_fields__: ClassVar[dict[str, Any]]


One = TypeVar("One", bound=Fielded)


class Plan(Protocol):
    """What is to be done at the provider."""

    @property
    def steps(self) -> Sequence[object]:
        """In order; `str` of one says what it does."""
        ...

    @property
    def missing(self) -> Sequence[str]:
        """What is wanted and cannot be done by a step."""
        ...

    @property
    def remarks(self) -> Sequence[str]:
        """What to know besides."""
        ...


class ProviderAccount(Protocol[Step_contra, At]):
    """What carries steps out at the provider."""

    def carry_out(self, at: At, step: Step_contra) -> At:
        """One step; where the next one is to be carried out."""
        ...


@light_dataclass(frozen=True, slots=True)
class StepHere:
    """One step at this exchange."""

    what: str
    carry_out: Callable[[], object]


@light_dataclass(frozen=True, slots=True)
class Planned:
    """A plan, and whose it is."""

    provider: str
    """As its preset is named."""
    title: str
    kind: str
    """What is set up there: `trunk`, `connection`."""
    sid: str
    """"" where the plan makes it."""
    name: str
    plan: Plan
    here: Sequence[StepHere] = ()
    remarks_here: Sequence[str] = ()

    @property
    def where(self) -> str:
        """In words."""
        return f"{self.title}, {self.kind} {self.sid} {self.name!r}" if self.sid else self._new

    @property
    def _new(self) -> str:
        return f"{self.title}, a new {self.kind}"


# --- options --------------------------------------------------------------------------------------


def checked(numbers: Iterable[str], origination: str) -> None:
    """Raises typer.BadParameter where one is wrong."""
    for number in numbers:
        if not _NUMBER.fullmatch(number):
            raise typer.BadParameter(f"{number!r} is not + and digits", param_hint="number")
    if origination and not re.match(r"sips?:[^\s@]+$", origination):
        raise not_an_origination(origination)


def not_an_origination(text: str) -> typer.BadParameter:
    """To be raised."""
    return typer.BadParameter(
        f"{text!r} is not such as sip:sip.example.com:5060", param_hint="origination"
    )


def asked(ask: Callable[[], Answer]) -> Answer:
    """What the provider says; the command ends where it says nothing."""
    try:
        return ask()
    except HookflashError as error:
        raise fail(str(error)) from None


# --- here -----------------------------------------------------------------------------------------


@light_dataclass(frozen=True, slots=True)
class Wanted:
    """What is wanted at this exchange."""

    provider: str
    numbers: tuple[str, ...]
    room: str
    """Of a new rule."""
    address: str
    """Of the outbound trunk, "" for none."""
    shared: bool = False
    """Every customer of the provider has that address: the numbers tell one trunk from another."""
    user: str = ""
    password: str = ""
    """Only with both is the outbound trunk given a user."""
    user_header: str = ""
    """A header of the calls out that says the user."""


def steps_here(session: ApiSession, wanted: Wanted) -> list[StepHere]:
    """Trunks and a rule for the numbers, where they are not there yet."""
    from livekit.protocol import sip

    from .kept import INBOUND, RULES

    numbers = wanted.numbers
    if not numbers:
        return []
    client, name, steps = session.client, wanted.provider, []
    found = [t for t in INBOUND.find(client, [], numbers) if set(numbers) & set(t.numbers)]
    steps += [_named(client, t, name) for t in found if _nameless(t.metadata, name)]
    bare = [n for n in numbers if not any(n in trunk.numbers for trunk in found)]
    if bare:
        metadata = with_provider("", name)
        new = sip.SIPInboundTrunkInfo(name=name, numbers=bare, metadata=metadata)
        request = sip.CreateSIPInboundTrunkRequest(trunk=new)
        steps.append(_step(client, f"make an inbound trunk for {', '.join(bare)}", request))
    steps += _outbound(client, wanted)
    ours = {trunk.sip_trunk_id for trunk in found}
    if not any(not r.trunk_ids or ours & set(r.trunk_ids) for r in RULES.find(client, [], [])):
        direct = sip.SIPDispatchRuleDirect(room_name=wanted.room)
        rule = sip.SIPDispatchRuleInfo(rule=sip.SIPDispatchRule(dispatch_rule_direct=direct))
        made = sip.CreateSIPDispatchRuleRequest(dispatch_rule=rule)
        steps.append(_step(client, f"make a rule: all callers to the room {wanted.room}", made))
    return steps


def remarks_here(session: ApiSession, wanted: Wanted) -> list[str]:
    """What to know of the trunks here: one that names another provider is left as it is."""
    from .kept import INBOUND

    numbers = set(wanted.numbers)
    found = INBOUND.find(session.client, [], wanted.numbers) if numbers else []
    others = [(one.sip_trunk_id, provider_name(one.metadata), one.numbers) for one in found]
    return [
        f"trunk {ident} here names {name}, so transfers go out as {name} wants them: "
        f"`hookflash trunk inbound edit {ident} --provider {wanted.provider}` changes it"
        for ident, name, its_numbers in others
        if name and name != wanted.provider and numbers & set(its_numbers)
    ]


def _outbound(client: Any, wanted: Wanted) -> list[StepHere]:
    from livekit.protocol import sip

    from .kept import OUTBOUND

    there = [t for t in OUTBOUND.find(client, [], []) if t.address == wanted.address]
    if wanted.shared:
        there = [trunk for trunk in there if set(wanted.numbers) & set(trunk.numbers)]
    if not wanted.address or there:
        return []
    both = bool(wanted.user and wanted.password)
    trunk = sip.SIPOutboundTrunkInfo(
        name=wanted.provider,
        address=wanted.address,
        numbers=wanted.numbers,
        metadata=with_provider("", wanted.provider),
        auth_username=wanted.user if both else "",
        auth_password=wanted.password if both else "",
        headers={wanted.user_header: wanted.user} if both and wanted.user_header else {},
    )
    request = sip.CreateSIPOutboundTrunkRequest(trunk=trunk)
    return [_step(client, f"make an outbound trunk to {wanted.address}", request)]


def _nameless(metadata: str, provider: str) -> bool:
    """Names no provider, and can be made to: what is no JSON object is somebody's own note."""
    if provider_name(metadata):
        return False
    try:
        with_provider(metadata, provider)
    except typer.BadParameter:
        return False
    return True


def _named(client: Any, trunk: Any, provider: str) -> StepHere:
    """An inbound trunk that is there gets its provider."""
    from livekit.protocol import sip

    metadata = with_provider(trunk.metadata, provider)
    update = sip.SIPInboundTrunkUpdate(metadata=metadata)
    wanted = sip.UpdateSIPInboundTrunkRequest(sip_trunk_id=trunk.sip_trunk_id, update=update)
    return _step(client, f"name the provider of trunk {trunk.sip_trunk_id}", wanted)


def _step(client: Any, what: str, request: Any) -> StepHere:
    from livekit.protocol import sip

    method = type(request).__name__.removesuffix("Request")
    kind = method.removeprefix("Create").removeprefix("Update")
    answer = getattr(sip, f"{kind}Info")
    return StepHere(what, lambda: client.call(f"SIP/{method}", request, answer))


# --- what is done, and printed --------------------------------------------------------------------


def carry_out(account: ProviderAccount[Any, At], at: At, planned: Planned) -> None:
    """The provider first: what is here is of no use without it."""
    steps, done = planned.plan.steps, 0
    try:
        for step in steps:
            at = account.carry_out(at, step)
            done += 1
        for local in planned.here:
            local.carry_out()
            done += 1
    except HookflashError as error:
        what = str(steps[done]) if done < len(steps) else planned.here[done - len(steps)].what
        raise fail(f"{what}: {error}; {done} steps before it are done, run it again") from None


def show_found(
    found: Sequence[One],
    columns: Sequence[str],
    row: Callable[[One], list[str]],
    none: str,
    as_json: bool,
) -> None:
    """What there is at the provider: dataclasses, as JSON or as rows of a table."""
    from dataclasses import asdict

    from .output import print_json, print_table

    if as_json:
        print_json([asdict(one) for one in found])
    else:
        print_table(columns, [row(one) for one in found], none)


def judge(planned: Planned, as_json: bool) -> None:
    """What is to do; exit code 1 where anything is, or cannot be done."""
    tell(planned, as_json, done=False)
    if planned.plan.steps or planned.plan.missing:
        raise typer.Exit(EXIT_FAILED)


def tell(planned: Planned, as_json: bool, *, done: bool) -> None:
    """What is to do, or was done."""
    from .output import print_json, say, say_hanging

    plan, here = planned.plan, [step.what for step in planned.here]
    steps = [str(step) for step in plan.steps]
    if as_json:
        print_json(
            {
                planned.kind: planned.sid or None,
                "steps": steps,
                "here": here,
                "missing": list(plan.missing),
                "remarks": [*plan.remarks, *planned.remarks_here],
                "done": done,
            }
        )
        return
    for where, lines in ((planned.where, steps), ("here", here)):
        for line in lines:
            say_hanging("done: " if done else "to do: ", f"{where}: {line}")
    for line in plan.missing:
        say_hanging("missing: ", line)
    if not (steps or here or plan.missing):
        say(f"nothing to do: {planned.where}")
    for line in (*plan.remarks, *planned.remarks_here):
        say_hanging("note: ", line)
    if (steps or here) and not done:
        say(f"nothing was changed; `hookflash provider {planned.provider} setup … --yes` does it")
