"""The `hookflash` command."""

from __future__ import annotations

import sys
from io import TextIOWrapper


def main() -> None:
    """Entry point of the console script. Wrong usage is told in one line too: exit code 2."""
    import typer

    from .app import app
    from .options import fail

    if isinstance(sys.stdout, TextIOWrapper):  # names that its encoding has not are escaped
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        code = app(prog_name="hookflash", standalone_mode=False)
    except typer.TyperException as error:
        code = error.exit_code
        said = error.format_message()  # "" where the help was shown instead
        if said.startswith("Usage: "):  # a group without a command
            typer.echo(said, err=True)
        elif said:
            where = getattr(getattr(error, "ctx", None), "command_path", "hookflash")
            fail(f"{said.rstrip('.')} (`{where} --help` shows how)")
    except typer.Abort:
        code = 1
    sys.exit(code)
