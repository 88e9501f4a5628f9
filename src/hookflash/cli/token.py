"""`hookflash token`: with which a client, an agent or a browser joins a room."""

from __future__ import annotations

import warnings
from datetime import timedelta
from typing import Annotated

import typer

from .options import ApiSession, pairs, server_command


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    server_command(app, "token")(token)


def token(
    session: ApiSession,
    room: Annotated[str, typer.Option("--room", help="The room that it is for.")],
    identity: Annotated[str, typer.Option("--identity", help="Who joins with it.")],
    name: Annotated[str, typer.Option("--name", help="How the others see that one.")] = "",
    metadata: Annotated[str, typer.Option("--metadata", help="Of the participant.")] = "",
    attribute: Annotated[
        list[str] | None,
        typer.Option("--attribute", metavar="NAME=VALUE", help="Of the participant; repeatable."),
    ] = None,
    agent: Annotated[bool, typer.Option("--agent", help="It is an agent's.")] = False,
    listen_only: Annotated[
        bool, typer.Option("--listen-only", help="It may publish nothing.")
    ] = False,
    valid_for: Annotated[
        float, typer.Option("--valid-for", min=0.01, max=8760.0, help="Hours that it holds.")
    ] = 6.0,
) -> None:
    """Print a token to join a room with."""
    # Brings aiohttp, a tenth of a second: not for `--help`.
    from livekit.api import AccessToken, VideoGrants

    grants = VideoGrants(room_join=True, room=room, can_publish=not listen_only, agent=agent)
    made = (
        AccessToken(session.api_key, session.api_secret)
        .with_identity(identity)
        .with_name(name or identity)
        .with_metadata(metadata)
        .with_attributes(pairs(attribute or [], "--attribute"))
        .with_kind("agent" if agent else "standard")
        .with_ttl(timedelta(hours=valid_for))
        .with_grants(grants)
    )
    with warnings.catch_warnings():
        # The secret of `serve --dev` is short, and whoever runs that knows it.
        warnings.filterwarnings("ignore", message="The HMAC key is")
        text = made.to_jwt()
    session.report({"url": session.url, "room": room, "identity": identity, "token": text}, text)
