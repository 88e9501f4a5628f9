"""`GET /hookflash/transfers…`, `GET /hookflash/calls…` and `GET /hookflash/audit`: what is stored,
as JSON (transfer.md §7, calls.md §6); with `/sip` behind the id, the SIP messages of the call."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any, TypeVar

import structlog
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ..access.grants import Claims, need_room_admin, need_sip_admin, need_sip_call
from ..adapters.store.records import call_dict, transfer_dict
from ..adapters.store.sql import Page
from ..adapters.store.store import Store
from ..base.errors import ApiError, StoreError
from ..calls.records import CallRecord, KeptMessage, TransferRecord
from ..sip.flow import Address
from ..twirp.errors import body as error_body
from ..twirp.errors import http_status
from .backend import SipBackend

CLAIMS = "hookflash.claims"
"""Where the app puts the verified claims into the ASGI scope."""
DEFAULT_LIMIT = 100
NONE_KEPT = (
    "no SIP messages are kept of this call: it is older than sip.keep_messages, or that is 0, or "
    "the server crashed meanwhile; set it, and calls from then on have theirs"
)

_log = structlog.get_logger("api")

Answer = Callable[[Request, Claims | None], Awaitable[Any]]
Record = TypeVar("Record", TransferRecord, CallRecord)


class Records:
    """Transfers and calls need sip.call and roomAdmin of the room; without a room, sip.call and
    sip.admin. The audit needs sip.admin."""

    def __init__(self, store: Store, sip: SipBackend) -> None:
        self._store = store
        self._sip = sip

    def routes(self) -> list[Route]:
        """For Starlette."""
        return [
            Route("/hookflash/transfers", endpoint(self.transfers)),
            Route("/hookflash/transfers/{ident}", endpoint(self.transfer)),
            Route("/hookflash/transfers/{ident}/sip", endpoint(self.transfer_messages)),
            Route("/hookflash/calls", endpoint(self.calls)),
            Route("/hookflash/calls/{ident}", endpoint(self.call)),
            Route("/hookflash/calls/{ident}/sip", endpoint(self.call_messages)),
            Route("/hookflash/audit", endpoint(self.audit)),
        ]

    async def transfers(self, request: Request, claims: Claims | None) -> Any:
        """Newest first: `{"transfers": […]}`."""
        return {"transfers": await _page_of(self._store.transfers, transfer_dict, request, claims)}

    async def transfer(self, request: Request, claims: Claims | None) -> Any:
        """One transfer."""
        return await _one_of(self._store.transfer, transfer_dict, "transfer", request, claims)

    async def calls(self, request: Request, claims: Claims | None) -> Any:
        """Newest first: `{"calls": […]}`."""
        return {"calls": await _page_of(self._store.calls, call_dict, request, claims)}

    async def call(self, request: Request, claims: Claims | None) -> Any:
        """One call."""
        return await _one_of(self._store.call, call_dict, "call", request, claims)

    async def call_messages(self, request: Request, claims: Claims | None) -> Any:
        """The SIP messages of a call, those so far of one that is up."""
        need_sip_call(claims)
        return await self._messages(request.path_params["ident"], claims, "call")

    async def transfer_messages(self, request: Request, claims: Claims | None) -> Any:
        """The same of the call that was transferred."""
        need_sip_call(claims)
        record = await self._store.transfer(request.path_params["ident"])
        if record is None:
            raise ApiError("not_found", "transfer does not exist")
        need_room_admin(claims, record.room)
        return await self._messages(record.call_id, None, "the transfer's call", checked=True)

    async def _messages(
        self, call_id: str, claims: Claims | None, what: str, *, checked: bool = False
    ) -> dict[str, Any]:
        """`checked`: who asks may see them."""
        up = await self._sip.messages(call_id)
        record, kept = up if up is not None else (await self._store.call(call_id), None)
        if record is None:
            raise ApiError("not_found", f"{what} does not exist")
        if not checked:
            need_room_admin(claims, record.room)
        if up is None:
            kept = await self._store.messages(call_id)
        if kept is None:
            raise ApiError("not_found", NONE_KEPT)
        return {
            "call_id": record.call_id,
            "sip_call_id": record.sip_call_id,
            "live": record.ended_at is None,
            "dropped": kept.dropped,
            "messages": [message_dict(message) for message in kept.messages],
        }

    async def audit(self, request: Request, claims: Claims | None) -> Any:
        """Who changed what, newest first: `{"audit": […]}`."""
        need_sip_admin(claims)
        found = await self._store.audit(_page(request, request.query_params.get("subject")))
        return {"audit": [asdict(line) for line in found]}


def message_dict(message: KeptMessage) -> dict[str, Any]:
    """As the API shows it. `text` is for people; `data` has the very octets, in base64, where they
    are no UTF-8."""
    shown = {
        "at": message.at,
        "direction": "received" if message.received else "sent",
        "transport": message.transport,
        "local": _address(message.local),
        "remote": _address(message.remote),
    }
    try:
        return {**shown, "text": message.data.decode()}
    except UnicodeDecodeError:
        text = message.data.decode("utf-8", "replace")
        return {**shown, "text": text, "data": b64encode(message.data).decode()}


def _address(address: Address) -> str:
    ip, port = address
    return f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}"


async def _page_of(
    read: Callable[[Page], Awaitable[list[Record]]],
    shown: Callable[[Record], dict[str, Any]],
    request: Request,
    claims: Claims | None,
) -> list[dict[str, Any]]:
    """Those of the room that is named, or of all."""
    need_sip_call(claims)
    room = request.query_params.get("room")
    if room:
        need_room_admin(claims, room)
    else:
        need_sip_admin(claims)
    return [shown(record) for record in await read(_page(request, room))]


async def _one_of(
    read: Callable[[str], Awaitable[Record | None]],
    shown: Callable[[Record], dict[str, Any]],
    name: str,
    request: Request,
    claims: Claims | None,
) -> dict[str, Any]:
    """The one whose id ends the path."""
    need_sip_call(claims)
    record = await read(request.path_params["ident"])
    if record is None:
        raise ApiError("not_found", f"{name} does not exist")
    need_room_admin(claims, record.room)
    return shown(record)


def _page(request: Request, of: str | None) -> Page:
    query = request.query_params
    limit = query.get("limit") or str(DEFAULT_LIMIT)
    if not (limit.isascii() and limit.isdigit() and len(limit) < 10 and int(limit)):
        raise ApiError("invalid_argument", "limit must be a positive number")
    return Page(of or None, int(limit), query.get("before", ""))


def endpoint(answer: Answer) -> Callable[[Request], Awaitable[Response]]:
    """A route of Starlette that answers JSON, or the refusal that `answer` raises."""

    async def respond(request: Request) -> Response:
        try:
            return JSONResponse(await answer(request, request.scope.get(CLAIMS)))
        except StoreError as error:
            _log.error("records_unreadable", path=request.url.path, why=str(error))
            return _refusal(ApiError("internal", "the records could not be read"))
        except ApiError as error:
            return _refusal(error)

    return respond


def _refusal(error: ApiError) -> Response:
    return Response(error_body(error), http_status(error.code), media_type="application/json")
