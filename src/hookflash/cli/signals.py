"""What each signal of the system means to `hookflash serve`: none ends the process while callers
are still in the air."""

from __future__ import annotations

import asyncio
import os
import signal
from functools import partial
from typing import Final

import structlog

_log = structlog.get_logger("server")

END: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGPWR, signal.SIGXCPU)
"""Containers are stopped with SIGPWR too; SIGXCPU comes before the SIGKILL of a limit."""
END_AT_ONCE: Final = (signal.SIGQUIT,)
IGNORED: Final = (
    *(signal.SIGUSR1, signal.SIGUSR2, signal.SIGALRM, signal.SIGVTALRM, signal.SIGPROF),
    *(signal.SIGIO, signal.SIGSTKFLT, signal.SIGPIPE, signal.SIGXFSZ),
    *range(signal.SIGRTMIN, signal.SIGRTMAX + 1),
)
"""Each would end a process that says nothing about it. A write that fails is told by its errno."""


class Signals:
    """`asked` is set by the first signal that ends the process, `at_once` by a second one and by
    those that end it without a drain."""

    def __init__(self, *, terminal: bool) -> None:
        """`terminal`: SIGHUP says that it was closed; without one it may be anybody's habit."""
        self.asked = asyncio.Event()
        self.at_once = asyncio.Event()
        self._terminal = terminal

    def install(self, loop: asyncio.AbstractEventLoop) -> None:
        """Listen from now on. A SIGHUP that is ignored already, as by nohup, stays so."""
        for number in END:
            loop.add_signal_handler(number, self._end)
        for number in END_AT_ONCE:
            loop.add_signal_handler(number, self._end_at_once)
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
            hung_up = self._end if self._terminal else partial(_ignored, "SIGHUP")
            loop.add_signal_handler(signal.SIGHUP, hung_up)
        for ignored in IGNORED:
            signal.signal(ignored, signal.SIG_IGN)

    def _end(self) -> None:
        (self.at_once if self.asked.is_set() else self.asked).set()

    def _end_at_once(self) -> None:
        self.asked.set()
        self.at_once.set()


def _ignored(name: str) -> None:
    _log.info("signal_ignored", signal=name)


def has_terminal() -> bool:
    """Whether the process has a controlling terminal."""
    try:
        os.close(os.open(os.ctermid(), os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True
