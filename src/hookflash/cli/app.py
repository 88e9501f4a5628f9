"""Commands and their arguments; what they do is in the modules beside this one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..base.errors import ConfigError, HookflashError
from . import (
    agents,
    calls,
    carrier,
    doctor,
    keys,
    provider,
    records,
    rooms,
    rules,
    sip_ladder,
    telnyx,
    token,
    transfer,
    trunks,
    twilio,
)
from . import phone as telephone
from .exits import EXIT_CONFIG, fail
from .root import print_version, root

app = root()
demos = typer.Typer(invoke_without_command=True)
app.add_typer(demos, name="demo")


@demos.callback()
def demo(
    context: typer.Context,
    seed: Annotated[int, typer.Option(help="Seed of the simulated carrier.")] = 1,
    profile: Annotated[
        str, typer.Option(metavar="NAME", help="One transfer at this carrier: twilio, telnyx, ….")
    ] = "",
    target: Annotated[
        str,
        typer.Option(
            metavar="WHAT",
            help="What the target does: answers, busy, declines, never-answers, unreachable, "
            "voicemail, fax or menu.",
        ),
    ] = "",
    transfer_mode: Annotated[
        str,
        typer.Option(
            metavar="MODE",
            help="Of the carrier's trunk, where it has one: disable-all, enable-all or sip-only.",
        ),
    ] = "enable-all",
    svg: Annotated[
        Path | None, typer.Option(help="Where the ladder of that transfer is written.")
    ] = None,
) -> None:
    """Show a call and its transfer on this machine, with no phone.

    In three acts, at a simulated Twilio: a transfer fails, and why; it is switched on; it works.
    With --profile or --target: one transfer at the carrier of that profile to such a telephone,
    with a summary and a drawing of the SIP messages.
    """
    if context.invoked_subcommand is not None:
        return
    if profile or target or svg is not None:
        raise typer.Exit(_demo_case(profile, target, transfer_mode, svg, seed))
    from .demo import run

    raise typer.Exit(run(seed))


def _demo_case(profile: str, target: str, mode: str, svg: Path | None, seed: int) -> int:
    from .demo_case import run

    try:
        return run(profile or "plain", target or "answers", mode, svg, seed)
    except ConfigError as error:
        raise fail(str(error), EXIT_CONFIG) from None


@demos.command()
def phone(
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Where it listens for SIP; 0: any free one.")
    ] = 5090,
) -> None:
    """Run a phone that answers, to transfer a caller to."""
    from .demo_phone import run

    try:
        run(port)
    except OSError as error:
        raise fail(f"port {port}: {error.strerror}; --port names another", EXIT_CONFIG) from None


@app.command()
def version() -> None:
    """Print the version."""
    print_version()


@app.command()
def settings() -> None:
    """List every setting with its variable, flag and default."""
    from .settings import print_settings

    print_settings()


carrier.add_to(app)
telephone.add_to(app)
keys.add_to(app)
calls.add_to(app)
transfer.add_to(app)
records.add_to(app)
sip_ladder.add_to(app)
doctor.add_to(app)
rooms.add_to(app)
agents.add_to(app)
token.add_to(app)
app.add_typer(trunks.app, name="trunk")
app.add_typer(rules.app, name="rule")
provider.app.add_typer(twilio.app, name="twilio")
provider.app.add_typer(telnyx.app, name="telnyx")
app.add_typer(provider.app, name="provider")


@app.command()
def backup(
    file: Annotated[Path, typer.Argument(help="Where the copy goes.")],
    data_dir: Annotated[Path | None, typer.Option(help="Folder of the database.")] = None,
    config: Annotated[Path | None, typer.Option(help="The server's settings name it too.")] = None,
) -> None:
    """Copy the database of a running server (SQLite's online backup)."""
    from ..adapters.store.file import backup_database
    from ..config import load

    try:
        if data_dir is None:
            data_dir = Path("./data") if config is None else Path(load(config).data_dir)
        backup_database(data_dir, file)
    except HookflashError as error:
        raise fail(str(error)) from None
