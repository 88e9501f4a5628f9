"""`hookflash keys`."""

from __future__ import annotations

import json
import re

from typer.testing import CliRunner

from hookflash.api_secrets import weakness
from hookflash.cli.app import app


def test_a_pair_that_is_new_each_time() -> None:
    printed = [CliRunner().invoke(app, ["keys"]).stdout for _ in range(2)]
    pairs = [
        re.fullmatch(r"API Key:  (API\w{12})\nAPI Secret:  (\S{43})\n", out) for out in printed
    ]
    first, second = (pair.groups() for pair in pairs if pair is not None)
    assert not set(first) & set(second)
    assert weakness(first[1]) == ""


def test_as_json() -> None:
    made = json.loads(CliRunner().invoke(app, ["keys", "--json"]).stdout)
    assert set(made) == {"api_key", "api_secret"}
