"""Find a call by whatever id a person has, and fetch its SIP messages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from ..base.light import light_dataclass
from ..doctor.seen import SeenMessage, seen_from
from .client import Client, ClientError, RefusedError
from .rooms import list_phones

PAGE: Final = 1000
"""Records that are asked for at once where one is looked for."""


@light_dataclass(frozen=True, slots=True)
class FoundCall:
    """A call, and the transfer by whose id it was found."""

    call_id: str
    """SCL_ id."""
    room: str
    record: dict[str, Any]
    """Of the call history, {} for a call that is not in it yet."""
    transfer: dict[str, Any] | None = None


def find_call(client: Client, ident: str) -> FoundCall:
    """By the id of a call (SCL_…) or a transfer (STR_…) or by the SIP Call-ID; "": the newest call.

    Raises:
        ClientError: there is none.
    """
    if ident.startswith("STR_"):
        for transfer in records(client, "transfers", "transfer_id"):
            if transfer["transfer_id"] == ident:
                return found_of(client, transfer)
        raise ClientError(f"no transfer {ident} is stored; `hookflash transfers` lists them")
    for record in records(client, "calls", "call_id"):
        if not ident or ident in (record["call_id"], record["sip_call_id"]):
            return FoundCall(record["call_id"], record["room"], record)
    for phone in list_phones(client):
        if not ident or ident == phone.attribute("callID"):
            return FoundCall(phone.attribute("callID"), phone.room, {})
    if not ident:
        raise ClientError("there was no call yet")
    raise ClientError(
        f"no call {ident} is stored or up; `hookflash calls`, with --ended or not, lists them"
    )


def found_of(client: Client, transfer: dict[str, Any]) -> FoundCall:
    """The call of a transfer's record; its room is the one in which it was transferred."""
    call_id, room = str(transfer["call_id"]), str(transfer["room"])
    try:
        record = client.get(f"/hookflash/calls/{call_id}", grant_room=room)
    except RefusedError:  # it is not in the history, or was moved to another room
        record = {}
    return FoundCall(call_id, room, record, transfer)


def records(client: Client, kind: str, ident: str) -> Iterator[dict[str, Any]]:
    """All that are stored, newest first; `kind`: `calls` or `transfers`."""
    query: dict[str, str | int] = {"limit": PAGE}
    while True:
        page: list[dict[str, Any]] = client.get(f"/hookflash/{kind}", grant_room="", **query)[kind]
        yield from page
        if len(page) < PAGE:
            return
        query["before"] = str(page[-1][ident])


def fetch(client: Client, found: FoundCall) -> dict[str, Any]:
    """The answer of the API: the messages and what belongs to them."""
    path = f"/hookflash/calls/{found.call_id}/sip"
    if found.transfer is not None:
        path = f"/hookflash/transfers/{found.transfer['transfer_id']}/sip"
    answer: dict[str, Any] = client.get(path, grant_room=found.room)
    return answer


def seen_of(answer: dict[str, Any]) -> list[SeenMessage]:
    """Its messages. Raises ClientError for what is no answer of Hookflash."""
    try:
        return seen_from(answer["messages"])
    except (KeyError, ValueError, TypeError) as error:
        raise ClientError(f"the server's answer is no list of SIP messages ({error})") from None
