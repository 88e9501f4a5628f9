"""Requests of Twilio's REST, and what is answered. Pure: no socket, no clock.

trunking.twilio.com/v1: Trunks and what is below one. api.twilio.com/2010-04-01: the account's
numbers, lists of addresses and of users. A request that is refused has Twilio's error body.
"""

from __future__ import annotations

import binascii
import hmac
from base64 import b64decode
from collections.abc import Mapping
from typing import Any, Final

from ...base.light import light_dataclass
from ..rest.messages import RestAnswer, RestRequest
from . import fields, shown
from .account import (
    ACCESS_LIST,
    ADDRESS,
    CREDENTIAL,
    CREDENTIAL_LIST,
    NUMBER,
    ORIGINATION,
    TRUNK,
    Account,
    Kind,
    Thing,
)
from .errors import AUTHENTICATE, METHOD, NOT_ALLOWED, NOT_FOUND, RestError

PAGE_SIZE: Final = 50
MOST_PAGE_SIZE: Final = 1000
_PAGE_SIZE = fields.integer(1, MOST_PAGE_SIZE)
_PAGE = fields.integer(0, 10**6)
_BELOW_TRUNK: Final = {
    "OriginationUrls": ORIGINATION,
    "PhoneNumbers": NUMBER,
    "IpAccessControlLists": ACCESS_LIST,
    "CredentialLists": CREDENTIAL_LIST,
}
_LINKS: Final = {
    NUMBER.prefix: "PhoneNumberSid",
    ACCESS_LIST.prefix: "IpAccessControlListSid",
    CREDENTIAL_LIST.prefix: "CredentialListSid",
}
"""What is put on a trunk, by the prefix of its SID: the parameter that names it."""
_LISTS: Final = {
    "IpAccessControlLists": (ACCESS_LIST, "IpAddresses", ADDRESS),
    "CredentialLists": (CREDENTIAL_LIST, "Credentials", CREDENTIAL),
}


@light_dataclass(frozen=True, slots=True)
class _Where:
    """What a path names: all of a kind below something, or one of them."""

    kind: Kind
    at: str
    """Address of the list, without its ending."""
    parent: Thing | None
    """The list or trunk that it is below."""
    sid: str
    """"" for all of them."""
    old: bool
    """It is of 2010-04-01."""

    @property
    def linked(self) -> bool:
        """It is on the trunk, not in it: deleting takes it off."""
        return not self.old and self.parent is not None and self.kind is not ORIGINATION


class TwilioRest:
    """Twilio's REST for one account."""

    def __init__(self, account: Account) -> None:
        self.account = account

    def answer(self, now: float, request: RestRequest) -> RestAnswer:
        """The answer; a change is made by then."""
        try:
            self._authenticate(request.authorization)
            return self._answer(now, request, self._where(request))
        except RestError as error:
            return RestAnswer(error.status, error.body)

    def _authenticate(self, authorization: str) -> None:
        scheme, _, encoded = authorization.partition(" ")
        try:
            given = b64decode(encoded, validate=True) if scheme.lower() == "basic" else b""
        except (binascii.Error, ValueError):
            given = b""
        wanted = f"{self.account.sid}:{self.account.token}".encode()
        if not hmac.compare_digest(given, wanted):
            raise RestError(401, AUTHENTICATE, "Authenticate")

    # --- what a path names ----------------------------------------------------------------------

    def _where(self, request: RestRequest) -> _Where:
        parts = request.path.strip("/").split("/")
        found = None
        if parts[0] == "v1":
            found = self._trunking(request.base, parts[1:])
        elif parts[:3] == [shown.API, "Accounts", self.account.sid] and len(parts) > 3:
            *first, last = parts[3:]
            if last.endswith(".json"):  # without it Twilio answers in XML
                found = self._of_account([*first, last.removesuffix(".json")])
        if found is None:
            text = f"The requested resource {request.path[:200]} was not found"
            raise RestError(404, NOT_FOUND, text)
        return found

    def _trunking(self, base: str, parts: list[str]) -> _Where | None:
        at = f"{base}/v1/Trunks"
        match parts:
            case ["Trunks"]:
                return _Where(TRUNK, at, None, "", old=False)
            case ["Trunks", sid]:
                return _Where(TRUNK, at, None, sid, old=False)
            case ["Trunks", sid, name, *rest] if name in _BELOW_TRUNK and len(rest) < 2:
                trunk = self.account.find(TRUNK, sid)
                if trunk is not None:
                    at, one = f"{at}/{sid}/{name}", "".join(rest)
                    return _Where(_BELOW_TRUNK[name], at, trunk, one, old=False)
        return None

    def _of_account(self, parts: list[str]) -> _Where | None:
        root = f"/{shown.API}/Accounts/{self.account.sid}"
        match parts:
            case ["IncomingPhoneNumbers", *rest] if len(rest) < 2:
                at = f"{root}/IncomingPhoneNumbers"
                return _Where(NUMBER, at, None, "".join(rest), old=True)
            case ["SIP", name, *rest] if name in _LISTS:
                kind, part, inner = _LISTS[name]
                at = f"{root}/SIP/{name}"
                if len(rest) < 2:
                    return _Where(kind, at, None, "".join(rest), old=True)
                held = self.account.find(kind, rest[0])
                if held is not None and rest[1] == part and len(rest) < 4:
                    at = f"{at}/{held.sid}/{part}"
                    return _Where(inner, at, held, "".join(rest[2:]), old=True)
        return None

    # --- what is done there ---------------------------------------------------------------------

    def _answer(self, now: float, request: RestRequest, where: _Where) -> RestAnswer:
        if not where.sid:
            match request.method:
                case "GET":
                    return RestAnswer(200, self._page(request.query, where))
                case "POST":
                    made = self._make(now, request.form, where)
                    return RestAnswer(201, self._shown(made, where))
            raise _no_method(request, "GET, POST")
        thing = self._one(request.path, where)
        match request.method:
            case "GET":
                return RestAnswer(200, self._shown(thing, where))
            case "POST" if not where.linked:
                self.account.change(now, thing, request.form)
                return RestAnswer(200, self._shown(thing, where))
            case "DELETE":
                self._remove(now, thing, where)
                return RestAnswer(204)
        raise _no_method(request, "GET, DELETE" if where.linked else "GET, POST, DELETE")

    def _all(self, where: _Where) -> list[Thing]:
        parent = where.parent
        if parent is None or not where.linked:
            return self.account.below(where.kind, parent.sid if parent is not None else "")
        if where.kind is NUMBER:
            return self.account.numbers_on(parent.sid)
        return self.account.lists_on(parent, where.kind)

    def _one(self, path: str, where: _Where) -> Thing:
        for thing in self._all(where):
            if thing.sid == where.sid:
                return thing
        raise RestError(404, NOT_FOUND, f"The requested resource {path[:200]} was not found")

    def _make(self, now: float, form: Mapping[str, str], where: _Where) -> Thing:
        account, parent = self.account, where.parent
        if not where.linked or parent is None:
            return account.make(now, where.kind, parent.sid if parent is not None else "", form)
        name = _LINKS[where.kind.prefix]
        if not form.get(name):
            raise RestError(400, NOT_ALLOWED, f"Missing required parameter {name}")
        sid = str(fields.read(name, form[name], fields.sid(where.kind.prefix)))
        thing = account.find(where.kind, sid)
        if thing is None:
            text = f"Invalid {name}: {sid!r} is not allowed; allowed: one of the account's"
            raise RestError(400, NOT_ALLOWED, text)
        if where.kind is NUMBER:
            account.put_number(now, parent, thing)
        else:
            account.put_list(now, parent, thing)
        return thing

    def _remove(self, now: float, thing: Thing, where: _Where) -> None:
        if not where.linked or where.parent is None:
            self.account.remove(thing)
        elif where.kind is NUMBER:
            thing.values["trunk_sid"], thing.updated = None, now
        else:
            where.parent.lists.remove(thing.sid)
            where.parent.updated = now

    # --- as JSON --------------------------------------------------------------------------------

    def _shown(self, thing: Thing, where: _Where) -> dict[str, Any]:
        if where.old:
            return shown.v2010(self.account, thing)
        return shown.v1(self.account, thing, f"{where.at}/{thing.sid}", where.parent)

    def _page(self, query: Mapping[str, str], where: _Where) -> dict[str, Any]:
        size = int(str(fields.read("PageSize", query.get("PageSize", str(PAGE_SIZE)), _PAGE_SIZE)))
        page = int(str(fields.read("Page", query.get("Page", "0"), _PAGE)))
        things, key, more = self._all(where), where.kind.key, ""
        if where.kind is NUMBER and where.old:
            key, wanted = "incoming_phone_numbers", query.get("PhoneNumber", "")
            things = [one for one in things if _matches(wanted, one.values["phone_number"])]
            more = f"?PhoneNumber={_kept(wanted)}" if wanted else ""
        here = [self._shown(one, where) for one in things[page * size : (page + 1) * size]]
        if where.old:
            return shown.v2010_page(key, f"{where.at}.json{more}", here, page, size, len(things))
        return shown.v1_page(key, where.at, here, page, size, len(things))


def _matches(wanted: str, number: str) -> bool:
    """Whether a number has this part, in which `*` is any digit."""
    pairs = (zip(wanted, number[at:], strict=False) for at in range(len(number) - len(wanted) + 1))
    return any(all(one in ("*", other) for one, other in pair) for pair in pairs)


def _kept(wanted: str) -> str:
    """Of a filter what may stand in an address: it matched a number, or the page is empty."""
    return "".join("%2B" if one == "+" else one for one in wanted if one in "+*0123456789")


def _no_method(request: RestRequest, allowed: str) -> RestError:
    text = f"Method {request.method} is not allowed at {request.path[:200]}; allowed: {allowed}"
    return RestError(405, METHOD, text)
