"""Our half of a session description: what stands in each m-section that we answer or offer.

One transport carries all (BUNDLE, RFC 9143; rtcp-mux, RFC 8858), so each section says the same of
it; our candidates stand in the first section that is alive, whose transport the bundle uses.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field
from typing import Final, Literal

from ..base.light import light_dataclass
from ..sdp.plan import ANSWERS, Direction
from ..sdp.session import Attribute, Connection, Media, Origin, SessionDescription
from .description import HeaderExtension, MediaSection, Setup
from .formats import RtpCodec, codec_attributes, payload_types

Role = Literal["active", "passive"]
"""Of the two sides, the active one is the DTLS client (RFC 8842)."""

RTP_PROTOCOL: Final = "UDP/TLS/RTP/SAVPF"
DATA_PROTOCOL: Final = "UDP/DTLS/SCTP"
DATA_FORMAT: Final = "webrtc-datachannel"
SCTP_PORT: Final = 5000
MAX_MESSAGE_SIZE: Final = 65535
"""Octets of one data channel message that we take, as LiveKit says."""

AUDIO_LEVEL: Final = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"
MID: Final = "urn:ietf:params:rtp-hdrext:sdes:mid"
RID: Final = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"
REPAIRED_RID: Final = "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id"
ABS_SEND_TIME: Final = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"
TRANSPORT_CC: Final = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"

EXTENSIONS: Final[Mapping[str, frozenset[str]]] = {
    "audio": frozenset({MID, AUDIO_LEVEL}),
    "video": frozenset({MID, RID, REPAIRED_RID, ABS_SEND_TIME, TRANSPORT_CC}),
}
"""RTP header extensions that are answered, by kind, as LiveKit does: sound is not part of what the
sender's bandwidth is estimated from."""

_UNSPECIFIED = Connection("0.0.0.0")
_DISCARD = 9
"""The port of an m= line whose candidates stand elsewhere (RFC 8829 §5.2.1)."""


@light_dataclass(frozen=True, slots=True)
class LocalTransport:
    """Our end of a peer connection, for one description."""

    ufrag: str
    password: str = field(repr=False)
    fingerprint: str
    """`sha-256 AB:CD:…`"""
    candidates: tuple[str, ...] = ()
    """Each `candidate:…` (RFC 8839 §5.1), without `a=`."""
    setup: Role = "passive"
    """Which role in DTLS we answer where the client leaves it to us. As a lite agent we learn
    where the client is by its checks, and it alone knows when a path works in both directions:
    so it speaks first, on the path that it chose. It answers our offers so too, which leaves us
    one role in all connections."""


@light_dataclass(frozen=True, slots=True)
class SentTrack:
    """What a section says of the track that we send in it."""

    stream_id: str
    track_id: str
    ssrc: int
    rtx_ssrc: int | None = None
    stereo: bool = False

    def attributes(self) -> list[Attribute]:
        """msid (RFC 8830) and SSRCs (RFC 5576)."""
        numbers = [self.ssrc]
        out: list[Attribute] = [("msid", f"{self.stream_id} {self.track_id}")]
        if self.rtx_ssrc is not None:
            numbers.append(self.rtx_ssrc)
            out.append(("ssrc-group", f"FID {self.ssrc} {self.rtx_ssrc}"))
        for number in numbers:
            out.append(("ssrc", f"{number} cname:{self.stream_id}"))
            out.append(("ssrc", f"{number} msid:{self.stream_id} {self.track_id}"))
        return out


class DescriptionWriter:
    """Writes one description: its sections in order, then `text`."""

    def __init__(self, local: LocalTransport, setup: Setup) -> None:
        self._local = local
        self._setup = setup
        self._media: list[Media] = []
        self._bundle: list[str] = []

    def rejected(self, kind: str, mid: str, protocol: str, formats: tuple[str, ...]) -> None:
        """A section that is stopped or that we cannot use: port 0, its formats repeated."""
        named: list[Attribute] = [("mid", mid)] if mid else []
        self._add(kind, 0, protocol, formats, [*named, ("inactive", None)])

    def data(self, mid: str, protocol: str = DATA_PROTOCOL) -> None:
        """The data channels (RFC 8841)."""
        self._alive(
            mid,
            "application",
            protocol,
            (DATA_FORMAT,),
            [("sctp-port", str(SCTP_PORT)), ("max-message-size", str(MAX_MESSAGE_SIZE))],
        )

    def rtp(
        self,
        kind: str,
        mid: str,
        direction: Direction,
        codecs: tuple[RtpCodec, ...],
        extensions: Mapping[int, HeaderExtension],
        *,
        protocol: str = RTP_PROTOCOL,
        rtcp_rsize: bool = True,
        rids: tuple[str, ...] = (),
        sent: SentTrack | None = None,
    ) -> None:
        """Sound or pictures; `rids` are the simulcast encodings that we take (RFC 8853)."""
        out: list[Attribute] = [("rtcp-mux", None)]
        if rtcp_rsize:
            out.append(("rtcp-rsize", None))
        out += codec_attributes(codecs, stereo=sent is not None and sent.stereo)
        for number, extension in extensions.items():
            way = "" if extension.direction == "sendrecv" else f"/{extension.direction}"
            out.append(("extmap", f"{number}{way} {extension.uri}"))
        if sent is not None:
            out += sent.attributes()
        out.append((direction, None))
        if rids:
            out += [("rid", f"{rid} recv") for rid in rids]
            out.append(("simulcast", f"recv {';'.join(rids)}"))
        self._alive(mid, kind, protocol, payload_types(codecs), out)

    def text(self, session_id: int, version: int) -> str:
        """The whole."""
        attributes: list[Attribute] = []
        if self._bundle:
            attributes.append(("group", f"BUNDLE {' '.join(self._bundle)}"))
        attributes += [("msid-semantic", "WMS *"), ("ice-lite", None)]
        session = SessionDescription(
            origin=Origin(str(session_id), str(version)),
            attributes=tuple(attributes),
            media=tuple(self._media),
        )
        return session.encode().decode()

    def _alive(
        self,
        mid: str,
        kind: str,
        protocol: str,
        formats: tuple[str, ...],
        own: Iterable[Attribute],
    ) -> None:
        local = self._local
        out: list[Attribute] = [
            ("mid", mid),
            ("setup", self._setup),
            ("ice-ufrag", local.ufrag),
            ("ice-pwd", local.password),
            ("fingerprint", local.fingerprint),
            *own,
        ]
        if not self._bundle:
            for line in local.candidates:
                name, _, value = line.partition(":")
                out.append((name, value))
            out.append(("end-of-candidates", None))
        self._bundle.append(mid)
        self._add(kind, _DISCARD, protocol, formats, out)

    def _add(
        self,
        kind: str,
        port: int,
        protocol: str,
        formats: tuple[str, ...],
        attributes: list[Attribute],
    ) -> None:
        self._media.append(Media(kind, port, protocol, formats, _UNSPECIFIED, tuple(attributes)))


def answered_extensions(section: MediaSection) -> dict[int, HeaderExtension]:
    """Those of the client that we know, by its ids, as our side says them."""
    known = EXTENSIONS.get(section.kind, frozenset())
    return {
        number: HeaderExtension(extension.uri, ANSWERS[extension.direction])
        for number, extension in section.extensions.items()
        if extension.uri in known
    }


def received_extensions(section: MediaSection) -> dict[int, str]:
    """Id to URI of those that the client may send there."""
    return {
        number: extension.uri
        for number, extension in answered_extensions(section).items()
        if extension.direction in ("sendrecv", "recvonly")
    }
