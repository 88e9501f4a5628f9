"""A camera, and one who sees it behind a line of limited rate, in virtual time: what waits is
bounded, what is more is lost, some is lost by chance, and the client reports as libwebrtc does."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Mapping

from tests.media.video_kit import Camera, Way, incoming, outgoing

from hookflash.base.ids import Ids
from hookflash.media.video_streams import VideoStreams
from hookflash.media.video_tracks import VideoTracks
from hookflash.rtp.feedback import BitrateEstimate, PictureLoss, encode_estimate
from hookflash.rtp.packet import parse
from hookflash.rtp.rtcp import Report, ReportBlock, encode_report

STEP = 0.01
QUEUE = 0.3
"""Seconds that packets wait at most."""
FPS = 25
SIZE = 1000
REPORTS = 0.1
ESTIMATES = 1.0
SSRC = 7000


class Link(Way):
    """To the one who sees. `rate` in bits per second."""

    def __init__(self, seed: int, rate: float) -> None:
        super().__init__()
        self.rate = rate
        self.chance = 0.0
        """The part that is lost by chance."""
        self.now = 0.0
        self.sound_sent = self.sound_lost = 0
        self.highest = -1
        self.first = 0
        self.came = 0
        self.octets = 0
        """Since the last estimate."""
        self.waited = 0.0
        """The longest since the last estimate."""
        self._line: deque[tuple[float, bytes]] = deque()
        self._free_at = 0.0
        self._random = random.Random(seed)

    def send(self, packet: bytes) -> int:
        """Into the line; 0 where it is lost."""
        waits = max(0.0, self._free_at - self.now)
        if waits > QUEUE or self._random.random() < self.chance:
            return 0
        self.waited = max(self.waited, waits)
        self._free_at = max(self._free_at, self.now) + len(packet) * 8 / self.rate
        self._line.append((self._free_at, packet))
        return len(packet)

    def speak(self) -> None:
        """20 ms of sound, which goes the same way."""
        self.sound_sent += 1
        self.sound_lost += not self.send(bytes(100))

    def passes(self, now: float) -> None:
        """What has come through by then."""
        self.now = now
        while self._line and self._line[0][0] <= now:
            packet = self._line.popleft()[1]
            if packet[0] >> 6 == 2:
                self._video(packet)

    def _video(self, packet: bytes) -> None:
        sequence = parse(packet).sequence
        self.came += 1
        self.octets += len(packet)
        if self.highest < 0:
            self.highest = self.first = sequence
        step = (sequence - self.highest) & 0xFFFF
        if step < 0x8000:
            self.highest += step

    def view(self) -> ReportBlock:
        lost = self.highest - self.first + 1 - self.came
        return ReportBlock(SSRC, 0, lost, self.highest, 0)


class Scene:
    """A camera of these rates (bits per second by rank) and who sees it. `estimates`: the client
    says how much it can receive."""

    def __init__(
        self, seed: int, rate: float, *rates: int, estimates: bool = True, ample: float = 5.0
    ) -> None:
        self.link = Link(seed, 20e6)
        self.camera = Way()
        self.told: list[tuple[float, Mapping[str, bool]]] = []
        self.shown: list[tuple[float, int]] = []
        """When another layer began, and its rank; -1 for none."""
        tracks, ids = VideoTracks(), Ids(random.Random(seed))
        self.publisher = VideoStreams(self, self.camera, tracks, "ann", ids)
        self.subscriber = VideoStreams(self, self.link, tracks, "bob", ids)
        self.now = 1000.0
        self._rates = rates
        self._estimates = estimates
        self._estimate = 0.0
        self._reported_at = self._estimated_at = self._looked_at = 0.0
        self._wanted_keys = set(range(len(rates)))
        self._cameras = [Camera(ssrc=50 + n, sequence=1000 * n) for n in range(len(rates))]
        self.publisher.take_in([incoming(ssrcs=[50 + n for n in range(len(rates))])])
        self.subscriber.send_out([outgoing(ssrc=SSRC)], self.now)
        self.runs(ample)
        self.link.rate = rate

    # --- what the streams tell ------------------------------------------------------------------

    def video_began(self, cid: str, mime_type: str) -> None:
        self.publisher.publish(cid, "TR_1", {}, self.now, muted=False)

    def video_wanted(self, cid: str, enabled: Mapping[int, bool]) -> None:
        """All is sent all the time."""

    def video_paused(self, paused: Mapping[str, bool]) -> None:
        self.told.append((self.now, dict(paused)))

    # --- time -----------------------------------------------------------------------------------

    @property
    def rank(self) -> int:
        """Of the layer that goes out; -1 for none."""
        layer = self.subscriber.taken["TR_1"].layer
        return -1 if layer is None else layer.rank

    def runs(self, seconds: float) -> None:
        """So much time passes."""
        for _ in range(round(seconds / STEP)):
            self._step()

    def until(self, rank: int, within: float) -> float:
        """Seconds until that layer goes out, and goes on for a second."""
        began = self.now
        while self.now - began <= within:
            self.runs(STEP)
            if self.rank == rank:
                at = self.now
                self.runs(1.0)
                if self.rank == rank:
                    return at - began
        raise AssertionError(f"not {rank} within {within:g} s: {self.shown}")

    def _step(self) -> None:
        self.now += STEP
        count = round(self.now / STEP)
        self.link.passes(self.now)
        if count % round(1 / FPS / STEP) == 0:
            for rank in range(len(self._rates)):
                self._picture(rank)
        if count % 2 == 0:
            self.link.speak()
        if count % 5 == 0:
            self.publisher.look(self.now)
            self.subscriber.look(self.now)
        self._client()
        for asked in self.camera.asked:
            if isinstance(asked, PictureLoss):
                self._wanted_keys.add(asked.ssrc - 50)
        if not self.shown or self.shown[-1][1] != self.rank:
            self.shown.append((self.now, self.rank))

    def _picture(self, rank: int) -> None:
        key = rank in self._wanted_keys
        self._wanted_keys.discard(rank)
        size = self._rates[rank] // 8 // FPS * (4 if key else 1)
        camera = self._cameras[rank]
        for at in range(0, size, SIZE):
            last = at + SIZE >= size
            packet = camera.next(key=key, marker=last) if at == 0 else camera.rest(marker=last)
            packet += bytes(min(SIZE, size - at))
            self.publisher.packet(50 + rank, packet, b"", 0, self.now)

    def _client(self) -> None:
        """What it reports."""
        link = self.link
        if link.highest >= 0 and self.now - self._reported_at >= REPORTS:
            self._reported_at = self.now
            self.subscriber.rtcp(encode_report(Report(9, (link.view(),)), "bob"), self.now)
        if self._estimates and self.now - self._estimated_at >= ESTIMATES and link.octets:
            came = link.octets * 8 / (self.now - self._estimated_at)
            if link.waited > 0.1:
                self._estimate = min(self._estimate or came, 0.85 * came)
            else:
                self._estimate = max(self._estimate, min(1.08 * self._estimate, 1.5 * came), came)
            self._estimated_at, link.octets, link.waited = self.now, 0, 0.0
            estimate = BitrateEstimate(round(self._estimate), (SSRC,))
            self.subscriber.rtcp(encode_estimate(9, estimate), self.now)
