"""A WebRTC participant that is nobody's SDK: aiortc for the media, protobufs on a WebSocket for the
signalling. Everything that it is told is kept, so that tests can wait for it."""

from __future__ import annotations

import asyncio
import base64
import fractions
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

import aioice.ice
import numpy as np
from aiortc import (
    RTCConfiguration,
    RTCDataChannel,
    RTCPeerConnection,
    RTCRtpTransceiver,
    RTCSessionDescription,
)
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from aiortc.rtcconfiguration import RTCBundlePolicy
from aiortc.rtp import RtpPacket
from av import AudioFrame
from google.protobuf.message import Message
from livekit.protocol.models import DataPacket, TrackSource, TrackType
from livekit.protocol.rtc import (
    AddTrackRequest,
    ConnectionSettings,
    JoinRequest,
    SessionDescription,
    SignalRequest,
    SignalResponse,
    WrappedJoinRequest,
)
from numpy.typing import NDArray
from tests.support.lab import KEY, SECRET, Lab
from tests.support.sdk import token
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from hookflash.audio.opus import OpusDecoder
from hookflash.audio.tone_bank import amplitude
from hookflash.webrtc.description import read

# aioice leaves loopback addresses out, and asks for consent every 5 s.
aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: ["127.0.0.1"]
aioice.ice.CONSENT_INTERVAL = 1

RATE = 48000
FRAME = RATE // 50
PATIENCE = 10.0


class Voice(MediaStreamTrack):
    """20 ms at a time, what `wave` makes of the number of the frame: int16 samples."""

    kind = "audio"

    def __init__(self, wave: Callable[[int], NDArray[np.int16]]) -> None:
        super().__init__()
        self._wave = wave
        self._frames = 0
        self._began = 0.0

    async def recv(self) -> AudioFrame:
        if self.readyState != "live":
            raise MediaStreamError
        loop = asyncio.get_running_loop()
        self._began = self._began or loop.time()
        due = asyncio.Event()
        loop.call_at(self._began + self._frames * FRAME / RATE, due.set)
        await due.wait()
        frame = AudioFrame(format="s16", layout="mono", samples=FRAME)
        frame.planes[0].update(self._wave(self._frames).tobytes())
        frame.pts, frame.sample_rate = self._frames * FRAME, RATE
        frame.time_base = fractions.Fraction(1, RATE)
        self._frames += 1
        return frame


class Tone(Voice):
    """A sine."""

    def __init__(self, frequency: float) -> None:
        super().__init__(self._sine)
        self.frequency = frequency

    def _sine(self, number: int) -> NDArray[np.int16]:
        at = (np.arange(FRAME) + number * FRAME) / RATE
        return (8000 * np.sin(2 * np.pi * self.frequency * at)).astype(np.int16)


class Ear:
    """One stream that comes: its packets, and what is heard in the latest of them."""

    def __init__(self) -> None:
        self.packets: list[RtpPacket] = []
        self.times: list[float] = []
        """When each came, by `time.monotonic`."""
        self._decoder = OpusDecoder(RATE)
        self._sound = np.zeros(0, np.int16)

    def take(self, packet: RtpPacket) -> None:
        self.packets.append(packet)
        self.times.append(time.monotonic())
        self._sound = np.concatenate((self._sound, self._decoder.decode(packet.payload)))[-9600:]

    def level(self, frequency: float) -> float:
        """How loud that tone is in the last 200 ms."""
        return amplitude(self._sound, frequency, RATE) if len(self._sound) == 9600 else 0.0


class RtcPeer:
    """`async with RtcPeer(lab, "ann") as ann`: joined and connected.

    `two`: by the older signalling, with two connections. `sections`: for sound to come, in the
    first offer. `media` False: the socket alone. `join`: fields of the JoinRequest."""

    def __init__(
        self,
        lab: Lab,
        identity: str,
        room: str = "lobby",
        *,
        two: bool = False,
        media: bool = True,
        sections: int = 2,
        auto_subscribe: bool = True,
        grants: dict[str, Any] | None = None,
        join: dict[str, Any] | None = None,
        **fields: Any,
    ) -> None:
        self.lab = lab
        self.identity = identity
        self._two = two
        self._media = media
        self._sections = sections
        self._auto_subscribe = auto_subscribe
        self._join = join or {}
        self.token = token(identity, room, key=KEY, secret=SECRET, grants=grants, **fields)
        self.socket: ClientConnection
        self.signals: list[SignalResponse] = []
        self.publisher = self._connection()
        self.subscriber = self._connection() if two else self.publisher
        self.channels: dict[str, RTCDataChannel] = {}
        self.data: list[tuple[str, DataPacket]] = []
        """What came by data channels, with the label."""
        self.ears: dict[int, Ear] = {}
        """By SSRC."""
        self.ssrcs: dict[str, int] = {}
        """Of the tracks of others, by SID, as our last description says."""
        self.rtcp: list[Any] = []
        self.closed = False
        self._offers = 0
        self._turn = asyncio.Lock()
        self._news = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    def _connection(self) -> RTCPeerConnection:
        made = RTCPeerConnection(
            RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE)
        )
        made.on("datachannel", self._channel)
        return made

    # --- join and leave -------------------------------------------------------------------------

    def url(self, **parameters: str) -> str:
        """Of the signalling."""
        join = JoinRequest(
            connection_settings=ConnectionSettings(auto_subscribe=self._auto_subscribe),
            **self._join,
        )
        if self._two:
            parameters = {
                "auto_subscribe": str(int(self._auto_subscribe)),
                "reconnect": str(int(join.reconnect)),
                "sid": join.participant_sid,
                **parameters,
            }
        else:
            wrapped = WrappedJoinRequest(join_request=join.SerializeToString())
            text = base64.urlsafe_b64encode(wrapped.SerializeToString()).decode()
            parameters = {"join_request": text, **parameters}
        query = "&".join(f"{key}={value}" for key, value in parameters.items())
        path = "/rtc" if self._two else "/rtc/v1"
        return f"ws://127.0.0.1:{self.lab.server.http_port}{path}?access_token={self.token}&{query}"

    async def __aenter__(self) -> Self:
        try:
            await self.open()
            if self._media:
                await self.told("join")
                await self.negotiate()
                await self.until(lambda: self.is_active)
        except BaseException:
            await self.close()
            raise
        return self

    async def open(self) -> None:
        """The socket; InvalidStatus where the upgrade is refused."""
        self.socket = await connect(self.url(), compression=None, max_size=None)
        self.later(self._read(self.socket))

    async def resume(self, sid: str = "") -> None:
        """Another socket for the same participant."""
        self._join = {"reconnect": True, "participant_sid": sid or self.sid}
        await self.open()

    async def negotiate(self, change: Callable[[str], str] = str) -> None:
        """The client's first offer, with data channels."""
        for _ in range(0 if self._two else self._sections):
            # First: aiortc stops a transport that a channel had and a section of sound gets.
            self.publisher.addTransceiver("audio", direction="recvonly")
        self._channel(self.publisher.createDataChannel("_reliable"))
        lossy = self.publisher.createDataChannel("_lossy", ordered=False, maxRetransmits=0)
        self._channel(lossy)
        self._tap(self.publisher)
        await self.offer(change)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """All of it."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.drop()
        await asyncio.gather(self.publisher.close(), self.subscriber.close())

    async def drop(self) -> None:
        """The socket goes, without a word."""
        if hasattr(self, "socket"):
            await self.socket.close()

    @property
    def sid(self) -> str:
        """Of the participant."""
        return str(self.last("join").participant.sid)

    @property
    def is_active(self) -> bool:
        """Whether the server said that we are."""
        infos = [info for m in self.all("update") for info in m.participants]
        return any(info.identity == self.identity and info.state == 2 for info in infos)

    # --- signalling -----------------------------------------------------------------------------

    async def ask(self, **message: Any) -> None:
        """Send one SignalRequest."""
        await self.socket.send(SignalRequest(**message).SerializeToString())

    def all(self, field: str) -> list[Any]:
        """The messages of that kind so far."""
        return [getattr(m, field) for m in self.signals if m.WhichOneof("message") == field]

    def last(self, field: str) -> Any:
        """The latest."""
        return self.all(field)[-1]

    async def told(
        self, field: str, count: int = 1, where: Callable[[Any], bool] = lambda _: True
    ) -> Any:
        """Wait for the `count`th message of that kind for which `where` holds."""
        found = await self.until(
            lambda: [one for one in self.all(field) if where(one)][count - 1 : count]
        )
        return found[0]

    async def until(self, ready: Callable[[], Any]) -> Any:
        """Wait until `ready()` is true; its value. Looked at with whatever comes to this peer, and
        every 20 ms for what happens elsewhere."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(PATIENCE):
            while not (found := ready()):
                self._news.clear()
                handle = loop.call_later(0.02, self._news.set)
                await self._news.wait()
                handle.cancel()
        return found

    async def ended(self) -> None:
        """Wait for the end of the socket."""
        await self.until(lambda: self.closed)

    def later(self, work: Any) -> None:
        """Do it in a task that ends with the peer."""
        task = asyncio.create_task(work)
        self._tasks.add(task)

    async def _read(self, socket: ClientConnection) -> None:
        self.closed = False
        try:
            async for frame in socket:
                assert isinstance(frame, bytes)
                message = SignalResponse.FromString(frame)
                self.signals.append(message)
                if message.HasField("offer"):
                    self.later(self._answer(message.offer))
                elif message.HasField("media_sections_requirement"):
                    wanted = message.media_sections_requirement
                    self.later(self._more(wanted.num_audios))
                self._news.set()
        except ConnectionClosed:
            pass
        if socket is self.socket:
            self.closed = True
            self._news.set()

    # --- descriptions ---------------------------------------------------------------------------

    async def offer(self, change: Callable[[str], str] = str) -> SessionDescription:
        """Offer what there is; the answer. `change`: what is done to the offer's text."""
        async with self._turn:
            await self.publisher.setLocalDescription(await self.publisher.createOffer())
            self._offers += 1
            number = self._offers
            sdp = change(self.publisher.localDescription.sdp)
            await self.ask(offer=SessionDescription(type="offer", sdp=sdp, id=number))
            answer: SessionDescription = await self.told("answer", 1, lambda a: a.id == number)
            if not self._two:
                self._described(answer.sdp)
            sdp = _everywhere(answer.sdp)
            await self.publisher.setRemoteDescription(RTCSessionDescription(sdp, "answer"))
            return answer

    async def _more(self, audios: int) -> None:
        for _ in range(audios):
            self.publisher.addTransceiver("audio", direction="recvonly")
        await self.offer()

    async def _answer(self, offer: SessionDescription) -> None:
        async with self._turn:
            peer = self.subscriber
            await peer.setRemoteDescription(RTCSessionDescription(_everywhere(offer.sdp), "offer"))
            self._tap(peer)
            self._described(offer.sdp)
            await peer.setLocalDescription(await peer.createAnswer())
            sdp = peer.localDescription.sdp
            await self.ask(answer=SessionDescription(type="answer", sdp=sdp, id=offer.id))

    def _described(self, sdp: str) -> None:
        self.ssrcs = {
            section.track_id: section.ssrcs[0]
            for section in read(sdp).sections
            if section.ssrcs and section.track_id
        }

    def _tap(self, peer: RTCPeerConnection) -> None:
        """Take packets before aiortc looks for whom they are, which it does not know of a section
        that is used again."""
        assert peer.sctp is not None
        dtls: Any = peer.sctp.transport
        former = dtls._handle_rtcp_data

        async def rtp(data: bytes, arrival_time_ms: int) -> None:
            packet = RtpPacket.parse(data)
            self.ears.setdefault(packet.ssrc, Ear()).take(packet)
            self._news.set()

        async def rtcp(data: bytes) -> None:
            self.rtcp.append(data)
            self._news.set()
            await former(data)

        dtls._handle_rtp_data, dtls._handle_rtcp_data = rtp, rtcp

    # --- sound ----------------------------------------------------------------------------------

    async def announce(self, cid: str, name: str = "mic", **fields: Any) -> str:
        """`add_track`; the track's SID."""
        await self.ask(
            add_track=AddTrackRequest(
                cid=cid,
                name=name,
                type=TrackType.AUDIO,
                **{"source": TrackSource.MICROPHONE, **fields},
            )
        )
        return str((await self.told("track_published", 1, lambda p: p.cid == cid)).track.sid)

    def send(self, track: MediaStreamTrack) -> RTCRtpTransceiver:
        """Send it, from the next offer on."""
        return self.publisher.addTransceiver(track, direction="sendonly")

    async def speak(self, frequency: float) -> str:
        """Publish a tone; the track's SID."""
        tone = Tone(frequency)
        sid = await self.announce(tone.id)
        self.send(tone)
        await self.offer()
        return sid

    def ear(self, track_sid: str) -> Ear | None:
        """What comes of that track."""
        return self.ears.get(self.ssrcs.get(track_sid, 0))

    def level(self, track_sid: str, frequency: float) -> float:
        """How loud the tone is in it."""
        ear = self.ear(track_sid)
        return ear.level(frequency) if ear is not None else 0.0

    async def hears(self, track_sid: str, frequency: float) -> None:
        """Wait for the tone in that track."""
        await self.until(lambda: self.level(track_sid, frequency) > 3000)

    # --- data -----------------------------------------------------------------------------------

    def _channel(self, channel: RTCDataChannel) -> None:
        label = channel.label

        def message(data: bytes) -> None:
            self.data.append((label, DataPacket.FromString(data)))
            self._news.set()

        channel.on("message", message)
        channel.on("open", self._news.set)
        if label not in self.channels:
            self.channels[label] = channel

    async def send_data(self, packet: Message, label: str = "_reliable") -> None:
        """One DataPacket, once the channel is open."""
        channel = self.channels[label]
        await self.until(lambda: channel.readyState == "open")
        channel.send(packet.SerializeToString())

    async def got(self, where: Callable[[DataPacket], bool], label: str = "") -> DataPacket:
        """Wait for a DataPacket like that."""
        found = await self.until(
            lambda: [p for of, p in self.data if where(p) and label in ("", of)][:1]
        )
        assert isinstance(found[0], DataPacket)
        return found[0]


def _everywhere(sdp: str) -> str:
    """Candidates in every section: aiortc takes those of the last one for the whole bundle."""
    lines = sdp.split("\r\n")
    candidates = [line for line in lines if line.startswith("a=candidate:")]
    bare = "\r\n".join(line for line in lines if line not in candidates)
    return bare.replace("\r\na=mid:", "\r\n" + "\r\n".join([*candidates, "a=mid:"]))
