"""What the API does alike for inbound trunks, outbound trunks and dispatch rules: create, update,
replace, list and delete, in LiveKit's order of checks (facts §2.2 to §2.4)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Generic, Literal, TypeVar

from google.protobuf.message import Message
from livekit.protocol.models import Pagination
from livekit.protocol.sip import SIPDispatchRuleInfo, SIPInboundTrunkInfo, SIPOutboundTrunkInfo

from ..access.grants import need_sip_admin
from ..adapters.store.ops import StoreOp
from ..base.errors import ApiError
from ..base.light import light_dataclass
from ..calls.trunks.indexed_table import Change, IndexedTable, Shelved
from ..calls.trunks.validation import invalid
from .context import Context, Listing
from .provisioning import Provisioning, stamp_change, stamp_new

Info = TypeVar("Info", SIPInboundTrunkInfo, SIPOutboundTrunkInfo, SIPDispatchRuleInfo)
Entry = TypeVar("Entry", bound=Shelved)


@light_dataclass(frozen=True, slots=True)
class ProvisionedKind(Generic[Info, Entry]):
    """One of the three kinds: where its things are kept, and what differs from the others.

    `new` and `find` speak the request messages of their methods.
    """

    name: str
    """For the audit: `inbound trunk`."""
    id_field: Literal["sip_trunk_id", "sip_dispatch_rule_id"]
    """Of the thing itself and of the requests that name one."""
    missing_id: str
    """The text for an update without an id."""
    missing: Callable[[], ApiError]
    """There is none with this id."""
    new_id: Callable[[], str]
    table: IndexedTable[Entry]
    stored: Callable[[str], Info | None]
    put: Callable[[Info], Change[Entry]]
    """Into the book; raises ApiError for a conflict."""
    new: Callable[[Any], Info]
    """The checked thing of a create request; raises ApiError."""
    replace: Callable[[str, Info], Info]
    update: Callable[[Info, Any], Info]
    find: Callable[[Any, Pagination | None], Iterator[Info]]
    """What a list request asks for."""
    listed: type[Message]
    """The response with `items`."""
    put_op: Callable[[str, bytes], StoreOp]
    delete_op: Callable[[str], StoreOp]


class Catalog(Generic[Info, Entry]):
    """The methods of one kind. Messages in the book are never changed, so they are answered as
    they are, or as `shown` makes them."""

    def __init__(
        self,
        provisioning: Provisioning,
        kind: ProvisionedKind[Info, Entry],
        shown: Callable[[Info], Info] = lambda info: info,
    ) -> None:
        self._provisioning = provisioning
        self._kind: ProvisionedKind[Info, Entry] = kind
        self._shown: Callable[[Info], Info] = shown

    async def create(self, context: Context, request: Any) -> Info:
        """Create…: under a new id, with both times."""
        need_sip_admin(context.claims)
        info = self._kind.new(request)
        setattr(info, self._kind.id_field, self._kind.new_id())
        stamp_new(info, context.at)
        await self._put(context, info, "create")
        return self._shown(info)

    async def update(self, context: Context, request: Any) -> Info:
        """Update…: `update` changes what is present, `replace` all but the id."""
        need_sip_admin(context.claims)
        kind = self._kind
        ident: str = getattr(request, kind.id_field)
        if not ident:
            raise invalid(kind.missing_id)
        action = request.WhichOneof("action")
        if action is None:
            raise invalid("missing or unsupported update action")
        async with self._provisioning.changing(ident):
            former = kind.stored(ident)
            if action == "replace":
                new = kind.replace(ident, request.replace)
            if former is None:
                raise kind.missing()
            if action == "update":
                new = kind.update(former, request.update)
            stamp_change(new, former, context.at)
            await self._put(context, new, action)
        return self._shown(new)

    def get(self, ident: str) -> Info:
        """The one with this id. Raises ApiError."""
        info = self._kind.stored(ident)
        if info is None:
            raise self._kind.missing()
        return self._shown(info)

    async def list(self, context: Context, request: Any) -> Listing:
        """List…: those that the request names, a page of them or all, in order of their ids."""
        need_sip_admin(context.claims)
        page = request.page if request.HasField("page") else None
        return Listing(self._kind.listed, map(self._shown, self._kind.find(request, page)))

    async def discard(self, context: Context, ident: str) -> Info | None:
        """Delete the one with this id and return it; None: there is none."""
        kind = self._kind
        async with self._provisioning.changing(ident):
            info = kind.stored(ident)
            if info is not None:
                change, op = kind.table.remove(ident), kind.delete_op(ident)
                action = f"delete {kind.name}"
                await self._provisioning.store(context, kind.table, change, op, action, info.name)
        return info

    async def _put(self, context: Context, info: Info, action: str) -> None:
        kind = self._kind
        change = kind.put(info)
        op = kind.put_op(change.ident, info.SerializeToString())
        done = f"{action} {kind.name}"
        await self._provisioning.store(context, kind.table, change, op, done, info.name)
