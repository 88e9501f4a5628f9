"""Clients of LiveKit's own Python SDK, unmodified: they join, speak, and say what they hear."""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections import deque
from collections.abc import Coroutine
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import numpy as np
import pytest
from livekit import api, rtc
from numpy.typing import NDArray
from tests.support.lab import KEY, SECRET, Lab

from hookflash.audio.tone_bank import amplitude, rms

ONE, TWO = {"single_peer_connection": True}, {"single_peer_connection": False}
MODES = pytest.mark.parametrize("mode", [ONE, TWO], ids=["one-connection", "two-connections"])

RATE = 48000
SAID = 8000.0
"""Amplitude of the tones."""
_WINDOW = 4800
"""Samples of 100 ms."""


def is_as_said(level: float) -> bool:
    """Within 2 dB of the level with which clients and telephones of tests speak."""
    return abs(20 * math.log10(max(level, 1.0) / SAID)) < 2.0


def token(
    identity: str,
    room: str,
    *,
    key: str,
    secret: str,
    grants: dict[str, Any] | None = None,
    **fields: Any,
) -> str:
    """A join token."""
    made = api.AccessToken(key, secret).with_identity(identity)
    made = made.with_grants(api.VideoGrants(room_join=True, room=room, **(grants or {})))
    for name, value in fields.items():
        made = getattr(made, f"with_{name}")(value)
    return made.to_jwt()


def client(
    lab: Lab,
    identity: str,
    room: str = "lobby",
    *,
    grants: dict[str, Any] | None = None,
    said: dict[str, Any] | None = None,
    port: int = 0,
    **options: Any,
) -> SdkClient:
    """A client of the lab's server, which it reaches by `port` if that is not 0. `grants` and
    `said` are of its token (`token`), `options` are the SDK's RoomOptions."""
    made = token(identity, room, key=KEY, secret=SECRET, grants=grants, **(said or {}))
    return SdkClient(f"ws://127.0.0.1:{port or lab.server.http_port}", made, **options)


@dataclass(slots=True)
class Heard:
    """The last second of one track."""

    frames: deque[NDArray[np.int16]]
    at: float = 0.0
    quiet: int = 0
    """Frames of 10 ms that were all but silent, since somebody set it to 0."""
    count: int = 0
    """Frames, likewise."""

    def take(self, frame: NDArray[np.int16]) -> None:
        """10 ms."""
        self.frames.append(frame)
        self.at = time.monotonic()
        self.count += 1
        self.quiet += rms(frame) < SAID / 8

    def level(self, frequency: float) -> float:
        """As `SdkClient.level`."""
        if time.monotonic() - self.at > 0.5:
            return 0.0
        sound = np.concatenate(self.frames)[-2 * _WINDOW :]
        return amplitude(sound, frequency, RATE) if len(sound) >= _WINDOW else 0.0


class SdkClient:
    """`async with SdkClient(url, token) as client`: in the room."""

    def __init__(self, url: str, join_token: str, **options: Any) -> None:
        self._url = url
        self.token = join_token
        self._options = rtc.RoomOptions(**options)
        self.room = rtc.Room()
        self.events: list[tuple[str, Any]] = []
        self.heard: dict[str, list[Heard]] = {}
        """What came of each track, by identity of who speaks."""
        self._news = asyncio.Event()
        self._tasks: list[asyncio.Task[Any]] = []
        self._sources: list[rtc.AudioSource] = []
        for name in (
            "participant_connected", "participant_disconnected", "track_published",
            "track_unpublished", "track_subscribed", "track_unsubscribed", "track_muted",
            "track_unmuted", "data_received", "sip_dtmf_received", "disconnected", "reconnecting",
            "reconnected", "participant_attributes_changed", "participant_metadata_changed",
            "active_speakers_changed", "participant_name_changed", "room_metadata_changed",
            "connection_quality_changed", "local_track_subscribed", "moved", "room_updated",
            "participant_permissions_changed", "token_refreshed", "local_track_unpublished",
        ):  # fmt: skip
            self.room.on(name, self._noting(name))

    def _noting(self, name: str) -> Any:
        def note(*details: Any) -> None:
            self.events.append((name, details))
            if name == "track_subscribed" and details[0].kind == rtc.TrackKind.KIND_AUDIO:
                self._tasks.append(asyncio.create_task(self._listen(details[0], details[2])))
            self._news.set()

        return note

    async def __aenter__(self) -> Self:
        await self.room.connect(self._url, self.token, self._options)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        with contextlib.suppress(Exception):
            await self.room.disconnect()
        for source in self._sources:
            await source.aclose()  # its native side is not to be freed at any later moment

    def spawn(self, work: Coroutine[Any, Any, Any]) -> None:
        """Do this beside the test, until the client leaves."""
        self._tasks.append(asyncio.ensure_future(work))

    # --- events ---------------------------------------------------------------------------------

    async def until(self, ready: Any, within: float = 10.0) -> Any:
        """Wait until `ready()` is true; its value."""
        async with asyncio.timeout(within):
            while not (found := ready()):
                self._news.clear()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._news.wait(), 0.1)
        return found

    async def told(self, name: str, count: int = 1, within: float = 10.0) -> tuple[Any, ...]:
        """The details of the `count`th event of that name."""
        found = await self.until(
            lambda: [d for n, d in self.events if n == name][count - 1 : count], within
        )
        return tuple(found[0])

    def speakers(self) -> list[set[str]]:
        """What was told of who speaks: of those whose loudness changed, the ones that speak."""
        told = [details[0] for name, details in self.events if name == "active_speakers_changed"]
        return [{participant.identity for participant in speakers} for speakers in told]

    # --- sound ----------------------------------------------------------------------------------

    def source(self, rate: int) -> rtc.AudioSource:
        """One more, of one channel."""
        source = rtc.AudioSource(rate, 1)
        self._sources.append(source)
        return source

    async def speak(self, frequency: float, name: str = "mic") -> rtc.LocalAudioTrack:
        """Publish a track with this tone."""
        source = self.source(RATE)
        track = rtc.LocalAudioTrack.create_audio_track(name, source)
        options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
        await self.room.local_participant.publish_track(track, options)
        self._tasks.append(asyncio.create_task(self._hum(source, frequency)))
        return track

    async def say(self, source: rtc.AudioSource, frequency: float, seconds: float) -> None:
        """A tone of that length at that source."""
        rate = source.sample_rate
        for at in range(0, round(seconds * rate), rate // 100):
            await source.capture_frame(_frame(frequency, rate, at))

    async def _hum(self, source: rtc.AudioSource, frequency: float) -> None:
        at = 0
        while True:
            await source.capture_frame(_frame(frequency, RATE, at))
            at += RATE // 100

    async def _listen(self, track: rtc.RemoteTrack, participant: rtc.RemoteParticipant) -> None:
        stream = rtc.AudioStream(track, sample_rate=RATE, num_channels=1)
        kept = Heard(deque(maxlen=100))
        self.heard.setdefault(participant.identity, []).append(kept)
        try:
            async for event in stream:
                kept.take(np.frombuffer(event.frame.data, np.int16).copy())
                self._news.set()
        finally:
            await stream.aclose()

    def level(self, identity: str, frequency: float) -> float:
        """How loud that tone is in the last 200 ms of what that participant says, on any of its
        tracks; 0.0 where nothing came for half a second."""
        return max((one.level(frequency) for one in self.heard.get(identity, [])), default=0.0)

    async def hears(self, identity: str, frequency: float, within: float = 10.0) -> float:
        """Wait for the tone; how loud it is."""
        return float(
            await self.until(
                lambda: level if (level := self.level(identity, frequency)) > 3000 else 0, within
            )
        )

    async def hears_as_said(self, identity: str, frequency: float, within: float = 10.0) -> None:
        """Wait until the tone is as loud as everybody speaks, give or take 2 dB."""
        ready = lambda: is_as_said(self.level(identity, frequency))  # noqa: E731
        try:
            await self.until(ready, within)
        except TimeoutError:
            level = self.level(identity, frequency)
            raise AssertionError(f"{identity}: {frequency:g} Hz at {level:.0f}") from None

    async def misses(self, identity: str, frequency: float, within: float = 10.0) -> None:
        """Wait until it is gone."""
        await self.until(lambda: self.level(identity, frequency) < 500, within)


def _frame(frequency: float, rate: int, at: int) -> rtc.AudioFrame:
    """10 ms of a tone, from that sample on."""
    count = rate // 100
    moment = (np.arange(count) + at) / rate
    wave = (SAID * np.sin(2 * np.pi * frequency * moment)).astype(np.int16)
    return rtc.AudioFrame(wave.tobytes(), rate, 1, count)
