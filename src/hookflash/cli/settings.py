"""Settings given as flags, `--sip.sip-port 5070` or `--sip.sip-port=5070`; and the table of all,
for `hookflash settings` or as Markdown for the docs."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from ..base.errors import ConfigError
from ..config import SettingLine, setting_lines

_YES = {"": True, "yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}


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


# --- flags --------------------------------------------------------------------------------------


def parse_flags(arguments: Sequence[str]) -> dict[str, Any]:
    """Dotted keys and values; lists take several flags or commas. Raises ConfigError."""
    lines = {line.flag: line for line in setting_lines() if line.flag is not None}
    values: dict[str, Any] = {}
    rest = list(arguments)
    while rest:
        word = rest.pop(0)
        flag, equals, value = word.partition("=")
        line = lines.get(flag.replace("_", "-"))
        if line is None:
            near = difflib.get_close_matches(flag, lines)
            meant = f" ({', '.join(near)}?)" if near else ""
            allowed = "a flag that `hookflash settings` lists" + meant
            raise ConfigError("serve", flag, allowed, wrong="is unknown")
        if not equals and line.kind == "yes or no":
            if rest and rest[0].lower() in _YES:
                value = rest.pop(0)
        elif not equals:
            if not rest:
                raise ConfigError(flag, "", f"a value ({line.kind})")
            value = rest.pop(0)
        _set(values, line, value)
    return values


def _set(values: dict[str, Any], line: SettingLine, text: str) -> None:
    if line.kind == "yes or no":
        if text.lower() not in _YES:
            raise ConfigError(line.key, text, "yes or no")
        values[line.key] = _YES[text.lower()]
    elif line.kind.startswith("list of"):
        values.setdefault(line.key, []).extend(part for part in text.split(",") if part)
    else:
        values[line.key] = text


def by_key(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Settings by their dotted keys, as `hookflash settings` lists them."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping) and name != "keys":
            found |= by_key(value, f"{prefix}{name}.")
        else:
            found[f"{prefix}{name}"] = value
    return found
