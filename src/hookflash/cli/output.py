"""What the commands print: tables for people, JSON for programs, progress on stderr."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from textwrap import wrap
from types import TracebackType
from typing import Any, Self

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from rich.cells import cell_len
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from ..base.text import printable

WIDE = 250
"""Columns where nobody looks, at least: nothing is folded in a file or a pipe."""
GAP = 2
"""Columns between two of a table."""
ENDLESS = 1_000_000
"""Columns for finding out how many a table wants."""
LEAST = 20
"""Columns of a text beside its mark, in however narrow a terminal."""
UNBROKEN = "\x00"
"""A space within a command, while lines are broken."""


def print_json(value: Any) -> None:
    """One JSON document on stdout, fit for a terminal."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    if not text.replace("\n", "").isprintable():
        text = "".join(c if c.isprintable() or c == "\n" else json.dumps(c)[1:-1] for c in text)
    sys.stdout.write(text + "\n")


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


def make_table(columns: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> Table:
    """Without lines; what looks like markup is none. Long texts are folded between words, never
    cut; words are broken only where `width` is less than `least_width`."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    cells = [[printable(cell) for cell in row] for row in rows]
    for name, size in zip(columns, _widths(columns, cells, width), strict=True):
        table.add_column(name, overflow="fold", width=size)
    for row in cells:
        table.add_row(*map(Text, row))
    return table


def least_width(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> int:
    """Columns of a terminal that shows the table with no word broken."""
    return sum(_longest_words(columns, rows)) + GAP * (len(columns) - 1)


def _widths(columns: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> list[int]:
    """Each column has room for its longest word; those whose texts are short get all they want
    first, and the others share the rest."""
    sizes = _longest_words(columns, rows)
    wanted = [
        max(map(cell_len, (name, *texts)), default=0)
        for name, *texts in zip(columns, *rows, strict=True)
    ]
    spare = width - sum(sizes) - GAP * (len(columns) - 1)
    missing = sorted(
        (want - size, at) for at, (want, size) in enumerate(zip(wanted, sizes, strict=True))
    )
    for done, (more, at) in enumerate(missing):
        given = max(0, min(more, spare // (len(missing) - done)))
        sizes[at] += given
        spare -= given
    return sizes


def _longest_words(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[int]:
    return [
        max((cell_len(word) for text in texts for word in printable(text).split()), default=1)
        for texts in zip(columns, *rows, strict=True)
    ]


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]], none: str) -> None:
    """The rows, or `none` where there are none. A terminal in which a word, such as an id that one
    wants to copy, would be broken gets a block of lines for each row instead."""
    if not rows:
        say(none)
        return
    console = Console()
    if not console.is_terminal:
        table = make_table(columns, rows, ENDLESS)
        size = Measurement.get(console, console.options.update_width(ENDLESS), table)
        console = Console(width=max(WIDE, size.maximum))
        console.print(table)
        return
    if least_width(columns, rows) <= console.width:
        console.print(make_table(columns, rows, console.width))
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


def hanging(text: str, first: str, width: int | None) -> str:
    """A line that begins with `first`, for a terminal of `width` columns: no word is broken, nor a
    command in backticks that a line has room for, and what follows begins below the text. None:
    no terminal, so one line."""
    if width is None:
        return f"{first}{text}"
    indent = " " * cell_len(first)
    room = max(width - len(indent), LEAST)

    def kept(command: re.Match[str]) -> str:
        return command[0].replace(" ", UNBROKEN) if cell_len(command[0]) <= room else command[0]

    whole = re.sub("`[^`]*`", kept, text)
    lines = wrap(whole, room, break_long_words=False, break_on_hyphens=False)
    return (first + f"\n{indent}".join(lines)).replace(UNBROKEN, " ")


def say_hanging(label: str, text: str) -> None:
    """One line on stdout, on a terminal as `hanging` has it."""
    console = Console()
    width = console.width if console.is_terminal else None
    sys.stdout.write(hanging(printable(text), printable(label), width) + "\n")


class Progress:
    """A line on stderr that changes; where stderr is no terminal, a line for each change."""

    def __init__(self) -> None:
        self._console = Console(stderr=True)
        self._status = self._console.status("") if self._console.is_terminal else None
        self._last = ""

    @property
    def live(self) -> bool:
        """Whether the line changes in its place."""
        return self._status is not None

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
