"""The same with an older release of the SDK, in an environment of its own (`.venv-sdk`)."""

from __future__ import annotations

import asyncio
import sysconfig
from pathlib import Path

import pytest
from tests.interop.support.process import run
from tests.interop.support.sdks import alone
from tests.sdk.support.toolchains import wheel

pytestmark = pytest.mark.interop

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
VERSION = "1.1.21"
CORE = (
    "test_python_sdk.py",
    "test_calls.py",
    "test_room_events.py",
    "test_staying.py",
    "test_telling.py",
    "test_sound.py",
    "test_network.py::test_another_server_at_the_same_place",
)


def test_an_older_release() -> None:
    asyncio.run(check())


async def check() -> None:
    name = f"livekit-{VERSION}"
    async with alone(name):
        folder = await wheel(name, f"livekit=={VERSION}")
    (packages,) = folder.glob("lib/python*/site-packages")
    # Everything but the SDK is this environment's: what a .pth file names comes behind it.
    (packages / "others.pth").write_text(sysconfig.get_path("purelib"), "utf-8")
    python = folder / "bin" / "python"
    asked = "import livekit.rtc; print(livekit.rtc.__version__)"
    assert (await run(python, "-c", asked)).strip() == VERSION
    told = await run(
        python, "-m", "pytest", "-q", "-m", "interop", *(HERE / file for file in CORE),
        cwd=ROOT, within=240,
    )  # fmt: skip
    assert " passed" in told
