"""`hookflash agents`: the workers that a Hookflash has, and the rooms that wait for one."""

from __future__ import annotations

import time
from typing import Any

import typer

from .options import ApiSession, server_command
from .output import clock

_COLUMNS = ("agent", "jobs for", "worker", "status", "load", "since", "rooms")


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    server_command(app, "agents")(agents)


def agents(session: ApiSession) -> None:
    """Show agent workers, and rooms that wait for one (Hookflash only)."""
    answer: dict[str, Any] = session.client.get("/hookflash/agents")
    now = time.time()
    rows = [_worker(worker, now) for worker in answer["workers"]]
    rows += [_waiting(waiting, now) for waiting in answer["waiting"]]
    session.show(answer, _COLUMNS, rows, "no agent workers")


def _worker(worker: dict[str, Any], now: float) -> list[str]:
    return [
        str(worker["agent_name"]) or "(unnamed)",
        _type(worker["type"]),
        str(worker["worker_id"]),
        str(worker["status"]).removeprefix("WS_").lower(),
        f"{float(worker['load']):.0%}",
        clock(now - float(worker["registered_at"])),
        ", ".join(str(job["room"]) for job in worker["jobs"]),
    ]


def _waiting(waiting: dict[str, Any], now: float) -> list[str]:
    return [
        str(waiting["agent_name"]),
        _type(waiting["type"]),
        "",
        f"missing: {waiting['why']}",
        "",
        clock(now - float(waiting["since"])),
        str(waiting["room"]),
    ]


def _type(name: object) -> str:
    return str(name).removeprefix("JT_").lower()
