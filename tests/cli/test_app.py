"""The command line's frame: commands, help, exit codes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from hookflash.cli import _typed, main
from hookflash.cli.app import app
from hookflash.cli.exits import EXIT_CONFIG, EXIT_FAILED
from hookflash.version import hookflash_version


def invoke(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, list(arguments))
    return result.exit_code, result.stdout, result.stderr


@pytest.mark.parametrize("command", ["serve", "demo", "version", "transfers", "settings", "backup"])
def test_each_command_has_help(command: str) -> None:
    code, text, _ = invoke(command, "--help")
    assert code == 0
    assert "Usage" in text


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["nope"], "No such command 'nope' (`hookflash --help` shows how)"),
        (
            ["trunk", "outbound", "add", "--number", "1"],
            "Missing option '--address' (`hookflash trunk outbound add --help` shows how)",
        ),
        (
            ["rule", "add", "--room"],
            "Option '--room' requires an argument (`hookflash rule add --help` shows how)",
        ),
        (["rooms", "--nope"], "No such option: --nope (`hookflash rooms --help` shows how)"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(
    arguments: list[str],
    line: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("sys.argv", ["hookflash", *arguments])
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == EXIT_CONFIG
    assert capsys.readouterr().err == f"hookflash: {line}\n"


INTERRUPTED = """
import sys

class Interrupted:
    def find_spec(self, name, path=None, target=None):
        if name == "hookflash.cli.app":
            raise KeyboardInterrupt

sys.meta_path.insert(0, Interrupted())
from hookflash.cli import main
main()
"""


def test_ctrl_c_before_all_is_imported_ends_without_a_traceback() -> None:
    ran = subprocess.run([sys.executable, "-c", INTERRUPTED], capture_output=True, check=False)
    assert (ran.returncode, ran.stdout, ran.stderr) == (130, b"", b"")


def test_the_program_ends_with_the_code_of_its_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for arguments, code in (
        (["version"], 0),
        (["--help"], 0),
        (["trunk"], EXIT_CONFIG),
        (["rooms", "--url", "nowhere"], EXIT_FAILED),
        (["serve", "--port", "nine"], EXIT_CONFIG),
    ):
        monkeypatch.setattr("sys.argv", ["hookflash", *arguments])
        with pytest.raises(SystemExit) as caught:
            main()
        assert (caught.value.code or 0) == code, arguments
    *usage, nowhere, wrong = capsys.readouterr().err.splitlines()
    assert usage[0] == "Usage: hookflash trunk [OPTIONS] COMMAND [ARGS]..."
    assert nowhere.startswith("hookflash: 'nowhere' is no address")
    assert wrong.startswith("hookflash: port: 'nine'")


@pytest.mark.parametrize("command", [[], ["call"], ["trunk", "outbound", "add"], ["transfers"]])
def test_help_fits_a_terminal_and_flags_take_nothing(
    command: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    _, text, _ = invoke(*command, "--help")
    assert max(map(len, text.splitlines())) <= 80
    assert "<bool>" not in text
    assert "..." not in text.partition("Commands:")[2], "a command's line is cut"


def test_version_and_settings() -> None:
    assert invoke("version")[1] == f"hookflash {hookflash_version()}\n"
    assert invoke("--version") == invoke("version")
    assert "sip.rtp_port" in invoke("settings")[1]


def test_a_wrong_setting_exits_with_2() -> None:
    code, _, error = invoke("serve", "--port", "nine")
    assert code == EXIT_CONFIG
    assert error.startswith("hookflash: port")


def test_a_backup_finds_the_database_by_the_settings(tmp_path: Path) -> None:
    settings = tmp_path / "hookflash.yaml"
    settings.write_text(
        f"keys: {{k: {'hQ3vT9zKp1wXc7Lr5mYb2NdF8sGj4RaU'}}}\ndata_dir: {tmp_path / 'nowhere'}\n",
        "utf-8",
    )
    code, _, error = invoke("backup", str(tmp_path / "copy"), "--config", str(settings))
    assert code == 1
    assert "nowhere" in error


def test_a_backup_of_nothing_fails_with_one_line(tmp_path: Path) -> None:
    code, _, error = invoke("backup", str(tmp_path / "copy"), "--data-dir", str(tmp_path))
    assert code == EXIT_FAILED
    assert error.count("\n") == 1


def commands(group: typer.Typer, words: str = "hookflash") -> list[str]:
    """Every command with its groups, as one types it."""
    found = [
        f"{words} {entry.name or entry.callback.__name__}"  # type: ignore[union-attr]
        for entry in group.registered_commands
    ]
    for entry in group.registered_groups:
        assert entry.typer_instance is not None
        found += commands(entry.typer_instance, f"{words} {entry.name}")
    return found


def test_every_command_is_documented() -> None:
    page = Path(__file__).parents[2] / "docs" / "cli.md"
    text = page.read_text(encoding="utf-8")
    assert len(commands(app)) == 38
    for command in commands(app):
        assert f"| `{command}` |" in text


def test_a_command_that_the_user_breaks_off_ends_with_1_and_says_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Silent(typer.TyperException):
        """As Typer raises it where it has shown the help already."""

        def format_message(self) -> str:
            return ""

    for raised, code in ((typer.Abort(), 1), (Silent(""), Silent.exit_code)):
        monkeypatch.setattr("hookflash.cli.app.app", broken_by(raised))
        with pytest.raises(SystemExit) as caught:
            main()
        assert caught.value.code == code
    assert capsys.readouterr().err == ""


def broken_by(error: Exception) -> Callable[..., int]:
    def app(**_: object) -> int:
        raise error

    return app


@pytest.mark.parametrize(
    ("words", "command"),
    [
        (["trunk", "inbound"], "hookflash trunk inbound"),
        (["trunk", "inbound", "add", "--nonsense"], "hookflash trunk inbound add"),
        (["--nonsense"], "hookflash"),
    ],
)
def test_the_command_that_was_typed(
    words: list[str], command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["hookflash", *words])
    assert _typed(typer.main.get_command(app)) == command
