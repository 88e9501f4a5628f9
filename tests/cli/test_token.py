"""`hookflash token`: what the server reads in it."""

from __future__ import annotations

import json
import time

import pytest
from typer.testing import CliRunner

from hookflash.access.grants import Claims
from hookflash.adapters.tokens import TokenVerifier
from hookflash.cli.app import app

SECRET = "a secret of more than thirty-two characters"
KEY = ("--api-key", "key", "--api-secret", SECRET)


def claims_of(text: str, later: float = 0.0) -> Claims:
    return TokenVerifier({"key": SECRET}, lambda: time.time() + later).verify(text)


def made(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["token", "--room", "lobby", "--identity", "ann", *arguments])
    assert result.exit_code == 0, result.output
    return result.stdout.strip()


def test_a_client_may_join_speak_and_listen() -> None:
    claims = claims_of(made(*KEY))
    assert (claims.identity, claims.name, claims.video.room) == ("ann", "ann", "lobby")
    assert claims.video.room_join
    assert claims.video.can_publish
    assert claims.video.can_subscribe
    assert not claims.video.room_admin
    assert not claims.video.agent
    assert claims.kind == "standard"


def test_what_else_is_said_of_the_participant() -> None:
    text = made(
        *("--name", "Ann B.", "--metadata", "m", "--attribute", "a=1", "--attribute", "b=x=y"),
        *("--agent", "--listen-only", *KEY),
    )
    claims = claims_of(text)
    assert (claims.name, claims.metadata, claims.kind) == ("Ann B.", "m", "agent")
    assert claims.attributes == {"a": "1", "b": "x=y"}
    assert claims.video.agent
    assert not claims.video.can_publish


def test_it_holds_for_its_hours() -> None:
    text = made("--valid-for", "2", *KEY)
    claims_of(text, later=7000)
    with pytest.raises(Exception, match="expired"):
        claims_of(text, later=7400)


def test_as_json() -> None:
    found = json.loads(made("--json", "--url", "ws://exchange:7880", *KEY))
    assert (found["url"], found["room"], found["identity"]) == (
        "ws://exchange:7880",
        "lobby",
        "ann",
    )
    assert claims_of(found["token"]).identity == "ann"


def test_an_attribute_without_a_value_is_refused() -> None:
    command = ["token", "--room", "r", "--identity", "i", "--attribute", "nothing"]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 2
    assert "NAME=VALUE" in result.output
