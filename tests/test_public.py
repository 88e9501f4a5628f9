"""What is public of the package: a program may count on these names, and on no others."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib import import_module

import pytest

PUBLIC = {
    "hookflash.sip": """
        CSeq CancelReceived Dialog Endpoint Flow KeepAlive Message NameAddr Request RequestFailed
        RequestReceived Response ResponseReceived SendBytes ServerFailed SipEffect SipError
        StreamDecoder Timers Uri Via parse
    """,
    "hookflash.carrier": "Behaviour Carrier CarrierCall CarrierError Phone Traced",
    "hookflash.testing": """
        AgentError AgentProcess PhoneCall PhoneRecording RunningCarrier RunningExchange RunningPhone
    """,
}


@pytest.mark.parametrize("name", PUBLIC)
def test_what_is_public_is_this(name: str) -> None:
    module = import_module(name)
    assert sorted(module.__all__) == PUBLIC[name].split()
    assert [one for one in module.__all__ if not hasattr(module, one)] == []


def imported(name: str) -> set[str]:
    """What a fresh process, whose coverage nobody measures, has imported after `import name`."""
    script = f"import json, sys, {name}; print(json.dumps(sorted(sys.modules)))"
    command = [sys.executable, "-c", script]
    quiet = {key: value for key, value in os.environ.items() if not key.startswith("COV")}
    done = subprocess.run(command, capture_output=True, check=True, env=quiet)
    return set(json.loads(done.stdout))


def test_sip_is_imported_quickly() -> None:
    """It brings itself and what lies below it."""
    ours = {name for name in imported("hookflash.sip") if name.startswith("hookflash.")}
    assert {name.split(".")[1] for name in ours} == {"base", "sip"}


def test_the_plugin_costs_a_project_that_does_not_use_it_next_to_nothing() -> None:
    """pytest imports it wherever Hookflash is installed."""
    brought = imported("hookflash.pytest_plugin") - imported("pytest") - imported("asyncio")
    assert {name for name in brought if name.partition(".")[0] == "hookflash"} == {
        "hookflash",
        "hookflash.pytest_plugin",
    }
    assert len(brought) < 5, brought


def test_a_server_needs_no_pytest() -> None:
    found = imported("hookflash.testing")
    assert "hookflash.server" in found
    assert "pytest" not in found
