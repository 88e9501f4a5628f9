"""The `hookflash` command."""

from __future__ import annotations

import signal
import sys
from io import TextIOWrapper
from typing import Any

EXIT_INTERRUPTED = 128 + signal.SIGINT
"""As shells have it."""


def main() -> None:
    """Entry point of the console script. Wrong usage is told in one line too: exit code 2."""
    try:
        sys.exit(_run())
    except KeyboardInterrupt:  # while the modules are imported: a second, or more on a busy machine
        sys.exit(EXIT_INTERRUPTED)


def _run() -> int | None:
    import typer

    from .exits import fail

    if sys.argv[1:2] == ["serve"]:
        from .root import root

        app = root()
    else:
        from .app import app
    if isinstance(sys.stdout, TextIOWrapper):  # names that its encoding has not are escaped
        sys.stdout.reconfigure(errors="backslashreplace")
    code: int | None
    try:
        code = app(prog_name="hookflash", standalone_mode=False)
    except typer.TyperException as error:
        code = error.exit_code
        said = error.format_message()  # "" where the help was shown instead
        if said.startswith("Usage: "):  # a group without a command
            typer.echo(said, err=True)
        elif said:
            context = getattr(error, "ctx", None)
            where = context.command_path if context else _typed(typer.main.get_command(app))
            fail(f"{said.rstrip('.')} (`{where} --help` shows how)")
    except typer.Abort:
        code = 1
    return code


def _typed(command: Any) -> str:
    """The command that was typed, its groups before it."""
    words = ["hookflash"]
    for word in sys.argv[1:]:
        command = getattr(command, "commands", {}).get(word)
        if command is None:
            break
        words.append(word)
    return " ".join(words)
