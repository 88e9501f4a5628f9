"""Trunks: the part of `livekit.SIP` that manages them (facts §2)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from heapq import merge
from itertools import islice
from typing import Any

import structlog
from google.protobuf.message import Message
from livekit.protocol import sip as proto
from livekit.protocol.sip import SIPInboundTrunkInfo, SIPOutboundTrunkInfo, SIPTrunkInfo

from ..access.grants import need_sip_admin
from ..adapters.store.ops import DeleteTrunk, PutTrunk
from ..base.errors import ApiError
from ..calls.trunks import updates
from ..calls.trunks.index import InboundEntry
from ..calls.trunks.table import PAGE, OutboundEntry, TrunkTable
from ..calls.trunks.validation import Trunk, check_new_trunk, invalid
from .catalog import Catalog, Entry, ProvisionedKind
from .context import LISTS, Context, Listing, Method
from .provisioning import Provisioning

_log = structlog.get_logger("trunks")


def warn_of_hosts(trunks: TrunkTable, made: Iterable[SIPInboundTrunkInfo]) -> None:
    """Say which of these trunks, new or of the store, let in whoever writes a name into From."""
    for trunk in made:
        hosts = trunks.trusts_from(trunk)
        if hosts:
            _log.warning(
                "allowed_hosts_from_header",
                trunk_id=trunk.sip_trunk_id,
                hosts=hosts,
                why="anybody who writes one of these into From is let in; see sip.allowed_hosts",
            )


def warn_of_providers(strange: Iterable[tuple[str, str]]) -> None:
    """Say which trunks of the store name a provider that this version does not know."""
    for trunk_id, why in strange:
        _log.warning("trunk_provider_ignored", trunk_id=trunk_id, why=why)


def trunk_missing() -> ApiError:
    """404, but not for a delete."""
    return ApiError("not_found", "requested sip trunk does not exist")


class SipTrunks:
    """Inbound and outbound trunks; what both have alike with rules is in `Catalog`."""

    def __init__(self, provisioning: Provisioning, *, hide_passwords: bool = False) -> None:
        self._trunks = provisioning.trunks
        self._shown = _without_password if hide_passwords else _as_it_is
        self._inbound = Catalog(
            provisioning, _inbound_kind(provisioning, provisioning.trunks), self._shown
        )
        self._outbound = Catalog(
            provisioning, _outbound_kind(provisioning, provisioning.trunks), self._shown
        )

    def methods(self) -> Mapping[str, Method]:
        """By their Twirp names."""
        inbound, outbound = self._inbound, self._outbound
        get_inbound = partial(
            self.get, inbound, lambda trunk: proto.GetSIPInboundTrunkResponse(trunk=trunk)
        )
        get_outbound = partial(
            self.get, outbound, lambda trunk: proto.GetSIPOutboundTrunkResponse(trunk=trunk)
        )
        return {
            "CreateSIPInboundTrunk": Method(
                proto.CreateSIPInboundTrunkRequest, self.create_inbound, need_sip_admin, LISTS
            ),
            "CreateSIPOutboundTrunk": Method(
                proto.CreateSIPOutboundTrunkRequest, outbound.create, need_sip_admin, LISTS
            ),
            "UpdateSIPInboundTrunk": Method(
                proto.UpdateSIPInboundTrunkRequest, self.update_inbound, need_sip_admin, LISTS
            ),
            "UpdateSIPOutboundTrunk": Method(
                proto.UpdateSIPOutboundTrunkRequest, outbound.update, need_sip_admin, LISTS
            ),
            "GetSIPInboundTrunk": Method(
                proto.GetSIPInboundTrunkRequest, get_inbound, need_sip_admin
            ),
            "GetSIPOutboundTrunk": Method(
                proto.GetSIPOutboundTrunkRequest, get_outbound, need_sip_admin
            ),
            "ListSIPInboundTrunk": Method(
                proto.ListSIPInboundTrunkRequest, inbound.list, need_sip_admin
            ),
            "ListSIPOutboundTrunk": Method(
                proto.ListSIPOutboundTrunkRequest, outbound.list, need_sip_admin
            ),
            "ListSIPTrunk": Method(proto.ListSIPTrunkRequest, self.list_legacy, need_sip_admin),
            "DeleteSIPTrunk": Method(proto.DeleteSIPTrunkRequest, self.delete, need_sip_admin),
        }

    async def create_inbound(self, context: Context, request: Any) -> SIPInboundTrunkInfo:
        """CreateSIPInboundTrunk."""
        trunk = await self._inbound.create(context, request)
        warn_of_hosts(self._trunks, (trunk,))
        return trunk

    async def update_inbound(self, context: Context, request: Any) -> SIPInboundTrunkInfo:
        """UpdateSIPInboundTrunk."""
        trunk = await self._inbound.update(context, request)
        warn_of_hosts(self._trunks, (trunk,))
        return trunk

    async def get(
        self,
        trunks: Catalog[Trunk, Entry],
        answer: Callable[[Trunk], Message],
        context: Context,
        request: proto.GetSIPInboundTrunkRequest | proto.GetSIPOutboundTrunkRequest,
    ) -> Message:
        """GetSIPInboundTrunk of the inbound `trunks`, GetSIPOutboundTrunk of the outbound ones."""
        need_sip_admin(context.claims)
        return answer(trunks.get(_named(request.sip_trunk_id)))

    async def list_legacy(self, context: Context, request: proto.ListSIPTrunkRequest) -> Listing:
        """ListSIPTrunk, deprecated: all trunks in the shape that they once had."""
        need_sip_admin(context.claims)
        page = request.page if request.HasField("page") else None
        trunks = merge(
            map(_legacy_inbound, map(self._shown, self._trunks.list_inbound(page=page))),
            map(_legacy_outbound, map(self._shown, self._trunks.list_outbound(page=page))),
            key=lambda trunk: trunk.sip_trunk_id,
        )
        limit = None if page is None else page.limit if page.limit > 0 else PAGE
        return Listing(proto.ListSIPTrunkResponse, islice(trunks, limit))

    async def delete(self, context: Context, request: proto.DeleteSIPTrunkRequest) -> SIPTrunkInfo:
        """DeleteSIPTrunk: the same answer whether or not it was there."""
        need_sip_admin(context.claims)
        trunk_id = _named(request.sip_trunk_id)
        if await self._inbound.discard(context, trunk_id) is None:
            await self._outbound.discard(context, trunk_id)
        return SIPTrunkInfo(sip_trunk_id=trunk_id)


def _inbound_kind(
    provisioning: Provisioning, trunks: TrunkTable
) -> ProvisionedKind[SIPInboundTrunkInfo, InboundEntry]:
    return ProvisionedKind(
        name="inbound trunk",
        id_field="sip_trunk_id",
        missing_id="trunk id must be set",
        missing=trunk_missing,
        new_id=partial(_new_id, provisioning),
        table=trunks.inbound,
        stored=trunks.inbound_trunk,
        put=trunks.put_inbound,
        new=lambda request: check_new_trunk(request.trunk if request.HasField("trunk") else None),
        replace=updates.replace_trunk,
        update=updates.update_inbound,
        find=lambda request, page: trunks.list_inbound(request.trunk_ids, request.numbers, page),
        listed=proto.ListSIPInboundTrunkResponse,
        put_op=lambda ident, data: PutTrunk(ident, "inbound", data),
        delete_op=DeleteTrunk,
    )


def _outbound_kind(
    provisioning: Provisioning, trunks: TrunkTable
) -> ProvisionedKind[SIPOutboundTrunkInfo, OutboundEntry]:
    return ProvisionedKind(
        name="outbound trunk",
        id_field="sip_trunk_id",
        missing_id="trunk id must be set",
        missing=trunk_missing,
        new_id=partial(_new_id, provisioning),
        table=trunks.outbound,
        stored=trunks.outbound_trunk,
        put=trunks.put_outbound,
        new=lambda request: check_new_trunk(request.trunk if request.HasField("trunk") else None),
        replace=updates.replace_trunk,
        update=updates.update_outbound,
        find=lambda request, page: trunks.list_outbound(request.trunk_ids, request.numbers, page),
        listed=proto.ListSIPOutboundTrunkResponse,
        put_op=lambda ident, data: PutTrunk(ident, "outbound", data),
        delete_op=DeleteTrunk,
    )


def _new_id(provisioning: Provisioning) -> str:
    """One that no trunk of either kind has."""
    inbound, outbound = provisioning.trunks.inbound, provisioning.trunks.outbound
    return provisioning.new_id("ST_", lambda ident: ident in inbound or ident in outbound)


def _named(trunk_id: str) -> str:
    if not trunk_id:
        raise invalid("trunk ID is required")
    return trunk_id


def _as_it_is(trunk: Trunk) -> Trunk:
    return trunk


def _without_password(trunk: Trunk) -> Trunk:
    if not trunk.auth_password:
        return trunk
    shown = type(trunk)()
    shown.CopyFrom(trunk)
    shown.auth_password = ""
    return shown


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
