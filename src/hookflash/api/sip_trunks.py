"""Trunks: the part of `livekit.SIP` that manages them (facts §2)."""

from __future__ import annotations

from collections.abc import Mapping
from heapq import merge
from itertools import islice

from livekit.protocol import sip as proto
from livekit.protocol.sip import SIPInboundTrunkInfo, SIPOutboundTrunkInfo, SIPTrunkInfo

from ..access.grants import need_sip_admin
from ..adapters.store_ops import DeleteTrunk, PutTrunk
from ..base.errors import ApiError
from ..calls.trunks import updates
from ..calls.trunks.book import PAGE
from ..calls.trunks.validation import check_new_inbound, check_new_outbound, invalid
from .context import Context, Method
from .ledger import Ledger, stamp_change, stamp_new


def trunk_missing() -> ApiError:
    """404, but not for a delete."""
    return ApiError("not_found", "requested sip trunk does not exist")


class SipTrunks:
    """Inbound and outbound trunks. Messages in the book are never changed, so they are answered
    as they are."""

    def __init__(self, ledger: Ledger, *, hide_passwords: bool = False) -> None:
        self._ledger = ledger
        self._book = ledger.book
        self._hide = hide_passwords

    def methods(self) -> Mapping[str, Method]:
        """By their Twirp names."""
        return {
            "CreateSIPInboundTrunk": Method(
                proto.CreateSIPInboundTrunkRequest, self.create_inbound
            ),
            "CreateSIPOutboundTrunk": Method(
                proto.CreateSIPOutboundTrunkRequest, self.create_outbound
            ),
            "UpdateSIPInboundTrunk": Method(
                proto.UpdateSIPInboundTrunkRequest, self.update_inbound
            ),
            "UpdateSIPOutboundTrunk": Method(
                proto.UpdateSIPOutboundTrunkRequest, self.update_outbound
            ),
            "GetSIPInboundTrunk": Method(proto.GetSIPInboundTrunkRequest, self.get_inbound),
            "GetSIPOutboundTrunk": Method(proto.GetSIPOutboundTrunkRequest, self.get_outbound),
            "ListSIPInboundTrunk": Method(proto.ListSIPInboundTrunkRequest, self.list_inbound),
            "ListSIPOutboundTrunk": Method(proto.ListSIPOutboundTrunkRequest, self.list_outbound),
            "ListSIPTrunk": Method(proto.ListSIPTrunkRequest, self.list_legacy),
            "DeleteSIPTrunk": Method(proto.DeleteSIPTrunkRequest, self.delete),
        }

    # --- create -----------------------------------------------------------------------------

    async def create_inbound(
        self, context: Context, request: proto.CreateSIPInboundTrunkRequest
    ) -> SIPInboundTrunkInfo:
        """CreateSIPInboundTrunk."""
        need_sip_admin(context.claims)
        trunk = check_new_inbound(request.trunk if request.HasField("trunk") else None)
        trunk.sip_trunk_id = self._new_id()
        stamp_new(trunk, context.now)
        await self._put_inbound(context, trunk, "create inbound trunk")
        return self._inbound(trunk)

    async def create_outbound(
        self, context: Context, request: proto.CreateSIPOutboundTrunkRequest
    ) -> SIPOutboundTrunkInfo:
        """CreateSIPOutboundTrunk."""
        need_sip_admin(context.claims)
        trunk = check_new_outbound(request.trunk if request.HasField("trunk") else None)
        trunk.sip_trunk_id = self._new_id()
        stamp_new(trunk, context.now)
        await self._put_outbound(context, trunk, "create outbound trunk")
        return self._outbound(trunk)

    # --- update and replace -----------------------------------------------------------------

    async def update_inbound(
        self, context: Context, request: proto.UpdateSIPInboundTrunkRequest
    ) -> SIPInboundTrunkInfo:
        """UpdateSIPInboundTrunk."""
        need_sip_admin(context.claims)
        trunk_id = _id_to_update(request.sip_trunk_id)
        async with self._ledger.changing(trunk_id):
            action = request.WhichOneof("action")
            _need_action(action)
            former = self._book.inbound_trunk(trunk_id)
            if action == "replace":
                new = updates.replace_inbound(trunk_id, request.replace)
            if former is None:
                raise trunk_missing()
            if action == "update":
                new = updates.update_inbound(former, request.update)
            stamp_change(new, former, context.now)
            await self._put_inbound(context, new, f"{action} inbound trunk")
        return self._inbound(new)

    async def update_outbound(
        self, context: Context, request: proto.UpdateSIPOutboundTrunkRequest
    ) -> SIPOutboundTrunkInfo:
        """UpdateSIPOutboundTrunk."""
        need_sip_admin(context.claims)
        trunk_id = _id_to_update(request.sip_trunk_id)
        async with self._ledger.changing(trunk_id):
            action = request.WhichOneof("action")
            _need_action(action)
            former = self._book.outbound_trunk(trunk_id)
            if action == "replace":
                new = updates.replace_outbound(trunk_id, request.replace)
            if former is None:
                raise trunk_missing()
            if action == "update":
                new = updates.update_outbound(former, request.update)
            stamp_change(new, former, context.now)
            await self._put_outbound(context, new, f"{action} outbound trunk")
        return self._outbound(new)

    # --- get and list -----------------------------------------------------------------------

    async def get_inbound(
        self, context: Context, request: proto.GetSIPInboundTrunkRequest
    ) -> proto.GetSIPInboundTrunkResponse:
        """GetSIPInboundTrunk."""
        need_sip_admin(context.claims)
        trunk = self._book.inbound_trunk(_id_to_get(request.sip_trunk_id))
        if trunk is None:
            raise trunk_missing()
        return proto.GetSIPInboundTrunkResponse(trunk=self._inbound(trunk))

    async def get_outbound(
        self, context: Context, request: proto.GetSIPOutboundTrunkRequest
    ) -> proto.GetSIPOutboundTrunkResponse:
        """GetSIPOutboundTrunk."""
        need_sip_admin(context.claims)
        trunk = self._book.outbound_trunk(_id_to_get(request.sip_trunk_id))
        if trunk is None:
            raise trunk_missing()
        return proto.GetSIPOutboundTrunkResponse(trunk=self._outbound(trunk))

    async def list_inbound(
        self, context: Context, request: proto.ListSIPInboundTrunkRequest
    ) -> proto.ListSIPInboundTrunkResponse:
        """ListSIPInboundTrunk."""
        need_sip_admin(context.claims)
        page = request.page if request.HasField("page") else None
        found = self._book.list_inbound(request.trunk_ids, request.numbers, page)
        return proto.ListSIPInboundTrunkResponse(items=map(self._inbound, found))

    async def list_outbound(
        self, context: Context, request: proto.ListSIPOutboundTrunkRequest
    ) -> proto.ListSIPOutboundTrunkResponse:
        """ListSIPOutboundTrunk."""
        need_sip_admin(context.claims)
        page = request.page if request.HasField("page") else None
        found = self._book.list_outbound(request.trunk_ids, request.numbers, page)
        return proto.ListSIPOutboundTrunkResponse(items=map(self._outbound, found))

    async def list_legacy(
        self, context: Context, request: proto.ListSIPTrunkRequest
    ) -> proto.ListSIPTrunkResponse:
        """ListSIPTrunk, deprecated: all trunks in the shape that they once had."""
        need_sip_admin(context.claims)
        page = request.page if request.HasField("page") else None
        trunks = merge(
            map(_legacy_inbound, map(self._inbound, self._book.list_inbound(page=page))),
            map(_legacy_outbound, map(self._outbound, self._book.list_outbound(page=page))),
            key=lambda trunk: trunk.sip_trunk_id,
        )
        limit = None if page is None else page.limit if page.limit > 0 else PAGE
        return proto.ListSIPTrunkResponse(items=islice(trunks, limit))

    # --- delete -----------------------------------------------------------------------------

    async def delete(self, context: Context, request: proto.DeleteSIPTrunkRequest) -> SIPTrunkInfo:
        """DeleteSIPTrunk: the same answer whether or not it was there."""
        need_sip_admin(context.claims)
        trunk_id = _id_to_get(request.sip_trunk_id)
        async with self._ledger.changing(trunk_id):
            if trunk_id in self._book.inbound:
                await self._ledger.store(
                    context,
                    self._book.inbound,
                    self._book.inbound.remove(trunk_id),
                    DeleteTrunk(trunk_id),
                    "delete inbound trunk",
                )
            elif trunk_id in self._book.outbound:
                await self._ledger.store(
                    context,
                    self._book.outbound,
                    self._book.outbound.remove(trunk_id),
                    DeleteTrunk(trunk_id),
                    "delete outbound trunk",
                )
        return SIPTrunkInfo(sip_trunk_id=trunk_id)

    # --- inside -----------------------------------------------------------------------------

    def _new_id(self) -> str:
        inbound, outbound = self._book.inbound, self._book.outbound
        return self._ledger.new_id("ST_", lambda ident: ident in inbound or ident in outbound)

    async def _put_inbound(self, context: Context, trunk: SIPInboundTrunkInfo, action: str) -> None:
        change = self._book.put_inbound(trunk)
        op = PutTrunk(trunk.sip_trunk_id, "inbound", trunk.SerializeToString())
        await self._ledger.store(context, self._book.inbound, change, op, action)

    async def _put_outbound(
        self, context: Context, trunk: SIPOutboundTrunkInfo, action: str
    ) -> None:
        change = self._book.put_outbound(trunk)
        op = PutTrunk(trunk.sip_trunk_id, "outbound", trunk.SerializeToString())
        await self._ledger.store(context, self._book.outbound, change, op, action)

    def _inbound(self, trunk: SIPInboundTrunkInfo) -> SIPInboundTrunkInfo:
        if not (self._hide and trunk.auth_password):
            return trunk
        shown = SIPInboundTrunkInfo()
        shown.CopyFrom(trunk)
        shown.auth_password = ""
        return shown

    def _outbound(self, trunk: SIPOutboundTrunkInfo) -> SIPOutboundTrunkInfo:
        if not (self._hide and trunk.auth_password):
            return trunk
        shown = SIPOutboundTrunkInfo()
        shown.CopyFrom(trunk)
        shown.auth_password = ""
        return shown


def _id_to_update(trunk_id: str) -> str:
    if not trunk_id:
        raise invalid("trunk id must be set")
    return trunk_id


def _id_to_get(trunk_id: str) -> str:
    if not trunk_id:
        raise invalid("trunk ID is required")
    return trunk_id


def _need_action(action: str | None) -> None:
    if action is None:
        raise invalid("missing or unsupported update action")


def _legacy_inbound(trunk: SIPInboundTrunkInfo) -> SIPTrunkInfo:
    return SIPTrunkInfo(
        sip_trunk_id=trunk.sip_trunk_id,
        kind=SIPTrunkInfo.TrunkKind.TRUNK_INBOUND,
        inbound_addresses=trunk.allowed_addresses,
        outbound_number=trunk.numbers[0] if trunk.numbers else "",
        inbound_numbers=trunk.allowed_numbers,
        inbound_username=trunk.auth_username,
        inbound_password=trunk.auth_password,
        name=trunk.name,
        metadata=trunk.metadata,
    )


def _legacy_outbound(trunk: SIPOutboundTrunkInfo) -> SIPTrunkInfo:
    return SIPTrunkInfo(
        sip_trunk_id=trunk.sip_trunk_id,
        kind=SIPTrunkInfo.TrunkKind.TRUNK_OUTBOUND,
        outbound_address=trunk.address,
        outbound_number=trunk.numbers[0] if trunk.numbers else "",
        transport=trunk.transport,
        outbound_username=trunk.auth_username,
        outbound_password=trunk.auth_password,
        name=trunk.name,
        metadata=trunk.metadata,
    )
