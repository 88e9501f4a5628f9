"""The customer's account: trunks, numbers, lists, and what of it the carrier's switch obeys. Pure.

Resources are `Thing`s, each of a `Kind`. A list of addresses or users is the account's, and may be
on trunks; an origination URL is a trunk's own; a number is on one trunk or none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from ipaddress import ip_network
from typing import Any, Final

from ...base.ids import Ids
from ...base.light import light_dataclass
from ...sip.uri import Uri
from ..config import NetworkConfig, TrunkConfig, TrunkUser
from ..manners import CarrierManners
from ..rest.resources import MOST, Resource, Resources
from ..routing import digits
from . import errors, fields
from .errors import RestError
from .fields import Param


@light_dataclass(frozen=True, slots=True)
class Kind:
    """A kind of resource."""

    prefix: str
    """Of its SIDs."""
    key: str
    """Of a list of them, in JSON."""
    params: tuple[Param, ...]
    code: int
    """Of the error where one of its parameters is wrong."""
    full: int = errors.NOT_ALLOWED
    """Of the error where there are `most` already."""
    most: int = MOST
    in_use: int = errors.NOT_ALLOWED
    """Of the error where it is on a trunk and to be deleted."""


_NAME = Param("FriendlyName", "friendly_name", fields.text)
_NEEDED_NAME = Param("FriendlyName", "friendly_name", fields.text, needed=True)
_HTTP_METHOD = fields.one_of("GET", "POST")
TRUNK = Kind(
    "TK",
    "trunks",
    (
        _NAME,
        Param("DomainName", "domain_name", fields.domain),
        Param("DisasterRecoveryUrl", "disaster_recovery_url", fields.web_url),
        Param("DisasterRecoveryMethod", "disaster_recovery_method", _HTTP_METHOD, default="POST"),
        Param(
            "TransferMode",
            "transfer_mode",
            fields.one_of("disable-all", "enable-all", "sip-only"),
            default="disable-all",
        ),
        Param(
            "TransferCallerId",
            "transfer_caller_id",
            fields.one_of("from-transferee", "from-transferor"),
            default="from-transferee",
        ),
        Param("Secure", "secure", fields.boolean, default=False),
        Param("CnamLookupEnabled", "cnam_lookup_enabled", fields.boolean, default=False),
        Param("SymmetricRtpEnabled", "symmetric_rtp_enabled", fields.boolean, default=False),
    ),
    errors.TRUNK,
    errors.TRUNKS_FULL,
)
ORIGINATION = Kind(
    "OU",
    "origination_urls",
    (
        Param("SipUrl", "sip_url", fields.sip_url, needed=True),
        Param("FriendlyName", "friendly_name", fields.text, needed=True),
        Param("Weight", "weight", fields.integer(1, 65535), needed=True),
        Param("Priority", "priority", fields.integer(0, 65535), needed=True),
        Param("Enabled", "enabled", fields.boolean, needed=True),
    ),
    errors.NOT_ALLOWED,
    errors.ORIGINATION_FULL,
    10,
)
NUMBER = Kind(
    "PN",
    "phone_numbers",
    (
        Param("PhoneNumber", "phone_number", fields.number, needed=True, once=True),
        _NAME,
        Param("TrunkSid", "trunk_sid", fields.sid("TK")),
    ),
    errors.NOT_ALLOWED,
)
ACCESS_LIST = Kind(
    "AL",
    "ip_access_control_lists",
    (_NEEDED_NAME,),
    errors.ACCESS_LIST,
    errors.ACCESS_LISTS_FULL,
    in_use=errors.ACCESS_LIST_IN_USE,
)
ADDRESS = Kind(
    "IP",
    "ip_addresses",
    (
        _NEEDED_NAME,
        Param("IpAddress", "ip_address", fields.ip_address, needed=True),
        Param("CidrPrefixLength", "cidr_prefix_length", fields.integer(1, 32), default=32),
    ),
    errors.ADDRESS,
    errors.ADDRESSES_FULL,
)
CREDENTIAL_LIST = Kind(
    "CL",
    "credential_lists",
    (_NEEDED_NAME,),
    errors.CREDENTIAL_LIST,
    errors.CREDENTIAL_LISTS_FULL,
    in_use=errors.CREDENTIAL_LIST_IN_USE,
)
CREDENTIAL = Kind(
    "CR",
    "credentials",
    (
        Param("Username", "username", fields.user, needed=True, once=True),
        Param("Password", "", fields.password, needed=True),
    ),
    errors.CREDENTIAL,
    errors.CREDENTIALS_FULL,
)
KINDS: Final = (TRUNK, ORIGINATION, NUMBER, ACCESS_LIST, ADDRESS, CREDENTIAL_LIST, CREDENTIAL)


@dataclass(slots=True, eq=False)
class Thing(Resource[Kind]):
    """One resource."""

    lists: list[str] = field(default_factory=list)
    """SIDs of the lists on a trunk."""


class Account(Resources[Thing]):
    """All resources of the customer; begins as the carrier's configuration has it."""

    def __init__(
        self, now: float, network: NetworkConfig, manners: CarrierManners, ids: Ids
    ) -> None:
        super().__init__()
        self.sid = network.account.sid
        self.token = network.account.token
        self._ids = ids
        self._configured: dict[str, TrunkConfig] = {}
        """By SID: the trunks of the configuration."""
        self._phones = {digits(phone.number) for phone in network.phones}
        for trunk in network.trunks:
            self._take_over(now, trunk, manners)
        for number in network.numbers:
            self._number(now, number, None)

    def _take_over(self, now: float, trunk: TrunkConfig, manners: CarrierManners) -> None:
        given = {"FriendlyName": trunk.name[:64]}
        made = self.make(now, TRUNK, "", given)
        made.values["transfer_mode"] = trunk.transfer_mode or manners.transfer_mode
        made.values["transfer_caller_id"] = trunk.transfer_caller_id or manners.caller_id
        self._configured[made.sid] = trunk
        if trunk.origination is not None:
            values = {"sip_url": str(trunk.origination), "friendly_name": trunk.name, "weight": 10}
            self._add(now, ORIGINATION, made.sid, {**values, "priority": 10, "enabled": True})
        for number in trunk.numbers:
            self._number(now, number, made.sid)
        made.values["secure"] = trunk.srtp == "required"
        if trunk.allowed_addresses:
            self._list_addresses(now, made, trunk)
        if trunk.callers:
            self._list_users(now, made, trunk)

    def _list_addresses(self, now: float, made: Thing, trunk: TrunkConfig) -> None:
        listed = self._add(now, ACCESS_LIST, "", {"friendly_name": trunk.name[:64]})
        for text in trunk.allowed_addresses:
            network = ip_network(text, strict=False)
            values = {"friendly_name": text, "ip_address": str(network.network_address)}
            self._add(now, ADDRESS, listed.sid, {**values, "cidr_prefix_length": network.prefixlen})
        self.put_list(now, made, listed)

    def _list_users(self, now: float, made: Thing, trunk: TrunkConfig) -> None:
        listed = self._add(now, CREDENTIAL_LIST, "", {"friendly_name": trunk.name[:64]})
        for user in trunk.callers:
            one = self._add(now, CREDENTIAL, listed.sid, {"username": user.username})
            one.password = user.password
        self.put_list(now, made, listed)

    def _number(self, now: float, number: str, trunk_sid: str | None) -> None:
        values = {"phone_number": number, "friendly_name": number, "trunk_sid": trunk_sid}
        self._add(now, NUMBER, "", values)

    # --- what there is --------------------------------------------------------------------------

    def numbers_on(self, trunk_sid: str) -> list[Thing]:
        """The numbers of a trunk."""
        numbers = self.below(NUMBER, "")
        return [number for number in numbers if number.values["trunk_sid"] == trunk_sid]

    def lists_on(self, trunk: Thing, kind: Kind) -> list[Thing]:
        """The lists of this kind on a trunk."""
        found = [self._things[sid] for sid in trunk.lists]
        return [one for one in found if one.kind is kind]

    # --- changes: all raise RestError -----------------------------------------------------------

    def make(self, now: float, kind: Kind, parent: str, given: Mapping[str, str]) -> Thing:
        """A new one, by the parameters of a POST."""
        values = fields.read_params(kind.params, given, making=True, code=kind.code)
        made = self._add(now, kind, parent, values)
        made.password = given.get("Password", "") if kind is CREDENTIAL else ""
        return made

    def _add(self, now: float, kind: Kind, parent: str, values: dict[str, Any]) -> Thing:
        self._room_for(kind, parent)
        self._check(kind, values, None)
        sid = f"{kind.prefix}{self._ids.number(128):032x}"
        thing = self._things[sid] = Thing(kind, sid, values, parent, now, now)
        return thing

    def _full(self, kind: Kind, text: str) -> RestError:
        return RestError(400, kind.full, text)

    def change(self, now: float, thing: Thing, given: Mapping[str, str]) -> None:
        """As the parameters of a POST have it."""
        kind = thing.kind
        values = fields.read_params(kind.params, given, making=False, code=kind.code)
        self._check(kind, values, thing)
        thing.values |= values
        if kind is CREDENTIAL:
            thing.password = given.get("Password") or thing.password
        thing.updated = now

    def remove(self, thing: Thing) -> None:
        """With what is in it. A trunk's numbers are on none then."""
        trunks = self.below(TRUNK, "")
        if any(thing.sid in trunk.lists for trunk in trunks):
            raise RestError(400, thing.kind.in_use, f"{thing.sid} is on a trunk")
        for number in self.numbers_on(thing.sid):
            number.values["trunk_sid"] = None
        for one in [one for one in self._things.values() if one.parent == thing.sid]:
            del self._things[one.sid]
        del self._things[thing.sid]

    def put_number(self, now: float, trunk: Thing, number: Thing) -> None:
        """A number on a trunk; it leaves the one where it was (assumed)."""
        number.values["trunk_sid"] = trunk.sid
        number.updated = now

    def put_list(self, now: float, trunk: Thing, listed: Thing) -> None:
        """A list on a trunk, once."""
        if listed.sid not in trunk.lists:
            trunk.lists.append(listed.sid)
            trunk.updated = now

    def _check(self, kind: Kind, values: Mapping[str, Any], own: Thing | None) -> None:
        """That nobody has what only one may have."""
        domain, number = values.get("domain_name"), values.get("phone_number")
        for other in self._things.values():
            if other is own or other.kind is not kind:
                continue
            if kind is TRUNK and domain and other.values["domain_name"] == domain:
                raise RestError(400, errors.DOMAIN_TAKEN, f"DomainName {domain} is already taken")
            if kind is NUMBER and number and other.values["phone_number"] == number:
                raise RestError(400, errors.NUMBER_TAKEN, f"{number} is not available")
        if kind is NUMBER and number and digits(number) in self._phones:
            raise RestError(400, errors.NUMBER_TAKEN, f"{number} is not available")
        trunk_sid = values.get("trunk_sid")
        if kind is NUMBER and trunk_sid and self.find(TRUNK, trunk_sid) is None:
            text = (
                f"Invalid TrunkSid: {trunk_sid!r} is not allowed; allowed: a trunk of the account"
            )
            raise RestError(400, errors.NOT_ALLOWED, text)

    # --- what the switch obeys ------------------------------------------------------------------

    def trunks(self) -> list[TrunkConfig]:
        """The trunks as they are set. One that was made here is named by its SID. Calls go to the
        enabled origination URL with the lowest priority; weights count for nothing."""
        urls: dict[str, list[dict[str, Any]]] = {}
        numbers: dict[str, list[str]] = {}
        for thing in self._things.values():
            if thing.kind is ORIGINATION and thing.values["enabled"]:
                urls.setdefault(thing.parent, []).append(thing.values)
            elif thing.kind is NUMBER:
                numbers.setdefault(thing.values["trunk_sid"], []).append(
                    thing.values["phone_number"]
                )
        return [
            self._config(trunk, urls.get(trunk.sid, []), numbers.get(trunk.sid, []))
            for trunk in self.below(TRUNK, "")
        ]

    def _config(self, trunk: Thing, urls: list[dict[str, Any]], numbers: list[str]) -> TrunkConfig:
        first = min(urls, key=lambda values: int(values["priority"]), default=None)
        begun = self._configured.get(trunk.sid) or TrunkConfig(trunk.sid, (), None)
        addresses = self._on(trunk, ACCESS_LIST, ADDRESS)
        credentials = self._on(trunk, CREDENTIAL_LIST, CREDENTIAL)
        users = [TrunkUser(one.values["username"], one.password) for one in credentials]
        own = TrunkUser(begun.username, begun.password)
        if own not in users:
            own = TrunkUser("", "")
        secure = bool(trunk.values["secure"])
        if begun.srtp == "required":  # which is what `secure` says now
            begun = replace(begun, transport=None, srtp=None)
        return replace(
            begun,
            numbers=tuple(numbers),
            origination=None if first is None else Uri.parse(first["sip_url"]),
            transfer_mode=trunk.values["transfer_mode"],
            transfer_caller_id=trunk.values["transfer_caller_id"],
            username=own.username,
            password=own.password,
            users=tuple(user for user in users if user != own),
            allowed_addresses=tuple(_network(one.values) for one in addresses),
            transport="tls" if secure else begun.transport,
            srtp="required" if secure else begun.srtp,
        )

    def _on(self, trunk: Thing, kind: Kind, inner: Kind) -> list[Thing]:
        """What is in the lists of a trunk."""
        held = self.lists_on(trunk, kind)
        return [one for listed in held for one in self.below(inner, listed.sid)]


def _network(address: Mapping[str, Any]) -> str:
    """As it is written in a configuration."""
    return f"{address['ip_address']}/{address['cidr_prefix_length']}"
