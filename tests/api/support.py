"""The API in process with real rooms: an ASGI client, and calls of which only notes are taken."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import jwt
from livekit.protocol.sip import SIPParticipantInfo

from hookflash.adapters.alarm import Alarm
from hookflash.adapters.clock import SystemClock
from hookflash.adapters.presets import PRESETS
from hookflash.adapters.store.store import Store
from hookflash.api.app import ApiParts, make_app
from hookflash.api.backend import unimplemented
from hookflash.base.ids import Ids
from hookflash.calls.attributes import CALL_ID
from hookflash.calls.dial_plan import dial_attributes, dial_order, dial_plan, header_options
from hookflash.calls.records import CallRecord, KeptMessages, TransferRecord
from hookflash.calls.transfers.request import TransferRequest
from hookflash.calls.trunks.table import TrunkTable
from hookflash.exchange.local_rooms import LocalParticipants, LocalRooms
from hookflash.exchange.rooms import ParticipantOwner, RoomHost
from hookflash.ports import DialRequest
from hookflash.rooms.events import RoomEvent
from hookflash.twirp.errors import prefixed

KEY, SECRET = "devkey", "secretsecretsecretsecretsecretsecret"
GRANTS = {
    "video": {"roomCreate": True, "roomList": True, "roomAdmin": True},
    "sip": {"admin": True, "call": True},
}


class RoomNotes:
    """A listener of the rooms that takes notes."""

    def __init__(self) -> None:
        self.events: list[RoomEvent] = []

    def room_events(self, events: Sequence[RoomEvent]) -> None:
        self.events += events


class FakeSip:
    """Takes notes; every transfer of a participant with a call succeeds."""

    def __init__(self, rooms: RoomHost) -> None:
        self._rooms = rooms
        self.transfers: list[TransferRequest] = []
        self.dials: list[DialRequest] = []
        self.fault: Exception | None = None
        self.up: dict[str, tuple[CallRecord, KeptMessages | None]] = {}

    async def transfer(self, request: TransferRequest) -> TransferRecord:
        participant = self._rooms.find(request.room, request.identity)
        if CALL_ID not in participant.attributes:
            raise prefixed("invalid_argument", "no SIP session associated with participant")
        self.transfers.append(request)
        if self.fault is not None:
            raise self.fault
        return TransferRecord(
            f"STR_{len(self.transfers)}",
            participant.attributes[CALL_ID],
            request.room,
            request.identity,
            request.target.asked,
            request.target.refer_to,
            request.api_key,
            request.request_id,
            1.0,
            verdict="succeeded",
        )

    async def dial(self, request: DialRequest) -> SIPParticipantInfo:
        """Makes what can be made without a network; whatever that refuses comes first."""
        self.dials.append(request)
        asked, trunk, number = request.request, request.trunk, request.number
        dial_order(asked, trunk, number, "SCL_a")
        dial_attributes(asked, trunk, dial_plan(asked, trunk, number, "SCL_a"), "")
        header_options(asked, trunk)
        raise unimplemented("CreateSIPParticipant")

    async def messages(self, call_id: str) -> tuple[CallRecord, KeptMessages | None] | None:
        return self.up.get(call_id)


@dataclass
class Answer:
    """One HTTP response."""

    status: int = 0
    headers: dict[bytes, bytes] = field(default_factory=dict)
    body: bytes = b""

    @property
    def content_type(self) -> str:
        return self.headers.get(b"content-type", b"").decode()

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def sign(grants: Mapping[str, object], **claims: object) -> str:
    """A token of the server's own key, as the SDKs make it."""
    payload = {"iss": KEY, "sub": "", "exp": int(time.time()) + 600, **grants, **claims}
    return jwt.encode(payload, SECRET, algorithm="HS256")


def all_grants(room: str = "") -> dict[str, Any]:
    """Every grant, roomAdmin for `room`."""
    return {"video": {**GRANTS["video"], "room": room}, "sip": GRANTS["sip"]}


class Client:
    """Calls an ASGI app on its own event loop."""

    def __init__(self, runner: asyncio.Runner, **settings: Any) -> None:
        self.runner = runner
        ids, clock = Ids(random.Random(7)), SystemClock()
        self.store = Store()
        self.store.start()
        self.rooms = RoomHost(clock, ids, Alarm(clock, runner.get_loop()))
        self.owners: list[ParticipantOwner] = []
        self.notes = RoomNotes()
        self.rooms.listeners.append(self.notes)
        self.sip = FakeSip(self.rooms)
        self.parts = ApiParts(
            trunks=TrunkTable(presets=PRESETS),
            store=self.store,
            ids=ids,
            rooms=LocalRooms(self.rooms),
            participants=LocalParticipants(self.rooms, self.owners),
            sip=self.sip,
            clock=clock,
            keys={KEY: SECRET},
        )
        self.app = make_app(self.parts, **settings)

    def http(
        self,
        method: str,
        path: str,
        body: bytes | list[bytes] = b"",
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """One request; a list comes as several pieces of the body."""
        return self.runner.run(self.ahttp(method, path, body, headers))

    async def ahttp(
        self,
        method: str,
        path: str,
        body: bytes | list[bytes] = b"",
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """The same inside the loop."""
        pieces = body if isinstance(body, list) else [body]
        path, _, query = path.partition("?")
        lines = [(k.lower().encode(), v.encode("latin-1")) for k, v in (headers or {}).items()]
        scope: dict[str, Any] = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": lines,
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 7880),
        }
        waiting = iter(pieces)
        left = len(pieces)
        answer = Answer()

        async def receive() -> dict[str, Any]:
            nonlocal left
            left -= 1
            piece = next(waiting, None)
            if piece is None:
                return {"type": "http.disconnect"}
            return {"type": "http.request", "body": piece, "more_body": left > 0}

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                answer.status = message["status"]
                answer.headers = dict(message["headers"])
            else:
                answer.body += message.get("body", b"")

        await self.app(scope, receive, send)
        return answer

    def call(
        self,
        method: str,
        request: Mapping[str, object] | None = None,
        *,
        room: str = "",
        grants: Mapping[str, object] | None = None,
        service: str = "SIP",
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """A Twirp call in JSON with all grants, or with `grants`."""
        return self.runner.run(
            self.acall(method, request, room=room, grants=grants, service=service, headers=headers)
        )

    async def acall(
        self,
        method: str,
        request: Mapping[str, object] | None = None,
        *,
        room: str = "",
        grants: Mapping[str, object] | None = None,
        service: str = "SIP",
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """The same inside the loop."""
        token = sign(all_grants(room) if grants is None else grants)
        lines = {
            "content-type": "application/json",
            "authorization": f"Bearer {token}",
            **(headers or {}),
        }
        body = json.dumps(request or {}).encode()
        return await self.ahttp("POST", f"/twirp/livekit.{service}/{method}", body, lines)


@contextmanager
def api(**settings: Any) -> Iterator[Client]:
    """A whole API with an empty store in memory."""
    with asyncio.Runner() as runner:
        client = Client(runner, **settings)
        yield client
        runner.run(client.store.close())
