"""Releases of livekit-server-sdk for Node: calls both ways, their errors."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tests.interop.support.lab import Lab
from tests.sdk.support.scene import Scene, Steps, check_all
from tests.sdk.support.toolchains import HERE, Node

pytestmark = [pytest.mark.interop, pytest.mark.long, pytest.mark.timeout(1500)]

VERSIONS = ("2.19.2", "2.7.3")


async def scenario(folder: Path) -> dict[str, Steps]:
    node = await Node.find()
    program = HERE / "node" / "session.mjs"
    projects = [await node.project(one, HERE / "node" / one, program) for one in VERSIONS]
    async with Lab(folder) as lab:
        scene = await Scene.open(lab)
        played = await asyncio.gather(
            *(
                scene.play(version, [node.node, project / program.name])
                for version, project in zip(VERSIONS, projects, strict=True)
            )
        )
        assert not scene.exchange.complaints(), scene.exchange.complaints()
        return dict(zip(VERSIONS, played, strict=True))


def check_sip_call_error(steps: Steps) -> None:
    """`SipCallError` and what it carries."""
    busy, dialled, timeout = steps["busy"], steps["dial_busy"], steps["timeout"]
    for refused in (busy, dialled):
        assert refused["class"] == refused["name"] == "SipCallError"
        assert refused["kinds"] == ["SipCallError", "ServerError", "TwirpError"]
        assert (refused["sip_status_code"], refused["sip_status"]) == (486, "Busy Here")
        assert (refused["status"], refused["code"]) == (429, "resource_exhausted")
        begins = "SIP call failed: 486 Busy Here (resource_exhausted)"
        assert refused["message"].startswith(begins)
        assert refused["metadata"]["error_details"]
    ident = busy["metadata"]["sip_transfer_id"]
    assert ident.startswith("STR_")
    assert busy["metadata"]["sip_transfer_reason"] == "STR_REJECTED"
    assert f"sip_transfer_id={ident}" in busy["message"]
    # Nothing on the telephone side said no: not a SipCallError.
    assert "ServerError" in timeout["kinds"]
    assert "SipCallError" not in timeout["kinds"]
    assert (timeout["status"], timeout["code"]) == (408, "deadline_exceeded")
    assert timeout["metadata"]["sip_transfer_reason"] == "STR_RINGING_TIMEOUT"
    assert timeout["message"].endswith("request timed out")


def check_plain_errors(steps: Steps) -> None:
    """The HTTP status, and nothing else."""
    assert [steps["busy"]["class"], steps["timeout"]["class"]] == ["Error", "Error"]
    assert steps["busy"]["message"].startswith("Request failed with status 429")
    assert steps["timeout"]["message"].startswith("Request failed with status 408")


def test_releases_of_the_node_sdk(tmp_path: Path) -> None:
    played = asyncio.run(scenario(tmp_path))
    check_all(played["2.19.2"])
    check_sip_call_error(played["2.19.2"])
    check_all(played["2.7.3"], updates=False)
    check_plain_errors(played["2.7.3"])
