"""`hookflash transfers`: what became of the transfers."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.table import Table

from .client import Client


def show(url: str, api_key: str, api_secret: str, *, room: str, limit: int, as_json: bool) -> None:
    """Print the stored transfers, newest first; raises ClientError."""
    query: dict[str, str | int] = {"limit": limit}
    if room:
        query["room"] = room
    answer = Client(url, api_key, api_secret).get("/hookflash/transfers", grant_room=room, **query)
    transfers: list[dict[str, Any]] = answer["transfers"]
    if as_json:
        print(json.dumps(transfers, indent=2))  # noqa: T201
        return
    table = Table("when", "transfer", "room", "identity", "target", "stages", "verdict", "notes")
    for record in transfers:
        table.add_row(*_row(record))
    Console().print(table)


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
        datetime.fromtimestamp(started, UTC).strftime("%Y-%m-%d %H:%M:%S"),
        str(record["transfer_id"]),
        str(record["room"]),
        str(record["identity"]),
        str(record["target"]),
        stages,
        verdict,
        "; ".join(record.get("notes") or []),
    ]
