"""The program of the README and the commands of docs/cli.md, as they stand there."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from tests.support.dev import EXAMPLES, Dev, run

from hookflash.carrier.phone import Behaviour

CALLED, NEW_PARTY = "+15105550100", "+15105550123"
ROOT = EXAMPLES.parent


def commands(page: Path) -> list[str]:
    """The lines of the page's shell blocks, in their order."""
    blocks = re.findall(r"^```sh\n(.*?)^```$", page.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.replace("\\\n", "").splitlines()]


async def typed(dev: Dev, command: str) -> tuple[int, str]:
    before, program, after = f" {command}".partition(" hookflash ")
    assert program, command
    variables = dict(word.split("=") for word in before.split())
    arguments = after.split()
    return await dev.program(sys.executable, "-m", "hookflash", *arguments, **variables)


def test_the_commands_of_the_page_about_the_command_line() -> None:
    """In their order they make a trunk and a rule, call, transfer, and find nobody to hang up."""

    async def test(dev: Dev) -> None:
        called = await dev.carrier.phone(CALLED, tone=330)
        new_party = await dev.carrier.phone(NEW_PARTY, tone=1000)
        address = f"{called.address[0]}:{called.address[1]}"
        said = {}
        for command in commands(ROOT / "docs" / "cli.md"):
            if "--watch" in command:
                continue  # until Ctrl-C
            code, output = await typed(dev, command.replace("sip.example.com", address))
            assert code == ("hangup" in command), f"{command}: {output}"
            said[command.removeprefix("hookflash ")] = output
        assert "answered: sip_+15105550100 in lobby" in said["call +15105550100 --room lobby"]
        assert f"to tel:{NEW_PARTY} in" in said["transfer +15105550123 --dialtone"]
        assert said["hangup"] == "hookflash: no call is up\n"
        await (await new_party.called()).hears(330)

    run(test)


def test_the_commands_that_say_why_a_transfer_failed(tmp_path: Path) -> None:
    """Those of the pages about transfers and about troubles, after a transfer that is refused."""
    file = tmp_path / "hookflash.yaml"
    secret = "a-secret-that-nobody-guesses-9f8e7d6c5b4a"
    ports = "port: 0\nrtc: {udp_port: 0, tcp_port: 0}"
    file.write_text(f"keys: {{k: {secret}}}\n{ports}\nsip: {{listen_ip: 127.0.0.1}}\n", "utf-8")

    async def test(dev: Dev) -> None:
        await dev.example("first_call.py")
        caller = await dev.carrier.phone("+14155550100", behaviour=Behaviour(refer=603))
        await caller.call("+15550100", proxy=dev.sip)
        code, _ = await typed(dev, "hookflash transfer +15105550123")
        assert code == 3
        said = {}
        for page in ("troubleshooting.md", "transfers.md"):
            found = [one for one in commands(ROOT / "docs" / page) if " hookflash " in f" {one} "]
            assert found
            for command in found:
                placed = command.replace("hookflash.yaml", str(file))
                placed = placed.replace(" call.", f" {tmp_path}/call.")
                code, output = await typed(dev, placed)
                assert code == (4 if " doctor" in command else 0), f"{command}: {output}"
                said[command] = output
        for command in ("hookflash doctor", "hookflash doctor --config hookflash.yaml"):
            assert "603 from the peer to REFER" in said[command]
        assert "This machine" in said["hookflash doctor --config hookflash.yaml"]
        assert " REFER to tel:+15105550123 " in said["hookflash ladder"]
        assert "Refer-To: <tel:+15105550123>" in said["hookflash ladder --full"]

    run(test)
    assert {one.name for one in tmp_path.glob("call.*")} == {"call.svg", "call.pcap"}


def test_the_transfer_of_the_readme() -> None:
    page = (ROOT / "README.md").read_text("utf-8")
    (program,) = re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)

    async def test(dev: Dev) -> None:
        await dev.example("first_call.py")
        caller = await dev.carrier.phone("+14155550100", tone=330)
        new_party = await dev.carrier.phone(NEW_PARTY, tone=1000)
        call = await caller.call("+15550100", proxy=dev.sip)
        code, output = await dev.program(sys.executable, "-W", "ignore", "-c", program)
        assert (code, output) == (0, "")
        await (await new_party.called()).hears(330)
        await call.ended()

    run(test)


def test_every_command_of_the_tables_is_there() -> None:
    page = (ROOT / "docs" / "cli.md").read_text("utf-8")
    named = re.findall(r"^\| `(hookflash [a-z ]+)` \|", page, re.MULTILINE)
    assert len(named) > 20

    async def test(dev: Dev) -> None:
        for command in named:
            code, output = await typed(dev, f"{command} --help")
            assert code == 0, output
            assert output.startswith(f"Usage: {command} [OPTIONS]"), output

    run(test, within=3 * len(named))
