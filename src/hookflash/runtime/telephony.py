"""The exchange as the API sees it (`api.backend.Telephony`)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import replace

import structlog
from livekit.protocol.sip import SIPParticipantInfo

from ..base.errors import ApiError
from ..calls.headers import merge_headers
from ..calls.records import TransferRecord
from ..calls.status import PREFIX
from ..calls.transfers.answers import hung_up
from ..calls.transfers.request import TransferRequest
from ..ports import DialRequest
from ..rooms.events import RoomEvent
from ..sip.refer import ReferTarget
from . import rpc
from .call import Call
from .exchange import Exchange
from .phone_attributes import attribute_headers_of
from .transfers import RequestKey

_log = structlog.get_logger("transfers")

PATIENCE = 5.0
"""Seconds after a transfer's own time is over for which its verdict is still waited for."""


class ExchangeTelephony:
    """Everything here raises ApiError for what it refuses."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._parts = exchange.parts

    def tell(self, events: Iterable[RoomEvent]) -> None:
        """Perform what an input to the rooms returned."""
        self._exchange.phones.tell(events)

    async def transfer(self, request: TransferRequest) -> TransferRecord:
        """The record of a transfer that succeeded; it lives on when the request dies."""
        parts = self._parts
        now = parts.clock.now()
        key = (request.api_key, request.request_id, request.room, request.identity)
        try:
            call = self._meant(now, key, request.target)
        except ApiError:
            if request.request_id:  # it may be the failure of an earlier request
                await parts.call_records.stored()
            raise
        if isinstance(call, TransferRecord):
            await parts.call_records.stored()
            return call
        request = replace(
            request,
            transfer_id=parts.ids.new("STR_"),
            participant_sid=call.participant.sid if call.participant is not None else "",
            headers=merge_headers(dict(request.headers), attribute_headers_of(call)),
        )
        ticket, verdict = parts.transfers.open(key)
        effects = call.leg.transfer(now, ticket, request)  # raised here, it is this request's 500
        self._exchange.drive(call, lambda _: effects)
        try:
            async with asyncio.timeout(request.ringing_timeout + PATIENCE):
                return await verdict
        except TimeoutError:  # a mistake of ours lost the ticket, and is in the log
            _log.error("transfer_unanswered", call_id=call.call_id)
            raise ApiError("internal", PREFIX + "the transfer was lost") from None

    def _meant(self, now: float, key: RequestKey, target: ReferTarget) -> Call | TransferRecord:
        """The call to transfer, or the success that an earlier request with this id had.

        The caller of a pending transfer may have left already: in the second after a hang-up a
        repeated request still waits for the same verdict.
        """
        transfers = self._parts.transfers
        try:
            call = self._call(*key[2:])
        except ApiError:
            earlier = transfers.recall(now, key, target)
            if earlier is not None and earlier.verdict is not None:
                return earlier
            left = self._exchange.calls.get(earlier.call_id) if earlier is not None else None
            if left is None:
                raise
            return left
        earlier = transfers.recall(now, key, target, call.call_id)
        return call if earlier is None or earlier.verdict is None else earlier

    def _call(self, room: str, identity: str) -> Call:
        """The call of a participant, found inside the server: no client can point elsewhere."""
        participant = self._parts.rooms.find(room, identity)
        call = self._exchange.phones.call_of(participant)
        if call is None:
            raise ApiError(
                "invalid_argument", PREFIX + "no SIP session associated with participant"
            )
        if call.ended:
            raise hung_up()
        return call

    async def dial(self, request: DialRequest) -> SIPParticipantInfo:
        """CreateSIPParticipant."""
        return await self._exchange.dialer.dial(request)

    async def move(self, room: str, identity: str, destination: str) -> None:
        """MoveParticipant: the caller keeps the call, and is in another room at once."""
        call = self._phone(room, identity)
        if call is None:
            raise ApiError("unknown", "not implemented")  # as LiveKit's own server
        transferor = call.leg.transferor
        if transferor is not None and transferor.pending:
            raise ApiError("failed_precondition", PREFIX + "transfer in progress")
        self._exchange.phones.move(call, destination)

    async def perform_rpc(
        self, room: str, identity: str, method: str, payload: str, wait: float
    ) -> str:
        """PerformRpc; a phone answers at once."""
        call = self._phone(room, identity)
        if call is None:
            raise rpc.not_connected()
        if method == rpc.GET_REMOTE_HEADERS:
            return rpc.remote_headers(call.remote_headers, rpc.arguments(payload))
        if method != rpc.END_CALL:
            raise rpc.unsupported_method()
        headers = rpc.bye_headers(rpc.arguments(payload))
        self._exchange.drive(call, lambda now: call.leg.hangup(now, "ended by RPC", headers))
        return "{}"

    def _phone(self, room: str, identity: str) -> Call | None:
        """The call of a participant, which must be there; None where it is no phone."""
        participant = self._parts.rooms.reach(room, identity)
        return self._exchange.phones.call_of(participant)
