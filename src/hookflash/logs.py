"""Logs: structlog, JSON for machines and text for people; secrets never get in."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import TextIO

import structlog

from .base.text import printable

_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}
_SECRET_KEYS = frozenset(
    {"token", "password", "secret", "authorization", "proxy_authorization", "auth_password", "key"}
)


def _blank_secrets(
    _logger: object, _name: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """Whatever is logged under a secret's name is blanked: the last line of defence."""
    for key in _SECRET_KEYS & event.keys():
        event[key] = "***"
    return event


def _readable(
    _logger: object, _name: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """Text for people without what a terminal would obey, or would turn round: peers wrote it."""
    for key, value in event.items():
        event[key] = _lines(value) if key == "exception" else _shown(value)
    return event


def _shown(value: object) -> object:
    if value is None or isinstance(value, int | float):
        return value
    return printable(value if isinstance(value, str) else repr(value))


def _lines(text: object) -> str:
    """A traceback has lines of its own: all but the first are indented, so that none of them, which
    may be the peer's words, looks like one of the log."""
    return "\n    ".join(printable(line) for line in str(text).split("\n"))


class _Lines(logging.Formatter):
    """The same for what libraries log."""

    def format(self, record: logging.LogRecord) -> str:
        return _lines(super().format(record))


# Made once: structlog's own renderer has json make an encoder for each line.
_encode = json.JSONEncoder(default=repr).encode


def _json_line(_logger: object, _name: str, event: structlog.typing.EventDict) -> str:
    return _encode(event)


class _Out:
    """Writes lines, and loses them where that fails: a terminal that was closed, a pipe without
    a reader and a full disk must end no call."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        try:
            self._descriptor = stream.fileno()
        except (OSError, ValueError):  # a stream in memory
            self._descriptor = -1

    def write(self, text: str) -> None:
        """Unbuffered: what cannot be written now is not tried again at the end."""
        if self._descriptor < 0:
            self._stream.write(text)
            return
        rest = text.encode("utf-8", "backslashreplace")
        with suppress(OSError):
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]

    def flush(self) -> None:
        """Nothing waits."""


def _named(*names: str) -> logging.Logger:
    return logging.getLogger(".".join(("hookflash", *names)))


def to_standard_logging() -> Callable[[], None]:
    """Where nobody has set structlog up, its lines go to `logging`, to loggers below `hookflash`;
    the result takes that back."""
    if structlog.is_configured():
        return lambda: None
    structlog.configure(
        processors=[
            _blank_secrets,
            structlog.processors.format_exc_info,
            _readable,
            structlog.processors.KeyValueRenderer(key_order=["event"]),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS["info"]),
        logger_factory=_named,
    )
    return structlog.reset_defaults


def configure(level: str = "info", style: str = "auto", stream: TextIO | None = None) -> None:
    """Set up structlog for the process. `style`: `auto`, `json` or `text`."""
    out = stream if stream is not None else sys.stderr
    text = style == "text" or (style == "auto" and out.isatty())
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer(colors=out.isatty()) if text else _json_line
    )
    written = _Out(out)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _blank_secrets,
            structlog.processors.format_exc_info,
            *([_readable] if text else []),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=structlog.WriteLoggerFactory(written),  # type: ignore[arg-type]
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(written)
    handler.setFormatter(_Lines("%(levelname)s %(name)s %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
