"""The codec table: which formats of an m= line we speak, and by which payload type."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from ..base.light import light_dataclass
from .plan import Codec, CodecName
from .session import Attribute, Media, whole_number

TELEPHONE_EVENT = "telephone-event"
COMFORT_NOISE = "cn"
EVENTS = "0-16"
"""The telephone events that we say we take: 0-9, *, #, A-D and flash (RFC 4733 §3.2)."""

STATIC: dict[str, tuple[str, int, int]] = {
    "0": ("pcmu", 8000, 1),
    "8": ("pcma", 8000, 1),
    "9": ("g722", 8000, 1),
    "13": (COMFORT_NOISE, 8000, 1),
}
"""Payload types that need no rtpmap (RFC 3551 §6): encoding name, clock, channels."""

AUDIO: dict[tuple[str, int, int], CodecName] = {
    ("pcmu", 8000, 1): "PCMU",
    ("pcma", 8000, 1): "PCMA",
    ("g722", 8000, 1): "G722",
    ("opus", 48000, 2): "opus",
}

PREFERRED: dict[CodecName, Codec] = {
    "PCMU": Codec("PCMU", 0, 8000),
    "PCMA": Codec("PCMA", 8, 8000),
    "G722": Codec("G722", 9, 8000),
    "opus": Codec("opus", 111, 48000, 2, "useinbandfec=1"),
}
"""Each codec as we offer it, where its payload type is free. Of Opus, our decoder recovers a lost
packet from the next (RFC 7587 §6.1)."""

PREFERRED_EVENT = {8000: 101, 48000: 110}
"""Our payload types for telephone-event, by clock."""

FIRST_DYNAMIC, LAST_DYNAMIC = 96, 127

_REMEMBERED = 1000
"""Characters of formats that are remembered once read: the phones of a carrier all say the same."""

# RFC 6716 §2.1.4: a packet holds frames of 10, 20, 40 or 60 ms, unless frames are bundled.
_OPUS_TIMES = (60, 40, 20, 10)


@light_dataclass(frozen=True, slots=True)
class Format:
    """One format of an m= line; `name` is in lower case."""

    number: int
    name: str
    clock: int
    channels: int
    fmtp: str = ""


def read_formats(media: Media) -> tuple[Format, ...]:
    """The formats of an RTP media line in its order; unknown and repeated numbers left out.

    An rtpmap that can be read beats the static table of RFC 3551; without either a number means
    nothing.
    """
    maps = tuple(media.attribute_values("rtpmap"))
    fmtps = tuple(media.attribute_values("fmtp"))
    written = len(media.formats) + sum(map(len, maps)) + sum(map(len, fmtps))
    read = _known if written <= _REMEMBERED else _read
    return read(media.formats, maps, fmtps)


def _read(
    written: tuple[str, ...], rtpmaps: tuple[str, ...], fmtp: tuple[str, ...]
) -> tuple[Format, ...]:
    maps, fmtps = _by_number(rtpmaps), _by_number(fmtp)
    formats: dict[int, Format] = {}
    for text in written:
        number = whole_number(text, 127)
        if number is None or number in formats:
            continue
        encoding = _encoding(maps.get(text, "")) or STATIC.get(text)
        if encoding is None:
            continue
        if text == "9" and encoding[0] == "g722":
            # RFC 3551 §4.5.2: the clock is 8000 by an old mistake; some peers write 16000.
            encoding = STATIC["9"]
        formats[number] = Format(number, *encoding, fmtps.get(text, ""))
    return tuple(formats.values())


_known = lru_cache(256)(_read)


def read_codecs(formats: Iterable[Format], allowed: Iterable[CodecName]) -> list[Codec]:
    """The audio codecs among `formats` that are allowed, in the order of `formats`."""
    names = frozenset(allowed)
    found = []
    for entry in formats:
        name = AUDIO.get((entry.name, entry.clock, entry.channels))
        if name is not None and name in names:
            found.append(Codec(name, entry.number, entry.clock, entry.channels, entry.fmtp))
    return found


def find_event(formats: Iterable[Format], clock: int) -> Format | None:
    """The telephone-event with this clock, else the one with 8000 (RFC 4733 §2.1), else None."""
    fallback = None
    for entry in formats:
        if entry.name == TELEPHONE_EVENT:
            if entry.clock == clock:
                return entry
            if entry.clock == 8000 and fallback is None:
                fallback = entry
    return fallback


@lru_cache(256)
def codec_attributes(
    codecs: tuple[Codec, ...], events: tuple[tuple[int, int], ...]
) -> tuple[Attribute, ...]:
    """rtpmap and fmtp of what we write; `events` are (payload type, clock)."""
    out: list[Attribute] = []
    for codec in codecs:
        suffix = f"/{codec.channels}" if codec.channels > 1 else ""
        out.append(("rtpmap", f"{codec.payload_type} {codec.name}/{codec.clock}{suffix}"))
        if codec.fmtp:
            out.append(("fmtp", f"{codec.payload_type} {codec.fmtp}"))
    for number, clock in events:
        out.append(("rtpmap", f"{number} {TELEPHONE_EVENT}/{clock}"))
        out.append(("fmtp", f"{number} {EVENTS}"))
    return tuple(out)


def packet_time(media: Media, codec: CodecName, default: int) -> int:
    """Milliseconds of audio that we put into a packet for the peer of `media`.

    Its ptime where that is 10 to 60, else `default`; never over its maxptime; a multiple of 10,
    and for Opus one frame.
    """
    wanted = whole_number((media.attribute("ptime") or "").partition(".")[0], 10000)
    most = whole_number((media.attribute("maxptime") or "").partition(".")[0], 10000)
    time = wanted if wanted is not None and 10 <= wanted <= 60 else default
    if most is not None and most < time:
        time = most
    time = max(10, time - time % 10)
    if codec == "opus":
        time = next((step for step in _OPUS_TIMES if step <= time), 10)
    return time


def _by_number(values: Iterable[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for value in values:
        number, _, rest = value.replace("\t", " ").partition(" ")
        found.setdefault(number, rest.strip())
    return found


def _encoding(text: str) -> tuple[str, int, int] | None:
    """`name/clock[/channels]`, the clock up to 192 kHz."""
    name, *parts = text.split("/")
    if not 1 <= len(parts) <= 2:
        return None
    clock = whole_number(parts[0].strip(), 192000)
    channels = whole_number(parts[1].strip(), 255) if len(parts) == 2 else 1
    if not clock or not channels:
        return None
    return name.strip().lower(), clock, channels
