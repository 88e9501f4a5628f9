"""`hookflash provider …`; its commands are run as they stand, against a real server."""

from __future__ import annotations

import json
import shlex

import pytest
from tests.support.cli import hookflash, invoke
from tests.support.lab import Lab, run

from hookflash.adapters.presets import load_preset, preset_names
from hookflash.providers.words import commands

NOWHERE = "http://127.0.0.1:9"
"""No server is asked."""


def test_all_providers_are_listed() -> None:
    ran = invoke(NOWHERE, "provider", "list")
    assert ran.code == 0, ran.err
    lines = ran.out.splitlines()
    assert [line.split()[0] for line in lines[1:]] == list(preset_names())
    exotel = next(line for line in lines if line.startswith("exotel"))
    assert exotel.split()[4:] == ["no", "not", "known", "not", "known"]
    shown = invoke(NOWHERE, "provider", "list", "--json").json
    assert [preset["name"] for preset in shown] == list(preset_names())


def test_one_is_shown_with_sources_and_dates() -> None:
    out = invoke(NOWHERE, "provider", "show", "twilio").out
    assert "takes REFER " in out
    assert "yes, once it is switched on" in out
    assert "Select Enable PSTN Transfer." in out
    assert "doc, 2026-10: https://www.twilio.com/docs/sip-trunking/call-transfer" in out
    assert "who hangs up" in out
    preset = load_preset("twilio")
    assert preset is not None
    for command in commands(preset):
        assert f"  {command}\n" in out
    assert "assumed" in invoke(NOWHERE, "provider", "show", "plivo").out


def test_one_for_programs() -> None:
    shown = invoke(NOWHERE, "provider", "show", "telnyx", "--json").json
    assert shown["facts"]["headers"]["value"] == ["Diversion: <sip:{ours}@{domain}>"]
    assert shown["facts"]["refer"]["source"]["date"] == "2026-10"
    assert shown["facts"]["cost"] == {"value": "unknown"}
    assert shown["commands"][0].endswith("--provider telnyx")
    json.dumps(shown)


def test_one_that_is_not_there() -> None:
    ran = invoke(NOWHERE, "provider", "show", "acme")
    assert ran.code == 1
    assert "unknown provider 'acme'; known: 3cx, asterisk, " in ran.err


@pytest.mark.parametrize("name", preset_names())
def test_the_commands_of_a_provider_work_as_they_stand(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    preset = load_preset(name)
    assert preset is not None

    async def check(lab: Lab) -> None:
        for line in commands(preset):
            words = shlex.split(line)
            while "=" in words[0]:
                monkeypatch.setenv(*words.pop(0).split("=", 1))
            assert words.pop(0) == "hookflash"
            ran = await hookflash(lab, *words)
            assert ran.code == 0, f"{line}: {ran.err}"
            monkeypatch.delenv("HOOKFLASH_TRUNK_PASSWORD", raising=False)
        trunks = lab.server.trunks
        (inbound,), (outbound,) = trunks.list_inbound(), trunks.list_outbound()
        assert list(trunks.list_rules())
        for trunk in (inbound.sip_trunk_id, outbound.sip_trunk_id):
            found = trunks.provider(trunk)
            assert found is not None
            assert found.preset is preset

    run(check)
