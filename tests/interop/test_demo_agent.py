"""`make demo-agent` as people run it."""

from __future__ import annotations

import asyncio
import sys

import pytest
from tests.interop.support.agents import agents_python
from tests.interop.support.process import Process
from tests.interop.support.sdks import ROOT

pytestmark = pytest.mark.interop


async def played(*arguments: str) -> tuple[int, str]:
    """Exit code and output."""
    await agents_python()
    process = await Process.start("demo", [sys.executable, *arguments], cwd=ROOT)
    try:
        code = await process.wait(within=120)
    finally:
        await process.kill()
    return code, "\n".join(process.lines)


def test_the_demo_of_an_agent() -> None:
    code, output = asyncio.run(played("-m", "scripts.demo_agent"))
    assert code == 0, output
    for fact in (
        "✓ the caller hears a voice: the agent says its menu",
        " REFER ",
        "✓ the caller hears the support (2900 Hz)",
        "✓ the support hears the caller (2500 Hz)",
        "✓ caller and agent have left the room",
        "→ succeeded",
        "OK: everything was as it should be.",
    ):
        assert fact in output


def test_a_demo_that_does_not_come_out_fails() -> None:
    late = "from scripts import demo_agent as demo; demo.LIMIT = 0.5; raise SystemExit(demo.main())"
    code, output = asyncio.run(played("-c", late))
    assert code == 1
    assert "FAILED: not done after 0.5 s" in output
    assert "OK:" not in output
