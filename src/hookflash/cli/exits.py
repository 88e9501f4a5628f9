"""How a command ends when it fails: one line, and a code."""

from __future__ import annotations

import typer

from ..base.text import printable

EXIT_FAILED = 1
EXIT_CONFIG = 2


def fail(text: str, code: int = EXIT_FAILED) -> typer.Exit:
    """One clear line on stderr, and the exit to raise."""
    typer.echo(f"hookflash: {printable(text)}", err=True)
    return typer.Exit(code)
