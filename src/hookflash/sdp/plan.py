"""What two sides agreed on, in the form in which the media engine takes it."""

from __future__ import annotations

from dataclasses import field
from typing import Literal

from ..base.light import light_dataclass
from ..sip.flow import Address

CodecName = Literal["PCMU", "PCMA", "G722", "opus"]
Direction = Literal["sendrecv", "sendonly", "recvonly", "inactive"]
ANSWERS: dict[Direction, Direction] = {
    "sendrecv": "sendrecv",
    "sendonly": "recvonly",
    "recvonly": "sendonly",
    "inactive": "inactive",
}
"""RFC 3264 §6.1: how we answer each direction of an offer."""
Encryption = Literal["disable", "allow", "require"]


@light_dataclass(frozen=True, slots=True)
class Codec:
    """One audio codec as it stands in SDP. `clock` is the RTP clock rate in Hz (G722: 8000)."""

    name: CodecName
    payload_type: int
    clock: int
    channels: int = 1
    fmtp: str = ""


@light_dataclass(frozen=True, slots=True)
class CryptoKey:
    """One SDES line (RFC 4568): `suite` as written there, `key` = master key + salt (bytes)."""

    suite: str
    key: bytes = field(repr=False)
    tag: int = 1
    mki: bytes = b""
    """Master key identifier that every packet carries before its tag (RFC 3711 §3.1)."""


@light_dataclass(frozen=True, slots=True)
class LocalMedia:
    """What the media engine opened for a leg: where it listens."""

    address: str
    """IP literal to be written into c= (already the public one where NAT is configured)."""
    port: int
    rtcp_port: int


@light_dataclass(frozen=True, slots=True)
class MediaSettings:
    """What this leg may agree to: from sip.codecs, trunk and rule media, sip.rtp settings."""

    codecs: tuple[CodecName, ...] = ("PCMU", "PCMA", "G722")
    fallback: tuple[CodecName, ...] = ()
    """Taken of an offer that has none of `codecs`; never offered."""
    encryption: Encryption = "disable"
    ptime: int = 20


@light_dataclass(frozen=True, slots=True)
class MediaPlan:
    """The agreed audio of one leg, seen from us."""

    remote: Address
    """Where RTP goes. An address of 0.0.0.0 or :: never stands here: `send` is False then and
    the former address is kept."""
    remote_rtcp: Address
    codec: Codec
    """What we send: name and clock, with the payload type of the peer's SDP."""
    receive: dict[int, Codec] = field(default_factory=dict)
    """Audio payload types that we accept, by the numbers of our own SDP."""
    dtmf_send: int | None = None
    """telephone-event payload type in the peer's SDP, None where the peer has none."""
    dtmf_receive: frozenset[int] = frozenset()
    """telephone-event payload types in our own SDP."""
    dtmf_clock: int = 8000
    """The clock rate of telephone-event in Hz; not always the codec's (Opus with 8000)."""
    comfort_noise: frozenset[int] = frozenset()
    """Payload types that are silence (RFC 3389), and count as media."""
    send: bool = True
    """False on hold: no RTP goes out, RTCP goes on."""
    receive_audio: bool = True
    """False when the peer said recvonly or inactive; on hold the leg is muted to the room."""
    ptime: int = 20
    """Milliseconds of audio in each packet that we send."""
    rtcp_mux: bool = False
    signalling: str = ""
    """The IP address that the peer's signalling comes from, "" where it is not known."""
    crypto_send: CryptoKey | None = None
    crypto_receive: CryptoKey | None = None

    @property
    def held(self) -> bool:
        """The peer does not want to hear us (sendonly, inactive, or 0.0.0.0)."""
        return not self.send
