"""The drawing of SIP ladders."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from hookflash.cli.ladder import Ladder

LANES = ("caller", "Hookflash", "agent", "new party")


def draw(*, terminal: bool = False, width: int = 100) -> tuple[Ladder, io.StringIO]:
    out = io.StringIO()
    console = Console(
        file=out,
        force_terminal=terminal,
        width=width,
        color_system="truecolor" if terminal else None,
    )
    return Ladder(console, LANES), out


def test_every_line_has_its_lanes_below_their_names() -> None:
    ladder, out = draw()
    ladder.head()
    ladder.message(0.1234, 0, 1, "INVITE")
    ladder.message(1.5, 3, 1, "180 Ringing")
    head, there, back = out.getvalue().splitlines()
    columns = [head.index(name) + len(name) // 2 for name in LANES]
    assert there.startswith("  0.123 s")
    assert [there[column] for column in columns] == ["│"] * 4
    assert there[columns[0] + 1 : columns[1]].strip("─▶") == " INVITE "
    assert there[columns[1] - 1] == "▶"
    assert back[columns[1] + 1] == "◀"
    assert back[columns[2]] != "│"  # the arrow goes over the lane between
    assert " 180 Ringing " in back
    assert max(map(len, (head, there, back))) <= 100


@pytest.mark.parametrize("width", [40, 80, 100, 200])
def test_it_fits_the_terminal(width: int) -> None:
    ladder, out = draw(terminal=True, width=width)
    ladder.head()
    ladder.message(0.0, 0, 3, "INVITE")
    for line in out.getvalue().splitlines():
        assert len(_without_colours(line)) <= min(max(width, 80), 116)


def test_a_long_label_is_cut() -> None:
    ladder, out = draw()
    ladder.message(0.0, 0, 1, "x" * 200)
    line = out.getvalue().rstrip("\n")
    assert len(line) <= 100
    assert "▶" in line


def test_notes_and_titles() -> None:
    ladder, out = draw()
    ladder.title("1  Hello")
    ladder.note(2.0, "the caller hears the agent")
    assert out.getvalue() == "\n1  Hello\n  2.000 s   the caller hears the agent\n"


@pytest.mark.parametrize(
    ("label", "code"),
    [
        ("INVITE", "36"),
        ("REFER", "33"),
        ("NOTIFY 200 OK", "33"),
        ("180 Ringing", "2"),
        ("200 OK", "32"),
        ("603 Decline", "31"),
    ],
)
def test_colours_on_a_terminal(label: str, code: str) -> None:
    ladder, out = draw(terminal=True)
    ladder.message(0.0, 0, 1, label)
    styles = out.getvalue().partition(label)[0].rpartition("\x1b[")[2].rstrip("m").split(";")
    assert code in styles


def _without_colours(line: str) -> str:
    parts = line.split("\x1b[")
    return parts[0] + "".join(part.partition("m")[2] for part in parts[1:])
