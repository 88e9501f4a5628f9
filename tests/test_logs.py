"""Logs: JSON for machines, text for people, and no secrets."""

from __future__ import annotations

import io
import json

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
