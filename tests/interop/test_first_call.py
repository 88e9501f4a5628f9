"""The README's "Your first call", word for word, with baresip in a terminal.

What is typed is taken from the page. Only the sound card is not there: baresip plays a file and
hears into nothing. The ports are the page's own, so nothing else may have them.
"""

from __future__ import annotations

import asyncio
import os
import pty
import re
import sys
from pathlib import Path

import pytest
from tests.interop.support.baresip import module_path
from tests.interop.support.lab import Lab
from tests.interop.support.process import Process, need
from tests.interop.support.tones import write_tone
from tests.interop.support.waiting import wait_until

pytestmark = pytest.mark.interop

ROOT = Path(__file__).resolve().parents[2]
CONFIG = """\
audio_player nothing,default
audio_source aufile,{folder}/tone.wav
ausrc_srate 8000
auplay_srate 8000
module_path {modules}
module stdio.so
module g711.so
module aufile.so
module_tmp account.so
module_app menu.so
"""


def steps() -> list[list[str]]:
    """What stands in backquotes in each numbered step of the README."""
    page = (ROOT / "README.md").read_text("utf-8")
    section = page.split("## Your first call\n")[1].split("\n## ")[0]
    found = re.findall(r"^\d\. (.*?)(?=^\d\. |^$)", section, re.MULTILINE | re.DOTALL)
    return [re.findall(r"`([^`]+)`", step) for step in found]


class Terminal:
    """A program in a terminal of its own: what it printed, and keys for it."""

    def __init__(self, lab: Lab, folder: Path, program: str) -> None:
        self.text = ""
        self._folder = folder
        self._program = program
        lab.show_on_failure(lambda: f"--- {program} ---\n{self.text[-4000:]}")

    async def start(self) -> None:
        """Start it, with settings of its own."""
        ours, theirs = pty.openpty()
        self._child = await asyncio.create_subprocess_exec(
            *(need(self._program), "-f", self._folder),
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env={**os.environ, "TERM": "dumb"},
            start_new_session=True,
        )
        os.close(theirs)
        self._terminal = ours
        asyncio.get_running_loop().add_reader(ours, self._read)

    def _read(self) -> None:
        try:
            self.text += os.read(self._terminal, 65536).decode("utf-8", "replace")
        except OSError:  # the program has ended
            asyncio.get_running_loop().remove_reader(self._terminal)

    def type(self, line: str) -> None:
        """A line and return."""
        os.write(self._terminal, line.encode() + b"\n")

    async def prints(self, text: str, within: float = 10) -> None:
        """Wait until it has printed this."""
        await wait_until(lambda: text in self.text, f"{text!r} from {self._program}", within)

    async def stop(self) -> None:
        """End it."""
        asyncio.get_running_loop().remove_reader(self._terminal)
        if self._child.returncode is None:
            self._child.kill()
        await self._child.wait()
        os.close(self._terminal)


async def typed(lab: Lab, command: str, variables: dict[str, str]) -> Process:
    """A line of the page in a terminal, by this test's own Python."""
    program, *arguments = command.split()
    begin: dict[str, list[str | Path]] = {
        ".venv/bin/hookflash": [sys.executable, "-m", "hookflash"],
        ".venv/bin/python": [sys.executable],
    }
    words = [*begin[program], *arguments]
    return await lab.start(command, words, cwd=ROOT, env=variables)


async def first_call(folder: Path) -> None:
    serve, export, trunk, dialled, transferred = steps()
    variables = dict(word.split("=", 1) for word in export[0].removeprefix("export ").split())
    account, dial = (line for line in dialled if line.startswith("/"))
    demo_phone, transfer = transferred
    assert dial == f"/dial {dialled[0]}"
    async with Lab(folder) as lab:
        server = await typed(lab, serve[0].removeprefix("make setup && "), {})
        await server.line('"ready"|ready')
        made = await typed(lab, trunk[0], variables)
        assert await made.wait(20) == 0
        await made.line(f"dial {re.escape(dialled[0])}$")
        write_tone(folder / "tone.wav", 400.0)
        settings = CONFIG.format(folder=folder, modules=module_path())
        lab.path("config").write_text(settings, "utf-8")
        baresip = Terminal(lab, folder, "baresip")
        lab.finally_do(baresip.stop)
        await baresip.start()
        await baresip.prints("baresip is ready")
        baresip.type(account)
        await baresip.prints("sip:me@127.0.0.1   ")
        baresip.type(dial)
        await baresip.prints("Call established", within=15)
        phone = await typed(lab, demo_phone, {})
        await phone.line(f"the phone {transfer.split()[-1]} answers")
        done = await typed(lab, transfer, variables)
        assert await done.wait(30) == 0, done.tail()
        await done.line(f"sip_me now talks to {transfer.split()[-1]}")
        await phone.line("^me is there, and hears a tone")
        await phone.line("^me is heard")


def test_the_first_call_of_the_readme(tmp_path: Path) -> None:
    asyncio.run(first_call(tmp_path))
