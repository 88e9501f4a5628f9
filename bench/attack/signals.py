"""Clients who have a token and are bad: joins without end, signalling at full speed; and who asks
for a WebSocket without a token that holds. What they say by data channels is in `channels.py`."""

from __future__ import annotations

import base64
import gzip
import itertools
import socket
import struct
import time
from collections.abc import Callable, Iterable

import jwt
from livekit.protocol.agent import AvailabilityResponse, RegisterWorkerRequest, WorkerMessage
from livekit.protocol.models import TrackSource, TrackType
from livekit.protocol.rtc import (
    AddTrackRequest,
    JoinRequest,
    Ping,
    SessionDescription,
    SignalRequest,
    UpdateParticipantMetadata,
    UpdateSubscription,
    WrappedJoinRequest,
)
from tests.wire.kit.hooks import KEY, SECRET

from .floods import Stream, connection
from .scene import SHARED, Scene
from .verdict import Report

LISTENERS = 30
"""Other clients in the room of a bad one."""
MANY = 150
"""Different messages of one flood, sent again and again."""
BIG = 256 * 1024
"""Octets of a description, at most (webrtc.md §4)."""
WAIT = 5.0

_numbers = itertools.count(1)


def token(identity: str, room: str = SHARED, **video: object) -> str:
    """As an application gives it to its user."""
    grants = {"roomJoin": True, "room": room, "canUpdateOwnMetadata": True, **video}
    claims = {"iss": KEY, "sub": identity, "exp": int(time.time()) + 600, "video": grants}
    return jwt.encode(claims, SECRET, "HS256")


def upgrade(path: str, bearer: str = "", query: str = "") -> bytes:
    """The request for a WebSocket."""
    proof = f"Authorization: Bearer {bearer}\r\n" if bearer else ""
    return (
        f"GET {path}{query} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {'A' * 22}==\r\n{proof}\r\n"
    ).encode()


def frame(payload: bytes, kind: int = 2) -> bytes:
    """Of a client (RFC 6455 §5.2), masked by zeros. `kind`: 1 text, 2 binary."""
    size = len(payload)
    if size < 126:
        head = struct.pack("!BB", 0x80 | kind, 0x80 | size)
    elif size < 65536:
        head = struct.pack("!BBH", 0x80 | kind, 0x80 | 126, size)
    else:
        head = struct.pack("!BBQ", 0x80 | kind, 0x80 | 127, size)
    return head + bytes(4) + payload


def said(messages: Iterable[SignalRequest | WorkerMessage]) -> bytes:
    """These, as frames in a row."""
    return b"".join(frame(message.SerializeToString()) for message in messages)


def flooding(
    make: Callable[[Scene], bytes], clients: int = 1, path: str = "/rtc/v1"
) -> Callable[[Scene], list[Stream]]:
    """So many clients in one room that say this as fast as it is read."""

    def opened(scene: Scene) -> list[Stream]:
        piece = make(scene)
        return [
            Stream(
                scene.http,
                piece,
                first=upgrade(path, token(f"bad-{next(_numbers)}", agent=path == "/agent")),
                waits=True,
            )
            for _ in range(clients)
        ]

    return opened


def pings(_: Scene) -> bytes:
    """What costs least."""
    return said(SignalRequest(ping_req=Ping(timestamp=n)) for n in range(MANY))


def garbage(_: Scene) -> bytes:
    """No message at all."""
    return (frame(b"\xff" * 200) + frame(b"{" * 200, 1)) * MANY


def metadata(_: Scene) -> bytes:
    """Changes of which everybody in the room is told."""
    return said(
        SignalRequest(update_metadata=UpdateParticipantMetadata(metadata=f"{n:05}" * 100))
        for n in range(MANY)
    )


def tracks(_: Scene) -> bytes:
    """Tracks without end."""
    return said(
        SignalRequest(
            add_track=AddTrackRequest(
                cid=f"cid-{n}", type=TrackType.AUDIO, source=TrackSource.MICROPHONE
            )
        )
        for n in range(MANY)
    )


def flips(scene: Scene) -> bytes:
    """Not taking the telephones' tracks, and taking them again."""
    sids = [
        track["sid"]
        for participant in scene.exchange.participants(SHARED)
        for track in participant.get("tracks", ())
    ]
    return said(
        SignalRequest(subscription=UpdateSubscription(track_sids=sids, subscribe=bool(n % 2)))
        for n in range(MANY)
    )


_HEAD = (
    "v=0\r\no=- 1 {number} IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE {mids}\r\n"
    "a=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuvwx\r\na=setup:actpass\r\n"
    "a=fingerprint:sha-256 " + ":".join(["AB"] * 32) + "\r\n"
)
_SECTION = (
    "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=mid:{mid}\r\na=recvonly\r\n"
    "a=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\na=fmtp:111 minptime=10;useinbandfec=1\r\n"
)


def offer(number: int, sections: int = 3, least: int = 0) -> SignalRequest:
    """A good one, made longer by attributes that nobody knows."""
    mids = " ".join(map(str, range(sections)))
    text = _HEAD.format(number=number, mids=mids)
    text += "".join(_SECTION.format(mid=mid) for mid in range(sections))
    text += "a=x:y\r\n" * max(0, (least - len(text)) // 7)
    return SignalRequest(offer=SessionDescription(type="offer", sdp=text, id=number))


def offers(_: Scene) -> bytes:
    """Descriptions of a usual client."""
    return said(offer(n) for n in range(1, MANY))


def big_offers(_: Scene) -> bytes:
    """As long as they may be: of lines, and of sections."""
    return said([offer(1, least=BIG - 10), offer(2, BIG // len(_SECTION.format(mid=1000)) - 10)])


class Client:
    """One who is in a room and is sent things, without a connection for media."""

    def __init__(self, scene: Scene, identity: str, room: str = SHARED) -> None:
        self.socket = connection(scene.http)
        self.socket.settimeout(WAIT)
        self.socket.sendall(upgrade("/rtc/v1", token(identity, room)))
        head = b""
        while b"\r\n\r\n" not in head:
            octets = self.socket.recv(65536)
            if not octets:
                raise ConnectionResetError
            head += octets
        self.joined = head.startswith(b"HTTP/1.1 101")

    def listen(self) -> bool:
        """Read what is there; False when the exchange has closed it."""
        self.socket.setblocking(False)
        try:
            while self.socket.recv(1 << 18):
                pass
        except BlockingIOError:
            return True
        except OSError:
            pass
        return False


def listeners(scene: Scene, seconds: float) -> Report:
    """Clients who do nothing but read; each is to be there until the end."""
    end = time.monotonic() + seconds
    there = [Client(scene, f"listener-{n}") for n in range(LISTENERS)]
    lost = 0
    while time.monotonic() < end:
        left = [client for client in there if client.listen()]
        lost += len(there) - len(left)
        there = left
        time.sleep(0.02)
    for client in there:
        client.socket.close()
    return Report("", (f"{lost} other clients were put out",) if lost else ())


def joins(one_room: bool) -> Callable[[Scene, float], Report]:
    """One after the other joins and is gone without a word."""

    def join(scene: Scene, seconds: float) -> Report:
        end = time.monotonic() + seconds
        count = refused = 0
        base = time.monotonic_ns()
        while time.monotonic() < end:
            room = SHARED if one_room else f"room-{base}-{count}"
            try:
                client = Client(scene, f"joins-{base}-{count}", room)
            except OSError:
                refused += 1
                continue
            client.socket.close()
            count += client.joined
            refused += not client.joined
        return Report(f"{count:,} joins, {refused} refused")

    return join


def bad_tokens(scene: Scene) -> list[Stream]:
    """Requests for a WebSocket, each with a token of somebody else or with none."""
    alien = jwt.encode({"iss": "alien", "sub": "x", "exp": 1 << 32}, "k" * 40, "HS256")
    return [
        Stream(scene.http, upgrade(path, bearer) * 5)
        for path in ("/rtc", "/rtc/v1", "/agent")
        for bearer in ("", alien, "a.b.c")
    ]


def half_upgrades(scene: Scene) -> list[Stream]:
    """The begin of a request with a token that holds, an octet at a time."""
    begun = upgrade("/rtc/v1", token("half"))[:-2]
    return [Stream(scene.http, b"a", first=begun + b"X: ") for _ in range(200)]


def bombs(scene: Scene) -> list[Stream]:
    """Join requests that unpack to what nobody wants, with a token that holds."""
    packed = gzip.compress(bytes(8 << 20))
    join = WrappedJoinRequest(compression=WrappedJoinRequest.GZIP, join_request=packed)
    long = WrappedJoinRequest(join_request=JoinRequest(metadata="x" * 20_000).SerializeToString())
    made = []
    for wrapped in (join, long):
        text = base64.urlsafe_b64encode(wrapped.SerializeToString()).decode().rstrip("=")
        ask = upgrade("/rtc/v1", token("bomb"), f"?join_request={text}")
        made += [Stream(scene.http, ask) for _ in range(5)]
    return made


# --- workers ------------------------------------------------------------------------------------


def registrations(_: Scene) -> bytes:
    """One worker after the other on one socket."""
    return said(
        WorkerMessage(register=RegisterWorkerRequest(agent_name=f"bad-{n}", version="1"))
        for n in range(MANY)
    )


def answers_unasked(_: Scene) -> bytes:
    """To questions that nobody has put, after the one registration."""
    registered = WorkerMessage(register=RegisterWorkerRequest(agent_name="bad", version="1"))
    wrong = AvailabilityResponse(job_id="AJ_nobody", available=True, participant_name="x" * 5000)
    return said([registered, *[WorkerMessage(availability=wrong)] * MANY])


def worker_garbage(_: Scene) -> bytes:
    """No message."""
    return frame(b"\xff" * 200) * MANY


def silent_workers(scene: Scene, seconds: float) -> Report:
    """Workers who take every job by name "" and never answer when they are asked; and who send as
    much as a frame holds."""
    end = time.monotonic() + seconds
    held: list[socket.socket] = []
    registered = said([WorkerMessage(register=RegisterWorkerRequest(version="1"))])
    count = 0
    while time.monotonic() < end:
        try:
            sock = connection(scene.http)
            sock.settimeout(WAIT)
            sock.sendall(upgrade("/agent", token("worker", agent=True)))
            sock.recv(4096)
            sock.sendall(registered)
        except OSError:
            time.sleep(0.01)
            continue
        held.append(sock)
        count += 1
        if len(held) > 300:
            held.pop(0).close()
    for sock in held:
        sock.close()
    return Report(f"{count:,} workers")
