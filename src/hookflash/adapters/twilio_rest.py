"""Twilio's REST, by Twilio's own library (extra `twilio`): what is there, steps of a plan."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import urlsplit

from ..providers.twilio_plan import (
    LISTS,
    AddOrigination,
    AllowAddress,
    AllowUser,
    AttachNumber,
    ChangeTrunk,
    MakeTrunk,
    TwilioNumber,
    TwilioStep,
    TwilioTrunk,
)
from .provider_api import TIMEOUT, ProviderApiError, no_library, refused, stand_in, unreached

Asked = TypeVar("Asked")
TITLE = "Twilio"


class TwilioAccount:
    """An account, by credentials of the environment."""

    def __init__(self, environment: Mapping[str, str], api: str = "") -> None:
        """`environment` has TWILIO_ACCOUNT_SID, and TWILIO_AUTH_TOKEN or TWILIO_API_KEY with
        TWILIO_API_SECRET. `api`: address of a server that stands for Twilio's."""
        try:
            from twilio.rest import Client
        except ImportError:
            raise no_library(TITLE, "twilio") from None
        account = environment.get("TWILIO_ACCOUNT_SID", "")
        key = environment.get("TWILIO_API_KEY", "")
        name = "TWILIO_API_SECRET" if key else "TWILIO_AUTH_TOKEN"
        secret = environment.get(name, "")
        if not account or not secret:
            raise ProviderApiError(
                "no credentials: set TWILIO_ACCOUNT_SID, and TWILIO_AUTH_TOKEN or TWILIO_API_KEY "
                "with TWILIO_API_SECRET"
            )
        self._client = Client(key or account, secret, account, http_client=_http(api))

    def trunks(self) -> list[TwilioTrunk]:
        """All, with what hangs on them."""
        return self._asked(lambda: [self._whole(t) for t in self._client.trunking.v1.trunks.list()])

    def numbers(self, wanted: tuple[str, ...]) -> list[TwilioNumber]:
        """Those of `wanted` that the account has."""

        def ask() -> list[TwilioNumber]:
            resource = self._client.incoming_phone_numbers
            found = [each for number in wanted for each in resource.list(phone_number=number)]
            return [TwilioNumber(n.sid, n.phone_number, n.trunk_sid or "") for n in found]

        return [number for number in self._asked(ask) if number.number in wanted]

    def carry_out(self, trunk_sid: str, step: TwilioStep) -> str:
        """One step on this trunk; the SID of the trunk, which a new one gets only now."""
        return self._asked(lambda: self._carry_out(trunk_sid, step))

    def _carry_out(self, trunk_sid: str, step: TwilioStep) -> str:
        trunks = self._client.trunking.v1.trunks
        match step:
            case MakeTrunk(name, domain, mode, caller_id):
                more = {"domain_name": domain} if domain else {}
                made = trunks.create(
                    friendly_name=name, transfer_mode=mode, transfer_caller_id=caller_id, **more
                )
                return str(made.sid)
            case ChangeTrunk(changes):
                trunks(trunk_sid).update(**{name: to for name, _, to in changes})
            case AddOrigination(url):
                trunks(trunk_sid).origination_urls.create(
                    weight=10, priority=10, enabled=True, friendly_name="hookflash", sip_url=url
                )
            case AttachNumber(_, number_sid):
                trunks(trunk_sid).phone_numbers.create(phone_number_sid=number_sid)
            case AllowAddress(address):
                self._allow_address(trunks(trunk_sid), address)
            case AllowUser(user, password):
                self._allow_user(trunks(trunk_sid), user, password)
        return trunk_sid

    def _allow_address(self, trunk: Any, address: str) -> None:
        lists = self._client.sip.ip_access_control_lists
        sid = _listed(lists)
        held = lists(sid).ip_addresses
        if address not in [each.ip_address for each in held.list()]:
            held.create(friendly_name=address, ip_address=address)
        if sid not in [each.sid for each in trunk.ip_access_control_lists.list()]:
            trunk.ip_access_control_lists.create(ip_access_control_list_sid=sid)

    def _allow_user(self, trunk: Any, user: str, password: str) -> None:
        lists = self._client.sip.credential_lists
        sid = _listed(lists)
        held = lists(sid).credentials
        if user not in [each.username for each in held.list()]:
            held.create(username=user, password=password)
        if sid not in [each.sid for each in trunk.credentials_lists.list()]:
            trunk.credentials_lists.create(credential_list_sid=sid)

    def _whole(self, trunk: Any) -> TwilioTrunk:
        at, sip = self._client.trunking.v1.trunks(trunk.sid), self._client.sip
        access, users = sip.ip_access_control_lists, sip.credential_lists
        return TwilioTrunk(
            trunk.sid,
            trunk.friendly_name or "",
            trunk.domain_name or "",
            str(trunk.transfer_mode or ""),
            str(trunk.transfer_caller_id or ""),
            tuple(url.sip_url for url in at.origination_urls.list() if url.enabled),
            tuple(number.phone_number for number in at.phone_numbers.list()),
            tuple(
                each.ip_address
                for held in at.ip_access_control_lists.list()
                for each in access(held.sid).ip_addresses.list()
            ),
            tuple(
                each.username
                for held in at.credentials_lists.list()
                for each in users(held.sid).credentials.list()
            ),
        )

    def _asked(self, ask: Callable[[], Asked]) -> Asked:
        from requests import RequestException
        from twilio.base.exceptions import TwilioException, TwilioRestException

        try:
            return ask()
        except TwilioRestException as error:
            raise refused(TITLE, error.status, error.msg, error.code) from None
        except TwilioException as error:
            raise _unreadable(error) from None
        except RequestException as error:
            raise unreached(TITLE, error) from None


def _listed(lists: Any) -> str:
    """The SID of the account's list of ours, made where it is missing."""
    for held in lists.list():
        if held.friendly_name == LISTS:
            return str(held.sid)
    return str(lists.create(friendly_name=LISTS).sid)


def _unreadable(error: Exception) -> ProviderApiError:
    """Of a list that is refused, the library raises words and the response."""
    response = error.args[-1] if error.args else None
    status = getattr(response, "status_code", None)
    if status is None:
        return unreached(TITLE, error)
    try:
        body = json.loads(str(getattr(response, "text", "")))
        return refused(TITLE, status, body["message"], body.get("code"))
    except (ValueError, KeyError, TypeError, AttributeError):
        return refused(TITLE, status, "no error of its API", None)


def _http(api: str) -> Any:
    """The library's client, or one that asks `api` in place of Twilio's hosts."""
    from twilio.http.http_client import TwilioHttpClient

    if not api:
        return TwilioHttpClient(timeout=TIMEOUT)
    base = stand_in(api)

    class Elsewhere(TwilioHttpClient):  # type: ignore[misc]  # the library need not be there
        def request(self, method: str, url: str, *given: Any, **named: Any) -> Any:
            moved = urlsplit(url)._replace(scheme=base.scheme, netloc=base.netloc).geturl()
            return super().request(method, moved, *given, **named)

    return Elsewhere(timeout=TIMEOUT)
