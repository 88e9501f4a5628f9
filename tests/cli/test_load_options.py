"""The options of a load run."""

from __future__ import annotations

import pytest
import typer
from tests.support.cli import invoke
from typer.testing import CliRunner

from hookflash.base.errors import ConfigError
from hookflash.carrier.config import example_config
from hookflash.carrier.load_order import LoadOrder
from hookflash.cli.exits import EXIT_CONFIG
from hookflash.cli.load_options import LoadAsked, with_load


def asked(load: list[str], term: list[str], lasts: str = "") -> LoadAsked:
    return LoadAsked(load, term, lasts, "http://h", "k", "s")


def test_a_command_gets_them_together_and_its_own() -> None:
    """As they are written: the terms behind the first are arguments."""
    tool = typer.Typer()
    seen: list[tuple[LoadAsked, str]] = []

    @tool.command()
    @with_load
    def work(asked: LoadAsked, sip: str = "here") -> None:
        """Work."""
        seen.append((asked, sip))

    words = ["--load", "calls=200", "rate=20", "--for", "60s", "--sip", "there"]
    environment = {"LIVEKIT_URL": "http://h", "LIVEKIT_API_KEY": "k", "LIVEKIT_API_SECRET": "s"}
    assert CliRunner().invoke(tool, words, env=environment).exit_code == 0
    assert seen == [(asked(["calls=200"], ["rate=20"], "60s"), "there")]
    assert seen[0][0].read(example_config()) == LoadOrder(200, 20.0, 60.0, 10.0)


def test_without_load_there_is_no_order() -> None:
    assert asked([], []).read(example_config()) is None
    with pytest.raises(ConfigError, match="TERM: 'rate=20' is not allowed; allowed: nothing with"):
        asked([], ["rate=20"]).read(example_config())
    with pytest.raises(ConfigError, match="--for: '60s' is not allowed; allowed: nothing without"):
        asked([], [], "60s").read(example_config())


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (["--load", "calls=0"], "--load calls: '0' is not allowed; allowed: a whole number from 1"),
        (["--load", "calls=2", "rate=x"], "--load rate: 'x' is not allowed; allowed: calls a sec"),
        (["--load", "calls=2", "--for", "1d"], "--for: '1d' is not allowed; allowed: a time such"),
        (["rate=2"], "TERM: 'rate=2' is not allowed; allowed: nothing without --load"),
    ],
)
def test_what_is_wrong_is_one_line(arguments: list[str], fault: str) -> None:
    ran = invoke("", "carrier", *arguments)
    assert ran.code == EXIT_CONFIG
    assert ran.err.startswith(f"hookflash: {fault}")
    assert ran.err.count("\n") == 1
    assert ran.out == ""
