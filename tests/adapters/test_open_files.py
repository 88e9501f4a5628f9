"""Open files that run out."""

from __future__ import annotations

import errno

import pytest
from structlog.testing import capture_logs
from tests.support.manual_clock import ManualClock

from hookflash.adapters.open_files import EVERY, OpenFiles


def test_it_is_said_once_a_minute() -> None:
    clock = ManualClock()
    files = OpenFiles(clock.now)
    with capture_logs() as logs:
        assert files.missing(OSError(errno.EMFILE, "Too many open files"), "HTTP")
        with pytest.raises(OSError, match="table"), files.noted("RTP"):
            raise OSError(errno.ENFILE, "file table overflow")
        assert len(logs) == 1
        clock.advance(EVERY)
        assert files.missing(OSError(errno.ENFILE, "file table overflow"), "RTP")
    assert [(line["event"], line["needed_for"]) for line in logs] == [
        ("no_open_files", "HTTP"),
        ("no_open_files", "RTP"),
    ]


def test_other_errors_are_others() -> None:
    files = OpenFiles(ManualClock().now)
    with capture_logs() as logs:
        assert not files.missing(OSError(errno.EADDRINUSE, "in use"), "RTP")
        with pytest.raises(OSError, match="in use"), files.noted("RTP"):
            raise OSError(errno.EADDRINUSE, "in use")
    assert logs == []
