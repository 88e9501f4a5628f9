"""The clock of all video, with a real loop."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping

from tests.media.video_kit import Camera, Way, incoming

from hookflash.adapters.clock import SystemClock
from hookflash.base.ids import Ids
from hookflash.runtime.rtc.video import VideoClock


class Told(Way):
    """A way that tells of RTCP, which may fail."""

    def __init__(self) -> None:
        super().__init__()
        self.news = asyncio.Event()
        self.fails = False

    def send_rtcp(self, packet: bytes) -> None:
        if self.fails:
            raise ValueError("no way")
        super().send_rtcp(packet)
        self.news.set()

    def video_began(self, cid: str, mime_type: str) -> None:
        """Of `VideoOwner`."""

    def video_wanted(self, cid: str, enabled: Mapping[int, bool]) -> None:
        """Of `VideoOwner`."""

    def video_paused(self, paused: Mapping[str, bool]) -> None:
        """Of `VideoOwner`."""


def test_reports_go_out_for_each_connection_until_it_is_closed() -> None:
    async def check() -> None:
        loop = asyncio.get_running_loop()
        failed: list[object] = []
        loop.set_exception_handler(lambda _, context: failed.append(context))
        clock = SystemClock()
        video = VideoClock(clock, Ids(random.Random(1)), loop)
        ways = [Told(), Told()]
        ways[0].fails = True
        opened = [video.open(way, way, "cname") for way in ways]
        for streams in opened:
            streams.take_in([incoming(ssrcs=(50,))])
            streams.packet(50, Camera(ssrc=50).next(), b"", 0, clock.now())
        async with asyncio.timeout(5):
            await ways[1].news.wait()
        assert failed == [], "one that fails is logged, and stops nobody"
        for streams in opened:
            streams.close()
        ways[0].fails = False
        later = video.open(ways[0], ways[0], "cname")
        later.take_in([incoming(ssrcs=(50,))])
        later.packet(50, Camera(ssrc=50).next(), b"", 0, clock.now())
        async with asyncio.timeout(5):
            await ways[0].news.wait()
        later.close()

    asyncio.run(check())
