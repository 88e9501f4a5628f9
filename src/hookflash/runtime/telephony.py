"""Calls of this process, as the API asks for them (`api.backend.SipBackend`)."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import structlog
from livekit.protocol.sip import SIPParticipantInfo

from ..adapters.store.messages import kept_messages
from ..base.errors import ApiError
from ..base.ids import Ids
from ..calls.headers import merge_headers
from ..calls.records import CallRecord, KeptMessages, TransferRecord, in_world_time
from ..calls.status import PREFIX
from ..calls.transfers.answers import hung_up
from ..calls.transfers.request import TransferRequest
from ..exchange.call import Call
from ..exchange.host import CallHost
from ..exchange.phone_attributes import attribute_headers_of
from ..exchange.phones import PhoneParticipants
from ..exchange.provider_target import headers_for_provider, told_to_provider
from ..exchange.rooms import RoomHost
from ..ports import DialRequest, WorldClock
from .call_records import CallRecords
from .dial_requests import DialRequests
from .requests import heard
from .transfers import RequestKey, TransferRegistry

_log = structlog.get_logger("transfers")

PATIENCE = 5.0
"""Seconds after a transfer's own time is over for which its verdict is still waited for."""


class ExchangeTelephony:
    """`api.backend.SipBackend`. Everything here raises ApiError for what it refuses."""

    def __init__(
        self,
        host: CallHost,
        phones: PhoneParticipants,
        dial_requests: DialRequests,
        rooms: RoomHost,
        transfers: TransferRegistry,
        call_records: CallRecords,
        *,
        clock: WorldClock,
        ids: Ids,
    ) -> None:
        self._host = host
        self._phones = phones
        self._dial_requests = dial_requests
        self._rooms = rooms
        self._transfers = transfers
        self._call_records = call_records
        self._clock = clock
        self._ids = ids

    async def transfer(self, request: TransferRequest) -> TransferRecord:
        """The record of a transfer that succeeded; it lives on when the request dies."""
        now = self._clock.now()
        key = (request.api_key, request.request_id, request.room, request.identity)
        try:
            meant = self._meant(now, key, request)
        except ApiError:
            if request.request_id:  # it may be the failure of an earlier request
                await self._call_records.stored()
            raise
        if isinstance(meant, TransferRecord):
            await self._call_records.stored()
            return meant
        call, request = meant
        headers = merge_headers(dict(request.headers), attribute_headers_of(call))
        request = replace(
            request,
            transfer_id=self._ids.new("STR_"),
            participant_sid=call.participant.sid if call.participant is not None else "",
            headers=headers_for_provider(self._host.parts.trunks, call, headers),
        )
        ticket, verdict = self._transfers.open(key)
        effects = call.leg.transfer(now, ticket, request)  # raised here, it is this request's 500
        self._host.drive(call, lambda _: effects)
        try:
            async with asyncio.timeout(request.ringing_timeout + PATIENCE):
                return await heard(verdict)
        except TimeoutError:  # a mistake of ours lost the ticket, and is in the log
            _log.error("transfer_unanswered", call_id=call.call_id)
            raise ApiError("internal", PREFIX + "the transfer was lost") from None

    def _meant(
        self, now: float, key: RequestKey, request: TransferRequest
    ) -> tuple[Call, TransferRequest] | TransferRecord:
        """The call to transfer, and the request as its provider is to be told; or the success that
        an earlier request with this id had.

        The caller of a pending transfer may have left already: in the second after a hang-up a
        repeated request still waits for the same verdict.
        """
        trunks = self._host.parts.trunks
        try:
            call = self._call(*key[2:])
        except ApiError:
            earlier = self._transfers.recall(now, key, request.target)
            if earlier is not None and earlier.verdict is not None:
                return earlier
            left = self._host.calls.get(earlier.call_id) if earlier is not None else None
            if left is None:
                raise
            return left, told_to_provider(trunks, left, request)
        request = told_to_provider(trunks, call, request)
        earlier = self._transfers.recall(now, key, request.target, call.call_id)
        return (call, request) if earlier is None or earlier.verdict is None else earlier

    def _call(self, room: str, identity: str) -> Call:
        """The call of a participant, found inside the server: no client can point elsewhere."""
        participant = self._rooms.find(room, identity)
        call = self._phones.call_of(participant)
        if call is None:
            raise ApiError(
                "invalid_argument", PREFIX + "no SIP session associated with participant"
            )
        if call.ended:
            raise hung_up()
        return call

    async def dial(self, request: DialRequest) -> SIPParticipantInfo:
        """CreateSIPParticipant."""
        return await self._dial_requests.dial(request)

    async def messages(self, call_id: str) -> tuple[CallRecord, KeptMessages | None] | None:
        """Of a call that is up, or whose late NOTIFYs are still waited for."""
        call = self._host.calls.get(call_id)
        if call is None:
            return None
        shift = self._clock.shift()
        kept = None if call.trace is None else kept_messages(call.trace.taken(), shift)
        return in_world_time(replace(call.record, room=call.room_name), shift), kept
