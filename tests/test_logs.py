"""Logs: JSON for machines, text for people, and no secrets."""

from __future__ import annotations

import io
import json
import logging

import pytest
import structlog

from hookflash.logs import configure


@pytest.fixture(autouse=True)
def _restore() -> object:
    yield
    structlog.reset_defaults()


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
