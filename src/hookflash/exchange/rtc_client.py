"""One WebRTC participant: its session, its socket, its peer connections, and what joins them.

The session (`signalling/session.py`) decides; here is done what it asks for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final, Literal, Protocol

import structlog
from livekit.protocol.models import TrackType

from ..base.errors import SdpError
from ..base.performers import on, performers
from ..media.published import PublishedAudio
from ..ports import Clock, MessageSocket
from ..rooms.room import Participant, Room, Track
from ..signalling import effects as fx
from ..signalling.frames import write_response
from ..signalling.reports import BEST, quality_of
from ..signalling.session import SignalSession
from ..webrtc.formats import OPUS_FMTP, RtpCodec
from ..webrtc.slots import OutTrack
from .peer_connection import PeerConnection
from .peer_ways import LOSSY, RELIABLE, TrackRooms

_log = structlog.get_logger("rtc")

MAX_WAITING: Final = 16 * 1024 * 1024
"""Octets of reliable data that may wait for one client (webrtc.md §5)."""
MAX_LOSSY: Final = 1024 * 1024
"""The same of data that may be lost: with more, packets are lost. Who reads nothing would have all
that others send to it kept."""
MAX_KEPT: Final = 256
"""Reliable packets kept for a client whose channel is not open yet."""
LONGEST_KEPT: Final = 262_144
"""Octets of one of them: no client takes longer messages, so an open channel does not either."""
PHONE_CODECS: Final = (RtpCodec("opus", 111, 48000, 2, OPUS_FMTP),)
"""What a telephone's track is coded to."""


class ClientHost(Protocol):
    """All clients, as one of them sees them (`runtime.rtc.clients.RtcClients`)."""

    def new_connection(self, client: RtcClient) -> PeerConnection: ...
    def codecs_of(self, track: Track) -> tuple[RtpCodec, ...]: ...
    def data_received(self, client: RtcClient, data: bytes, *, reliable: bool) -> None: ...
    def soon(self, act: Callable[[], None]) -> None: ...
    def arm(self, client: RtcClient) -> None: ...
    def ended(self, client: RtcClient) -> None: ...


class RtcClient:
    """Made when a participant joins; `perform` what its session returns."""

    def __init__(
        self,
        host: ClientHost,
        engine: TrackRooms,
        clock: Clock,
        make_session: Callable[[], SignalSession],
        *,
        two_connections: bool,
    ) -> None:
        self._host = host
        self._engine = engine
        self._clock = clock
        self.session = make_session()
        self.socket: MessageSocket | None = None
        self.in_text = False
        """Its last frame was text, so it is answered in JSON."""
        self._two = two_connections
        self.publisher = host.new_connection(self)
        self.subscriber = host.new_connection(self) if two_connections else self.publisher
        """Where the tracks of others come; the same connection in the newer signalling."""
        self.over = False
        self.quality = BEST
        """How well it is connected, as everybody in its room was told, or thinks."""
        self.calls = 0
        """Its RPCs to telephones that are not answered yet."""
        self._room: Room = self.participant.room
        """Whose room of sound its tracks are in."""
        self._asked = False
        self._offer_soon = False
        self._offers = 0
        self._kept: list[bytes] = []
        self._undecodable: set[str] = set()
        self._performers = performers(
            fx.SignalEffect,
            on(fx.SendSignal, self._send_signal),
            on(fx.CloseSocket, self._close_socket),
            on(fx.TakeOffer, self._take_offer),
            on(fx.TakeAnswer, self._take_answer),
            on(fx.OfferSubscriber, self._offer_subscriber),
            on(fx.Subscribe, self._subscribe),
            on(fx.Unsubscribe, self._unsubscribe),
            on(fx.AdjustTrack, self._adjust),
            on(fx.SendPacket, self._send_packet),
            on(fx.FollowMove, self._follow),
            on(fx.EndPeer, self._end),
        )

    @property
    def participant(self) -> Participant:
        """Who it is in the rooms; another one after a move."""
        return self.session.participant

    @property
    def room(self) -> str:
        """The name of its room of sound."""
        return self._room.sid

    def is_of(self, identity: str, room: str) -> bool:
        """Whether a token of that identity, in a room of that name, is this one's: SIDs are told to
        everybody in the room, and an identity is one person's in one room."""
        return (self.participant.identity, self.participant.room.name) == (identity, room)

    def perform(self, effects: Iterable[fx.SignalEffect]) -> None:
        """Do these, in order."""
        for effect in effects:
            if not self.over:
                self._performers[type(effect)](effect)
        self._host.arm(self)

    def drive(self, ask: Callable[[SignalSession, float], Iterable[fx.SignalEffect]]) -> None:
        """Give the session an input, with the time, and do what it returns."""
        self.perform(ask(self.session, self._clock.now()))

    # --- the socket -----------------------------------------------------------------------------

    def _send_signal(self, effect: fx.SendSignal) -> None:
        if self.socket is not None:
            self.socket.send(write_response(effect.message, as_text=self.in_text))

    def _close_socket(self, _: fx.CloseSocket) -> None:
        if self.socket is not None:
            self.socket.close()

    # --- descriptions ---------------------------------------------------------------------------

    def _take_offer(self, effect: fx.TakeOffer) -> None:
        participant = self.participant
        tracks = (*participant.pending.values(), *participant.tracks.values())
        before = self.publisher.cids
        try:
            kinds = {track.cid: _kind(track) for track in tracks}
            answer = self.publisher.take_offer(effect.sdp, kinds)
        except SdpError as error:
            text = error.text
            self.drive(lambda session, now: session.offer_refused(now, effect.id, text))
            return
        self._asked = False
        mids = answer.mid_to_track_id
        self.drive(lambda session, now: session.answered(now, answer.sdp, effect.id, mids))
        for cid in before - self.publisher.cids:
            self.perform(self.session.media_ended(self._clock.now(), cid))
        self._described(answer.no_codec)

    def _offer_subscriber(self, effect: fx.OfferSubscriber) -> None:
        if effect.restart:
            self.subscriber.transport.agent.restart()
            self._offer(again=True)
        else:
            self._offer()

    def _offer(self, *, again: bool = False) -> None:
        """Offer what is attached, unless the client has yet to answer the last one."""
        if self.over or (self.subscriber.offered.offering and not again):
            return
        self._offers += 1
        offer, number = self.subscriber.offer(), self._offers
        mids = self.subscriber.offered.mid_to_track_id
        self.drive(lambda session, now: session.offered(now, offer, number, mids))

    def _take_answer(self, effect: fx.TakeAnswer) -> None:
        if effect.id and effect.id != self._offers:
            return  # to an offer that another one has overtaken
        try:
            no_codec = self.subscriber.take_answer(effect.sdp)
        except SdpError as error:
            _log.warning("rtc_answer_refused", identity=self.participant.identity, why=error.text)
            self.drive(lambda session, now: session.mismatch(now))
            return
        self._described(no_codec)

    def _described(self, no_codec: Iterable[str]) -> None:
        """A description is answered; of those tracks (by SID) the client knows no codec."""
        former, self._undecodable = self._undecodable, set(no_codec)
        for sid in sorted(self._undecodable - former):
            self.perform(self.session.undecodable(self._clock.now(), sid))
        self._ask_soon()

    def _ask_soon(self) -> None:
        """Once all that is to be done now is done: another description, if it says anything new."""
        if not self._offer_soon:
            self._offer_soon = True
            self._host.soon(self._ask)

    def _ask(self) -> None:
        self._offer_soon = False
        if self.over:
            return
        if self._two:
            if self.subscriber.offered.changed:
                self._offer()
            return
        sections = self.publisher.sections
        audio, video = sections.wanted
        if not self._asked and (sections.changed or audio or video):
            self._asked = True
            self.drive(lambda session, now: session.sections_wanted(now, audio, video))

    # --- tracks of others -----------------------------------------------------------------------

    def _subscribe(self, effect: fx.Subscribe) -> None:
        track = effect.track
        kind = _kind(track)
        out = OutTrack(track.sid, track.participant.sid, kind, self._host.codecs_of(track))
        self.subscriber.attach(out, offering=self._two)
        self._ask_soon()

    def _unsubscribe(self, effect: fx.Unsubscribe) -> None:
        self.subscriber.detach(effect.track.sid, offering=self._two)
        self._ask_soon()

    def _adjust(self, effect: fx.AdjustTrack) -> None:
        sid = effect.track.sid
        self.subscriber.pause(sid, paused=effect.disabled)
        if self.subscriber.video is not None:
            self.subscriber.video.adjust(
                sid,
                effect.quality,
                effect.width,
                effect.height,
                self._clock.now(),
                disabled=effect.disabled,
            )

    # --- its own tracks -------------------------------------------------------------------------

    def track_began(self, cid: str, mime_type: str) -> None:
        """Its first packet: the others are told of it."""
        mid = self.publisher.mid_of(cid)
        self.drive(lambda session, now: session.media_began(now, cid, mid, mime_type))

    def track_wanted(self, cid: str, enabled: Mapping[int, bool]) -> None:
        """Which layers of its video are of use to anybody."""
        tracks = self.participant.tracks.values()
        track = next((track for track in tracks if track.cid == cid), None)
        if track is not None:
            self.perform(self.session.qualities(self._clock.now(), track, enabled))

    def tracks_paused(self, paused: Mapping[str, bool]) -> None:
        """Video of others (by SID) is held back for want of bandwidth, or goes on."""
        self.drive(lambda session, now: session.streams(now, paused))

    def publish(self, track: Track) -> None:
        """The room knows it: what it says is heard there, what it shows is seen."""
        if track.participant.room is not self._room:
            return  # it comes there with `FollowMove`
        video = self.publisher.video
        if video is not None:
            now = self._clock.now()
            video.publish(track.cid, track.sid, _sizes(track), now, muted=track.muted)
        published = self._published(track)
        if published is not None:
            published.source.track_sid = track.sid
            published.source.muted = track.muted
            self._engine.add_source(self.room, published.source)

    def unpublish(self, track: Track) -> None:
        """It is heard and seen there no more."""
        if self.publisher.video is not None:
            self.publisher.video.unpublish(track.cid)
        self.publisher.drop_published(track.cid)

    def mute(self, track: Track) -> None:
        """It was muted or unmuted, by whomever."""
        if self.publisher.video is not None:
            self.publisher.video.mute(track.cid, self._clock.now(), muted=track.muted)
        published = self._published(track)
        if published is not None and published.source.muted != track.muted:
            published.source.muted = track.muted
            self._engine.reroute_room(self.room)

    def _published(self, track: Track) -> PublishedAudio | None:
        return self.publisher.published.get(track.cid)

    # --- data -----------------------------------------------------------------------------------

    def send_reliable(self, packet: bytes) -> None:
        """One DataPacket of ours."""
        self.perform([fx.SendPacket(packet, True)])

    def _send_packet(self, effect: fx.SendPacket) -> None:
        label = RELIABLE if effect.reliable else LOSSY
        transport = self.subscriber.transport
        if effect.reliable and transport.buffered(label) > MAX_WAITING:
            _log.warning("rtc_data_not_read", identity=self.participant.identity)
            self.drive(lambda session, now: session.mismatch(now))
            return
        if not effect.reliable and transport.buffered(label) > MAX_LOSSY:
            return
        sent = transport.send_message(label, effect.packet)
        if sent or not effect.reliable or len(effect.packet) > LONGEST_KEPT:
            return
        if len(self._kept) < MAX_KEPT:
            self._kept.append(effect.packet)

    def channel_opened(self, connection: PeerConnection, label: str) -> None:
        """What was kept for it goes out."""
        if label == RELIABLE and connection is self.subscriber:
            kept, self._kept = self._kept, []
            for packet in kept:
                connection.transport.send_message(label, packet)

    def message_received(self, label: str, data: bytes) -> None:
        """One DataPacket of the client."""
        if label in (RELIABLE, LOSSY):
            self._host.data_received(self, data, reliable=label == RELIABLE)

    # --- the connections ------------------------------------------------------------------------

    def connected(self, connection: PeerConnection) -> None:
        """DTLS stands. Where there are two connections the one for subscriptions counts."""
        if connection is self.subscriber:
            if self._two:
                connection.transport.open_channels()
            self.drive(lambda session, now: session.peer_connected(now))

    def lost(self, connection: PeerConnection, why: str) -> None:
        """One of them has ended by itself."""
        _log.info("rtc_connection_lost", identity=self.participant.identity, why=why)
        if connection.transport.closed_by_client:
            self.drive(lambda session, now: session.peer_closed(now))
        else:
            self.drive(lambda session, now: session.peer_lost(now))

    def _follow(self, effect: fx.FollowMove) -> None:
        """It is in another room: so are its tracks."""
        self.publisher.leave_room()
        self.subscriber.leave_room()
        self._room = effect.newcomer.room
        for track in effect.newcomer.tracks.values():
            self.publish(track)

    def _end(self, _: fx.EndPeer) -> None:
        self.close()
        self._host.ended(self)

    def close(self) -> None:
        """The connections are closed; safe to call twice. What refers to this client from within it
        is let go, so that it goes with the last who knows it."""
        if not self.over:
            self.over = True
            self.publisher.close()
            self.subscriber.close()
            self.session.release()
            self._performers = {}

    def report(self, now: float) -> None:
        """RTCP, every 5 s."""
        self.publisher.report(now)
        if self._two:
            self.subscriber.report(now)

    @property
    def audio_sent(self) -> int:
        """Packets of sound that went to it so far."""
        return self.subscriber.reports.sent

    def missed(self) -> float:
        """The part of what it says that does not come, by the last reports."""
        return self.publisher.reports.missed()

    def grade(self, missed: Iterable[float]) -> bool:
        """Look how well it is connected, by the part of its packets of sound that are lost, either
        way. What others say comes with gaps already: `missed`, of each of them. False where it was
        and is the best: so is anybody for whom nobody has been told, and in a large room most are.
        """
        before, heard = self.quality, self.subscriber.reports.worst_loss()
        if heard:
            heard -= max(missed, default=0.0)
        self.quality = quality_of(max(self.missed(), heard))
        return not before == self.quality == BEST


def _sizes(track: Track) -> dict[int, tuple[int, int]]:
    """Width and height of a video track's layers, by VideoQuality."""
    layers = track.details.layers if track.details is not None else ()
    return {layer.quality: (layer.width, layer.height) for layer in layers if layer.width}


def _kind(track: Track) -> Literal["audio", "video"]:
    return "audio" if track.type == TrackType.AUDIO else "video"
