"""Settings given as flags: `--sip.sip-port 5070` or `--sip.sip-port=5070`."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Any

from ..base.errors import ConfigError
from ..config import SettingLine, setting_lines

_YES = {"": True, "yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}


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
