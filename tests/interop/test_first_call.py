"""The README's "Your first call" and "Your first agent", word for word, with baresip and linphonec
in a terminal.

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
from livekit import api
from tests.interop.support.agents import START, agents_python
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


def steps(title: str = "Your first call") -> list[list[str]]:
    """What stands in backquotes in each numbered step of that section of the README."""
    page = (ROOT / "README.md").read_text("utf-8")
    section = page.split(f"## {title}\n")[1].split("\n## ")[0]
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

    def press(self, key: str) -> None:
        """A key alone."""
        os.write(self._terminal, key.encode())

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
    """A line of the page in a terminal, by this test's own Python, or that of livekit-agents."""
    program, *arguments = command.split()
    begin: dict[str, list[str | Path]] = {
        ".venv/bin/hookflash": [sys.executable, "-m", "hookflash"],
        ".venv/bin/python": [sys.executable],
    }
    if program == "agent/bin/python":
        begin[program] = [await agents_python(), "-W", "ignore"]
    words = [*begin[program], *arguments]
    return await lab.start(command, words, cwd=ROOT, env=variables)


def exported(command: str) -> dict[str, str]:
    """The variables of an `export`."""
    return dict(word.split("=", 1) for word in command.removeprefix("export ").split())


async def baresip(lab: Lab) -> Terminal:
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
    return terminal


async def linphonec(lab: Lab) -> Terminal:
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
    return terminal


async def first_call(folder: Path, call: Callable[[Lab], Awaitable[Terminal]], who: str) -> None:
    serve, export, trunk, dialled, transferred = steps()
    variables = exported(export[0])
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
    tmp_path: Path, call: Callable[[Lab], Awaitable[Terminal]], who: str
) -> None:
    asyncio.run(first_call(tmp_path, call, who))


async def speaks(variables: dict[str, str], room: str) -> None:
    """Wait for an agent in that room that has a track."""
    key, secret = variables["LIVEKIT_API_KEY"], variables["LIVEKIT_API_SECRET"]
    async with api.LiveKitAPI(variables["LIVEKIT_URL"], key, secret) as livekit:

        async def look() -> bool:
            answer = await livekit.room.list_participants(api.ListParticipantsRequest(room=room))
            agent = api.ParticipantInfo.Kind.AGENT
            return any(one.kind == agent and one.tracks for one in answer.participants)

        await wait_until(look, "an agent that speaks", START)


async def first_agent(folder: Path) -> None:
    serve, export, trunk, *_ = steps()
    installed, demo_phone, worker, dialled = steps("Your first agent")
    assert (ROOT / installed[0].split()[-1]).exists()
    assert dialled[0] == steps()[3][0]
    variables = exported(export[0])
    more, command, registered, shown = worker
    async with Lab(folder) as lab:
        server = await typed(lab, serve[0].removeprefix("make setup && "), {})
        await server.line('"ready"|ready')
        assert await (await typed(lab, trunk[0], variables)).wait(20) == 0
        phone = await typed(lab, demo_phone[0], {})
        await phone.line("answers whoever calls it")
        agent = await typed(lab, command, variables | exported(more))
        await agent.line(registered, START)
        listed = await typed(lab, shown, variables)
        assert await listed.wait(20) == 0
        await listed.line("unnamed")
        caller = await baresip(lab)
        await speaks(variables, "lobby")
        caller.press("2")
        await phone.line("^me is there, and hears a tone", 30)
        told = await typed(lab, dialled[1], variables)
        await told.line("succeeded", 20)


@pytest.mark.filterwarnings("ignore:The HMAC key is")
def test_the_first_agent_of_the_readme(tmp_path: Path) -> None:
    asyncio.run(first_agent(tmp_path))
