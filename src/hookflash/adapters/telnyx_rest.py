"""Telnyx's REST, by Telnyx's own library (extra `telnyx`): what is there, steps of a plan."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from ..base.light import light_dataclass
from ..providers.telnyx_plan import (
    ANI,
    DNIS,
    AddFqdn,
    ChangeConnection,
    EnableProfile,
    MakeConnection,
    MakeProfile,
    PutNumber,
    SetUser,
    TelnyxConnection,
    TelnyxNumber,
    TelnyxProfile,
    TelnyxStep,
    UseProfile,
)
from .provider_api import TIMEOUT, ProviderApiError, no_library, refused, stand_in, unreached

Told = TypeVar("Told")
TITLE = "Telnyx"
API = "https://api.telnyx.com"
_PAGE = 250
_SHOWN = 300
"""Characters of an answer that is no error of the API: a proxy's whole page would be too much."""
_INBOUND = ("ani_number_format", "dnis_number_format")


@light_dataclass(frozen=True, slots=True)
class TelnyxPlace:
    """What the next step is about; "" for what is yet to be made."""

    connection: str
    profile: str = ""
    """The outbound voice profile that was made just now."""


class TelnyxAccount:
    """An account, by the API key of the environment."""

    def __init__(self, environment: Mapping[str, str], api: str = "") -> None:
        """`environment` has TELNYX_API_KEY. `api`: address of a server that stands for Telnyx's."""
        try:
            from telnyx import Telnyx
        except ImportError:
            raise no_library(TITLE, "telnyx") from None
        key = environment.get("TELNYX_API_KEY", "")
        if not key:
            raise ProviderApiError("no credentials: set TELNYX_API_KEY")
        at = stand_in(api or API).geturl().rstrip("/").removesuffix("/v2")
        # A step that is asked for again after its answer was lost would be done twice.
        self._client = Telnyx(api_key=key, base_url=f"{at}/v2", timeout=TIMEOUT, max_retries=0)

    def connections(self) -> list[TelnyxConnection]:
        """All FQDN connections, with what hangs on them."""
        return self._asked(self._connections)

    def profiles(self) -> list[TelnyxProfile]:
        """All outbound voice profiles."""

        def ask() -> list[TelnyxProfile]:
            found = self._client.outbound_voice_profiles.list(page_size=_PAGE)
            return [
                TelnyxProfile(
                    str(each.id),
                    each.name,
                    each.enabled is not False,
                    tuple(each.whitelisted_destinations or ()),
                )
                for each in found
            ]

        return self._asked(ask)

    def numbers(self, wanted: tuple[str, ...]) -> list[TelnyxNumber]:
        """Those of `wanted` that the account has."""

        def ask() -> list[TelnyxNumber]:
            resource = self._client.phone_numbers
            return [
                TelnyxNumber(str(each.id), each.phone_number, each.connection_id or "")
                for number in wanted
                for each in resource.list(filter={"phone_number": number.removeprefix("+")})
                if each.phone_number == number
            ]

        return self._asked(ask)

    def carry_out(self, at: TelnyxPlace, step: TelnyxStep) -> TelnyxPlace:
        """One step; the place of the next, which knows what this one made."""
        return self._asked(lambda: self._carry_out(at, step))

    def _carry_out(self, at: TelnyxPlace, step: TelnyxStep) -> TelnyxPlace:
        client, connections = self._client, self._client.fqdn_connections
        match step:
            case MakeConnection(name, transport):
                made = connections.create(
                    connection_name=name,
                    transport_protocol=transport,
                    inbound={"ani_number_format": ANI, "dnis_number_format": DNIS},
                )
                return TelnyxPlace(str(made.data.id), at.profile)
            case MakeProfile(name):
                profile = client.outbound_voice_profiles.create(
                    name=name, traffic_type="conversational", service_plan="global"
                )
                return TelnyxPlace(at.connection, str(profile.data.id))
            case EnableProfile(sid, name):
                client.outbound_voice_profiles.update(sid, name=name, enabled=True)
            case ChangeConnection(changes):
                connections.update(at.connection, **_nested(changes))
            case UseProfile(sid, _):
                outbound = {"outbound_voice_profile_id": sid or at.profile}
                connections.update(at.connection, outbound=outbound)
            case SetUser(user, password):
                # LiveKit's page sends both; the library has no parameters for them.
                given = {"user_name": user, "password": password}
                connections.update(at.connection, extra_body=given)
            case AddFqdn(fqdn):
                host, _, port = fqdn.partition(":")
                client.fqdns.create(
                    connection_id=at.connection, fqdn=host, dns_record_type="a", port=int(port)
                )
            case PutNumber(_, number_sid):
                client.phone_numbers.update(number_sid, connection_id=at.connection)
        return at

    def _connections(self) -> list[TelnyxConnection]:
        client = self._client
        fqdns: dict[str, list[str]] = {}
        for each in client.fqdns.list(page_size=_PAGE):
            named = f"{each.fqdn}:{each.port}" if each.port else str(each.fqdn)
            fqdns.setdefault(str(each.connection_id), []).append(named)
        numbers: dict[str, list[str]] = {}
        for number in client.phone_numbers.list(page_size=_PAGE):
            if number.connection_id:
                numbers.setdefault(number.connection_id, []).append(number.phone_number)
        return [
            _connection(each, fqdns.get(str(each.id), []), numbers.get(str(each.id), []))
            for each in client.fqdn_connections.list(page_size=_PAGE)
        ]

    def _asked(self, ask: Callable[[], Told]) -> Told:
        from telnyx import APIError, APIStatusError, TelnyxError

        try:
            return ask()
        except APIStatusError as error:
            raise _refused(error.status_code, error.body) from None
        except APIError as error:
            raise unreached(TITLE, error.__cause__ or error) from None
        except TelnyxError as error:
            raise unreached(TITLE, error) from None


def _connection(each: Any, fqdns: list[str], numbers: list[str]) -> TelnyxConnection:
    inbound, outbound = each.inbound, each.outbound
    return TelnyxConnection(
        str(each.id),
        each.connection_name,
        "false" if each.active is False else "true",
        each.transport_protocol or "UDP",
        (inbound and inbound.ani_number_format) or "",
        (inbound and inbound.dnis_number_format) or "",
        (outbound and outbound.outbound_voice_profile_id) or "",
        each.user_name or "",
        tuple(fqdns),
        tuple(numbers),
    )


def _nested(changes: tuple[tuple[str, str, str], ...]) -> dict[str, Any]:
    """As the body of a PATCH has them."""
    found: dict[str, Any] = {}
    for name, _, to in changes:
        if name in _INBOUND:
            found.setdefault("inbound", {})[name] = to
        else:
            found[name] = to == "true" if name == "active" else to
    return found


def _refused(status: int, body: object) -> ProviderApiError:
    """By the first error of the body, which has a code, a title and a detail."""
    try:
        first = body["errors"][0]  # type: ignore[index]
        text = first.get("detail") or first["title"]
        return refused(TITLE, status, str(text)[:_SHOWN], first.get("code"))
    except (KeyError, IndexError, TypeError, AttributeError):
        return refused(TITLE, status, "no error of its API", None)
