"""Clients of LiveKit's Python SDK in a process of their own: `python -m bench.rtc_client URL`.

Reads orders from its input, a JSON line each, and answers each with a line:
{"join": [[room, identity, token, speaks], …]} → {"connect": seconds of each, one after another}
{"heard": true} → {"frames": frames heard since the last time}
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Any

import numpy as np
from livekit import rtc

RATE = 48000
FRAME = RATE // 50


class Clients:
    """All of the process."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._rooms: list[rtc.Room] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._frames = 0

    async def join(self, rooms: list[tuple[str, str, bool]]) -> dict[str, Any]:
        """(token, options, speaks) of each."""
        times = []
        for token, _, speaks in rooms:
            room = rtc.Room()
            room.on("track_subscribed", self._subscribed)
            start = time.monotonic()
            await room.connect(self._url, token)
            times.append(time.monotonic() - start)
            self._rooms.append(room)
            if speaks:
                source = rtc.AudioSource(RATE, 1)
                track = rtc.LocalAudioTrack.create_audio_track("mic", source)
                options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
                await room.local_participant.publish_track(track, options)
                self._tasks.append(asyncio.create_task(self._speak(source)))
        return {"connect": times}

    def _subscribed(self, track: rtc.RemoteTrack, *_: object) -> None:
        if track.kind == rtc.TrackKind.KIND_AUDIO:
            self._tasks.append(asyncio.create_task(self._listen(track)))

    async def _speak(self, source: rtc.AudioSource) -> None:
        time_ = np.arange(FRAME) / RATE
        wave = (8000 * np.sin(2 * np.pi * 450 * time_)).astype(np.int16).tobytes()
        while True:
            await source.capture_frame(rtc.AudioFrame(wave, RATE, 1, FRAME))

    async def _listen(self, track: rtc.RemoteTrack) -> None:
        async for _ in rtc.AudioStream(track, sample_rate=RATE, num_channels=1):
            self._frames += 1

    def heard(self) -> dict[str, Any]:
        """10 ms each."""
        frames, self._frames = self._frames, 0
        return {"frames": frames}

    async def close(self) -> None:
        """Leave."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*(room.disconnect() for room in self._rooms), return_exceptions=True)


async def main(url: str) -> None:
    """Until the input ends."""
    clients = Clients(url)
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        order = json.loads(line)
        answer = await clients.join(order["join"]) if "join" in order else clients.heard()
        print(json.dumps(answer), flush=True)
    await clients.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
