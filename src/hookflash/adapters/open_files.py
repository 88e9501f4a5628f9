"""Open files run out: said once a minute, for it comes in floods."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog

EVERY = 60.0
"""Seconds between two lines."""
_RAN_OUT = frozenset((errno.EMFILE, errno.ENFILE))

_log = structlog.get_logger("server")


class OpenFiles:
    """`now` gives seconds."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._said: float | None = None

    def missing(self, error: OSError, what: str) -> bool:
        """Whether `error` means that there were no files left for `what`; logged if so."""
        if error.errno not in _RAN_OUT:
            return False
        now = self._now()
        if self._said is None or now - self._said >= EVERY:
            self._said = now
            _log.error("no_open_files", needed_for=what, why=str(error))
        return True

    @contextmanager
    def noted(self, what: str) -> Iterator[None]:
        """The same for what is opened in this block; the error goes on."""
        try:
            yield
        except OSError as error:
            self.missing(error, what)
            raise
