"""A camera in Chromium (livekit-client, unmodified), and what it sees of a client of Python."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.interop.support.browsers import browser
from tests.interop.support.waiting import wait_until
from tests.support.lab import KEY, SECRET, Lab, run
from tests.support.sdk import token
from tests.support.sdk_video import VideoClient

pytestmark = [pytest.mark.interop, pytest.mark.timeout(300)]

ENOUGH = 1_000_000
"""Bits per second that a camera must be able to send (webrtc.md §4)."""


@pytest.mark.quiet
def test_a_camera_is_seen_and_reaches_its_bitrate(tmp_path: Path) -> None:
    async def check(lab: Lab) -> None:
        url = f"ws://127.0.0.1:{lab.server.http_port}"
        ann = VideoClient(url, token("ann", "lobby", key=KEY, secret=SECRET))
        async with browser("chromium", tmp_path) as page, ann:
            await page.join(lab, "page")
            await ann.show(width=320, height=180)

            async def sees() -> bool:
                picture = await page.do("picture", identity="ann")
                return bool(picture["height"] == 180 and picture["pictures"] > 10)

            await wait_until(sees, "ann's camera in the browser", 20)
            await page.do("camera", within=30)
            await ann.sees("page", within=30)
            sent: list[int] = []
            times: list[float] = []

            async def fast() -> bool:
                sent.append(sum(map(_octets, await page.do("stats"))))
                times.append(lab.server._clock.now())
                return len(sent) > 4 and max(_rates(sent, times)) > ENOUGH

            await wait_until(fast, "1 Mbit/s of the camera", 30)

    run(check, within=240)


def _octets(report: dict[str, Any]) -> int:
    video = report.get("type") == "outbound-rtp" and report.get("kind") == "video"
    return int(report.get("bytesSent", 0)) if video else 0


def _rates(sent: list[int], times: list[float]) -> list[float]:
    """Bits per second since two seconds before each look."""
    found = []
    for at, now in enumerate(times):
        before = [index for index in range(at) if now - times[index] >= 2.0]
        if before:
            found.append(8 * (sent[at] - sent[before[-1]]) / (now - times[before[-1]]))
    return found or [0.0]
