"""What is typed on a terminal while a telephone is in a call."""

from __future__ import annotations

import os
import select
import sys
import termios
import time
import tty
from types import TracebackType
from typing import Any, Self


class Keyboard:
    """`with Keyboard() as keyboard`: each key comes at once, without Enter, and is not shown. What
    is no terminal, or that of another command, has no keys."""

    def __init__(self, fd: int | None = None) -> None:
        """`fd`: where the keys come from; the standard input unless named."""
        self._fd = _standard_input() if fd is None else fd
        self._before: list[Any] | None = None

    @property
    def there(self) -> bool:
        """Whether there is a terminal."""
        return self._before is not None

    def __enter__(self) -> Self:
        if os.isatty(self._fd) and not _in_background(self._fd):
            self._before = termios.tcgetattr(self._fd)
            tty.setcbreak(self._fd)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._before is not None:
            termios.tcsetattr(self._fd, termios.TCSADRAIN, self._before)

    def typed(self, within: float) -> str:
        """The keys that were typed; waits for one, but no longer than this (seconds)."""
        if self._before is None:
            time.sleep(within)
            return ""
        ready, _, _ = select.select([self._fd], [], [], within)
        return os.read(self._fd, 64).decode("ascii", "ignore") if ready else ""


def _in_background(terminal: int) -> bool:
    """Whether another command has this terminal: who touched it then would be stopped."""
    try:
        return os.tcgetpgrp(terminal) != os.getpgrp()
    except OSError:  # it is nobody's
        return False


def _standard_input() -> int:
    """-1 where there is none."""
    try:
        return sys.stdin.fileno()
    except (AttributeError, OSError):  # closed, or none of the system's
        return -1
