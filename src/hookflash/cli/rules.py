"""`hookflash rule add|ls|rm`."""

from __future__ import annotations

from typing import Annotated

import typer

from .options import ApiSession, pairs, server_command

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Dispatch rules: which caller goes to which room.",
)


@server_command(app, "add")
def add(
    session: ApiSession,
    room: Annotated[str, typer.Option(help="All callers go to this room.")] = "",
    prefix: Annotated[str, typer.Option(help="Each caller gets a room PREFIX_<caller>_….")] = "",
    callee: Annotated[str, typer.Option(help="A room PREFIX_<called number>.")] = "",
    pin: Annotated[str, typer.Option(help="Digits that a caller must key in.")] = "",
    randomize: Annotated[bool, typer.Option(help="With --callee: a room for each call.")] = False,
    trunk: Annotated[list[str], typer.Option(help="Of these trunks only; repeatable.")] = [],  # noqa: B006
    number: Annotated[list[str], typer.Option(help="For these called numbers only.")] = [],  # noqa: B006
    caller: Annotated[list[str], typer.Option(help="For these callers only.")] = [],  # noqa: B006
    name: Annotated[str, typer.Option(help="For people.")] = "",
    metadata: Annotated[str, typer.Option(help="Of the participants.")] = "",
    attribute: Annotated[
        list[str], typer.Option(metavar="NAME=VALUE", help="Of the participants; repeatable.")
    ] = [],  # noqa: B006
    agent: Annotated[list[str], typer.Option(help="Agent for a new room; repeatable.")] = [],  # noqa: B006
    preset: Annotated[str, typer.Option(help="room_preset of a new room.")] = "",
    hide_number: Annotated[bool, typer.Option(help="Hide the caller's number.")] = False,
) -> None:
    """Make a rule: one of --room, --prefix and --callee."""
    from livekit.protocol import sip
    from livekit.protocol.agent_dispatch import RoomAgentDispatch
    from livekit.protocol.room import RoomConfiguration

    from .kept import RULES

    if [bool(way) for way in (room, prefix, callee)].count(True) != 1:
        raise typer.BadParameter("give one of --room, --prefix and --callee")
    if room:
        direct = sip.SIPDispatchRuleDirect(room_name=room, pin=pin)
        rule = sip.SIPDispatchRule(dispatch_rule_direct=direct)
    elif prefix:
        individual = sip.SIPDispatchRuleIndividual(room_prefix=prefix, pin=pin)
        rule = sip.SIPDispatchRule(dispatch_rule_individual=individual)
    else:
        by_callee = sip.SIPDispatchRuleCallee(room_prefix=callee, pin=pin, randomize=randomize)
        rule = sip.SIPDispatchRule(dispatch_rule_callee=by_callee)
    agents = [RoomAgentDispatch(agent_name=wanted) for wanted in agent]
    info = sip.SIPDispatchRuleInfo(
        rule=rule,
        trunk_ids=trunk,
        numbers=number,
        inbound_numbers=caller,
        name=name,
        metadata=metadata,
        attributes=pairs(attribute, "--attribute"),
        room_preset=preset,
        room_config=RoomConfiguration(agents=agents) if agents else None,
        hide_phone_number=hide_number,
    )
    request = sip.CreateSIPDispatchRuleRequest(dispatch_rule=info)
    RULES.ask(session, "made", "SIP/CreateSIPDispatchRule", request)


@server_command(app, "ls")
def list_rules(
    session: ApiSession,
    trunk: Annotated[list[str], typer.Option(help="Only those of these trunks.")] = [],  # noqa: B006
) -> None:
    """Show the dispatch rules."""
    from .kept import RULES

    RULES.show(session, trunk)


@server_command(app, "rm")
def remove(
    session: ApiSession,
    rules: Annotated[list[str], typer.Argument(metavar="RULE...", help="SDR_… ids.")],
) -> None:
    """Delete dispatch rules."""
    from .kept import RULES

    RULES.remove(session, rules)
