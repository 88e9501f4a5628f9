"""Stand-ins for what lies around video tracks: a client that shows pictures, one that sees them."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

from hookflash.base.ids import Ids
from hookflash.media.video_layer import VideoLayer
from hookflash.media.video_subscription import VideoSubscription
from hookflash.media.video_track import VideoTrack
from hookflash.rtp.feedback import Feedback, parse_feedback
from hookflash.rtp.packet import RtpPacket, parse
from hookflash.webrtc.formats import FEEDBACK, RtpCodec
from hookflash.webrtc.sections import IncomingSection, OutgoingSection

VP8 = RtpCodec("VP8", 96, 90000, feedback=FEEDBACK)
SENT_VP8 = RtpCodec("VP8", 100, 90000, feedback=FEEDBACK)
SENT_RTX = RtpCodec("VP8", 100, 90000, feedback=FEEDBACK, rtx=101)


def incoming(
    *rids: str,
    ssrcs: Sequence[int] = (),
    codecs: tuple[RtpCodec, ...] = (VP8,),
    extensions: Mapping[int, str] | None = None,
    rtx_ssrcs: Mapping[int, int] | None = None,
    cid: str = "cam",
    mid: str = "7",
) -> IncomingSection:
    """A section in which a client sends."""
    return IncomingSection(
        mid, cid, "video", codecs, extensions or {}, tuple(ssrcs), rtx_ssrcs or {}, rids
    )


def outgoing(
    *,
    ssrc: int = 7000,
    codec: RtpCodec = SENT_VP8,
    types: Mapping[int, int] | None = None,
    track_sid: str = "TR_1",
) -> OutgoingSection:
    """A section in which we send."""
    rtx = ssrc + 1 if codec.rtx is not None else None
    return OutgoingSection(
        "3", track_sid, "video", ssrc, rtx, (codec,), types or {96: codec.payload_type}
    )


class Way:
    """To a client. It keeps what goes there, "encrypted" by one octet in front of the payload."""

    def __init__(self) -> None:
        self.packets: list[RtpPacket] = []
        self.wire: list[bytes] = []
        self.rtcp: list[bytes] = []
        self.refuses = False
        self._used: set[tuple[int, int, int]] = set()

    def protect(self, packet: bytes) -> bytes | None:
        """None for a number that was used, as libsrtp does."""
        read = parse(packet)
        # Timestamps tell the rounds of 16 bits apart.
        number = (read.ssrc, read.sequence, read.timestamp)
        if self.refuses or number in self._used:
            return None
        self._used.add(number)
        self.packets.append(read)
        return packet[:12] + b"*" + packet[12:]

    def send(self, packet: bytes) -> int:
        """Kept."""
        assert packet[12:13] == b"*", "not encrypted"
        self.wire.append(packet)
        return len(packet)

    def send_rtcp(self, packet: bytes) -> None:
        """Kept."""
        self.rtcp.append(packet)

    @property
    def asked(self) -> list[Feedback]:
        """The feedback among it; taken."""
        found = [one for packet in self.rtcp for one in parse_feedback(packet)]
        self.rtcp.clear()
        return found


class Asked:
    """The owner of a track: keeps what it is told."""

    def __init__(self) -> None:
        self.began_as: list[str] = []
        self.enabled: list[dict[int, bool]] = []
        self.way = Way()

    def began(self, track: VideoTrack, mime_type: str) -> None:
        """Kept."""
        self.began_as.append(mime_type)

    def wanted(self, track: VideoTrack, enabled: Mapping[int, bool]) -> None:
        """Kept."""
        self.enabled.append(dict(enabled))

    def ask(self, feedback: bytes) -> None:
        """Kept."""
        self.way.send_rtcp(feedback)

    @property
    def asked(self) -> list[Feedback]:
        """The feedback for the publisher; taken."""
        return self.way.asked


class Camera:
    """One encoding as a publisher sends it: VP8, one packet a picture if not told otherwise."""

    def __init__(self, *, ssrc: int = 0, sequence: int = 1000, timestamp: int = 5000) -> None:
        self.ssrc = ssrc
        self.sequence = sequence
        self.timestamp = timestamp
        self.picture = sequence & 0x7FFF
        self.layer0 = sequence & 0xFF

    def next(
        self, *, key: bool = False, marker: bool = True, kind: int = 96, ticks: int = 3000
    ) -> bytearray:
        """The next picture; `marker` False: only its begin."""
        self.sequence = (self.sequence + 1) & 0xFFFF
        self.timestamp = (self.timestamp + ticks) & 0xFFFFFFFF
        self.picture = (self.picture + 1) & 0x7FFF
        self.layer0 = (self.layer0 + 1) & 0xFF
        return self.packet(vp8(self.picture, self.layer0, key=key), marker=marker, kind=kind)

    def rest(self, *, marker: bool = True) -> bytearray:
        """Another packet of the same picture."""
        self.sequence = (self.sequence + 1) & 0xFFFF
        payload = bytearray(vp8(self.picture, self.layer0))
        payload[0] &= ~0x10
        return self.packet(bytes(payload), marker=marker)

    def packet(self, payload: bytes, *, marker: bool = True, kind: int = 96) -> bytearray:
        """With the numbers of now."""
        return bytearray(
            RtpPacket(kind, self.sequence, self.timestamp, self.ssrc, payload, marker).encode()
        )


def vp8(picture: int, layer0: int, *, key: bool = False) -> bytes:
    """The first payload of a picture."""
    head = bytes([0x90, 0xE0, 0x80 | picture >> 8, picture & 0xFF, layer0, 0])
    return head + bytes([0x10 if key else 0x11]) + b"picture"


def picture_of(packet: RtpPacket) -> tuple[int, int]:
    """The numbers in a payload of `vp8`."""
    return (packet.payload[2] & 0x7F) << 8 | packet.payload[3], packet.payload[4]


def subscription(way: Way, section: OutgoingSection | None = None) -> VideoSubscription:
    """Of a client behind that way."""
    return VideoSubscription("TR_1", section or outgoing(), way, Ids(random.Random(3)))


class Scene:
    """A track with its layers, one who takes it, and the time."""

    def __init__(self, *rids: str, section: OutgoingSection | None = None) -> None:
        self.owner = Asked()
        self.track = VideoTrack("cam", self.owner, 1)
        self.track.describe(incoming(*rids))
        for number, layer in enumerate(self.track.layers):
            layer.ssrc = 100 + number
        self.cameras = [
            Camera(ssrc=layer.ssrc, sequence=20000 * number + 40, timestamp=90000 * number)
            for number, layer in enumerate(self.track.layers)
        ]
        self.way = Way()
        self.taken = subscription(self.way, section)
        self.now = 1000.0

    @property
    def layers(self) -> list[VideoLayer]:
        """The smallest first."""
        return self.track.layers

    def shows(self, rank: int = 0, *, key: bool = False, after: float = 0.033) -> None:
        """One picture of that layer."""
        self.now += after
        self.put(self.cameras[rank].next(key=key), rank)

    def put(self, packet: bytearray, rank: int = 0) -> None:
        """A packet of that layer."""
        self.track.packet(self.layers[rank], packet, self.now)

    def subscribe(self) -> None:
        """From now on."""
        self.track.subscribe(self.taken, self.now)

    def waits(self, seconds: float) -> None:
        """Time passes, by ticks of 50 ms."""
        for _ in range(round(seconds / 0.05)):
            self.now += 0.05
            self.track.look(self.now)
