"""The clock of all video: what is due for the tracks of clients, every 50 ms while there are any.

Imported when the first description with video comes.
"""

from __future__ import annotations

import asyncio

import structlog

from ...base.ids import Ids
from ...media.video_streams import TICK, VideoOwner, VideoStreams
from ...media.video_subscription import VideoWay
from ...media.video_tracks import VideoTracks
from ...ports import Clock

_log = structlog.get_logger("rtc")


class VideoClock:
    """One for a process. `open` the video of a peer connection; who has it closes it."""

    def __init__(self, clock: Clock, ids: Ids, loop: asyncio.AbstractEventLoop) -> None:
        self._clock = clock
        self._ids = ids
        self._loop = loop
        self._tracks = VideoTracks()
        self._streams: list[VideoStreams] = []
        self._timer: asyncio.TimerHandle | None = None

    @property
    def forwarded(self) -> int:
        """Packets that went to subscribers so far."""
        return self._tracks.forwarded

    def open(self, owner: VideoOwner, way: VideoWay, cname: str) -> VideoStreams:
        """For one more peer connection."""
        streams = VideoStreams(owner, way, self._tracks, cname, self._ids)
        self._streams.append(streams)
        if self._timer is None:
            self._timer = self._loop.call_later(TICK, self._look)
        return streams

    def _look(self) -> None:
        self._timer = None
        self._streams = [streams for streams in self._streams if not streams.closed]
        if not self._streams:
            return
        self._timer = self._loop.call_later(TICK, self._look)
        now = self._clock.now()
        for streams in self._streams:
            try:
                streams.look(now)
            except Exception:  # noqa: BLE001  # logged; the others have their turn
                _log.exception("internal_error")
