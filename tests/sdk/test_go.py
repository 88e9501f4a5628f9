"""Releases of server-sdk-go, built without C: calls both ways, their errors."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tests.interop.support.lab import Lab
from tests.sdk.support.scene import Scene, Steps, check_all
from tests.sdk.support.toolchains import HERE, Go

pytestmark = [pytest.mark.interop, pytest.mark.long, pytest.mark.timeout(1800)]

VERSIONS = {"2.18.1": "go.mod", "2.9.2": "go-2.9.2.mod"}


async def scenario(folder: Path) -> dict[str, Steps]:
    go = await Go.find()
    programs = [await go.build(one, HERE / "go", pins) for one, pins in VERSIONS.items()]
    async with Lab(folder) as lab:
        scene = await Scene.open(lab)
        played = await asyncio.gather(
            *(
                scene.play(version, [program])
                for version, program in zip(VERSIONS, programs, strict=True)
            )
        )
        assert not scene.exchange.complaints(), scene.exchange.complaints()
        return dict(zip(VERSIONS, played, strict=True))


def check_errors(steps: Steps) -> None:
    """`SIPStatusFrom` reads the status out of `error_details`."""
    busy, dialled, timeout = steps["busy"], steps["dial_busy"], steps["timeout"]
    for refused in (busy, dialled):
        assert refused["class"] == "*status.Error"
        assert refused["code"] == "ResourceExhausted"
        assert (refused["sip_status_code"], refused["sip_status"]) == (486, "Busy Here")
    assert busy["message"] == "call transfer failed: sip status: 486: Busy Here"
    assert dialled["message"] == "INVITE failed: sip status: 486: Busy Here"
    assert (timeout["class"], timeout["code"]) == ("*twirp.twerr", "deadline_exceeded")
    assert timeout["message"].endswith("request timed out")
    assert timeout["metadata"]["sip_transfer_reason"] == "STR_RINGING_TIMEOUT"
    assert timeout["metadata"]["sip_transfer_id"].startswith("STR_")
    assert "sip_status_code" not in timeout


def test_releases_of_the_go_sdk(tmp_path: Path) -> None:
    played = asyncio.run(scenario(tmp_path))
    for steps in played.values():
        check_all(steps)
        check_errors(steps)
