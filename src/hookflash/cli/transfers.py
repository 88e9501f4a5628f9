"""`hookflash transfers`: what became of the transfers."""

from __future__ import annotations

from typing import Any

from .durations import moment
from .options import Session

_COLUMNS = ("when", "transfer", "room", "identity", "target", "stages", "verdict", "notes")


def show(session: Session, *, room: str, limit: int) -> None:
    """Print the stored transfers, newest first; raises ClientError."""
    query: dict[str, str | int] = {"limit": limit}
    if room:
        query["room"] = room
    answer = session.client.get("/hookflash/transfers", grant_room=room, **query)
    transfers: list[dict[str, Any]] = answer["transfers"]
    rows = [_row(record) for record in transfers]
    session.show(transfers, _COLUMNS, rows, "no transfers are stored")


def _row(record: dict[str, Any]) -> list[str]:
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
