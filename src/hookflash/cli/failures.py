"""The last failed transfer or call of a server, as the doctor looks at it."""

from __future__ import annotations

from typing import Any, Final

from ..base.light import light_dataclass
from ..doctor.diagnosis import Finding, diagnose_call
from .client import Client, ClientError, RefusedError
from .sip_messages import FoundCall, fetch, find_call, found_of, seen_of

LOOKED_AT: Final = 200
"""Of the newest transfers, and of the newest calls."""
_BAD_ENDS: Final = frozenset(
    {
        "media timeout",
        "no ACK",
        "session timer",
        "no session description in ACK",
        "max call duration",
    }
)


@light_dataclass(frozen=True, slots=True)
class Examined:
    """A call or a transfer, and what the doctor says of it."""

    finding: Finding
    answer: dict[str, Any] | None
    """Its SIP messages, as the API gives them; None where none are kept."""
    headline: str


def examine(client: Client, found: FoundCall) -> Examined:
    """What is known of it."""
    try:
        answer = fetch(client, found)
    except RefusedError as error:
        if error.status != 404:
            raise
        answer = None
    seen = [] if answer is None else seen_of(answer)
    record = found.record or {"call_id": found.call_id}
    return Examined(diagnose_call(seen, record, found.transfer), answer, headline(found))


def headline(found: FoundCall) -> str:
    """Which one it is, for a person."""
    from .output import moment

    about = found.transfer or found.record
    when = moment(float(about.get("created_at") or 0))
    if found.transfer is not None:
        what = f"transfer {about['transfer_id']} of {about['identity']} to {about['target']}"
        return f"{what}, {when}: {about.get('verdict') or 'pending'}"
    if not about:
        return f"call {found.call_id}, which is up"
    what = f"{about['direction']} call {about['call_id']}, {about['caller']} to {about['called']}"
    return f"{what}, {when}"


def last_failure(client: Client) -> FoundCall | None:
    """The newest transfer that did not succeed, or the newest call that failed, whichever was
    later; None where there is none among the last."""
    query: dict[str, str | int] = {"limit": LOOKED_AT}
    transfers = client.get("/hookflash/transfers", grant_room="", **query)["transfers"]
    calls = client.get("/hookflash/calls", grant_room="", **query)["calls"]
    transfer = next((one for one in transfers if _transfer_failed(one)), None)
    call = next((one for one in calls if call_failed(one)), None)
    if transfer is not None and (call is None or _ended(call) <= _ended(transfer)):
        return found_of(client, transfer)
    return None if call is None else FoundCall(call["call_id"], call["room"], call)


def the_case(client: Client, ident: str) -> FoundCall | None:
    """The one that is named, or the last failure."""
    return find_call(client, ident) if ident else last_failure(client)


def _transfer_failed(record: dict[str, Any]) -> bool:
    return record.get("verdict") not in (None, "succeeded")


def call_failed(record: dict[str, Any]) -> bool:
    """Never answered, or ended by something that is no hang-up. A caller who gave up has failed as
    well: somebody has to ask why nobody answered."""
    if record.get("ended_at") is None:
        return False
    return not record.get("answered_at") or record.get("end_reason") in _BAD_ENDS


def _ended(record: dict[str, Any]) -> float:
    return float(record.get("ended_at") or record.get("created_at") or 0)


def no_server(error: ClientError) -> Finding:
    """It cannot be asked, or does not answer this key."""
    remedy = "start it, or say where it is (--url)"
    if isinstance(error, RefusedError):
        remedy = "a key and a secret of its `keys`; --config FILE takes them from its settings"
    return Finding("error", "the server", str(error), remedy)
