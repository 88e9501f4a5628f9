"""The customer's account at Telnyx: connections, their FQDNs, outbound voice profiles, numbers, and
what of it the carrier's switch obeys. Pure.

A number is on one connection or none; calls to it go to the first FQDN of that connection. An FQDN
is a resource of the account that names its connection, and goes with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final, TypeAlias

from ...base.hosts import ip_literal
from ...base.ids import Ids
from ...base.light import light_dataclass
from ...sip.uri import Uri
from .. import reading
from ..config import NetworkConfig, TrunkConfig
from ..manners import CarrierManners
from ..rest.resources import MOST, Resource, Resources
from . import fields
from .errors import BAD_REQUEST, DUPLICATE, IN_USE, NO_ASSOCIATION, TelnyxFaceError
from .fields import Field, merged, read_fields

HIDDEN: Final = "********"
"""What is shown in place of a password."""
DEFAULT_PROFILE: Final = "Default"
"""The outbound voice profile of the connections that the carrier begins with."""
DEFAULT_PORT: Final = 5060


@light_dataclass(frozen=True, slots=True)
class TelnyxKind:
    """A kind of resource."""

    path: str
    """Below /v2."""
    record_type: str
    fields: tuple[Field, ...]
    page_size: int = 20
    """Where nothing else is asked for."""
    most: int = MOST

    @property
    def key(self) -> str:
        """`resources.ResourceKind`."""
        return self.path


_NAME = Field("connection_name", fields.name, needed=True)
_PROFILE_ID = "outbound_voice_profile_id"
CONNECTION = TelnyxKind(
    "fqdn_connections",
    "fqdn_connection",
    (
        _NAME,
        Field("active", reading.boolean, True),
        Field("anchorsite_override", fields.name, "Latency"),
        Field("transport_protocol", reading.one_of("UDP", "TCP", "TLS"), "UDP"),
        Field("user_name", fields.user),
        Field("password", fields.password, secret=True),
        Field(
            "inbound",
            inner=(
                Field(
                    "ani_number_format",
                    reading.one_of("+E.164", "E.164", "+E.164-national", "E.164-national"),
                    "E.164-national",
                ),
                Field(
                    "dnis_number_format",
                    reading.one_of("+e164", "e164", "national", "sip_username"),
                    "e164",
                ),
                Field("default_routing_method", reading.one_of("sequential", "round-robin")),
                Field("default_primary_fqdn_id", fields.ident),
            ),
        ),
        Field("outbound", inner=(Field(_PROFILE_ID, fields.ident),)),
    ),
    page_size=250,
)
FQDN = TelnyxKind(
    "fqdns",
    "fqdn",
    (
        Field("connection_id", fields.ident, needed=True),
        Field("fqdn", fields.host, needed=True),
        Field("dns_record_type", reading.one_of("a", "srv"), needed=True),
        Field("port", fields.port),
    ),
)
PROFILE = TelnyxKind(
    "outbound_voice_profiles",
    "outbound_voice_profile",
    (
        Field("name", fields.name, needed=True),
        Field("enabled", reading.boolean, True),
        Field("traffic_type", reading.one_of("conversational"), "conversational"),
        Field("service_plan", reading.one_of("global"), "global"),
        Field("whitelisted_destinations", fields.countries, ("US", "CA")),
    ),
)
NUMBER = TelnyxKind(
    "phone_numbers",
    "phone_number",
    (Field("connection_id", fields.ident), Field("customer_reference", fields.name)),
)
KINDS: Final = (CONNECTION, FQDN, PROFILE, NUMBER)


TelnyxThing: TypeAlias = Resource[TelnyxKind]
"""One resource; a connection has the password of the calls that come by it."""


class TelnyxHoldings(Resources[TelnyxThing]):
    """All resources of the customer; begins as the carrier's configuration has it."""

    def __init__(
        self, now: float, network: NetworkConfig, manners: CarrierManners, ids: Ids
    ) -> None:
        super().__init__()
        self.key = network.account.token
        """The API key."""
        self._ids = ids
        self._manners = manners
        self._configured: dict[str, TrunkConfig] = {}
        """By id: the trunks of the configuration."""
        profile = self.make(now, PROFILE, {"name": DEFAULT_PROFILE}) if network.trunks else None
        for trunk in network.trunks:
            assert profile is not None
            self._take_over(now, trunk, profile.sid)
        for number in network.numbers:
            self._number(now, number, None)

    def _take_over(self, now: float, trunk: TrunkConfig, profile: str) -> None:
        made = self._add(
            now,
            CONNECTION,
            read_fields(CONNECTION.fields, {"connection_name": trunk.name}, making=True),
        )
        made.values["outbound"][_PROFILE_ID] = profile
        if self._manners.number_format == "e164":
            formats = {"ani_number_format": "+E.164", "dnis_number_format": "+e164"}
            made.values["inbound"] |= formats
        made.values["user_name"], made.password = trunk.username or None, trunk.password
        self._configured[made.sid] = trunk
        at = trunk.origination
        if at is not None:
            transport = (at.param("transport") or "udp").upper()
            made.values["transport_protocol"] = "TLS" if at.scheme == "sips" else transport
            values = {"connection_id": made.sid, "fqdn": at.host, "port": at.port}
            named = ip_literal(at.host) is None and not at.port
            self._add(now, FQDN, {**values, "dns_record_type": "srv" if named else "a"})
        for number in trunk.numbers:
            self._number(now, number, made.sid)

    def _number(self, now: float, number: str, connection: str | None) -> None:
        self._add(
            now,
            NUMBER,
            {"phone_number": number, "connection_id": connection, "customer_reference": None},
        )

    # --- what there is --------------------------------------------------------------------------

    def all(self, kind: TelnyxKind) -> list[TelnyxThing]:
        """All of a kind, oldest first."""
        return self.below(kind, "")

    def fqdns_of(self, connection: str) -> list[TelnyxThing]:
        """Of this connection, oldest first."""
        return [one for one in self.all(FQDN) if one.values["connection_id"] == connection]

    def with_profile(self, profile: str) -> list[TelnyxThing]:
        """The connections that have this outbound voice profile."""
        found = self.all(CONNECTION)
        return [one for one in found if one.values["outbound"][_PROFILE_ID] == profile]

    # --- changes: all raise TelnyxFaceError -----------------------------------------------------

    def make(self, now: float, kind: TelnyxKind, given: Mapping[str, Any]) -> TelnyxThing:
        """A new one, by the body of a POST."""
        values = read_fields(kind.fields, given, making=True)
        password = values.pop("password", None)
        made = self._add(now, kind, values)
        made.password = password or ""
        return made

    def _add(self, now: float, kind: TelnyxKind, values: dict[str, Any]) -> TelnyxThing:
        self._room_for(kind, "")
        values.pop("password", None)
        self._check(kind, values, None)
        sid = str(10**18 + self._ids.number(59))
        thing = self._things[sid] = TelnyxThing(kind, sid, values, "", now, now)
        return thing

    def _full(self, kind: TelnyxKind, text: str) -> TelnyxFaceError:
        return TelnyxFaceError(422, BAD_REQUEST, text)

    def change(self, now: float, thing: TelnyxThing, given: Mapping[str, Any]) -> None:
        """As the body of a PATCH has it."""
        changes = read_fields(thing.kind.fields, given, making=False)
        password = changes.pop("password", None)
        values = merged(thing.values, changes)
        self._check(thing.kind, values, thing)
        thing.values, thing.updated = values, now
        thing.password = password or thing.password

    def remove(self, thing: TelnyxThing) -> None:
        """A connection with its FQDNs; its numbers are on none then (assumed). A profile that a
        connection has stays (assumed)."""
        if thing.kind is PROFILE and self.with_profile(thing.sid):
            raise TelnyxFaceError(422, IN_USE, "a connection has the outbound voice profile")
        if thing.kind is CONNECTION:
            for fqdn in self.fqdns_of(thing.sid):
                del self._things[fqdn.sid]
            for number in self.all(NUMBER):
                if number.values["connection_id"] == thing.sid:
                    number.values["connection_id"] = None
        del self._things[thing.sid]

    def _check(self, kind: TelnyxKind, values: dict[str, Any], own: TelnyxThing | None) -> None:
        """That what is named is there, and nobody has what only one may have."""
        if kind is CONNECTION:
            profile = values["outbound"][_PROFILE_ID]
            self._named(PROFILE, profile, f"/outbound/{_PROFILE_ID}")
            user = values["user_name"]
            for other in self.all(CONNECTION):
                if user and other is not own and _same(other.values["user_name"], user):
                    text = "another connection has the user_name"
                    raise TelnyxFaceError(422, DUPLICATE, text, "/user_name")
        if kind in (FQDN, NUMBER):
            self._named(CONNECTION, values["connection_id"], "/connection_id")
        if kind is FQDN and values["dns_record_type"] == "a" and values["port"] is None:
            values["port"] = DEFAULT_PORT
        if kind is FQDN and values["dns_record_type"] == "srv" and values["port"] is not None:
            text = "an srv record says the port itself"
            raise TelnyxFaceError(422, BAD_REQUEST, text, "/port")

    def _named(self, kind: TelnyxKind, sid: str | None, pointer: str) -> None:
        if sid is not None and self.find(kind, sid) is None:
            text = f"there is no {kind.record_type} {sid}"
            raise TelnyxFaceError(422, NO_ASSOCIATION, text, pointer)

    # --- what the switch obeys ------------------------------------------------------------------

    def trunks(self) -> list[TrunkConfig]:
        """The connections as they are set. One that was made here is named by its id."""
        return [self._config(one) for one in self.all(CONNECTION)]

    def _config(self, connection: TelnyxThing) -> TrunkConfig:
        sid, values = connection.sid, connection.values
        begun = self._configured.get(sid) or TrunkConfig(sid, (), None)
        numbers = (one.values for one in self.all(NUMBER))
        return replace(
            begun,
            numbers=tuple(n["phone_number"] for n in numbers if n["connection_id"] == sid),
            origination=self._origination(connection),
            transfer_mode=begun.transfer_mode if self._may_call(values) else "disable-all",
            username=values["user_name"] or "",
            password=connection.password,
        )

    def _may_call(self, values: Mapping[str, Any]) -> bool:
        """A transfer is a new call of the connection, and that needs a profile."""
        profile = self.find(PROFILE, values["outbound"][_PROFILE_ID] or "")
        return profile is not None and bool(profile.values["enabled"])

    def _origination(self, connection: TelnyxThing) -> Uri | None:
        """Where its calls go; None while it is inactive or has no FQDN."""
        values = connection.values
        there = self.fqdns_of(connection.sid)
        if not values["active"] or not there:
            return None
        primary = values["inbound"]["default_primary_fqdn_id"]
        first = next((one for one in there if one.sid == primary), there[0]).values
        uri = Uri.sip(None, first["fqdn"], first["port"])
        transport = values["transport_protocol"].lower()
        return uri if transport == "udp" else uri.with_param("transport", transport)


def _same(one: str | None, other: str) -> bool:
    return one is not None and one.lower() == other.lower()
