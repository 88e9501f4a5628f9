"""`hookflash transfers` and `audit`: what a Hookflash has recorded."""

from __future__ import annotations

from typing import Annotated, Any, Final

import typer

from .client import Client
from .options import ApiSession, server_command
from .output import moment

_TRANSFERS = ("when", "transfer", "room", "identity", "target", "stages", "verdict", "notes")
_AUDIT = ("when", "key", "did", "to", "detail")
PAGE: Final = 1000
"""Records that are asked for at once where one is looked for."""
Limit = Annotated[int, typer.Option(min=1, max=1000, help="At most so many.")]


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    server_command(app, "transfers")(transfers)
    server_command(app, "audit")(audit)


def transfers(
    session: ApiSession,
    transfer: Annotated[str, typer.Argument(help="Only this one, an STR_… id.")] = "",
    room: Annotated[str, typer.Option(help="Only those of this room.")] = "",
    limit: Limit = 20,
) -> None:
    """Show stored transfers and their verdicts (Hookflash only)."""
    if transfer:
        record = _find(session.client, transfer)
        session.show(record, ("", ""), _details(record), "")
        return
    query: dict[str, str | int] = {"limit": limit}
    if room:
        query["room"] = room
    answer = session.client.get("/hookflash/transfers", grant_room=room, **query)
    found: list[dict[str, Any]] = answer["transfers"]
    rows = [_transfer(record) for record in found]
    session.show(found, _TRANSFERS, rows, "no transfers are stored")


def _find(client: Client, transfer_id: str) -> dict[str, Any]:
    """By the list of all: asking for one needs a token for its room, which nobody knows here."""
    from .client import ClientError

    query: dict[str, str | int] = {"limit": PAGE}
    while True:
        found: list[dict[str, Any]] = client.get("/hookflash/transfers", grant_room="", **query)[
            "transfers"
        ]
        for record in found:
            if record["transfer_id"] == transfer_id:
                return record
        if len(found) < PAGE:
            raise ClientError(f"no transfer {transfer_id} is stored")
        query["before"] = str(found[-1]["transfer_id"])


def _details(record: dict[str, Any]) -> list[list[str]]:
    """Name and value of what there is to tell."""
    pairs = zip(_TRANSFERS, _transfer(record), strict=True)
    further = (
        *(("provider", "provider"), ("call", "call_id")),
        *(("reason", "sip_reason"), ("error", "error")),
    )
    named = [*pairs, *((name, str(record.get(key) or "")) for name, key in further)]
    return [[name, value] for name, value in named if value]


def _transfer(record: dict[str, Any]) -> list[str]:
    started = float(record["created_at"])
    stages = " → ".join(
        f"{entry['stage']} +{max(0.0, float(entry['at']) - started):.1f}s"
        for entry in record["stages"]
    )
    verdict = str(record.get("verdict") or "pending")
    if record.get("sip_status"):
        verdict += f" ({record['sip_status']})"
    return [
        moment(started),
        str(record["transfer_id"]),
        str(record["room"]),
        str(record["identity"]),
        target_of(record),
        stages,
        verdict,
        "; ".join(record.get("notes") or []),
    ]


def target_of(record: dict[str, Any]) -> str:
    """What was asked for, and what was sent where a preset made something else of it."""
    asked, sent = str(record["target"]), sent_of(record)
    return asked if sent == asked else f"{asked} → {sent}"


def sent_of(record: dict[str, Any]) -> str:
    """What a preset made of the target; the target itself where none had a say."""
    return str(record["refer_to" if record.get("provider") else "target"]).strip("<>")


def audit(
    session: ApiSession,
    subject: Annotated[
        str, typer.Argument(help="Only this trunk, rule, transfer or call, by its id.")
    ] = "",
    limit: Limit = 20,
) -> None:
    """Show who changed, transferred and called (Hookflash only)."""
    answer = session.client.get("/hookflash/audit", subject=subject, limit=limit)
    lines: list[dict[str, Any]] = answer["audit"]
    none = f"nothing is recorded of {subject}" if subject else "nothing was changed"
    session.show(lines, _AUDIT, [_line(line) for line in lines], none)


def _line(line: dict[str, Any]) -> list[str]:
    who_and_what = (str(line[name]) for name in ("api_key", "action", "subject", "detail"))
    return [moment(float(line["at"])), *who_and_what]
