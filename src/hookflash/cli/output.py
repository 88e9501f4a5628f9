"""What the commands print: tables for people, JSON for programs, progress on stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from ..base.text import printable

WIDE = 250
"""Columns where nobody looks, at least: nothing is folded in a file or a pipe."""
ENDLESS = 1_000_000
"""Columns for finding out how many a table wants."""


def print_json(value: Any) -> None:
    """One JSON document on stdout."""
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def as_dict(message: Message) -> dict[str, Any]:
    """A message as the API shows it: names in snake_case, what is empty left out."""
    found: dict[str, Any] = MessageToDict(message, preserving_proto_field_name=True)
    return found


def clock(seconds: float) -> str:
    """`1:02:03`, `4:05`."""
    minutes, rest = divmod(max(0, int(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def moment(seconds: float) -> str:
    """`2026-02-28 14:03:59`, in UTC; `seconds` since the epoch."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")


def make_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    """Without lines; long texts are folded, never cut, and what looks like markup is none."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in columns:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    return table


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]], none: str) -> None:
    """The rows, or `none` where there are none. A terminal in which a word, such as an id that one
    wants to copy, would be broken gets a block of lines for each row instead."""
    if not rows:
        say(none)
        return
    console = Console()
    table = make_table(columns, rows)
    size = Measurement.get(console, console.options.update_width(ENDLESS), table)
    if not console.is_terminal:
        console = Console(width=max(WIDE, size.maximum))
    if size.minimum <= console.width:
        console.print(table)
        return
    wide = max(map(len, columns))
    blocks = [
        "\n".join(
            f"{name:{wide}}  {printable(cell)}"
            for name, cell in zip(columns, row, strict=True)
            if cell
        )
        for row in rows
    ]
    sys.stdout.write("\n\n".join(blocks) + "\n")


def say(text: str) -> None:
    """One line on stdout."""
    sys.stdout.write(printable(text) + "\n")


class Progress:
    """A line on stderr that changes; where stderr is no terminal, a line for each change."""

    def __init__(self) -> None:
        self._console = Console(stderr=True)
        self._status = self._console.status("") if self._console.is_terminal else None
        self._last = ""

    def __enter__(self) -> Self:
        if self._status is not None:
            self._status.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._status is not None:
            self._status.stop()

    def say(self, text: str) -> None:
        """What is going on now."""
        if text == self._last:
            return
        self._last = text
        shown = Text(printable(text))
        if self._status is not None:
            self._status.update(shown)
        else:
            self._console.print(shown, soft_wrap=True)
