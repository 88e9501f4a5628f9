"""Resources and pages of them as Telnyx's JSON has them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from ...providers.numbers import region_of
from .account import CONNECTION, HIDDEN, NUMBER, PROFILE, TelnyxHoldings, TelnyxThing


def resource(account: TelnyxHoldings, thing: TelnyxThing) -> dict[str, Any]:
    """One of them. What nobody can set here has the value that Telnyx's pages begin with."""
    created, updated = _iso(thing.created), _iso(thing.updated)
    found: dict[str, Any] = {
        "id": thing.sid,
        "record_type": thing.kind.record_type,
        **thing.values,
        "created_at": created,
        "updated_at": updated,
    }
    if thing.kind is CONNECTION:
        found |= {
            "password": HIDDEN if thing.password else None,
            "third_party_control_enabled": False,
            "tags": [],
        }
    elif thing.kind is PROFILE:
        has = (
            one.values["outbound"]["outbound_voice_profile_id"] for one in account.all(CONNECTION)
        )
        found |= {"connections_count": sum(sid == thing.sid for sid in has), "tags": []}
    elif thing.kind is NUMBER:
        connection = account.find(CONNECTION, thing.values["connection_id"] or "")
        named = connection.values["connection_name"] if connection is not None else None
        found |= {
            "connection_name": named,
            "country_iso_alpha2": region_of(thing.values["phone_number"]) or "US",
            "phone_number_type": "local",
            "status": "active",
            "deletion_lock_enabled": False,
            "purchased_at": created,
            "tags": [],
        }
    return found


def one(account: TelnyxHoldings, thing: TelnyxThing, password: str = "") -> dict[str, Any]:
    """An answer about one; `password`: the one that was set just now, which is shown once."""
    data = resource(account, thing)
    return {"data": data | {"password": password} if password else data}


def page(shown: Sequence[dict[str, Any]], number: int, size: int) -> dict[str, Any]:
    """The page `number`, from 1, of `size` each."""
    return {
        "data": list(shown[(number - 1) * size : number * size]),
        "meta": {
            "page_number": number,
            "page_size": size,
            "total_pages": -(-len(shown) // size),
            "total_results": len(shown),
        },
    }


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
