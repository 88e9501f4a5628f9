"""The doctor asks the server whose settings it has, with a key of theirs."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest
from tests.support.lab import KEY, SECRET, Lab, run
from typer.testing import CliRunner, Result

from hookflash.cli.app import app

OTHER = "a-secret-that-nobody-guesses-9f8e7d6c5b4a"


def settings(folder: Path, port: int, secret: str = SECRET, bind: str = "127.0.0.1") -> Path:
    file = folder / "hookflash.yaml"
    file.write_text(
        f"port: {port}\nbind_addresses: ['{bind}']\nkeys: {{{KEY}: {secret}}}\n"
        "sip: {listen_ip: 127.0.0.1}\n",
        encoding="utf-8",
    )
    return file


def doctor(file: Path, **variables: str) -> Result:
    """As it is called where no variable names a server."""
    without = dict.fromkeys(name for name in os.environ if name.startswith("LIVEKIT_"))
    command = ["doctor", "--config", str(file), "--no-trunks"]
    return CliRunner().invoke(app, command, env={**without, "COLUMNS": "250", **variables})


def test_the_settings_say_where_the_server_is_and_its_key(tmp_path: Path) -> None:
    async def check(lab: Lab) -> None:
        file = settings(tmp_path, lab.server.http_port)
        ran = await asyncio.to_thread(doctor, file)
        assert "none of the last transfers and calls failed" in ran.output
        assert "ports: taken, by the server that answers" in ran.output

    run(check)


def test_a_variable_goes_before_them(tmp_path: Path) -> None:
    async def check(lab: Lab) -> None:
        file = settings(tmp_path, lab.server.http_port)
        ran = await asyncio.to_thread(doctor, file, LIVEKIT_URL="http://127.0.0.1:9")
        assert "no answer from http://127.0.0.1:9" in ran.output

    run(check)


@pytest.mark.parametrize("bind", ["127.0.0.1", "0.0.0.0"])
def test_a_wrong_key_is_no_server_that_is_down(tmp_path: Path, bind: str) -> None:
    async def check(lab: Lab) -> None:
        file = settings(tmp_path, lab.server.http_port, secret=OTHER, bind=bind)
        ran = await asyncio.to_thread(doctor, file)
        assert "the server answered 401" in ran.output
        assert "to do: a key and a secret of its `keys`" in ran.output
        assert "ports: taken, by the server that answers" in ran.output
        assert "cannot be listened at" not in ran.output

    run(check)
