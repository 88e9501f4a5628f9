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
    "hookflash.testing": "ManualClock flow_to request_of response_of",
    "hookflash.testing.media": "CODECS EVENT_TYPE Studio TablePair TablePhone",
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


def test_sip_and_the_light_half_of_testing_are_imported_quickly() -> None:
    """They bring themselves, what lies below them, and none of the libraries that take long."""
    ours = {name for name in imported("hookflash.sip") if name.startswith("hookflash.")}
    assert {name.split(".")[1] for name in ours} == {"base", "sip"}
    found = imported("hookflash.testing")
    slow = {"asyncio", "socket", "ssl", "numpy", "google.protobuf", "livekit", "pydantic"}
    assert found & slow == set()
    assert "hookflash.sip.codec" in found
