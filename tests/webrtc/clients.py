"""Descriptions as clients write them, and the recorded ones (conformance/signalling)."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from hookflash.base.ids import Ids
from hookflash.webrtc.formats import RtpCodec
from hookflash.webrtc.slots import OutTrack
from hookflash.webrtc.writing import LocalTransport

RECORDS = Path(__file__).parents[1] / "data/conformance/signalling"

FINGERPRINT = "sha-256 " + ":".join(["AB"] * 32)
CANDIDATES = (
    "candidate:1 1 udp 2130706431 127.0.0.1 7882 typ host",
    "candidate:2 1 tcp 1671430143 127.0.0.1 7881 typ host tcptype passive",
)
LOCAL = LocalTransport("ours", "o" * 24, FINGERPRINT, CANDIDATES)

HEAD = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=extmap-allow-mixed\r\n"
TRANSPORT = (
    "a=ice-ufrag:thei\r\na=ice-pwd:" + "t" * 24 + "\r\na=ice-options:trickle\r\n"
    f"a=fingerprint:{FINGERPRINT}\r\na=setup:actpass\r\n"
)
AUDIO = (
    "a=rtcp-mux\r\na=rtcp-rsize\r\n"
    "a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\n"
    "a=extmap:2 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time\r\n"
    "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\n"
    "a=rtpmap:111 opus/48000/2\r\na=rtcp-fb:111 transport-cc\r\n"
    "a=fmtp:111 minptime=10;useinbandfec=1\r\n"
    "a=rtpmap:63 red/48000/2\r\na=fmtp:63 111/111\r\na=rtpmap:0 PCMU/8000\r\n"
    "a=rtpmap:13 CN/8000\r\na=rtpmap:110 telephone-event/48000\r\n"
)
VIDEO = (
    "a=rtcp-mux\r\na=rtcp-rsize\r\n"
    "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\n"
    "a=extmap:10 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id\r\n"
    "a=extmap:13 urn:3gpp:video-orientation\r\n"
    "a=rtpmap:96 VP8/90000\r\na=rtcp-fb:96 nack\r\na=rtcp-fb:96 nack pli\r\n"
    "a=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n"
    "a=rtpmap:102 H264/90000\r\n"
    "a=fmtp:102 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f\r\n"
)

OPUS = (RtpCodec("opus", 111, 48000, 2, "minptime=10;useinbandfec=1"),)
VP8 = (RtpCodec("VP8", 120, 90000, rtx=121),)
AV1 = (RtpCodec("AV1", 45, 90000),)


def ids(seed: int = 1) -> Ids:
    return Ids(random.Random(seed))


def out_track(sid: str, kind: str = "audio", codecs: tuple[RtpCodec, ...] = ()) -> OutTrack:
    if kind == "audio":
        return OutTrack(sid, "PA_b", "audio", codecs or OPUS)
    return OutTrack(sid, "PA_b", "video", codecs or VP8)


def rtp(kind: str, mid: str, direction: str, *lines: str, body: str | None = None) -> str:
    """One m-section of a client; `lines` without `a=`."""
    formats = "111 63 0 13 110" if kind == "audio" else "96 97 102"
    own = (AUDIO if kind == "audio" else VIDEO) if body is None else body
    extra = "".join(f"a={line}\r\n" for line in lines)
    return (
        f"m={kind} 9 UDP/TLS/RTP/SAVPF {formats}\r\nc=IN IP4 0.0.0.0\r\n"
        f"{TRANSPORT}a=mid:{mid}\r\na={direction}\r\n{own}{extra}"
    )


def sending(kind: str, mid: str, cid: str, *lines: str) -> str:
    """One in which the client publishes."""
    return rtp(kind, mid, "sendonly", f"msid:- {cid}", *lines)


def data(mid: str) -> str:
    return (
        "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\n"
        f"{TRANSPORT}a=mid:{mid}\r\na=sctp-port:5000\r\na=max-message-size:262144\r\n"
    )


def offer(*sections: str, bundle: Sequence[str] | None = None) -> str:
    """An offer with all of them in one bundle."""
    if bundle is None:
        bundle = [found for s in sections for found in re.findall(r"a=mid:(\S+)", s)]
    group = f"a=group:BUNDLE {' '.join(bundle)}\r\n" if bundle else ""
    return HEAD + group + "".join(sections)


def record(name: str) -> list[dict[str, Any]]:
    """The lines of a recording."""
    lines: list[dict[str, Any]] = json.loads((RECORDS / f"{name}.json").read_text("utf-8"))
    return lines


def shape(sdp: str) -> list[tuple[str, str, str]]:
    """(mid, kind, direction) of each section, by nothing but its lines; "" for no direction."""
    found = []
    for section in re.split(r"\r?\nm=", sdp.strip())[1:]:
        mid = re.search(r"^a=mid:(\S+)", section, re.M)
        way = re.search(r"^a=(sendrecv|sendonly|recvonly|inactive)\b", section, re.M)
        found.append((mid[1] if mid else "", section.split()[0], way[1] if way else ""))
    return found


def section_of(sdp: str, mid: str) -> list[str]:
    """The lines of the section with that mid."""
    for section in re.split(r"\r\nm=", sdp.strip())[1:]:
        lines = ("m=" + section).split("\r\n")
        if f"a=mid:{mid}" in lines:
            return lines
    raise AssertionError(f"no section {mid} in {sdp}")


def _one_of_each_kind(sdp: str) -> list[str]:
    """The lines of a description, of sections of one kind the last alone."""
    head, *rest = re.split(r"\r\n(?=m=)", sdp.strip())
    return "\r\n".join([head, *{section.split()[0]: section for section in rest}.values()]).split(
        "\r\n"
    )


_SHORT = [
    _one_of_each_kind(record(name)[at]["msg"]["offer"]["sdp"])
    for name, at in (("browser-livekit-client-2.23.0", 18), ("python-sdk-1.2.1-video", 52))
]


def damaged(seed: int) -> Iterator[str]:
    """200 offers of clients with some lines broken."""
    chance = random.Random(seed)
    for _ in range(200):
        lines = list(chance.choice(_SHORT))
        for _ in range(chance.randrange(1, 6)):
            _damage(lines, chance)
        yield "\r\n".join(lines)


def _damage(lines: list[str], chance: random.Random) -> None:
    # Each kind of line as often as the others: there are few a=mid, many a=rtcp-fb.
    kinds = sorted({line.partition(":")[0] for line in lines})
    kind = chance.choice(kinds)
    at = chance.choice([n for n, line in enumerate(lines) if line.partition(":")[0] == kind])
    where = chance.randrange(len(kind), len(lines[at]) + 1)
    match chance.randrange(6):
        case 0:
            lines[at] = lines[at][:where]
        case 1:
            lines[at] = lines[chance.randrange(len(lines))]
        case 2:
            lines.insert(at, lines[chance.randrange(len(lines))])
        case 3:
            lines[at] = ""
        case _:
            odd = chance.choice(["", " ", ":", "\0", "é", "9" * 40, ";", "=", "x", "\ud800"])
            lines[at] = lines[at][:where] + odd + lines[at][where:]
