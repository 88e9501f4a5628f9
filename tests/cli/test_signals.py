"""What signals do to `hookflash serve`; with calls up: tests/wire/test_process.py."""

from __future__ import annotations

import asyncio
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.process import Serving

from hookflash.cli.signals import END, END_AT_ONCE, IGNORED, Signals

ASK = "import sys; from hookflash.cli.signals import has_terminal; sys.exit(has_terminal())"


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    numbers = [*IGNORED, signal.SIGHUP]
    before = {number: signal.getsignal(number) for number in numbers}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def seen(*numbers: int, terminal: bool = False) -> tuple[bool, bool]:
    """`asked` and `at_once` after these signals, sent to this process."""

    async def send() -> tuple[bool, bool]:
        signals = Signals(terminal=terminal)
        loop = asyncio.get_running_loop()
        signals.install(loop)
        try:
            for number in numbers:
                signal.raise_signal(number)
                read = asyncio.Event()
                loop.call_soon(loop.call_soon, read.set)  # behind the loop's look at the signal
                await read.wait()
        finally:
            for number in (*END, *END_AT_ONCE, signal.SIGHUP):
                loop.remove_signal_handler(number)
        return signals.asked.is_set(), signals.at_once.is_set()

    return asyncio.run(send())


@pytest.mark.parametrize("number", END)
def test_one_ends_it_and_a_second_ends_the_drain(number: int) -> None:
    assert seen(number) == (True, False)
    assert seen(number, signal.SIGTERM) == (True, True)


def test_sigquit_is_without_a_drain() -> None:
    assert seen(signal.SIGQUIT) == (True, True)


def test_sighup_is_a_terminals_or_nothing() -> None:
    assert seen(signal.SIGHUP, terminal=True) == (True, False)
    assert seen(signal.SIGHUP) == (False, False)


def test_nohup_holds_on_a_terminal() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    assert seen(signal.SIGHUP, terminal=True) == (False, False)


@pytest.mark.parametrize("number", IGNORED)
def test_others_are_nothing(number: int) -> None:
    assert seen(number) == (False, False)


def test_a_process_knows_whether_it_has_a_terminal() -> None:
    command = [sys.executable, "-c", ASK]
    assert subprocess.run(command, start_new_session=True, check=False).returncode == 0
    child, terminal = pty.fork()
    if child == 0:
        os.execv(sys.executable, command)
    _, status = os.waitpid(child, 0)
    os.close(terminal)
    assert os.waitstatus_to_exitcode(status) == 1


def test_a_server_outlives_sighup_and_says_so(tmp_path: Path) -> None:
    with Serving(tmp_path) as server:
        server.process.send_signal(signal.SIGUSR1)
        server.process.send_signal(signal.SIGHUP)
        assert server.wait_for("signal_ignored")["signal"] == "SIGHUP"
        server.process.send_signal(signal.SIGQUIT)
        assert server.process.wait(30) == 0
