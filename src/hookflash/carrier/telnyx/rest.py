"""Requests of Telnyx's REST, and what is answered. Pure: no socket, no clock.

api.telnyx.com/v2: fqdn_connections, fqdns, outbound_voice_profiles, phone_numbers. A request that
is refused has Telnyx's error body.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from typing import Any, Final

from ..rest.messages import RestAnswer, RestRequest
from . import shown
from .account import (
    CONNECTION,
    FQDN,
    KINDS,
    NUMBER,
    PROFILE,
    TelnyxHoldings,
    TelnyxKind,
    TelnyxThing,
)
from .errors import AUTHENTICATE, BAD_REQUEST, NOT_FOUND, TelnyxFaceError

MOST_PAGE_SIZE: Final = 250
_KINDS: Final = {kind.path: kind for kind in KINDS}
Matches = Callable[[Mapping[str, Any], str], bool]


def _equal(*keys: str) -> Matches:
    """The value is this text."""

    def matches(values: Mapping[str, Any], wanted: str) -> bool:
        found: Any = values
        for key in keys:
            found = found[key]
        return found is not None and str(found) == wanted

    return matches


def _contains(key: str) -> Matches:
    """The name has this part, whatever its case."""
    return lambda values, wanted: wanted.lower() in values[key].lower()


def _digits(values: Mapping[str, Any], wanted: str) -> bool:
    """The number has these three digits or more."""
    return len(wanted) >= 3 and wanted.isdecimal() and wanted in values["phone_number"]


_PROFILE_OF = _equal("outbound", "outbound_voice_profile_id")
_FILTERS: Final[dict[str, dict[str, Matches]]] = {
    CONNECTION.path: {
        "[connection_name][contains]": _contains("connection_name"),
        "[outbound_voice_profile_id]": _PROFILE_OF,
        "[outbound.outbound_voice_profile_id]": _PROFILE_OF,
    },
    FQDN.path: {
        "[connection_id]": _equal("connection_id"),
        "[fqdn]": _equal("fqdn"),
        "[port]": _equal("port"),
        "[dns_record_type]": _equal("dns_record_type"),
    },
    PROFILE.path: {"[name][contains]": _contains("name")},
    NUMBER.path: {"[phone_number]": _digits, "[connection_id]": _equal("connection_id")},
}
"""Of a list, by what stands behind `filter`; others count for nothing (assumed)."""


class TelnyxRest:
    """Telnyx's REST for one account."""

    def __init__(self, account: TelnyxHoldings) -> None:
        self.account = account

    def answer(self, now: float, request: RestRequest) -> RestAnswer:
        """The answer; a change is made by then. Raises TelnyxFaceError."""
        self._authenticate(request.authorization)
        match request.path.strip("/").split("/"):
            case ["v2", name] if name in _KINDS:
                return self._all(now, request, _KINDS[name])
            case ["v2", name, sid] if name in _KINDS:
                thing = self.account.find(_KINDS[name], sid)
                if thing is not None:
                    return self._one(now, request, thing)
        raise TelnyxFaceError(404, NOT_FOUND, "The requested resource or URL could not be found.")

    def _authenticate(self, authorization: str) -> None:
        scheme, _, given = authorization.partition(" ")
        right = hmac.compare_digest(given.strip().encode(), self.account.key.encode())
        if scheme.lower() != "bearer" or not right:
            text = (
                "The required authentication headers were either invalid or not included in the "
                "request."
            )
            raise TelnyxFaceError(401, AUTHENTICATE, text)

    def _all(self, now: float, request: RestRequest, kind: TelnyxKind) -> RestAnswer:
        match request.method:
            case "GET":
                return RestAnswer(200, self._page(request.query, kind))
            case "POST" if kind is not NUMBER:
                made = self.account.make(now, kind, request.values)
                return RestAnswer(201, shown.one(self.account, made, made.password))
        raise _no_method(request, "GET" if kind is NUMBER else "GET, POST")

    def _one(self, now: float, request: RestRequest, thing: TelnyxThing) -> RestAnswer:
        account, password = self.account, ""
        match request.method:
            case "GET":
                return RestAnswer(200, shown.one(account, thing))
            case "PATCH":
                account.change(now, thing, request.values)
                password = thing.password if request.values.get("password") else ""
                return RestAnswer(200, shown.one(account, thing, password))
            case "DELETE" if thing.kind is not NUMBER:
                last = shown.one(account, thing)
                account.remove(thing)
                return RestAnswer(200, last)
        raise _no_method(request, "GET, PATCH" if thing.kind is NUMBER else "GET, PATCH, DELETE")

    def _page(self, query: Mapping[str, str], kind: TelnyxKind) -> dict[str, Any]:
        """Newest first, as where no order is asked for; another one counts for nothing."""
        number = _integer(query, "page[number]", 1, 10**6)
        size = _integer(query, "page[size]", kind.page_size, MOST_PAGE_SIZE)
        things = self.account.all(kind)[::-1]
        for name, matches in _FILTERS[kind.path].items():
            wanted = query.get(f"filter{name}")
            if wanted is not None:
                things = [one for one in things if matches(one.values, wanted)]
        if kind is CONNECTION and "filter[fqdn]" in query:
            there = {
                one.values["connection_id"]
                for one in self.account.all(FQDN)
                if one.values["fqdn"] == query["filter[fqdn]"]
            }
            things = [one for one in things if one.sid in there]
        return shown.page([shown.resource(self.account, one) for one in things], number, size)


def _integer(query: Mapping[str, str], name: str, default: int, most: int) -> int:
    text = query.get(name, str(default))
    digits = text.isascii() and text.isdecimal() and len(text) <= 9
    if not digits or not 1 <= int(text) <= most:
        raise TelnyxFaceError(400, BAD_REQUEST, f"{name}: allowed: an integer from 1 to {most}")
    return int(text)


def _no_method(request: RestRequest, allowed: str) -> TelnyxFaceError:
    text = f"{request.method} is not allowed at {request.path[:200]}; allowed: {allowed}"
    return TelnyxFaceError(405, BAD_REQUEST, text)
