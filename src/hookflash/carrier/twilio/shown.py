"""Resources and pages of them as Twilio's JSON has them. Pure.

trunking/v1 has times of ISO 8601, absolute addresses and `meta`; 2010-04-01 has those of RFC 2822,
relative addresses, and the page's own fields beside the list.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any, Final

from .account import (
    ACCESS_LIST,
    ADDRESS,
    CREDENTIAL,
    CREDENTIAL_LIST,
    NUMBER,
    TRUNK,
    Account,
    Thing,
)

API: Final = "2010-04-01"
SIP: Final = f"/{API}/Accounts/{{account}}/SIP"
PARTS: Final = {
    "origination_urls": "OriginationUrls",
    "credential_lists": "CredentialLists",
    "ip_access_control_lists": "IpAccessControlLists",
    "phone_numbers": "PhoneNumbers",
}
"""What is below a trunk: its name in JSON, and in the path."""
RECORDING: Final = {"mode": "do-not-record", "trim": "do-not-trim"}
CAPABILITIES: Final = {"voice": True, "sms": False, "mms": False, "fax": False}


def v1(account: Account, thing: Thing, at: str, trunk: Thing | None) -> dict[str, Any]:
    """A resource of trunking/v1; `at`: its address; `trunk`: the one that it was asked of."""
    found: dict[str, Any] = {
        "sid": thing.sid,
        "account_sid": account.sid,
        **thing.values,
        "date_created": _iso(thing.created),
        "date_updated": _iso(thing.updated),
        "url": at,
    }
    if trunk is not None:
        found["trunk_sid"] = trunk.sid
    if thing.kind is NUMBER:
        found |= {"capabilities": CAPABILITIES, "api_version": API, "beta": False, "links": {}}
    if thing.kind is TRUNK:
        kinds = {"CREDENTIAL_LIST": CREDENTIAL_LIST, "IP_ACL": ACCESS_LIST}
        held = [name for name, kind in kinds.items() if account.lists_on(thing, kind)]
        found |= {
            "recording": RECORDING,
            "auth_type": ",".join(held),
            "auth_type_set": held,
            "links": {key: f"{at}/{part}" for key, part in PARTS.items()},
        }
    return found


def v2010(account: Account, thing: Thing) -> dict[str, Any]:
    """A resource of 2010-04-01."""
    sip = SIP.format(account=account.sid)
    found: dict[str, Any] = {
        "sid": thing.sid,
        "account_sid": account.sid,
        **thing.values,
        "date_created": _rfc_2822(thing.created),
        "date_updated": _rfc_2822(thing.updated),
    }
    kind, below = thing.kind, ""
    if kind is NUMBER:
        at = f"/{API}/Accounts/{account.sid}/IncomingPhoneNumbers/{thing.sid}"
        found |= {"capabilities": CAPABILITIES, "api_version": API, "status": "in-use"}
    elif kind is ACCESS_LIST:
        at, below = f"{sip}/IpAccessControlLists/{thing.sid}", "IpAddresses"
    elif kind is CREDENTIAL_LIST:
        at, below = f"{sip}/CredentialLists/{thing.sid}", "Credentials"
    elif kind is ADDRESS:
        at = f"{sip}/IpAccessControlLists/{thing.parent}/IpAddresses/{thing.sid}"
        found["ip_access_control_list_sid"] = thing.parent
    else:
        assert kind is CREDENTIAL
        at = f"{sip}/CredentialLists/{thing.parent}/Credentials/{thing.sid}"
        found["credential_list_sid"] = thing.parent
    if below:
        key = "ip_addresses" if kind is ACCESS_LIST else "credentials"
        found["subresource_uris"] = {key: f"{at}/{below}.json"}
    return {**found, "uri": f"{at}.json"}


def v1_page(
    key: str, at: str, shown: Sequence[dict[str, Any]], page: int, size: int, total: int
) -> dict[str, Any]:
    """A page of trunking/v1; `total`: how many there are on all pages."""

    def url(number: int) -> str:
        return f"{at}?PageSize={size}&Page={number}"

    meta = {
        "first_page_url": url(0),
        "key": key,
        "next_page_url": url(page + 1) if (page + 1) * size < total else None,
        "page": page,
        "page_size": size,
        "previous_page_url": url(page - 1) if page else None,
        "url": url(page),
    }
    return {key: list(shown), "meta": meta}


def v2010_page(
    key: str, at: str, shown: Sequence[dict[str, Any]], page: int, size: int, total: int
) -> dict[str, Any]:
    """A page of 2010-04-01."""

    def uri(number: int) -> str:
        return f"{at}{'&' if '?' in at else '?'}PageSize={size}&Page={number}"

    return {
        key: list(shown),
        "first_page_uri": uri(0),
        "next_page_uri": uri(page + 1) if (page + 1) * size < total else None,
        "previous_page_uri": uri(page - 1) if page else None,
        "uri": uri(page),
        "page": page,
        "page_size": size,
        "start": page * size,
        "end": page * size + len(shown) - (1 if shown else 0),
    }


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _rfc_2822(at: float) -> str:
    return format_datetime(datetime.fromtimestamp(at, UTC).replace(microsecond=0))
