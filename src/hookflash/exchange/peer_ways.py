"""What peer connections want of the outside: a way to their client, and rooms of sound."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, Protocol

from ..media.source import Source
from ..media.subscriptions import Subscription
from ..rtp.packet import Buffer
from ..webrtc.formats import RtpCodec
from ..webrtc.sections import IncomingSection, OutgoingSection

RELIABLE: Final = "_reliable"
"""Label of the data channel on which nothing is lost."""
LOSSY: Final = "_lossy"
DROPPED: Final = (
    "unknown_path",
    "unreadable",
    "undecryptable",
    "undescribed",
    "unknown_payload",
    "bad_sctp",
)
"""Why packets of clients are dropped: nobody was checked where they came from; checks that cannot
be read; not encrypted as agreed, or come twice; of no stream that the client has described; with a
payload type that was not agreed on; SCTP, or a message in it, that makes no sense."""


class IceSide(Protocol):
    """Our side of ICE: `webrtc.ice.IceAgent`."""

    ufrag: str
    password: str

    def restart(self) -> None: ...


class PeerWayOwner(Protocol):
    """Whose peer connection it is. Called at once; a way that has ended calls no more."""

    def connected(self) -> None:
        """DTLS stands: sound may come and go."""
        ...

    def lost(self, why: str) -> None:
        """It ended by itself: no consent, another fingerprint, closed by the client."""
        ...

    def rtp_received(self, packet: bytes, now: float) -> None: ...
    def rtcp_received(self, packet: bytes, now: float) -> None: ...
    def channel_opened(self, label: str) -> None: ...
    def message_received(self, label: str, data: bytes) -> None: ...


class PeerWay(Protocol):
    """One peer connection's way to its client: `runtime.rtc.transport.PeerTransport`."""

    @property
    def agent(self) -> IceSide: ...
    @property
    def is_connected(self) -> bool: ...
    @property
    def closed_by_client(self) -> bool:
        """It was lost since the client closed it."""
        ...

    def describe(self, fingerprints: Sequence[str], *, client: bool) -> None: ...
    def associate(self, sctp_port: int, max_message: int) -> None: ...
    def send(self, packet: Buffer, _: Any = None) -> int: ...
    def send_rtp(self, packet: Buffer, _: Any = None) -> int: ...
    def protect(self, packet: Buffer) -> bytes | None: ...
    def send_rtcp(self, packet: bytes) -> None: ...
    def send_message(self, label: str, data: bytes) -> bool: ...
    def open_channels(self) -> None: ...
    def buffered(self, label: str) -> int: ...
    def close(self) -> None: ...


class PeerWays(Protocol):
    """The ports of all clients: `runtime.rtc.ports.RtcPorts`."""

    dropped: dict[str, int]
    """Packets of all clients that were dropped, by reason (`DROPPED`)."""

    @property
    def fingerprint(self) -> str:
        """Of our certificate, as descriptions have it."""
        ...

    def open(self, owner: PeerWayOwner) -> PeerWay:
        """A way for one more peer connection."""
        ...

    def hurry(self) -> None:
        """What comes is not only for the ticks: it shall be read at once, for a while."""
        ...


class TrackRooms(Protocol):
    """The rooms of sound: `runtime.media.engine.MediaEngine`."""

    def add_source(self, name: str, source: Source) -> None: ...
    def remove_source(self, name: str, source: Source) -> None: ...
    def subscribe(self, name: str, subscription: Subscription) -> None: ...
    def unsubscribe(self, name: str, subscription: Subscription) -> None: ...
    def reroute_room(self, name: str) -> None: ...

    @property
    def measured(self) -> Callable[[str, int], None]:
        """Told how loud a track was for 20 ms: its SID, -dBov."""
        ...


class PeerVideoOwner(Protocol):
    """The client, as its video sees it. Called at once."""

    def video_began(self, cid: str, mime_type: str) -> None: ...
    def video_wanted(self, cid: str, enabled: Mapping[int, bool]) -> None: ...
    def video_paused(self, paused: Mapping[str, bool]) -> None: ...


class PeerVideo(Protocol):
    """All the video of one peer connection: `media.video_streams.VideoStreams`. A protocol, so that
    nothing of it is loaded before the first video."""

    @property
    def cids(self) -> Iterable[str]: ...

    def mid_of(self, cid: str) -> str: ...
    def codecs_of(self, cid: str) -> tuple[RtpCodec, ...]: ...
    def take_in(self, sections: Iterable[IncomingSection]) -> None: ...
    def send_out(self, sections: Iterable[OutgoingSection], now: float) -> None: ...
    def stop(self, track_sid: str) -> None: ...
    def adjust(
        self, track_sid: str, quality: int, width: int, height: int, now: float, *, disabled: bool
    ) -> None: ...
    def packet(
        self, ssrc: int, plain: bytearray, extensions: bytes, profile: int, now: float
    ) -> bool: ...
    def rtcp(self, data: bytes, now: float) -> None: ...
    def publish(
        self,
        cid: str,
        sid: str,
        sizes: Mapping[int, tuple[int, int]],
        now: float,
        *,
        muted: bool,
    ) -> None: ...
    def unpublish(self, cid: str) -> None: ...
    def mute(self, cid: str, now: float, *, muted: bool) -> None: ...
    def leave_room(self) -> None: ...
    def close(self) -> None: ...


class VideoRooms(Protocol):
    """The video of all clients: `runtime.rtc.video.VideoClock`."""

    @property
    def forwarded(self) -> int:
        """Packets that went to subscribers so far."""
        ...

    def open(self, owner: PeerVideoOwner, way: PeerWay, cname: str) -> PeerVideo:
        """For one more peer connection; it is closed by `PeerVideo.close`."""
        ...
