"""A SIP ladder on a terminal: one line for each message, as it happens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rich.console import Console
from rich.text import Text

TIME_WIDTH: Final = 9
"""Columns of `  1.234 s`."""
NARROWEST: Final = 80
WIDEST: Final = 116
_MARGIN: Final = 3
_LANE: Final = "dim"


class Ladder:
    """`lanes` are the names across the top, from left to right."""

    def __init__(self, console: Console, lanes: Sequence[str]) -> None:
        self._console = console
        self._lanes = list(lanes)
        width = min(max(console.width, NARROWEST), WIDEST) if console.is_terminal else 100
        first = TIME_WIDTH + _MARGIN + len(lanes[0]) // 2
        step = (width - first - len(lanes[-1]) // 2 - 1) // (len(lanes) - 1)
        self._columns = [first + step * number for number in range(len(lanes))]

    def head(self) -> None:
        """The names of the lanes."""
        line = Text(" " * (self._columns[-1] + len(self._lanes[-1])))
        plain = list(line.plain)
        for name, column in zip(self._lanes, self._columns, strict=True):
            start = column - len(name) // 2
            plain[start : start + len(name)] = name
        self._print(Text("".join(plain).rstrip(), style="bold"))

    def message(self, at: float, sender: int, receiver: int, label: str) -> None:
        """An arrow between two lanes (by number); `at` in seconds since the beginning."""
        row = self._row(at)
        left, right = sorted((self._columns[sender], self._columns[receiver]))
        inner = right - left - 1
        label = label[: inner - 4]
        middle = f" {label} ".center(inner - 1, "─")
        arrow = f"{middle}▶" if sender < receiver else f"◀{middle}"
        row[left + 1 : right] = list(arrow)
        text = self._styled(row)
        start = left + 1 + arrow.index(label)
        text.stylize(_style(label), start, start + len(label))
        self._print(text)

    def note(self, at: float, words: str, style: str = "green") -> None:
        """A sentence between the messages."""
        time = Text(f"{at:7.3f} s").append(" " * _MARGIN)
        time.stylize(_LANE)
        self._print(time.append(words, style=style))

    def title(self, words: str) -> None:
        """What comes next."""
        self._print(Text())
        self._print(Text(words, style="bold"))

    def _row(self, at: float) -> list[str]:
        row = list(f"{at:7.3f} s".ljust(self._columns[-1] + 1))
        for column in self._columns:
            row[column] = "│"
        return row

    def _styled(self, row: list[str]) -> Text:
        text = Text("".join(row))
        text.stylize(_LANE, 0, TIME_WIDTH)
        for column in self._columns:
            if row[column] == "│":
                text.stylize(_LANE, column, column + 1)
        return text

    def _print(self, text: Text) -> None:
        self._console.print(text, soft_wrap=True, highlight=False)


def _style(label: str) -> str:
    """Requests cyan, REFER and its news yellow, answers by their class."""
    if label.startswith(("REFER", "NOTIFY")):
        return "bold yellow"
    if not label[:1].isdigit():
        return "bold cyan"
    return {"1": "dim", "2": "green"}.get(label[0], "red")
