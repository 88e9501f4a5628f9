"""The tracks that a client is sent, and the m-sections that carry them.

A section whose track has gone is described once without it before another track may have it: a
client tells its application of a new track where a section begins to send, not where the msid of
one that sends changes. Each time that a track comes into a section it has a new SSRC.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Final, Literal

from ..base.ids import Ids
from ..base.light import light_dataclass
from .formats import PayloadFormat, RtpCodec, formats_of, is_stereo
from .writing import SentTrack

_STEP: Final = 0x9E3779B1
"""Odd: added again and again it gives each of the 2^32 numbers once."""
_MASK: Final = 0xFFFFFFFF


@light_dataclass(frozen=True, slots=True)
class OutTrack:
    """A track that somebody publishes, to be sent to the client."""

    track_sid: str
    participant_sid: str
    """Of who publishes it."""
    kind: Literal["audio", "video"]
    codecs: tuple[RtpCodec, ...]
    """Those that its publisher may send, by the publisher's payload types."""

    @property
    def stream_id(self) -> str:
        """As the SDKs read it: both sids."""
        return f"{self.participant_sid}|{self.track_sid}"


@dataclass(slots=True, eq=False)
class Slot:
    """One m-section that can carry a track to the client."""

    mid: str
    kind: str
    formats: frozenset[PayloadFormat] | None = None
    """What the client can read there; None: not known, anything is tried."""
    track: OutTrack | None = None
    ssrc: int = 0
    """Of `track`; 0 without one."""
    rtx_ssrc: int = 0
    said: int = 0
    """The SSRC that the client knows here; 0: none."""
    used: bool = False
    """True once a track was described here."""
    dead: bool = False
    """True where the client rejected it (port 0)."""
    codecs: tuple[RtpCodec, ...] = ()
    """What we offered there last, where we offer."""
    offered: bool = False
    """True where it stands in an offer of ours, so that it keeps its place."""

    @property
    def free(self) -> bool:
        """True where another track may have it."""
        return self.track is None and self.said == 0 and not self.dead

    @property
    def frees(self) -> bool:
        """True where it becomes free once the client knows that its track is gone."""
        return self.track is None and self.said != 0 and not self.dead

    def sent(self, codecs: Collection[RtpCodec]) -> SentTrack | None:
        """What is said of the track with those codecs."""
        if self.track is None:
            return None
        rtx = self.rtx_ssrc if any(codec.rtx is not None for codec in codecs) else None
        track = self.track
        return SentTrack(track.stream_id, track.track_sid, self.ssrc, rtx, is_stereo(track.codecs))

    def described(self) -> None:
        """The client knows what is here now."""
        self.said = self.ssrc
        if self.track is not None:
            self.used = True


@dataclass(slots=True)
class Slots:
    """All of one peer connection, in the order of its sections."""

    ids: Ids
    slots: list[Slot] = field(default_factory=list)
    waiting: dict[str, OutTrack] = field(default_factory=dict)
    """Tracks without a section, by sid, in the order in which they came."""
    taken: Collection[int] = ()
    """SSRCs of the client."""
    _placed: dict[str, Slot] = field(default_factory=dict)
    _last_ssrc: int = -1

    @property
    def changed(self) -> bool:
        """True where what the client knows is not what is attached now."""
        return any(slot.ssrc != slot.said and not slot.dead for slot in self.slots)

    def attach(self, track: OutTrack) -> bool:
        """True if it has a section, now or already."""
        sid = track.track_sid
        if sid not in self._placed:
            self.waiting[sid] = track
            self.place()
        return sid in self._placed

    def detach(self, track_sid: str) -> None:
        """That track is not sent any more; nothing if it never was."""
        self.waiting.pop(track_sid, None)
        slot = self._placed.pop(track_sid, None)
        if slot is not None:
            slot.track = None
            slot.ssrc = slot.rtx_ssrc = 0

    def place(self) -> None:
        """Give the waiting tracks the free sections that they fit into, first come first served."""
        if not self.waiting:
            return
        free: dict[str, list[Slot]] = {}
        for slot in self.slots:
            if slot.free:
                free.setdefault(slot.kind, []).append(slot)
        hopeless: set[tuple[str, frozenset[PayloadFormat]]] = set()
        for track in list(self.waiting.values()):
            fits = formats_of(track.codecs)
            among = free.get(track.kind)
            if not among or (track.kind, fits) in hopeless:
                continue
            for at, slot in enumerate(among):
                if slot.formats is None or not slot.formats.isdisjoint(fits):
                    del among[at]
                    self.put(track, slot)
                    break
            else:
                hopeless.add((track.kind, fits))

    def put(self, track: OutTrack, slot: Slot) -> None:
        """That track into that free section."""
        self.waiting.pop(track.track_sid, None)
        self._placed[track.track_sid] = slot
        slot.track, slot.ssrc, slot.rtx_ssrc = track, self._new_ssrc(), self._new_ssrc()

    def take_out(self, slot: Slot) -> None:
        """Its section cannot carry the track any more: it waits for another."""
        track = slot.track
        if track is not None:
            self.detach(track.track_sid)
            self.waiting[track.track_sid] = track

    def _new_ssrc(self) -> int:
        if self._last_ssrc < 0:
            self._last_ssrc = self.ids.number(32)
        while True:
            self._last_ssrc = (self._last_ssrc + _STEP) & _MASK
            if self._last_ssrc and self._last_ssrc not in self.taken:
                return self._last_ssrc
