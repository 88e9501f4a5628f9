"""One peer connection of a client: its way (`peer_ways.py`), its sections, its tracks in and out.

A client has one of these in LiveKit's newer signalling, where it offers and is answered; in the
older one it has two, and we offer on the second, by which it gets the tracks of others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, Protocol

from ..base.errors import RtpError, SdpError
from ..base.ids import Ids
from ..media.client_reports import ClientReports
from ..media.published import PublishedAudio
from ..media.sender import Sender
from ..media.subscriptions import Subscription
from ..ports import Clock
from ..sdp.plan import Codec
from ..webrtc.description import read
from ..webrtc.formats import RtpCodec
from ..webrtc.header_extensions import ExtensionIds, find, take_off
from ..webrtc.offered_sections import OfferedSections
from ..webrtc.sections import DataSection, IncomingSection, LocalAnswer, OutgoingSection, Sections
from ..webrtc.slots import OutTrack
from ..webrtc.writing import LocalTransport
from .peer_ways import PeerVideo, PeerWays, TrackRooms, VideoRooms

MAX_SSRCS: Final = 256
"""Streams of one client that are told apart; of more, the first are forgotten."""
_BUFFER: Final = bytearray(2048)
"""Where packets that go out are made; all senders of the process share it."""


class ConnectionOwner(Protocol):
    """The client, as a peer connection sees it. Called at once."""

    def connected(self, connection: PeerConnection) -> None: ...
    def lost(self, connection: PeerConnection, why: str) -> None: ...
    def track_began(self, cid: str, mime_type: str) -> None: ...
    def track_wanted(self, cid: str, enabled: Mapping[int, bool]) -> None: ...
    def tracks_paused(self, paused: Mapping[str, bool]) -> None: ...
    def channel_opened(self, connection: PeerConnection, label: str) -> None: ...
    def message_received(self, label: str, data: bytes) -> None: ...


class _NoClient:
    """The owner of a connection that is closed: nothing shall keep the client."""

    def connected(self, connection: PeerConnection) -> None: ...
    def lost(self, connection: PeerConnection, why: str) -> None: ...
    def track_began(self, cid: str, mime_type: str) -> None: ...
    def track_wanted(self, cid: str, enabled: Mapping[int, bool]) -> None: ...
    def tracks_paused(self, paused: Mapping[str, bool]) -> None: ...
    def channel_opened(self, connection: PeerConnection, label: str) -> None: ...
    def message_received(self, label: str, data: bytes) -> None: ...


_NO_CLIENT: Final = _NoClient()


class PeerConnection:
    """Made for a client; `take_offer` or `offer` first, `close` in the end."""

    def __init__(
        self,
        ways: PeerWays,
        engine: TrackRooms,
        owner: ConnectionOwner,
        *,
        clock: Clock,
        ids: Ids,
        candidates: Callable[[], tuple[str, ...]],
        room: Callable[[], str],
        video: Callable[[], VideoRooms],
    ) -> None:
        """`candidates`: ours, as descriptions have them; `room`: the name of the client's room of
        sound at the moment; `video`: asked for once there is video."""
        self._ways = ways
        self._engine = engine
        self._owner: ConnectionOwner = owner
        self._clock = clock
        self._ids = ids
        self._candidates = candidates
        self._room = room
        self._video_rooms = video
        self._video: PeerVideo | None = None
        self.transport = ways.open(self)
        self.sections = Sections(ids)
        """Where the client offers."""
        self.offered = OfferedSections(ids)
        """Where we do."""
        self.reports = ClientReports(self.transport.agent.ufrag, ids)
        self.published: dict[str, PublishedAudio] = {}
        """Tracks that come in, by cid."""
        self._extensions: dict[str, ExtensionIds] = {}
        self._codecs: dict[str, tuple[RtpCodec, ...]] = {}
        self._by_mid: dict[str, str] = {}
        self._by_ssrc: dict[int, str] = {}
        self._subscriptions: dict[str, tuple[int, Subscription]] = {}
        """What goes out, by track SID, with its SSRC."""
        self.dropped = 0
        """Packets of streams that nobody described."""

    # --- descriptions ---------------------------------------------------------------------------

    def _local(self) -> LocalTransport:
        agent = self.transport.agent
        return LocalTransport(
            agent.ufrag, agent.password, self._ways.fingerprint, self._candidates()
        )

    def take_offer(self, sdp: str, kinds: Mapping[str, str]) -> LocalAnswer:
        """The client's offer, answered; SdpError where it cannot be. `kinds`: of the tracks that it
        may publish ("audio" or "video"), by cid."""
        offer = read(sdp)
        agent = self.transport.agent
        if self.sections.restarts_ice(offer):
            agent.restart()
        answer = self.sections.answer(offer, self._local(), tuple(kinds), kinds)
        self.transport.describe(answer.remote.fingerprints, client=answer.setup == "active")
        if answer.data is not None:
            self._associate(answer.data)
        self._take_in(answer.incoming)
        self._send_out(answer.outgoing)
        return answer

    def offer(self) -> str:
        """Our offer of all that is attached."""
        return self.offered.offer(self._local())

    def take_answer(self, sdp: str) -> tuple[str, ...]:
        """The client's answer to it; SdpError where it is none. Gives the SIDs of tracks of which
        it knows no codec."""
        if not self.offered.offering:
            raise SdpError("no offer is out")
        answered = self.offered.answered(read(sdp))
        self.transport.describe(answered.remote.fingerprints, client=answered.setup == "active")
        if answered.data is not None:
            self._associate(answered.data)
        self._send_out(answered.outgoing)
        return answered.no_codec

    def _associate(self, data: DataSection) -> None:
        self.transport.associate(data.sctp_port, data.max_message_size)

    # --- tracks in ------------------------------------------------------------------------------

    def _take_in(self, incoming: tuple[IncomingSection, ...]) -> None:
        """The tracks that the client sends from now on."""
        described = {section.cid: section for section in incoming if section.kind == "audio"}
        video = [section for section in incoming if section.kind == "video"]
        if video or self._video is not None:
            self._with_video().take_in(video)
        for cid in [cid for cid in self.published if cid not in described]:
            self.drop_published(cid)
        self._by_mid = {section.mid: cid for cid, section in described.items()}
        for cid, section in described.items():
            self._extensions[cid] = ExtensionIds.of(section.extensions)
            self._codecs[cid] = section.codecs
            for ssrc in section.ssrcs:
                self._know(ssrc, cid)
            if cid not in self.published:
                codecs = {codec.payload_type: _codec(codec) for codec in section.codecs}
                self.published[cid] = self._publish(cid, codecs)

    @property
    def cids(self) -> set[str]:
        """Of all tracks that come in."""
        return {*self.published, *(self._video.cids if self._video is not None else ())}

    def mid_of(self, cid: str) -> str:
        """The section in which the client sends it; "" for none."""
        mid = self._video.mid_of(cid) if self._video is not None else ""
        return mid or next((mid for mid, one in self._by_mid.items() if one == cid), "")

    def codecs_of(self, cid: str) -> tuple[RtpCodec, ...]:
        """What the client may send it in."""
        codecs = self._video.codecs_of(cid) if self._video is not None else ()
        return codecs or self._codecs.get(cid, ())

    def _publish(self, cid: str, codecs: Mapping[int, Codec]) -> PublishedAudio:
        track = PublishedAudio(
            codecs,
            begun=lambda: self._owner.track_began(cid, "audio/opus"),
            changed=lambda: self._engine.reroute_room(self._room()),
            dropped=self._ways.dropped,
        )
        self.reports.add_receiver(track.source.receiver)
        return track

    def drop_published(self, cid: str) -> None:
        """It is over, until an offer has it anew: then its first packet publishes it again."""
        track = self.published.pop(cid, None)
        if track is None:
            return
        del self._extensions[cid], self._codecs[cid]
        self.reports.remove_receiver(track.source.receiver)
        self._engine.remove_source(self._room(), track.source)
        track.release()
        self._by_ssrc = {ssrc: one for ssrc, one in self._by_ssrc.items() if one != cid}

    def rtp_received(self, packet: bytes, now: float) -> None:
        """One packet, decrypted."""
        try:
            plain, extensions, profile = take_off(packet)
        except RtpError:
            self._drop()
            return
        ssrc = int.from_bytes(packet[8:12], "big")
        cid = self._by_ssrc.get(ssrc, "")
        if not cid:
            video = self._video
            if video is not None and video.packet(ssrc, plain, extensions, profile, now):
                self._ways.hurry()
                return
            cid = self._recognised(ssrc, extensions, profile)
        track = self.published.get(cid)
        if track is None:
            self._drop()
            return
        if extensions:
            level = find(extensions, profile, self._extensions[cid].audio_level)
            if level:  # RFC 6464 §3: the first bit says whether that is speech
                self._engine.measured(track.source.track_sid, level[0] & 127)
        if track.source.receiver.forwards:
            self._ways.hurry()
        track.packet(plain, now)

    def _drop(self) -> None:
        self.dropped += 1
        self._ways.dropped["undescribed"] += 1

    def _recognised(self, ssrc: int, extensions: bytes, profile: int) -> str:
        """The cid of a stream that says by its MID in which section it belongs; "" for none."""
        numbers = {ids.mid for ids in self._extensions.values() if ids.mid}
        for number in numbers:
            mid = find(extensions, profile, number)
            cid = self._by_mid.get(mid.decode("ascii", "replace"), "") if mid else ""
            if cid:
                self._know(ssrc, cid)
                return cid
        return ""

    def _know(self, ssrc: int, cid: str) -> None:
        """That stream is of that track."""
        if len(self._by_ssrc) >= MAX_SSRCS and ssrc not in self._by_ssrc:
            del self._by_ssrc[next(iter(self._by_ssrc))]
        self._by_ssrc[ssrc] = cid

    # --- tracks out -----------------------------------------------------------------------------

    def attach(self, track: OutTrack, *, offering: bool) -> bool:
        """Send that track: from the next description on. False: the client has no section for
        it."""
        sections = self.offered if offering else self.sections
        return sections.attach(track)

    def detach(self, track_sid: str, *, offering: bool) -> None:
        """Send it no more."""
        (self.offered if offering else self.sections).detach(track_sid)
        self._stop_sending(track_sid)

    def _send_out(self, outgoing: tuple[OutgoingSection, ...]) -> None:
        """What the last description says that we send."""
        described = {sent.track_sid: sent for sent in outgoing if sent.kind == "audio"}
        video = [sent for sent in outgoing if sent.kind == "video"]
        if video or self._video is not None:
            self._with_video().send_out(video, self._clock.now())
        for sid, (ssrc, _) in list(self._subscriptions.items()):
            if sid not in described or described[sid].ssrc != ssrc:
                self._stop_sending(sid)
        for sid, sent in described.items():
            if sid not in self._subscriptions and sent.codecs:
                self._start_sending(sid, sent)

    def _start_sending(self, track_sid: str, sent: OutgoingSection) -> None:
        sender = Sender(self.transport.send_rtp, _BUFFER, self._ids)
        sender.ssrc = sent.ssrc
        sender.configure(sent.codecs[0].payload_type, sent.codecs[0].clock, 0, 20)
        sender.remote = ("", 0)  # the transport knows where
        subscription = Subscription(track_sid, sender)
        self._subscriptions[track_sid] = (sent.ssrc, subscription)
        self.reports.add_sender(sender)
        self._engine.subscribe(self._room(), subscription)

    def _stop_sending(self, track_sid: str) -> None:
        if self._video is not None:
            self._video.stop(track_sid)
        found = self._subscriptions.pop(track_sid, None)
        if found is not None:
            self.reports.remove_sender(found[1].sender)
            self._engine.unsubscribe(self._room(), found[1])

    def pause(self, track_sid: str, *, paused: bool) -> None:
        """The client does not want it for now, or wants it again."""
        found = self._subscriptions.get(track_sid)
        if found is not None and found[1].paused != paused:
            found[1].paused = paused
            self._engine.reroute_room(self._room())

    # --- video ----------------------------------------------------------------------------------

    def _with_video(self) -> PeerVideo:
        """What has all the video of this connection, made now if there was none."""
        if self._video is None:
            self._video = self._video_rooms().open(self, self.transport, self.transport.agent.ufrag)
        return self._video

    @property
    def video(self) -> PeerVideo | None:
        """None while no description had any."""
        return self._video

    def video_began(self, cid: str, mime_type: str) -> None:
        """Of `peer_ways.PeerVideoOwner`."""
        self._owner.track_began(cid, mime_type)

    def video_wanted(self, cid: str, enabled: Mapping[int, bool]) -> None:
        """Of `peer_ways.PeerVideoOwner`."""
        self._owner.track_wanted(cid, enabled)

    def video_paused(self, paused: Mapping[str, bool]) -> None:
        """Of `peer_ways.PeerVideoOwner`."""
        self._owner.tracks_paused(paused)

    # --- what the transport tells ---------------------------------------------------------------

    def connected(self) -> None:
        """Of `peer_ways.PeerWayOwner`."""
        self._owner.connected(self)

    def lost(self, why: str) -> None:
        """It ended by itself."""
        self._owner.lost(self, why)

    def rtcp_received(self, packet: bytes, now: float) -> None:
        """A compound packet."""
        self.reports.received(packet, now)
        if self._video is not None:
            self._video.rtcp(packet, now)

    def channel_opened(self, label: str) -> None:
        """A data channel."""
        self._owner.channel_opened(self, label)

    def message_received(self, label: str, data: bytes) -> None:
        """One message on it."""
        self._owner.message_received(label, data)

    # --- time and end ---------------------------------------------------------------------------

    def report(self, now: float) -> None:
        """RTCP, every 5 s."""
        if self.transport.is_connected:
            for packet in self.reports.report(now):
                self.transport.send_rtcp(packet)

    def leave_room(self) -> None:
        """All tracks, in and out, are gone from the room of sound that the client was in."""
        for cid in list(self.published):
            self._engine.remove_source(self._room(), self.published[cid].source)
        for sid in list(self._subscriptions):
            self._stop_sending(sid)
        if self._video is not None:
            self._video.leave_room()

    def close(self) -> None:
        """The end; safe to call twice."""
        for cid in list(self.published):
            self.drop_published(cid)
        for sid in list(self._subscriptions):
            self._stop_sending(sid)
        if self._video is not None:
            self._video.close()
            self._video = None
        self.transport.close()
        self._owner = _NO_CLIENT
        self._room = str


def _codec(codec: RtpCodec) -> Codec:
    """As media has it."""
    return Codec("opus", codec.payload_type, codec.clock, codec.channels, codec.fmtp)
