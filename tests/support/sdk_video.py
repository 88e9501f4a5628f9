"""Clients of LiveKit's Python SDK that show and see pictures."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
from livekit import rtc

from .lab import KEY, SECRET, Lab
from .sdk import SdkClient, token

CODECS = {
    "VP8": rtc.VideoCodec.VP8,
    "VP9": rtc.VideoCodec.VP9,
    "H264": rtc.VideoCodec.H264,
    "AV1": rtc.VideoCodec.AV1,
}


class VideoClient(SdkClient):
    """Beside what `SdkClient` does: `show` pictures, and `seen` are those of others."""

    def __init__(self, url: str, join_token: str, **options: Any) -> None:
        super().__init__(url, join_token, **options)
        self.seen: dict[str, list[tuple[int, int, int]]] = {}
        """Width, height and brightness in the middle of each picture, by identity."""
        self.taken = 0
        """Pictures of its own camera."""
        self.room.on("track_subscribed", self._watching)

    def _watching(self, track: rtc.Track, _: Any, participant: rtc.RemoteParticipant) -> None:
        if track.kind == rtc.TrackKind.KIND_VIDEO:
            self._tasks.append(asyncio.create_task(self._watch(track, participant.identity)))

    async def _watch(self, track: rtc.Track, identity: str) -> None:
        kept = self.seen.setdefault(identity, [])
        async for event in rtc.VideoStream(track, format=rtc.VideoBufferType.I420):
            frame = event.frame
            middle = frame.width * (frame.height // 2) + frame.width // 2
            kept.append((frame.width, frame.height, frame.data[middle]))
            self._news.set()

    async def show(
        self,
        *,
        width: int = 640,
        height: int = 360,
        codec: str = "VP8",
        simulcast: bool = False,
        fps: int = 15,
        kbps: int = 800,
    ) -> rtc.LocalVideoTrack:
        """Publish a camera whose picture changes all the time, and is never black."""
        source = rtc.VideoSource(width, height)
        track = rtc.LocalVideoTrack.create_video_track("camera", source)
        options = rtc.TrackPublishOptions(
            source=rtc.TrackSource.SOURCE_CAMERA,
            simulcast=simulcast,
            video_codec=CODECS[codec],
            video_encoding=rtc.VideoEncoding(max_framerate=fps, max_bitrate=kbps * 1000),
        )
        await self.room.local_participant.publish_track(track, options)
        self._tasks.append(asyncio.create_task(self._film(source, width, height, fps)))
        return track

    async def _film(self, source: rtc.VideoSource, width: int, height: int, fps: int) -> None:
        noise = np.random.default_rng(1).integers(64, 192, (height, width), np.uint8)
        colour = np.full(width * height // 2, 128, np.uint8).tobytes()
        while True:
            data = np.roll(noise // 4 + 96, 4 * self.taken, axis=1).tobytes() + colour
            frame = rtc.VideoFrame(width, height, rtc.VideoBufferType.I420, data)
            source.capture_frame(frame)
            self.taken += 1
            self._news.set()
            await asyncio.sleep(1 / fps)

    async def sends(self, heights: tuple[int, ...], within: float = 15.0) -> None:
        """Wait until its camera is sent in these heights only."""
        publications = self.room.local_participant.track_publications.values()
        (track,) = (one.track for one in publications if one.track is not None)
        async with asyncio.timeout(within):
            while await self._heights(track) != heights:
                await self.filmed(3)

    @staticmethod
    async def _heights(track: Any) -> tuple[int, ...]:
        streams = [
            one.outbound_rtp.outbound
            for one in await track.get_stats()
            if one.WhichOneof("stats") == "outbound_rtp"
        ]
        return tuple(sorted(one.frame_height for one in streams if one.active))

    async def filmed(self, count: int, within: float = 20.0) -> None:
        """Wait until the camera has taken so many more pictures."""
        until = self.taken + count
        await self.until(lambda: self.taken >= until, within)

    async def sees(
        self, identity: str, *, count: int = 10, height: int = 0, within: float = 10.0
    ) -> None:
        """Wait until so many more pictures come, all of that height if one is named."""
        seen = self.seen.setdefault(identity, [])
        start = len(seen)

        def enough() -> bool:
            new = [high for _, high, _ in seen[start:]]
            return len([high for high in new if not height or high == height]) >= count

        await self.until(enough, within)


def video_client(lab: Lab, identity: str, room: str = "lobby", **options: Any) -> VideoClient:
    """A client of the lab's server; `options` are the SDK's RoomOptions."""
    url = f"ws://127.0.0.1:{lab.server.http_port}"
    return VideoClient(url, token(identity, room, key=KEY, secret=SECRET), **options)
