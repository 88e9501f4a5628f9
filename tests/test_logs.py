"""Logs: JSON for machines, text for people, and no secrets."""

from __future__ import annotations

import io
import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from hookflash.logs import configure, to_standard_logging


@pytest.fixture(autouse=True)
def _restore() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers.clear()
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def test_json_lines_have_level_time_and_fields() -> None:
    out = io.StringIO()
    configure("info", "json", out)
    structlog.get_logger().info("call_answered", call_id="SCL_1")
    line = json.loads(out.getvalue())
    assert line["event"] == "call_answered"
    assert line["call_id"] == "SCL_1"
    assert line["level"] == "info"
    assert line["timestamp"].endswith("Z")


def test_what_is_below_the_level_is_not_written() -> None:
    out = io.StringIO()
    configure("warning", "json", out)
    structlog.get_logger().info("quiet")
    assert out.getvalue() == ""


def test_secrets_are_blanked() -> None:
    out = io.StringIO()
    configure("info", "text", out)
    structlog.get_logger().info("x", token="eyJ0", password="hunter2")
    assert "hunter2" not in out.getvalue()
    assert "eyJ0" not in out.getvalue()


HOSTILE = "a\x1b[2Jb\r\nforged line\x9bc\u202ed\u2066e\udc80"


@pytest.mark.parametrize("style", ["json", "text"])
def test_what_a_peer_wrote_cannot_steer_a_terminal(style: str) -> None:
    out = io.StringIO()
    configure("info", style, out)
    log = structlog.get_logger()
    log.info("x", why=HOSTILE, several=[HOSTILE], octets=HOSTILE.encode("utf-8", "surrogateescape"))
    try:
        raise ValueError(HOSTILE)
    except ValueError:
        log.exception("y")
    written = out.getvalue()
    assert written.replace("\n", "").isprintable()
    assert "\nforged" not in written
    assert "b" in written


def test_nor_can_it_in_what_a_library_logs(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.StringIO()
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    configure("info", "text", out)
    logging.getLogger("asyncio").warning("from %s", HOSTILE)
    assert out.getvalue().startswith("WARNING asyncio from a\\x1b[2Jb")
    assert out.getvalue().replace("\n", "").isprintable()


def test_text_is_fit_for_a_terminal() -> None:
    out = io.StringIO()
    configure("info", "text", out)
    try:
        raise ValueError("\x1b[2Jgone")
    except ValueError:
        structlog.get_logger().exception("call_refused", caller="\x1b]0;x\x07\u202e\nnext")
    logging.getLogger("library").warning("%s", "\x1b[31mred")
    text = out.getvalue()
    assert r"caller=\x1b]0;x\x07\u202e\nnext" in text
    assert r"\x1b[2Jgone" in text
    assert "\x1b" not in text
    assert "Traceback" in text


def test_a_line_that_cannot_be_written_is_lost_and_nothing_else() -> None:
    with Path("/dev/full").open("w") as full:
        configure("info", "json", full)
        structlog.get_logger().info("lost")


def test_a_reader_that_has_gone_ends_nothing() -> None:
    reader, writer = os.pipe()
    with os.fdopen(writer, "w") as pipe:
        configure("info", "json", pipe)
        structlog.get_logger().info("first")
        assert json.loads(os.read(reader, 4096))["event"] == "first"
        os.close(reader)
        structlog.get_logger().info("second")


def test_numbers_and_nothing_are_written_as_they_are() -> None:
    out = io.StringIO()
    configure("info", "text", out)
    structlog.get_logger().info("x", count=3, share=0.5, secure=True, room=None)
    assert out.getvalue().split()[-4:] == ["count=3", "room=None", "secure=True", "share=0.5"]


def test_lines_go_to_logging_unless_somebody_has_set_structlog_up(
    caplog: pytest.LogCaptureFixture,
) -> None:
    structlog.reset_defaults()
    taken_back = to_standard_logging()
    with caplog.at_level(logging.INFO, "hookflash"):
        structlog.get_logger("calls").info("call_ended", number="+1\n2", password="hidden")
        structlog.get_logger("calls").debug("unseen")
    (line,) = caplog.records
    assert (line.name, line.levelname) == ("hookflash.calls", "INFO")
    assert line.getMessage() == r"event='call_ended' number='+1\\n2' password='***'"
    to_standard_logging()()
    assert structlog.is_configured()
    taken_back()
    assert not structlog.is_configured()
