"""The codecs that are forwarded, as a description of a WebRTC client has them.

Nothing is decoded on its way from one client to another, so two sides have a codec in common where
name, clock and those parameters agree that say how a payload is to be read (`RtpCodec.format`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from ..base.light import light_dataclass
from ..sdp.codecs import read_formats
from ..sdp.session import Attribute, Media, whole_number

FORWARDED: Final[Mapping[tuple[str, str, int, int], str]] = {
    ("audio", "opus", 48000, 2): "opus",
    ("video", "vp8", 90000, 1): "VP8",
    ("video", "vp9", 90000, 1): "VP9",
    ("video", "h264", 90000, 1): "H264",
    ("video", "av1", 90000, 1): "AV1",
}
"""Kind, encoding name in lower case, clock and channels of what is forwarded, and its name as
LiveKit's mime types have it (`video/VP8`). RED, comfort noise, telephone-event, G.711 and forward
error correction are not agreed on."""

FEEDBACK: Final = ("goog-remb", "transport-cc", "ccm fir", "nack", "nack pli")
"""RTCP feedback of video that is answered where it was offered (RFC 4585, RFC 5104)."""

OPUS_FMTP: Final = "minptime=10;useinbandfec=1"
OPUS_KEPT: Final = ("stereo", "usedtx")
"""What is said of Opus beside that, where the client said it first (RFC 7587 §6.1)."""

RTX: Final = "rtx"

_VP9_PROFILES: Final = frozenset("0123")
_AV1_PROFILES: Final = frozenset("012")
_PACKETIZATION_MODES: Final = frozenset("01")
_H264_PROFILES: Final = {0x42: "baseline", 0x4D: "main", 0x64: "high", 0xF4: "high-4:4:4"}
_CONSTRAINT_SET_1, _CONSTRAINED_HIGH = 0x40, 0x0C

PayloadFormat = tuple[str, int, str]
"""(name, clock, profile): equal for what one decoder reads alike."""


@light_dataclass(frozen=True, slots=True)
class RtpCodec:
    """One codec of one m-section. `name` as in `FORWARDED`, `clock` in Hz."""

    name: str
    payload_type: int
    clock: int
    channels: int = 1
    fmtp: str = ""
    feedback: tuple[str, ...] = ()
    """Those of `FEEDBACK` that were offered."""
    rtx: int | None = None
    """The payload type of its retransmissions (RFC 4588), if there are any."""

    @property
    def format(self) -> PayloadFormat:
        """What has to agree for packets to be passed on as they are."""
        return self.name, self.clock, _profile(self.name, self.fmtp) or ""


def read_codecs(media: Media) -> tuple[RtpCodec, ...]:
    """The codecs of `FORWARDED` in an m-section, in its order; those of a profile that there is not
    are left out."""
    formats = read_formats(media)
    rtx: dict[int, int] = {}
    for entry in formats:
        if entry.name == RTX:
            repaired = whole_number(parameters(entry.fmtp).get("apt", ""), 127)
            if repaired is not None:
                rtx.setdefault(repaired, entry.number)
    feedback = _read_feedback(media)
    of_all = feedback.get("*", frozenset())
    codecs = []
    for entry in formats:
        name = FORWARDED.get((media.kind, entry.name, entry.clock, entry.channels))
        if name is not None and _profile(name, entry.fmtp) is not None:
            said = feedback.get(str(entry.number), frozenset()) | of_all
            codecs.append(
                RtpCodec(
                    name,
                    entry.number,
                    entry.clock,
                    entry.channels,
                    entry.fmtp,
                    tuple(kind for kind in FEEDBACK if kind in said),
                    rtx.get(entry.number),
                )
            )
    return tuple(codecs)


def codec_attributes(codecs: Iterable[RtpCodec], *, stereo: bool = False) -> list[Attribute]:
    """rtpmap, fmtp and rtcp-fb of codecs as we answer or offer them, their retransmissions last.
    `stereo`: what we send may have two channels (sprop-stereo, RFC 7587 §6.1)."""
    out: list[Attribute] = []
    repairs: list[Attribute] = []
    for codec in codecs:
        number = codec.payload_type
        channels = f"/{codec.channels}" if codec.channels > 1 else ""
        out.append(("rtpmap", f"{number} {codec.name}/{codec.clock}{channels}"))
        fmtp = _our_fmtp(codec, stereo)
        if fmtp:
            out.append(("fmtp", f"{number} {fmtp}"))
        if codec.name != "opus":
            out.extend(("rtcp-fb", f"{number} {kind}") for kind in codec.feedback)
        if codec.rtx is not None:
            repairs.append(("rtpmap", f"{codec.rtx} {RTX}/{codec.clock}"))
            repairs.append(("fmtp", f"{codec.rtx} apt={number}"))
    return out + repairs


def payload_types(codecs: Iterable[RtpCodec]) -> tuple[str, ...]:
    """The formats of the m= line: the codecs, then their retransmissions."""
    listed = tuple(codecs)
    numbers = [codec.payload_type for codec in listed]
    numbers += [codec.rtx for codec in listed if codec.rtx is not None]
    return tuple(map(str, numbers))


def formats_of(codecs: Iterable[RtpCodec]) -> frozenset[PayloadFormat]:
    """What of those codecs has to agree."""
    return frozenset(codec.format for codec in codecs)


def common(codecs: Iterable[RtpCodec], formats: frozenset[PayloadFormat]) -> tuple[RtpCodec, ...]:
    """Those of `codecs` that have one of `formats`, in their order."""
    return tuple(codec for codec in codecs if codec.format in formats)


def translated(theirs: Iterable[RtpCodec], ours: Iterable[RtpCodec]) -> dict[int, int]:
    """Payload types of `theirs` (who publishes) to those of `ours` (who hears)."""
    numbers: dict[PayloadFormat, int] = {}
    for codec in ours:
        numbers.setdefault(codec.format, codec.payload_type)
    found = ((codec.payload_type, numbers.get(codec.format)) for codec in theirs)
    return {theirs: ours for theirs, ours in found if ours is not None}


def parameters(fmtp: str) -> dict[str, str]:
    """`a=1;b=2` as a dict, names in lower case; the first of two alike counts."""
    found: dict[str, str] = {}
    for part in fmtp.split(";"):
        name, _, value = part.partition("=")
        found.setdefault(name.strip().lower(), value.strip())
    return found


def is_stereo(codecs: Iterable[RtpCodec]) -> bool:
    """True where who sends said of Opus that it sends two channels."""
    return any(c.name == "opus" and parameters(c.fmtp).get("stereo") == "1" for c in codecs)


def _our_fmtp(codec: RtpCodec, stereo: bool) -> str:
    if codec.name != "opus":
        return codec.fmtp
    said = parameters(codec.fmtp)
    kept = "".join(f";{name}=1" for name in OPUS_KEPT if said.get(name) == "1")
    return OPUS_FMTP + kept + (";sprop-stereo=1" if stereo else "")


def _profile(name: str, fmtp: str) -> str | None:
    """ "" for codecs without profiles; None for a profile that there is not."""
    if name in ("opus", "VP8"):
        return ""
    said = parameters(fmtp)
    if name == "VP9":
        return _one_of(said.get("profile-id", "0"), _VP9_PROFILES)
    if name == "AV1":
        return _one_of(said.get("profile", "0"), _AV1_PROFILES)
    mode = _one_of(said.get("packetization-mode", "0"), _PACKETIZATION_MODES)
    profile = _h264_profile(said.get("profile-level-id", "420010"))
    return f"{mode} {profile}" if mode and profile else None


def _one_of(said: str, known: frozenset[str]) -> str | None:
    return said if said in known else None


def _h264_profile(profile_level_id: str) -> str | None:
    """The profile without the level: the sides' levels may differ (RFC 6184 §8.1)."""
    try:
        idc, flags, _ = bytes.fromhex(profile_level_id)
    except ValueError:
        return None
    profile = _H264_PROFILES.get(idc)
    if profile == "baseline" and flags & _CONSTRAINT_SET_1:
        return "constrained-baseline"
    return "constrained-high" if profile == "high" and flags == _CONSTRAINED_HIGH else profile


def _read_feedback(media: Media) -> dict[str, frozenset[str]]:
    """By payload type or `*`."""
    found: dict[str, set[str]] = {}
    for value in media.attribute_values("rtcp-fb"):
        number, _, kind = value.partition(" ")
        found.setdefault(number, set()).add(" ".join(kind.split()))
    return {number: frozenset(kinds) for number, kinds in found.items()}
