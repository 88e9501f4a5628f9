"""What a WebRTC client's session description says (RFC 8829, RFC 8866), section by section.

The lines are read by `sdp/session.py`; here is what only WebRTC has: BUNDLE (RFC 9143), ICE and
DTLS parameters, mids, stream and track ids, RTP header extensions, simulcast, data channels.
Candidates are not read: we are ICE-lite and are told the client's address by its checks.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import field
from typing import Final, Literal, cast

from ..base.errors import SdpError
from ..base.light import light_dataclass
from ..sdp.plan import Direction
from ..sdp.session import DIRECTIONS, Limits, Media, SessionDescription, whole_number
from .formats import RtpCodec, read_codecs

LIMITS: Final = Limits(octets=256 * 1024, lines=20_000, media=1000)
MAX_RIDS: Final = 8

Setup = Literal["actpass", "active", "passive"]

_SETUPS: Final = frozenset({"actpass", "active", "passive"})
_MAX_MID = 64
_MID = re.compile(r"[!-~]+")
_RID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_FINGERPRINT = re.compile(r"([A-Za-z0-9-]{1,16}) +([0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){15,63})")
# RFC 8839 §5.4: 4 to 256 and 22 to 256 of ALPHA / DIGIT / "+" / "/".
_UFRAG = re.compile(r"[A-Za-z0-9+/=_-]{4,256}")
_PASSWORD = re.compile(r"[A-Za-z0-9+/=_-]{22,256}")
_MAX_SSRC = 0xFFFFFFFF
_MAX_EXTENSION = 14
"""Ids of the one-byte header (RFC 8285 §4.2); those above would need the two-byte one."""
_DEFAULT_SCTP_PORT = 5000
_DEFAULT_MESSAGE_SIZE = 65536
_MAX_MESSAGE_SIZE = 2**32 - 1


@light_dataclass(frozen=True, slots=True)
class RemoteTransport:
    """The client's transport, from the section whose transport the whole bundle uses."""

    ufrag: str
    password: str = field(repr=False)
    fingerprints: tuple[str, ...]
    """Each `sha-256 AB:CD:…`, the name in lower case, the digits in upper case."""
    setup: Setup


@light_dataclass(frozen=True, slots=True)
class HeaderExtension:
    """An RTP header extension (RFC 8285)."""

    uri: str
    direction: Direction = "sendrecv"
    """As the describing side sees it; Firefox sends a rid and takes none."""


@light_dataclass(frozen=True, slots=True)
class MediaSection:
    """One m-section."""

    kind: str
    """`audio`, `video`, `application`, …"""
    mid: str
    """"" where it has none."""
    port: int
    """0: rejected or stopped, if `bundle_only` is not set."""
    protocol: str
    formats: tuple[str, ...]
    """As written in the m= line."""
    direction: Direction
    """As the describing side sees it."""
    codecs: tuple[RtpCodec, ...] = ()
    """Those of its codecs that we forward, in its order."""
    extensions: Mapping[int, HeaderExtension] = field(default_factory=dict)
    """By id, 1 to 14."""
    stream_id: str = ""
    track_id: str = ""
    """Words of its msid (RFC 8830). The track id is the cid of what a LiveKit client publishes."""
    ssrcs: tuple[int, ...] = ()
    """Without those of retransmissions and forward error correction."""
    rtx_ssrcs: Mapping[int, int] = field(default_factory=dict)
    """SSRC to that of its retransmissions."""
    rids: tuple[str, ...] = ()
    """Simulcast encodings that the describing side sends (RFC 8853), in its order."""
    rtcp_mux: bool = False
    rtcp_rsize: bool = False
    bundle_only: bool = False
    sctp_port: int = _DEFAULT_SCTP_PORT
    max_message_size: int = _DEFAULT_MESSAGE_SIZE
    """Octets of one message that the describing side takes; 0: any (RFC 8841 §6)."""

    @property
    def stopped(self) -> bool:
        """True where nothing goes through it any more (RFC 8829 §5.2.2)."""
        return self.port == 0 and not self.bundle_only

    @property
    def sends(self) -> bool:
        """True where the describing side wants to send."""
        return self.direction in ("sendonly", "sendrecv")


@light_dataclass(frozen=True, slots=True)
class Description:
    """A whole description. `bundle` names the mids of its first BUNDLE group."""

    sections: tuple[MediaSection, ...]
    bundle: tuple[str, ...]
    remote: RemoteTransport | None
    """None where ICE credentials, fingerprint or the role in DTLS are not there."""


def read(text: str) -> Description:
    """Read an offer or answer of a client. Raises `SdpError`, also for two sections of one mid."""
    if len(text) > LIMITS.octets:
        raise SdpError(f"session description over {LIMITS.octets} bytes")
    session = SessionDescription.parse(text.encode("utf-8", "replace"), LIMITS)
    above = _grouped(session.attributes)
    default = _direction(above) or "sendrecv"
    read_sections = [(media, _grouped(media.attributes)) for media in session.media]
    sections = tuple(_section(media, said, default) for media, said in read_sections)
    named = {section.mid for section in sections}
    if len(named - {""}) < sum(1 for section in sections if section.mid):
        raise SdpError("two sections with one mid")
    bundle = _bundle(above, named)
    return Description(sections, bundle, _remote(sections, bundle, read_sections, above))


_Said = dict[str, list[str]]
"""Attributes by name: their values in order, "" for a flag."""


def _grouped(attributes: tuple[tuple[str, str | None], ...]) -> _Said:
    said: _Said = {}
    for name, value in attributes:
        said.setdefault(name, []).append(value or "")
    return said


def _bundle(above: _Said, named: set[str]) -> tuple[str, ...]:
    for value in above.get("group", ()):
        kind, _, mids = value.partition(" ")
        if kind.upper() == "BUNDLE":
            return tuple(dict.fromkeys(mid for mid in mids.split() if mid in named))
    return ()


def _section(media: Media, said: _Said, default: Direction) -> MediaSection:
    ssrcs, rtx_ssrcs = _ssrcs(said)
    stream_id, track_id = _msid(said)
    return MediaSection(
        kind=media.kind,
        mid=_mid(said),
        port=media.port,
        protocol=media.protocol,
        formats=media.formats,
        direction=_direction(said) or default,
        codecs=read_codecs(media) if media.kind in ("audio", "video") else (),
        extensions=_extensions(said),
        stream_id=stream_id,
        track_id=track_id,
        ssrcs=ssrcs,
        rtx_ssrcs=rtx_ssrcs,
        rids=_rids(said),
        rtcp_mux="rtcp-mux" in said,
        rtcp_rsize="rtcp-rsize" in said,
        bundle_only="bundle-only" in said,
        sctp_port=_number(said, "sctp-port", 65535, _DEFAULT_SCTP_PORT),
        max_message_size=_number(
            said, "max-message-size", _MAX_MESSAGE_SIZE, _DEFAULT_MESSAGE_SIZE
        ),
    )


def _mid(said: _Said) -> str:
    mid = said.get("mid", [""])[0]
    if mid and (len(mid) > _MAX_MID or _MID.fullmatch(mid) is None):
        raise SdpError(f"mid {mid[:20]!r}")
    return mid


def _number(said: _Said, name: str, limit: int, default: int) -> int:
    number = whole_number(said.get(name, [""])[0], limit)
    return default if number is None else number


def _direction(said: _Said) -> Direction | None:
    found = [name for name in said if name in DIRECTIONS]
    return cast(Direction, found[0]) if found else None


def _extensions(said: _Said) -> dict[int, HeaderExtension]:
    found: dict[int, HeaderExtension] = {}
    for value in said.get("extmap", ()):
        first, uri, *_ = *value.split(None, 2), "", ""
        digits, slash, direction = first.partition("/")
        number = whole_number(digits, _MAX_EXTENSION)
        if not slash:
            direction = "sendrecv"
        if number and uri and direction in DIRECTIONS:
            found.setdefault(number, HeaderExtension(uri, cast(Direction, direction)))
    return found


def _msid(said: _Said) -> tuple[str, str]:
    """Of `a=msid`, else of the first `a=ssrc:… msid:…`."""
    values = said.get("msid") or [
        value.partition(" msid:")[2] for value in said.get("ssrc", ()) if " msid:" in value
    ]
    words = values[0].split() if values else []
    return (words[0], words[-1]) if words else ("", "")


def _ssrcs(said: _Said) -> tuple[tuple[int, ...], dict[int, int]]:
    found: dict[int, None] = {}
    for value in said.get("ssrc", ()):
        number = whole_number(value.partition(" ")[0], _MAX_SSRC)
        if number is not None:
            found[number] = None
    rtx: dict[int, int] = {}
    for value in said.get("ssrc-group", ()):
        kind, *numbers = value.split() or [""]
        if kind in ("FID", "FEC-FR") and len(numbers) == 2:
            main, second = (whole_number(number, _MAX_SSRC) for number in numbers)
            if main is None or second is None:
                continue
            found.pop(second, None)
            if kind == "FID":
                rtx[main] = second
    return tuple(found), rtx


def _rids(said: _Said) -> tuple[str, ...]:
    """Those that are sent, as `a=simulcast` orders them, else as they stand; alternatives and the
    sign of a paused encoding are left out."""
    sent = [value.split() for value in said.get("rid", ())]
    known = {
        words[0]: None
        for words in sent
        if len(words) > 1 and words[1] == "send" and _RID.fullmatch(words[0])
    }
    words = said.get("simulcast", [""])[0].split()
    for way, listed in zip(words[::2], words[1::2], strict=False):
        if way == "send":
            first = (part.split(",")[0].lstrip("~") for part in listed.split(";"))
            return tuple(dict.fromkeys(rid for rid in first if rid in known))[:MAX_RIDS]
    return tuple(known)[:MAX_RIDS]


def _remote(
    sections: tuple[MediaSection, ...],
    bundle: tuple[str, ...],
    read_sections: list[tuple[Media, _Said]],
    above: _Said,
) -> RemoteTransport | None:
    """From the first section of the bundle that is alive (RFC 9143 §7.1), else the first one."""
    grouped = frozenset(bundle)
    alive = [n for n, section in enumerate(sections) if not section.stopped]
    tagged = next((n for n in alive if sections[n].mid in grouped), alive[0] if alive else None)
    if tagged is None:
        return None
    said = {**above, **read_sections[tagged][1]}
    ufrag, password = said.get("ice-ufrag", [""])[0], said.get("ice-pwd", [""])[0]
    matches = [_FINGERPRINT.fullmatch(value) for value in said.get("fingerprint", ())]
    fingerprints = tuple(f"{m[1].lower()} {m[2].upper()}" for m in matches if m is not None)
    setup = said.get("setup", [""])[0]
    if (
        _UFRAG.fullmatch(ufrag) is None
        or _PASSWORD.fullmatch(password) is None
        or not fingerprints
        or setup not in _SETUPS
    ):
        return None
    return RemoteTransport(ufrag, password, fingerprints, cast(Setup, setup))
