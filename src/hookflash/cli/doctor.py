"""`hookflash doctor`: what went wrong, in plain words, and what to do about it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console

from ..base.text import printable
from ..doctor.diagnosis import Finding
from .client import ClientError, RefusedError
from .failures import Examined, examine, no_server, the_case
from .options import ApiSession, server_command
from .output import hanging, print_json
from .sip_ladder import print_ladder
from .sip_messages import seen_of

EXIT_CODES: Final = {"ok": 0, "note": 0, "warning": 3, "error": 4}
"""By the gravest finding."""
EPILOG: Final = (
    "Exit code: 0 nothing to do, 1 not possible, 2 wrong usage, 3 something to look at, "
    "4 something is wrong."
)
BELOW: Final = " " * 11
"""Before what stands below a finding: as wide as its mark."""
_MARKS: Final = {
    "ok": ("ok     ", "green"),
    "note": ("note   ", "cyan"),
    "warning": ("warning", "yellow"),
    "error": ("error  ", "bold red"),
}
CALLS: Final = "The last failed transfer or call"
SETTINGS: Final = "The settings"
MACHINE: Final = "This machine"
TRUNKS: Final = "The trunks"


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    server_command(app, "doctor", epilog=EPILOG)(doctor)


def doctor(
    session: ApiSession,
    context: typer.Context,
    ident: Annotated[
        str,
        typer.Argument(
            metavar="[ID]",
            help="Look only at this call (SCL_…, Call-ID) or transfer (STR_…).",
        ),
    ] = "",
    ladder: Annotated[bool, typer.Option("--ladder", help="Show its SIP messages, too.")] = False,
    config: Annotated[
        Path | None,
        typer.Option(
            help="The server's settings: they and its machine are looked at, too; its port and "
            "first key are used where nothing else says which."
        ),
    ] = None,
    trunks: Annotated[
        bool, typer.Option(help="Ask the peers of outbound trunks by OPTIONS, from here.")
    ] = True,
) -> None:
    """Say what went wrong, and what to do (Hookflash only)."""
    sections: dict[str, list[Finding]] = {}
    examined: Examined | None = None
    settings = None
    if config is not None:
        from .doctor_settings import ServerSettings

        settings = ServerSettings(config)
        session = settings.server(session, context)
    running = asked = True
    try:
        examined = _examined(session, ident)
        sections[CALLS] = [NOTHING if examined is None else examined.finding]
    except ClientError as error:
        if ident:
            raise
        running, asked = isinstance(error, RefusedError), False
        sections[CALLS] = [no_server(error)]
    if settings is not None:
        sections[SETTINGS] = settings.findings()
        if machine := settings.of_the_machine(running=running):
            sections[MACHINE] = machine
    elif not ident:
        sections[SETTINGS] = [NOT_LOOKED_AT]
    if asked and not ident and trunks:
        from .trunk_checks import check_trunks

        sections[TRUNKS] = check_trunks(session.client, settings.values if settings else None)
    _report(session, sections, examined, ladder=ladder)
    worst = max(
        (EXIT_CODES[one.gravity] for found in sections.values() for one in found), default=0
    )
    if worst:
        raise typer.Exit(worst)


NOTHING: Final = Finding("ok", "calls", "none of the last transfers and calls failed")
NOT_LOOKED_AT: Final = Finding(
    "note", "settings", "not looked at, nor the machine", "--config FILE, on the server's machine"
)


def _examined(session: ApiSession, ident: str) -> Examined | None:
    client = session.client
    found = the_case(client, ident)
    return None if found is None else examine(client, found)


def _report(
    session: ApiSession,
    sections: dict[str, list[Finding]],
    examined: Examined | None,
    *,
    ladder: bool,
) -> None:
    if session.as_json:
        print_json(as_json(sections, examined))
        return
    console = Console(highlight=False)
    for number, (name, findings) in enumerate(sections.items()):
        console.print(("\n" if number else "") + name, style="bold")
        if name == CALLS and examined is not None:
            console.print(printable(examined.headline), markup=False, soft_wrap=True)
        print_findings(console, findings)
    unknown = (
        examined is not None and examined.finding.gravity == "error" and not examined.finding.rule
    )
    if examined is not None and examined.answer is not None and (ladder or unknown):
        console.print()
        print_ladder(console, examined.answer, seen_of(examined.answer))


def print_findings(console: Console, findings: Sequence[Finding]) -> None:
    """Each with what to do below it."""
    width = console.width if console.is_terminal else None
    for one in findings:
        mark, style = _MARKS[one.gravity]
        console.print(f"  {mark}  ", style=style, end="")
        subject = "" if one.subject in ("calls",) else f"{one.subject}: "
        for label, text in (("", subject + one.meaning), ("to do: ", one.remedy)):
            if text:
                shown = hanging(printable(label + text), BELOW, width)
                shown = shown if label else shown.removeprefix(BELOW)
                console.print(shown, markup=False, soft_wrap=True)
        if one.source:
            shown = hanging(printable(f"source: {one.source}"), BELOW, width)
            console.print(shown, markup=False, soft_wrap=True, style="dim")


def as_json(sections: dict[str, list[Finding]], examined: Examined | None) -> dict[str, Any]:
    """For programs."""
    found = [
        {
            "section": name,
            "gravity": one.gravity,
            "subject": one.subject,
            "meaning": one.meaning,
            "remedy": one.remedy,
            "source": one.source,
            "rule": one.rule,
        }
        for name, findings in sections.items()
        for one in findings
    ]
    gravities = [str(one["gravity"]) for one in found]
    order = list(EXIT_CODES)
    return {
        "gravity": max(gravities, key=order.index, default="ok"),
        "findings": found,
        "case": None if examined is None else examined.headline,
        "sip": None if examined is None else examined.answer,
    }
