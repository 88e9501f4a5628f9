"""`hookflash audit`: who changed what over the API."""

from __future__ import annotations

from typing import Any

from .durations import moment
from .options import Session

_COLUMNS = ("when", "key", "did", "to", "detail")


def show(session: Session, *, subject: str, limit: int) -> None:
    """Print the lines of the audit, newest first; raises ClientError."""
    answer = session.client.get("/hookflash/audit", subject=subject, limit=limit)
    lines: list[dict[str, Any]] = answer["audit"]
    none = f"nothing is recorded of {subject}" if subject else "nothing was changed"
    session.show(lines, _COLUMNS, [_row(line) for line in lines], none)


def _row(line: dict[str, Any]) -> list[str]:
    who_and_what = (str(line[name]) for name in ("api_key", "action", "subject", "detail"))
    return [moment(float(line["at"])), *who_and_what]
