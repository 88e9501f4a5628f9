"""Releases of livekit-api, each in an environment of its own: calls both ways, their errors."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from tests.interop.support.lab import Lab
from tests.interop.support.sdks import Sdk
from tests.sdk.support.scene import Scene, Steps, check_all

pytestmark = pytest.mark.interop

PROGRAM = Path(__file__).resolve().parent / "python" / "session.py"
VERSIONS = ("1.2.2", "1.1.1", "1.0.7", "0.8.2")


def check_codes(steps: Steps) -> None:
    """Codes and messages, which every release has."""
    busy, timeout, dialled = steps["busy"], steps["timeout"], steps["dial_busy"]
    assert [busy["code"], dialled["code"]] == ["resource_exhausted"] * 2
    assert busy["message"].endswith("call transfer failed: sip status: 486: Busy Here")
    assert dialled["message"].endswith("INVITE failed: sip status: 486: Busy Here")
    assert timeout["code"] == "deadline_exceeded"
    assert timeout["message"].endswith("request timed out")


def check_metadata(steps: Steps) -> None:
    """HTTP status and metadata, since 1.0."""
    busy, timeout, dialled = steps["busy"], steps["timeout"], steps["dial_busy"]
    assert [busy["status"], dialled["status"], timeout["status"]] == [429, 429, 408]
    for refused in (busy, dialled):
        assert refused["metadata"]["sip_status_code"] == "486"
        assert refused["metadata"]["sip_status"] == "Busy Here"
        assert refused["metadata"]["error_details"]
    assert busy["metadata"]["sip_transfer_reason"] == "STR_REJECTED"
    assert timeout["metadata"]["sip_transfer_reason"] == "STR_RINGING_TIMEOUT"
    assert timeout["metadata"]["sip_transfer_id"].startswith("STR_")
    assert "sip_status_code" not in timeout["metadata"]


def check_sip_call_error(steps: Steps) -> None:
    """`SipCallError` and every field of it, since 1.2."""
    fields = ("sip_status_code", "sip_status", "sip_transfer_reason")

    def carried(step: dict[str, Any]) -> list[Any]:
        assert step["class"] == "SipCallError"
        assert "ServerError" in step["kinds"]
        return [step[name] for name in fields]

    assert carried(steps["busy"]) == [486, "Busy Here", "STR_REJECTED"]
    assert carried(steps["timeout"]) == [None, None, "STR_RINGING_TIMEOUT"]
    assert carried(steps["dial_busy"]) == [486, "Busy Here", None]
    idents = [steps[name]["sip_transfer_id"] for name in ("busy", "timeout")]
    assert len({*idents, steps["transferred"]["transfer_id"]}) == 3
    assert all(ident.startswith("STR_") for ident in idents)
    assert steps["dial_busy"]["sip_transfer_id"] is None
    begins = "SIP transfer failed: STR_REJECTED, 486 Busy Here (resource_exhausted)"
    assert steps["busy"]["text"].startswith(begins)


async def scenario(folder: Path) -> dict[str, Steps]:
    sdks = [await Sdk.install(version) for version in VERSIONS]
    async with Lab(folder) as lab:
        scene = await Scene.open(lab)
        played = await asyncio.gather(
            *(scene.play(sdk.version, [sdk.python, "-W", "ignore", PROGRAM]) for sdk in sdks)
        )
        assert not scene.exchange.complaints(), scene.exchange.complaints()
        return dict(zip(VERSIONS, played, strict=True))


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Steps]:
    """All releases at once, against one exchange."""
    return asyncio.run(scenario(tmp_path_factory.mktemp("python")))


@pytest.mark.parametrize("version", VERSIONS)
def test_trunks_rules_calls_and_participants(version: str, played: dict[str, Steps]) -> None:
    check_all(played[version], updates=version != "0.8.2")
    assert played[version]["transferred"]["transfer_id"].startswith("STR_")


@pytest.mark.parametrize("version", VERSIONS)
def test_errors(version: str, played: dict[str, Steps]) -> None:
    steps = played[version]
    check_codes(steps)
    if version == "0.8.2":
        assert steps["busy"]["class"] == "TwirpError"
        assert "metadata" not in steps["busy"]
        return
    check_metadata(steps)
    if version == "1.2.2":
        check_sip_call_error(steps)
    else:
        assert {steps[name]["class"] for name in ("busy", "timeout", "dial_busy")} == {"TwirpError"}
