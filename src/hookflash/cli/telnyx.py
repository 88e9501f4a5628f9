"""`hookflash provider telnyx show|check|setup`: Telnyx's connection, by Telnyx's own library."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Annotated

import typer

from ..adapters.telnyx_rest import TITLE, TelnyxAccount, TelnyxPlace
from ..base.errors import SipError
from ..base.hosts import ip_literal
from ..providers.telnyx_plan import ADDRESS, TelnyxConnection, TelnyxPlan, TelnyxWish, make_plan
from ..sip.uri import Uri
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
    not_an_origination,
    remarks_here,
    show_found,
    steps_here,
    tell,
)

NAME = "telnyx"
USER_HEADER = "X-Telnyx-Username"
"""By it Telnyx knows whose call it is before the first challenge (LiveKit's page for Telnyx)."""
_CONNECTIONS = (
    *("id", "name", "active", "calls in go to", "transport", "outbound profile"),
    *("user", "numbers"),
)

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Telnyx's FQDN connections. Credentials: TELNYX_API_KEY.",
)
Connection = Annotated[str, typer.Option(help="Id or name; else the number's, or a new one.")]
Name = Annotated[str, typer.Option(help="Of a new connection and outbound voice profile.")]
Profile = Annotated[
    str,
    typer.Option(help="Outbound voice profile, id or name; else the connection's, or a new one."),
]


@app.command()
def show(as_json: AsJson = False, api: Api = "") -> None:
    """Show the account's FQDN connections with what matters for transfers."""
    connections = asked(lambda: TelnyxAccount(os.environ, api).connections())
    none = "the account has no FQDN connections"
    show_found(connections, _CONNECTIONS, _row, none, as_json)


@app.command()
def check(
    connection: Connection = "",
    number: Numbers = [],  # noqa: B006  # typer reads it, nobody writes to it
    origination: Origination = "",
    profile: Profile = "",
    user: AllowedUser = "",
    as_json: AsJson = False,
    api: Api = "",
) -> None:
    """Say what is missing at Telnyx; exit code 1 where anything is."""
    wish = _wish(connection, "hookflash", profile, origination, number, user, "")
    plan = asked(lambda: _plan(TelnyxAccount(os.environ, api), wish))
    judge(_planned(plan), as_json)


@server_command(app, "setup")
def setup(
    session: ApiSession,
    number: Numbers = [],  # noqa: B006
    origination: Origination = "",
    connection: Connection = "",
    name: Name = "hookflash",
    profile: Profile = "",
    user: AllowedUser = "",
    password: Password = "",
    room: Room = "lobby",
    yes: Yes = False,
    api: Api = "",
) -> None:
    """Set up a connection at Telnyx, and trunks and a rule here: what is there already stays."""
    wish = _wish(connection, name, profile, origination, number, user, password)
    account = TelnyxAccount(os.environ, api)
    plan = _plan(account, wish)
    wanted = Wanted(
        NAME,
        wish.numbers,
        room,
        ADDRESS,
        shared=True,
        user=user,
        password=password,
        user_header=USER_HEADER,
    )
    planned = _planned(plan, steps_here(session, wanted), remarks_here(session, wanted))
    if yes:
        carry_out(account, TelnyxPlace(planned.sid), planned)
    tell(planned, session.as_json, done=yes)


def _wish(
    connection: str,
    name: str,
    profile: str,
    origination: str,
    numbers: Sequence[str],
    user: str,
    password: str,
) -> TelnyxWish:
    checked(numbers, origination)
    fqdn, transport = _fqdn(origination) if origination else ("", "")
    return TelnyxWish(
        connection=connection,
        name=name,
        profile=profile,
        fqdn=fqdn,
        transport=transport,
        numbers=tuple(numbers),
        user=user,
        password=password,
    )


def _fqdn(origination: str) -> tuple[str, str]:
    """(`HOST:PORT`, transport of the connection, "" for whichever it has)."""
    try:
        uri = Uri.parse(origination)
    except SipError:
        raise not_an_origination(origination) from None
    if ip_literal(uri.host) is not None:
        raise typer.BadParameter(
            f"{origination!r}: Telnyx's FQDN connection takes a name, and no IP address; "
            "give the address a name in DNS",
            param_hint="origination",
        )
    transport = "TLS" if uri.scheme == "sips" else (uri.param("transport") or "").upper()
    if transport not in {"", "UDP", "TCP", "TLS"}:
        raise typer.BadParameter(
            f"{origination!r}: Telnyx speaks UDP, TCP and TLS", param_hint="origination"
        )
    return f"{uri.host}:{uri.port or (5061 if transport == 'TLS' else 5060)}", transport


def _plan(account: TelnyxAccount, wish: TelnyxWish) -> TelnyxPlan:
    return make_plan(wish, account.connections(), account.profiles(), account.numbers(wish.numbers))


def _planned(
    plan: TelnyxPlan, here: Sequence[StepHere] = (), remarks: Sequence[str] = ()
) -> Planned:
    found = plan.connection
    sid, name = (found.sid, found.connection_name) if found is not None else ("", "")
    return Planned(NAME, TITLE, "connection", sid, name, plan, here, remarks)


def _row(connection: TelnyxConnection) -> list[str]:
    return [
        *(connection.sid, connection.connection_name, connection.active),
        *(", ".join(connection.fqdns), connection.transport_protocol),
        *(connection.outbound_voice_profile_id, connection.user_name),
        ", ".join(connection.numbers),
    ]
