"""The table of all settings, for `hookflash settings` or as Markdown for the docs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from ..config import SettingLine, setting_lines


def print_settings() -> None:
    """Print the table."""
    console = Console()
    console.print(
        "As a variable: HOOKFLASH_SIP__SIP_PORT. As a flag: --sip.sip-port. Secrets have no flag.\n"
    )
    table = Table(box=None)
    table.add_column("setting", no_wrap=True)
    for name in ("kind", "default", "what"):
        table.add_column(name, overflow="fold")
    for line in setting_lines():
        table.add_row(
            line.key, line.kind.replace("`", ""), default_text(line), line.help.replace("`", "")
        )
    console.print(table)


def default_text(line: SettingLine) -> str:
    """The default as one would write it in the file."""
    value = line.default
    if value is None:
        return "unset"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return "-".join(str(part) for part in value)
    if isinstance(value, list):
        return ", ".join(str(part) for part in value) or "none"
    if isinstance(value, dict):
        return "none"
    if line.kind == "duration" and isinstance(value, float):
        return f"{value / 86400:g}d" if value >= 86400 else f"{value:g}s"
    return str(value) or "empty"


def markdown_table() -> str:
    """The same table for docs/configuration.md."""
    rows = ["| setting | variable | kind | default | what |", "|---|---|---|---|---|"]
    for line in setting_lines():
        secret = "" if line.flag else " (no flag: it is secret)"
        rows.append(
            f"| `{line.key}` | `{line.variable}` | {line.kind} | {default_text(line)} "
            f"| {line.help}{secret} |"
        )
    return "\n".join(rows) + "\n"


def by_key(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Settings by their dotted keys, as `hookflash settings` lists them."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping) and name != "keys":
            found |= by_key(value, f"{prefix}{name}.")
        else:
            found[f"{prefix}{name}"] = value
    return found
