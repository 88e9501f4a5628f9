"""Tests of people's own agents: the example and the page about them, with the wheel installed as a
user installs it, beside livekit-agents and pytest."""

from __future__ import annotations

import asyncio
import re
import shlex
import shutil
from pathlib import Path
from xml.etree import ElementTree

import pytest
import uvloop
from tests.interop.support.process import run
from tests.interop.support.sdks import CACHE, ROOT, installed

pytestmark = pytest.mark.interop

PINS = ROOT / "tests" / "interop" / "agents" / "requirements-tests.txt"
EXAMPLE = ROOT / "examples" / "agent-tests"
PAGE = ROOT / "docs" / "testing-your-agent.md"
TRANSFER = "test_who_presses_1_talks_to_sales"
QUICK = 2.0
"""Seconds for a test of a transfer, its agent being there."""
ASYNCIO_OFF = ("-p", "no:asyncio", "-p", "no:anyio")


async def wheel_python(folder: Path) -> Path:
    """A Python that has livekit-agents and pytest, and the wheel of this source as it is now. What
    the wheel needs must be there: nothing is fetched for it."""
    python = await installed(PINS, CACHE / "own-tests")
    pip = (python, "-m", "pip", "--quiet", "--disable-pip-version-check")
    build = ("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, ROOT)
    await run(*pip, *build, within=120)
    (wheel,) = await asyncio.to_thread(lambda: list(folder.glob("hookflash-*.whl")))
    await run(*pip, "uninstall", "--yes", "hookflash", within=60)
    await run(*pip, "install", "--no-index", wheel, within=60)
    return python


async def results_of(
    python: Path, folder: Path, *options: str | Path
) -> tuple[str, dict[str, float]]:
    """(what pytest printed, test → seconds of the test itself)."""
    report = folder / "report.xml"
    output = await run(
        *(python, "-m", "pytest", "-p", "no:cacheprovider", "-rA", f"--junitxml={report}"),
        *("-o", "junit_duration_report=call", *options),
        cwd=folder,
        env={"PYTHONPATH": ""},
        within=120,
    )
    cases = ElementTree.parse(report).iter("testcase")
    return output, {case.attrib["name"]: float(case.attrib["time"]) for case in cases}


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return uvloop.run(wheel_python(tmp_path_factory.mktemp("wheel")))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return Path(shutil.copytree(EXAMPLE, tmp_path / "project"))


def test_the_example_with_the_wheel(python: Path, project: Path) -> None:
    """By pytest alone, by pytest-asyncio in both modes."""
    assert "livekit-agents==" in (EXAMPLE / "requirements.txt").read_text("utf-8")

    async def main() -> None:
        took = []
        for options in (ASYNCIO_OFF, ("-o", "asyncio_mode=strict"), ("-o", "asyncio_mode=auto")):
            output, seconds = await results_of(python, project, *options)
            assert len(seconds) == 3, output
            assert "3 passed" in output, output
            took.append(seconds[TRANSFER])
        assert min(took) <= QUICK, took

    uvloop.run(main())


def test_what_the_page_about_tests_says(python: Path, project: Path) -> None:
    """Each program under the name that its first line gives; each command as it stands there."""
    text = PAGE.read_text("utf-8")
    programs = re.findall(r"^```python\n# (\S+)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    commands = re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert text.count("```python") == len(programs) == 5
    (project / "test_agent.py").unlink()
    for name, program in programs:
        if name != "conftest.py":
            (project / name).write_text(program, "utf-8")
    (conftest,) = [program for name, program in programs if name == "conftest.py"]

    async def main() -> None:
        for command in "".join(commands).splitlines():
            program, *arguments = shlex.split(command)
            assert program == "python"
            output = await run(python, *arguments, cwd=project, within=60, env={"PYTHONPATH": ""})
            assert "1 passed" in output
        (project / "conftest.py").write_text(conftest, "utf-8")
        output, _ = await results_of(python, project, *ASYNCIO_OFF)
        assert "8 passed" in output, output
        told = await run(
            python, "without_pytest.py", cwd=project, within=60, env={"PYTHONPATH": ""}
        )
        assert told.splitlines()[-1] == "heard the agent"

    uvloop.run(main())


def test_the_commands_of_the_example(python: Path) -> None:
    """Its first line installs, as `wheel_python` does."""
    text = (EXAMPLE / "README.md").read_text("utf-8")
    (block,) = re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    _, command = block.splitlines()
    program, *arguments = shlex.split(command)
    assert program == "agent/bin/python"

    async def main() -> None:
        output = await run(python, *arguments, cwd=ROOT, within=60, env={"PYTHONPATH": ""})
        assert "3 passed" in output

    uvloop.run(main())
