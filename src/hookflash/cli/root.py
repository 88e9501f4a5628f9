"""The program itself, with `serve`: what a server imports of the command line. The other commands
are in `app.py`: a quarter of what a server's start would import was theirs."""

from __future__ import annotations

import gc
import os
from pathlib import Path
from typing import Annotated

import typer

from ..base.errors import ConfigError, HookflashError
from ..version import hookflash_version
from .exits import EXIT_CONFIG, fail


def root() -> typer.Typer:
    """The program with `--version` and `serve`."""
    app = typer.Typer(
        name="hookflash",
        help="A telephone exchange for voice agents: calls meet agents in rooms, and one API call "
        "transfers them.",
        no_args_is_help=True,
        add_completion=True,
        rich_markup_mode=None,  # in frames, most of 80 columns were the frames and `<bool>`
        pretty_exceptions_enable=False,
    )
    app.callback()(_hookflash)
    app.command(
        context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
        epilog="Every setting is also a flag: --sip.sip-port 5070, --webhook.urls http://… "
        "`hookflash settings` lists them.",
    )(serve)
    return app


def print_version() -> None:
    """One line."""
    typer.echo(f"hookflash {hookflash_version()}")


def _version(wanted: bool) -> None:
    if wanted:
        print_version()
        raise typer.Exit


def _hookflash(
    _: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Like `version`."),
    ] = False,
) -> None:
    """Has --version, as other programs have."""


def serve(
    context: typer.Context,
    config: Annotated[Path | None, typer.Option(help="YAML file of settings.")] = None,
    dev: Annotated[
        bool, typer.Option("--dev", help="Key devkey, secret `secret`, loopback, nothing stored.")
    ] = False,
) -> None:
    """Run the exchange: API, SIP and media in one process."""
    gc.disable()  # until all is built: half of it would be looked through again and again
    # Sound is added and scaled, never multiplied as matrices: no thread for that on every core.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from ..config import load
    from .flags import parse_flags
    from .serve import run

    try:
        run(load(config, parse_flags(context.args), dev=dev))
    except ConfigError as error:  # a port that is taken is found only at the start
        raise fail(str(error), EXIT_CONFIG) from None
    except HookflashError as error:
        raise fail(str(error)) from None
