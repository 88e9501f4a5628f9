"""All the video of one peer connection: whose a packet is, what RTCP says, what is due."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final, Protocol

from ..base.errors import RtpError
from ..base.ids import Ids
from ..rtp.arrivals import Arrivals
from ..rtp.feedback import BitrateEstimate, Feedback, FullIntraRequest, Nack, parse_feedback
from ..rtp.rtcp import Bye, Report, encode_report, parse_compound
from ..webrtc.formats import RtpCodec
from ..webrtc.header_extensions import ExtensionIds, find
from ..webrtc.sections import IncomingSection, OutgoingSection
from .downlink import BEST, Downlink
from .video_layer import VideoLayer
from .video_subscription import ANYTHING, VideoSubscription, VideoWay, Wish
from .video_track import VideoTrack
from .video_tracks import VideoTracks

TICK: Final = 0.05
"""Seconds between two calls of `look`."""
REPORT_INTERVAL: Final = 1.0
"""Seconds between two reports: what they say of loss sets the publisher's bitrate."""
MAX_STREAMS: Final = 256
"""SSRCs of one client that are told apart."""
_BLOCKS: Final = 31
"""In one report at most (RFC 3550 §6.4.1)."""


class VideoOwner(Protocol):
    """The peer connection."""

    def video_began(self, cid: str, mime_type: str) -> None:
        """The first packet of that track came."""
        ...

    def video_wanted(self, cid: str, enabled: Mapping[int, bool]) -> None:
        """Which of its layers are of use, by VideoQuality."""
        ...

    def video_paused(self, paused: Mapping[str, bool]) -> None:
        """Tracks that the client takes (by SID) are held back for want of bandwidth, or go on."""
        ...


class VideoStreams:
    """In and out. Made when a description first has video."""

    def __init__(
        self, owner: VideoOwner, way: VideoWay, tracks: VideoTracks, cname: str, ids: Ids
    ) -> None:
        self._owner = owner
        self._way = way
        self._tracks = tracks
        self._cname = cname
        self._ids = ids
        self._ssrc = ids.number(32)
        """Ours, in RTCP to the publisher."""
        self.published: dict[str, VideoTrack] = {}
        """Tracks that come in, by cid."""
        self.taken: dict[str, VideoSubscription] = {}
        """What goes out, by track SID."""
        self._wishes: dict[str, Wish] = {}
        """What the client wants of tracks, by SID; it may say so before they are sent."""
        self.mids: dict[str, str] = {}
        """The section of each track that comes in, by cid."""
        self._extensions = ExtensionIds()
        self._streams: dict[int, tuple[VideoTrack, VideoLayer]] = {}
        """By SSRC, those of retransmissions too."""
        self._repairs: set[int] = set()
        """SSRCs of retransmissions."""
        self._out: dict[int, VideoSubscription] = {}
        """By SSRC."""
        self._arrivals = Arrivals()
        self._reported_at = 0.0
        self.downlink = Downlink()
        self.closed = False

    # --- descriptions ---------------------------------------------------------------------------

    @property
    def cids(self) -> Iterable[str]:
        """Of the tracks that come in."""
        return self.published.keys()

    def mid_of(self, cid: str) -> str:
        """The section in which the client sends it; "" for none."""
        return self.mids.get(cid, "")

    def codecs_of(self, cid: str) -> tuple[RtpCodec, ...]:
        """What the client may send it in; nothing where there is no such track."""
        track = self.published.get(cid)
        return track.codecs if track is not None else ()

    def take_in(self, sections: Iterable[IncomingSection]) -> None:
        """The video sections in which the client sends from now on."""
        described = {section.cid: section for section in sections}
        for cid in [cid for cid in self.published if cid not in described]:
            self._tracks.unpublish(self.published.pop(cid))
        self.mids = {cid: section.mid for cid, section in described.items()}
        for cid, section in described.items():
            # A bundle has one set of numbers (RFC 8843 §9.2).
            self._extensions = ExtensionIds.of(section.extensions)
            track = self.published.get(cid)
            if track is None:
                track = self.published[cid] = VideoTrack(cid, self, self._ssrc)
            track.describe(section)
            for layer in track.layers:
                if layer.ssrc:
                    self._streams[layer.ssrc] = (track, layer)
                    repairs = section.rtx_ssrcs.get(layer.ssrc)
                    if repairs is not None:
                        self._repairs.add(repairs)
                        self._streams[repairs] = (track, layer)
        # What was learned from packets stays: they say it at the beginning only.
        self._streams = {
            ssrc: (track, layer)
            for ssrc, (track, layer) in self._streams.items()
            if self.published.get(track.cid) is track
            and layer in track.layers
            and (ssrc == layer.ssrc or ssrc in self._repairs)
        }
        self._repairs &= self._streams.keys()

    def send_out(self, sections: Iterable[OutgoingSection], now: float) -> None:
        """The video sections in which we send from now on."""
        described = {section.track_sid: section for section in sections}
        for sid, subscription in list(self.taken.items()):
            if sid not in described or described[sid].ssrc != subscription.ssrc:
                self.stop(sid)
        for sid, section in described.items():
            if sid not in self.taken and section.codecs:
                taken = VideoSubscription(sid, section, self._way, self._ids)
                taken.wish = self._wishes.get(sid, taken.wish)
                if any(other.cap < BEST for other in self.taken.values()):
                    taken.cap = 0  # there was no room for more already
                self.taken[sid] = self._out[taken.ssrc] = taken
                self._tracks.subscribe(taken, now)

    def stop(self, track_sid: str) -> None:
        """That track is sent no more; nothing where it is not."""
        self._wishes.pop(track_sid, None)
        taken = self.taken.pop(track_sid, None)
        if taken is not None:
            del self._out[taken.ssrc]
            self._tracks.unsubscribe(taken)

    def adjust(
        self, track_sid: str, quality: int, width: int, height: int, now: float, *, disabled: bool
    ) -> None:
        """What the client wants of a track that it takes (UpdateTrackSettings)."""
        wish = self._wishes.get(track_sid, ANYTHING)
        if disabled:
            wish = replace(wish, paused=True)
        else:
            wish = Wish(quality, width, height)
        self._wishes[track_sid] = wish
        taken = self.taken.get(track_sid)
        track = self._tracks.get(track_sid)
        if taken is not None:
            taken.wish = wish
            if track is not None:
                track.look(now)

    # --- packets --------------------------------------------------------------------------------

    def packet(
        self, ssrc: int, plain: bytearray, extensions: bytes, profile: int, now: float
    ) -> bool:
        """One packet, decrypted, without its header extensions. False: it is no video."""
        number = find(extensions, profile, self._extensions.transport_cc) if extensions else None
        if number is not None and len(number) >= 2:
            self._arrivals.arrived(number[0] << 8 | number[1], ssrc, now)
        stream = self._streams.get(ssrc) or self._recognised(ssrc, plain, extensions, profile)
        if stream is None:
            return False
        track, layer = stream
        track.packet(layer, plain, now)
        return True

    def _recognised(
        self, ssrc: int, plain: bytearray, extensions: bytes, profile: int
    ) -> tuple[VideoTrack, VideoLayer] | None:
        """Of which layer a stream is that nobody described: it says so by MID and RID
        (RFC 8843 §9.2, RFC 8852)."""
        said = self._extensions
        mid = _text(find(extensions, profile, said.mid)) if said.mid else ""
        cid = next((cid for cid, one in self.mids.items() if one == mid), "") if mid else ""
        track = self.published.get(cid)
        if track is None or len(self._streams) >= MAX_STREAMS:
            return None
        repairs = plain[1] & 0x7F in track.rtx_types
        rid = find(extensions, profile, said.repaired_rid if repairs else said.rid)
        layer = track.layer(_text(rid))
        if layer is None:
            return None
        if repairs:
            self._repairs.add(ssrc)
        elif layer.ssrc:
            self._streams.pop(layer.ssrc, None)
            layer.restart(ssrc)
        else:
            layer.ssrc = ssrc
        self._streams[ssrc] = (track, layer)
        return track, layer

    # --- what tracks tell -----------------------------------------------------------------------

    def began(self, track: VideoTrack, mime_type: str) -> None:
        """Of `VideoTrackOwner`."""
        self._owner.video_began(track.cid, mime_type)

    def wanted(self, track: VideoTrack, enabled: Mapping[int, bool]) -> None:
        """Of `VideoTrackOwner`."""
        self._owner.video_wanted(track.cid, enabled)

    def ask(self, feedback: bytes) -> None:
        """Of `VideoTrackOwner`."""
        self._way.send_rtcp(feedback)

    # --- RTCP -----------------------------------------------------------------------------------

    def rtcp(self, data: bytes, now: float) -> None:
        """A compound packet of the client; what cannot be read is passed over."""
        asked: list[Feedback] = []
        reports: list[Report | Bye] = []
        with contextlib.suppress(RtpError):
            asked = parse_feedback(data)
            reports = parse_compound(data)
        for feedback in asked:
            self._asked(feedback, now)
        for report in reports:
            if isinstance(report, Report):
                self._reported(report, now)

    def _asked(self, feedback: Feedback, now: float) -> None:
        if isinstance(feedback, BitrateEstimate):
            self.downlink.estimated(feedback.bitrate, now)
            return
        taken = self._out.get(feedback.ssrc)
        if taken is None:
            return
        if isinstance(feedback, Nack):
            taken.send_again(feedback.sequences, now)
            return
        if isinstance(feedback, FullIntraRequest) and feedback.number == taken.last_request:
            return
        if isinstance(feedback, FullIntraRequest):
            taken.last_request = feedback.number
        track = self._tracks.get(taken.track_sid)
        layer = taken.layer or taken.target
        if track is not None and layer is not None:
            track.want_keyframe(layer, now)

    def _reported(self, report: Report, now: float) -> None:
        stream = self._streams.get(report.ssrc)
        if stream is not None and report.sender is not None and stream[1].ssrc == report.ssrc:
            stream[1].reported(report.sender, now)
        for block in report.blocks:
            taken = self._out.get(block.ssrc)
            if taken is not None:
                taken.seen(block, now)

    # --- time -----------------------------------------------------------------------------------

    def look(self, now: float) -> None:
        """Every `TICK`: feedback for the publisher, reports, and what the tracks have to ask."""
        for track in self.published.values():
            track.look(now)
        if self.taken and self.downlink.due(now):
            self._share(now)
        for packet in self._arrivals.feedback(self._ssrc):
            self._way.send_rtcp(packet)
        if now - self._reported_at >= REPORT_INTERVAL:
            self._reported_at = now
            for packet in self._reports(now):
                self._way.send_rtcp(packet)

    def _share(self, now: float) -> None:
        """Divide what the way to the client carries among the tracks that it takes."""
        tracks = {sid: track for sid in self.taken if (track := self._tracks.get(sid)) is not None}
        before = {sid: taken.cap for sid, taken in self.taken.items()}
        choices = (track.choice(self.taken[sid], now) for sid, track in tracks.items())
        self.downlink.look([choice for choice in choices if choice is not None], now)
        changed = {sid: taken for sid, taken in self.taken.items() if taken.cap != before[sid]}
        for sid in changed:
            tracks[sid].look(now)
        paused = {sid: taken.cap < 0 for sid, taken in changed.items()}
        told = {sid: held for sid, held in paused.items() if held != (before[sid] < 0)}
        if told:
            self._owner.video_paused(told)

    def _reports(self, now: float) -> list[bytes]:
        sent = (taken.report(self._cname, now) for taken in self.taken.values())
        packets = [packet for packet in sent if packet is not None]
        blocks = [
            layer.block(now)
            for track in self.published.values()
            for layer in track.layers
            if layer.received
        ]
        for at in range(0, len(blocks), _BLOCKS):
            report = Report(self._ssrc, tuple(blocks[at : at + _BLOCKS]))
            packets.append(encode_report(report, self._cname))
        return packets

    # --- the room -------------------------------------------------------------------------------

    def publish(
        self,
        cid: str,
        sid: str,
        sizes: Mapping[int, tuple[int, int]],
        now: float,
        *,
        muted: bool,
    ) -> None:
        """The room knows a track of the client's; nothing where none of that cid comes."""
        track = self.published.get(cid)
        if track is not None:
            track.sizes = sizes
            track.mute(muted=muted, now=now)
            self._tracks.publish(track, sid, now)

    def unpublish(self, cid: str) -> None:
        """No more."""
        track = self.published.get(cid)
        if track is not None:
            self._tracks.unpublish(track)

    def mute(self, cid: str, now: float, *, muted: bool) -> None:
        """It was muted or unmuted."""
        track = self.published.get(cid)
        if track is not None:
            track.mute(muted=muted, now=now)

    def leave_room(self) -> None:
        """All tracks, in and out, are gone from the room in which the client was."""
        for track in self.published.values():
            self._tracks.unpublish(track)
        for sid in list(self.taken):
            self.stop(sid)

    def close(self) -> None:
        """The end; safe to call twice."""
        self.closed = True
        self.leave_room()
        self.published.clear()
        self._streams.clear()


def _text(value: bytes | None) -> str:
    return value.decode("ascii", "replace") if value else ""
