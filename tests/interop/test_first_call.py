"""The README's "Your first call", word for word, with baresip and linphonec in a terminal.

What is typed is taken from the page. Only the sound card is not there: baresip plays a file and
hears into nothing, linphonec is told to use files. The ports are the page's own, so nothing else
may have them.
"""

from __future__ import annotations

import asyncio
import os
import pty
import re
import sys
from collections.abc import Awaitable, Callable
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

    def __init__(self, lab: Lab, *command: str | Path) -> None:
        self.text = ""
        self._lab = lab
        self._command = command
        lab.show_on_failure(lambda: f"--- {command[0]} ---\n{self.text[-4000:]}")

    async def start(self) -> None:
        """Start it, with a home of its own."""
        ours, theirs = pty.openpty()
        self._child = await asyncio.create_subprocess_exec(
            *(need(str(self._command[0])), *self._command[1:]),
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env={**os.environ, "HOME": str(self._lab.folder), "TERM": "dumb"},
            start_new_session=True,
        )
        os.close(theirs)
        self._terminal = ours
        asyncio.get_running_loop().add_reader(ours, self._read)
        self._lab.finally_do(self.stop)

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
        await wait_until(lambda: text in self.text, f"{text!r} from {self._command[0]}", within)

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


async def baresip(lab: Lab) -> None:
    """Answered in a call to the exchange."""
    address, account, dial = steps()[3]
    assert dial == f"/dial {address}"
    write_tone(lab.folder / "tone.wav", 400.0)
    settings = CONFIG.format(folder=lab.folder, modules=module_path())
    lab.path("config").write_text(settings, "utf-8")
    terminal = Terminal(lab, "baresip", "-f", lab.folder)
    await terminal.start()
    await terminal.prints("baresip is ready")
    terminal.type(account)
    await terminal.prints("sip:me@127.0.0.1   ")
    terminal.type(dial)
    await terminal.prints("Call established", within=15)


async def linphonec(lab: Lab) -> None:
    """The same with the softphone that wants port 5060."""
    (_, port, family), address = steps()[0], steps()[3][0]
    lab.path(".local/share/linphone/linphone.db")  # it makes the file, but not the folder
    terminal = Terminal(lab, "linphonec")
    await terminal.start()
    await terminal.prints("linphonec> ", within=20)
    for line, answer in (
        ("soundcard use files", "Using wav files"),
        (port, "Setting sip port to 5071"),
        (family, "ipv6 use disabled"),
        (f"call {address}", "Media streams established"),
    ):
        terminal.type(line)
        await terminal.prints(answer, within=15)


async def first_call(folder: Path, call: Callable[[Lab], Awaitable[None]], who: str) -> None:
    serve, export, trunk, dialled, transferred = steps()
    variables = dict(word.split("=", 1) for word in export[0].removeprefix("export ").split())
    demo_phone, transfer = transferred
    target = transfer.split()[-1]
    async with Lab(folder) as lab:
        server = await typed(lab, serve[0].removeprefix("make setup && "), {})
        await server.line('"ready"|ready')
        made = await typed(lab, trunk[0], variables)
        assert await made.wait(20) == 0
        await made.line(f"dial {re.escape(dialled[0])}$")
        await call(lab)
        phone = await typed(lab, demo_phone, {})
        await phone.line(f"the phone {target} answers")
        done = await typed(lab, transfer, variables)
        assert await done.wait(30) == 0, done.tail()
        await done.line(f"sip_{who} now talks to {target}")
        await phone.line(f"^{who} is there, and hears a tone")


@pytest.mark.parametrize(("call", "who"), [(baresip, "me"), (linphonec, "linphone")])
def test_the_first_call_of_the_readme(
    tmp_path: Path, call: Callable[[Lab], Awaitable[None]], who: str
) -> None:
    asyncio.run(first_call(tmp_path, call, who))
