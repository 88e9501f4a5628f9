"""Keys of a terminal."""

from __future__ import annotations

import os
import pty
import sys
import termios
from collections.abc import Iterator

import pytest

from hookflash.cli.phone_keys import Keyboard


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    """(the person's side, the program's side)."""
    person, program = pty.openpty()
    yield person, program
    os.close(person)
    os.close(program)


def test_keys_come_at_once_and_are_not_shown(terminal: tuple[int, int]) -> None:
    person, program = terminal
    before = termios.tcgetattr(program)
    with Keyboard(program) as keyboard:
        assert keyboard.there
        assert keyboard.typed(0.0) == ""
        os.write(person, b"1h\xff")
        assert keyboard.typed(5.0) == "1h"
        assert not termios.tcgetattr(program)[3] & termios.ECHO
    assert termios.tcgetattr(program) == before


@pytest.mark.parametrize(("group", "there"), [(0, True), (1, False)])
def test_the_terminal_of_another_command_is_left_alone(
    terminal: tuple[int, int], monkeypatch: pytest.MonkeyPatch, group: int, there: bool
) -> None:
    _, program = terminal
    monkeypatch.setattr(os, "tcgetpgrp", lambda _: os.getpgrp() + group)
    before = termios.tcgetattr(program)
    with Keyboard(program) as keyboard:
        assert keyboard.there is there
        assert (termios.tcgetattr(program) != before) is there


def test_without_a_terminal_there_are_no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    read, write = os.pipe()
    os.write(write, b"1")
    with Keyboard(read) as keyboard:
        assert not keyboard.there
        assert keyboard.typed(0.0) == ""
    os.close(read)
    os.close(write)
    monkeypatch.setattr(sys, "stdin", None)
    with Keyboard() as keyboard:
        assert not keyboard.there
