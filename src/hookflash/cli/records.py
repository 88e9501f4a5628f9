"""`hookflash transfers` and `audit`: what a Hookflash has recorded."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from .options import Session, server_command
from .output import moment

_TRANSFERS = ("when", "transfer", "room", "identity", "target", "stages", "verdict", "notes")
_AUDIT = ("when", "key", "did", "to", "detail")
Limit = Annotated[int, typer.Option(min=1, max=1000, help="At most so many.")]


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    server_command(app, "transfers")(transfers)
    server_command(app, "audit")(audit)


def transfers(
    session: Session,
    room: Annotated[str, typer.Option(help="Only those of this room.")] = "",
    limit: Limit = 20,
) -> None:
    """Show stored transfers and their verdicts (Hookflash only)."""
    query: dict[str, str | int] = {"limit": limit}
    if room:
        query["room"] = room
    answer = session.client.get("/hookflash/transfers", grant_room=room, **query)
    found: list[dict[str, Any]] = answer["transfers"]
    rows = [_transfer(record) for record in found]
    session.show(found, _TRANSFERS, rows, "no transfers are stored")


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
        str(record["target"]),
        stages,
        verdict,
        "; ".join(record.get("notes") or []),
    ]


def audit(
    session: Session,
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
