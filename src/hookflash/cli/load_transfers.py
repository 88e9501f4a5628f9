"""Transfers of a load run: asked for by the API, of Hookflash or LiveKit, many at a time."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Final, Self

import aiohttp
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import DecodeError
from livekit import api

from ..base.text import printable
from ..calls.attributes import PHONE_NUMBER
from ..carrier.invites import written
from ..carrier.load_verdicts import TransferTold
from ..carrier.manners import CarrierManners
from ..carrier.routing import digits
from ..twirp.errors import bare
from .load_options import LoadAsked
from .transfer import target_of

RINGING: Final = 60
"""Seconds for which a target may ring."""
LOOKS: Final = 10
"""Looks at all rooms for a call that is not in one yet."""
PAUSE: Final = 0.2
"""Seconds between two of them."""
CALLED: Final = "{called}"
"""In a name of a room: the number that is called."""
SILENT: Final = (aiohttp.ClientError, TimeoutError, OSError, ValueError, KeyError, DecodeError)
"""What the library raises where no answer comes, or none of such an API."""
Place = tuple[str, str]
"""Room and identity."""


class LoadTransfers:
    """`load_runner.TransferApi`. `async with`, where a loop runs."""

    def __init__(self, access: LoadAsked, manners: CarrierManners, target: str, room: str) -> None:
        """`room`: of all calls (`LoadOrder.room`), which have LiveKit's usual identities then; "":
        they are found by their numbers."""
        self._manners = manners
        self._target = target_of(target)
        self._room = room
        # As many at a time as there are calls; the library has one host for each.
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0), timeout=aiohttp.ClientTimeout(total=10)
        )
        self._api = api.LiveKitAPI(
            access.url, access.api_key, access.api_secret, session=self._session, failover=False
        )
        self._directory = Directory(self._api)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._directory.close()
        await self._session.close()

    async def transfer(self, caller: str, dialled: str) -> TransferTold:
        """As `TransferApi` has it."""
        number = written(self._manners, caller)
        try:
            if self._room:
                room = self._room.replace(CALLED, written(self._manners, dialled))
                return await self._ask(room, f"sip_{number}")
            found = await self._directory.find(number)
            if found is None:
                return TransferTold(False, "no participant has the number of the caller")
            return await self._ask(*found)
        except api.TwirpError as error:
            return told_of(error)
        except SILENT as error:
            return TransferTold(False, f"no answer from the API ({type(error).__name__})")

    async def _ask(self, room: str, identity: str) -> TransferTold:
        request = api.TransferSIPParticipantRequest(
            room_name=room,
            participant_identity=identity,
            transfer_to=self._target,
            ringing_timeout=Duration(seconds=RINGING),
        )
        loop = asyncio.get_running_loop()
        began = loop.time()
        answer = await self._api.sip.transfer_sip_participant(request)
        return told_by(answer, loop.time() - began)


def told_by(answer: api.TransferSIPParticipantResponse, seconds: float) -> TransferTold:
    """What an answer says that came after so long; one without a word is of an older server, which
    has errors for all but success."""
    if answer.status == api.SIPTransferStatus.STS_TRANSFER_SUCCESSFUL or not answer.ByteSize():
        return TransferTold(True, seconds=seconds)
    reason = api.SIPTransferReason.Name(answer.reason)
    return TransferTold(False, f"{api.SIPTransferStatus.Name(answer.status)}, {reason}", reason)


def told_of(error: api.TwirpError) -> TransferTold:
    """What an error of the API says."""
    meta = error.metadata
    status = meta.get("sip_status_code", "")
    text = f"{status} {meta.get('sip_status', '')}".strip()
    text = text or f"{error.code}: {bare(error.message) or f'HTTP {error.status}'}"
    return TransferTold(
        False,
        printable(text),
        meta.get("sip_transfer_reason") or error.code,
        int(status) if status.isascii() and status.isdecimal() else 0,
    )


class Directory:
    """In which room each call is. One look at the rooms serves all who ask meanwhile."""

    def __init__(self, client: api.LiveKitAPI) -> None:
        self._client = client
        self._waiting: dict[str, asyncio.Future[Place | None]] = {}
        self._looks: dict[str, int] = {}
        self._seen: dict[str, int] = {}
        """Participants of rooms that have been looked into, by sid."""
        self._looking: asyncio.Task[None] | None = None

    async def find(self, number: str) -> Place | None:
        """Where the participant with this number is; None: nowhere. Raises what the API does."""
        loop = asyncio.get_running_loop()
        key = digits(number)
        future: asyncio.Future[Place | None] = loop.create_future()
        self._waiting[key] = future
        self._looks[key] = 0
        if self._looking is None:
            self._looking = loop.create_task(self._look())
        return await future

    async def close(self) -> None:
        """Nobody asks any more."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)

    async def _look(self) -> None:
        try:
            while self._waiting:
                await self._look_once()
                if self._waiting and all(self._looks[key] for key in self._waiting):
                    await asyncio.sleep(PAUSE)
        except (api.TwirpError, *SILENT) as error:
            for future in self._waiting.values():
                if not future.done():
                    future.set_exception(error)
            self._waiting.clear()
        finally:
            self._looking = None

    async def _look_once(self) -> None:
        asked = list(self._waiting)
        again = any(self._looks[key] for key in asked)
        for key in asked:
            self._looks[key] += 1
        rooms = (await self._client.room.list_rooms(api.ListRoomsRequest())).rooms
        seen, self._seen = self._seen, {room.sid: room.num_participants for room in rooms}
        for room in rooms:
            if not self._waiting:
                break
            # A room with as many participants as before is looked into once nobody else is left.
            if again or seen.get(room.sid) != room.num_participants:
                await self._look_into(room.name)
        for key in asked:
            if key in self._waiting and self._looks[key] >= LOOKS:
                self._found(key, None)

    async def _look_into(self, room: str) -> None:
        answer = await self._client.room.list_participants(api.ListParticipantsRequest(room=room))
        for one in answer.participants:
            key = digits(one.attributes.get(PHONE_NUMBER, ""))
            if key in self._waiting:
                self._found(key, (room, one.identity))

    def _found(self, key: str, place: Place | None) -> None:
        future = self._waiting.pop(key)
        del self._looks[key]
        if not future.done():
            future.set_result(place)
