"""What the commands have in common."""

from __future__ import annotations

import pytest
import typer
from typer.testing import CliRunner

from hookflash.base.errors import HookflashError
from hookflash.cli.app import app
from hookflash.cli.exits import fail
from hookflash.cli.options import ApiSession, duration, pairs, server_command

SPEAKING = [
    *(
        ["trunk", way, verb]
        for way in ("inbound", "outbound")
        for verb in ("add", "ls", "rm", "edit")
    ),
    *(["rule", verb] for verb in ("add", "ls", "rm")),
    *([name] for name in ("call", "calls", "hangup", "transfer", "rooms", "transfers", "audit")),
]


def test_every_command_that_speaks_to_a_server_has_the_same_options() -> None:
    for words in SPEAKING:
        text = CliRunner().invoke(app, [*words, "--help"], env={"COLUMNS": "200"}).stdout
        for option in ("--json", "--url", "--api-key", "--api-secret", "LIVEKIT_URL"):
            assert option in text, words


def test_a_command_gets_its_session_and_its_own_options() -> None:
    tool = typer.Typer()
    seen: list[tuple[ApiSession, str, int]] = []

    @server_command(tool, "work")
    def work(session: ApiSession, what: str, times: int = 1) -> None:
        """Work."""
        seen.append((session, what, times))
        if times > 2:
            raise HookflashError("too often")

    variables = {"LIVEKIT_URL": "ws://h", "LIVEKIT_API_KEY": "k", "LIVEKIT_API_SECRET": "s"}
    done = CliRunner().invoke(tool, ["here", "--json", "--api-key", "x"], env=variables)
    assert done.exit_code == 0
    assert seen == [(ApiSession("ws://h", "x", "s", True), "here", 1)]
    failed = CliRunner().invoke(tool, ["here", "--times", "3"])
    assert (failed.exit_code, failed.stderr) == (1, "hookflash: too often\n")


def test_what_a_terminal_would_obey_is_written_out(capsys: pytest.CaptureFixture[str]) -> None:
    fail("two\nlines")
    assert capsys.readouterr().err == "hookflash: two\\nlines\n"


def test_pairs() -> None:
    assert pairs(["a=1", "b=c=d", "e="], "--x") == {"a": "1", "b": "c=d", "e": ""}


def test_completion_is_there_for_a_shell() -> None:
    variables = {
        "_HOOKFLASH_COMPLETE": "complete_bash",
        "COMP_WORDS": "hookflash tr",
        "COMP_CWORD": "1",
    }
    shown = CliRunner().invoke(app, [], env=variables, prog_name="hookflash")
    assert shown.stdout.split() == ["transfer", "transfers", "trunk"]


def test_seconds_as_protobuf() -> None:
    assert duration(0.0) is None
    made = duration(1.25)
    assert made is not None
    assert (made.seconds, made.nanos) == (1, 250_000_000)
