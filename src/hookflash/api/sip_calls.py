"""Calls: the part of `livekit.SIP` that transfers and places them (facts §3.1, §5.2)."""

from __future__ import annotations

from collections.abc import Mapping

from livekit.protocol import sip as proto
from livekit.protocol.sip import SIPOutboundTrunkInfo

from ..access.grants import need_room_admin, need_sip_call, need_transfer
from ..base.ids import Ids
from ..calls.dial_request import check_dial
from ..calls.headers import check_headers
from ..calls.transfers.answers import success
from ..calls.transfers.request import TransferRequest
from ..calls.transfers.transfer import ringing_timeout
from ..calls.trunks.media_config import seconds
from ..calls.trunks.table import TrunkTable
from ..ports import DialRequest
from ..rooms.rules import check_attributes
from ..sip.refer import parse_target
from ..twirp.errors import prefixed
from .backend import SipBackend
from .context import TEXTS, Context, Method
from .sip_trunks import trunk_missing


class SipCalls:
    """TransferSIPParticipant and CreateSIPParticipant."""

    def __init__(self, trunks: TrunkTable, ids: Ids, sip: SipBackend) -> None:
        self._trunks = trunks
        self._ids = ids
        self._sip = sip

    def methods(self) -> Mapping[str, Method]:
        """By their Twirp names."""
        return {
            "TransferSIPParticipant": Method(
                proto.TransferSIPParticipantRequest, self.transfer, need_transfer
            ),
            "CreateSIPParticipant": Method(
                proto.CreateSIPParticipantRequest, self.dial, need_sip_call, TEXTS
            ),
        }

    async def transfer(
        self, context: Context, request: proto.TransferSIPParticipantRequest
    ) -> proto.TransferSIPParticipantResponse:
        """TransferSIPParticipant. The order of the checks is LiveKit's (facts §3.1), room and
        identity before the grants included."""
        if not request.room_name:
            raise prefixed("invalid_argument", "Missing room name")
        if not request.participant_identity:
            raise prefixed("invalid_argument", "Missing participant identity")
        need_sip_call(context.claims)
        claims = need_room_admin(context.claims, request.room_name)
        target = parse_target(request.transfer_to)
        check_headers(request.headers)
        asked = seconds(request.ringing_timeout) if request.HasField("ringing_timeout") else None
        order = TransferRequest(
            room=request.room_name,
            identity=request.participant_identity,
            target=target,
            headers=tuple(sorted(request.headers.items())),
            play_dialtone=request.play_dialtone,
            ringing_timeout=ringing_timeout(asked),
            wait=context.wait,
            api_key=claims.api_key,
            request_id=context.request_id,
        )
        return success(await self._sip.transfer(order))

    async def dial(
        self, context: Context, request: proto.CreateSIPParticipantRequest
    ) -> proto.SIPParticipantInfo:
        """CreateSIPParticipant."""
        claims = need_sip_call(context.claims)
        check_dial(request)
        check_attributes(request.participant_attributes)
        trunk = self._trunk(request)
        number = request.sip_number
        if not number:
            if not trunk.numbers:
                raise prefixed("failed_precondition", "no numbers on outbound trunk")
            number = trunk.numbers[self._ids.number(31) % len(trunk.numbers)]
        order = DialRequest(
            request, trunk, number, context.wait, claims.api_key, context.request_id
        )
        return await self._sip.dial(order)

    def _trunk(self, request: proto.CreateSIPParticipantRequest) -> SIPOutboundTrunkInfo:
        """The stored trunk wins over the inline one, whose from_host fills a gap."""
        inline = request.trunk
        if not request.sip_trunk_id:
            return SIPOutboundTrunkInfo(
                address=inline.hostname,
                destination_country=inline.destination_country,
                transport=inline.transport,
                auth_username=inline.auth_username,
                auth_password=inline.auth_password,
                headers_to_attributes=inline.headers_to_attributes,
                attributes_to_headers=inline.attributes_to_headers,
                from_host=inline.from_host,
            )
        stored = self._trunks.outbound_trunk(request.sip_trunk_id)
        if stored is None:
            raise trunk_missing()
        if stored.from_host or not inline.from_host:
            return stored
        trunk = SIPOutboundTrunkInfo()
        trunk.CopyFrom(stored)
        trunk.from_host = inline.from_host
        return trunk
