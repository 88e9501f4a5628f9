"""The table of figures: on the terminal, and in docs/performance.md with the machine's facts."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "performance.md"
HEADS = ("figure", "at least", "aim", "measured", "ok")
_BEGIN, _END = "<!-- figures: written by `make bench` -->", "<!-- end of figures -->"


@dataclass(frozen=True, slots=True)
class Row:
    """One line: `ok` is "aim", "yes" or "no"."""

    figure: str
    least: str
    aim: str
    measured: str
    ok: str

    def cells(self) -> tuple[str, ...]:
        """In the order of `HEADS`."""
        return self.figure, self.least, self.aim, self.measured, self.ok


def row(
    figure: str,
    value: float,
    least: float,
    aim: float | None = None,
    *,
    unit: str = "",
    more: bool = False,
    digits: int = 2,
    note: str = "",
    also: bool = True,
) -> Row:
    """A figure with its two limits. `more`: the larger the better. `also`: what else must hold."""
    sign = "≥" if more else "≤"

    def holds(limit: float) -> bool:
        return also and (value >= limit if more else value <= limit)

    ok = "no"
    if holds(least):
        ok = "aim" if aim is not None and holds(aim) else "yes"
    return Row(
        figure,
        f"{sign} {least:.4g}{unit}",
        f"{aim:g}{unit}" if aim is not None else "",
        f"{value:.{digits}f}{unit}{note}",
        ok,
    )


def print_rows(rows: Sequence[Row]) -> None:
    """As a table for the terminal."""
    table = [HEADS, *(item.cells() for item in rows)]
    widths = [max(len(line[column]) for line in table) for column in range(len(HEADS))]
    for line in table:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)))


def write_page(rows: Sequence[Row]) -> None:
    """Replace the table of docs/performance.md; the text around it stays."""
    lines = [_line(HEADS), _line(("---",) * len(HEADS)), *(_line(item.cells()) for item in rows)]
    body = "\n".join([_BEGIN, "", machine(), "", *lines, "", _END])
    text = PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition(_BEGIN)
    after = rest.partition(_END)[2]
    PAGE.write_text(before + body + after, encoding="utf-8")


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def machine() -> str:
    """What it was measured on."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    memory = next(
        int(line.split()[1]) / 1024 / 1024
        for line in Path("/proc/meminfo").read_text().splitlines()
        if line.startswith("MemTotal")
    )
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],
        capture_output=True,
        text=True,
        check=False,
        cwd=PAGE.parent,
    ).stdout.strip()
    load = os.getloadavg()[0]
    return (
        f"Commit {commit or 'unknown'}; {os.cpu_count()} × {model}, {memory:.0f} GB; "
        f"Linux {platform.release()}, Python {platform.python_version()}; "
        f"load average at the end {load:.1f}."
    )
