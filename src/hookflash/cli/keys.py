"""`hookflash keys`: what `livekit-server generate-keys` prints."""

from __future__ import annotations

import secrets
from typing import Annotated

import typer


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("keys")(keys)


def keys(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Make an API key and a secret that nobody can guess."""
    key, secret = f"API{secrets.token_hex(6)}", secrets.token_urlsafe(32)
    if as_json:
        from .output import print_json

        print_json({"api_key": key, "api_secret": secret})
    else:
        typer.echo(f"API Key:  {key}\nAPI Secret:  {secret}")
