"""The table of figures: on the terminal, and in docs/performance.md with the machine's facts."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
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


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the whole bench: make it before the first figure. `rows` come as they are
    measured, and the table is made of nothing else."""

    facts: str = field(default_factory=lambda: machine())  # noqa: PLW0108 - defined below
    rows: list[Row] = field(default_factory=list)


def write_page(run: Run, page: Path = PAGE) -> None:
    """Replace the table of docs/performance.md, and what it was measured on; the text around them
    stays.

    Raises:
        ValueError: the page lacks the marks of the table.
    """
    lines = [run.facts, "", *table_lines(HEADS, [item.cells() for item in run.rows])]
    replace_between(page, _BEGIN, _END, lines)


def table_lines(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A table in Markdown."""
    return [_line(heads), _line(("---",) * len(heads)), *(_line(row) for row in rows)]


def replace_between(page: Path, begin: str, end: str, lines: Sequence[str]) -> None:
    """Put `lines` between the two marks of a page, which stay.

    Raises:
        ValueError: the page lacks the marks.
    """
    body = "\n".join([begin, "", *lines, "", end])
    text = page.read_text(encoding="utf-8")
    before, begun, rest = text.partition(begin)
    _, ended, after = rest.partition(end)
    if not begun or not ended:
        raise ValueError(f"{page.name} lacks the marks of the figures")
    page.write_text(before + body + after, encoding="utf-8")


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def machine() -> str:
    """When and on what it is measured: date, commit ("and changes" where the files are not those of
    the commit), processors, memory, system, and how busy the machine is."""
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
    today = datetime.now(UTC).date().isoformat()
    commit = _git("rev-parse", "--short", "HEAD") or "unknown"
    changed = " and changes" if _git("status", "--porcelain") else ""
    load = os.getloadavg()[0]
    return (
        f"{today}, commit {commit}{changed}; {os.cpu_count()} × {model}, {memory:.0f} GB; "
        f"Linux {platform.release()}, Python {platform.python_version()}; "
        f"load average before the run {load:.1f}."
    )


def _git(*arguments: str) -> str:
    command = ["git", *arguments]
    run = subprocess.run(command, capture_output=True, text=True, check=False, cwd=PAGE.parent)
    return run.stdout.strip()
