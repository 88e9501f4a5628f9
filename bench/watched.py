"""`hookflash`, and a thread that says what the process holds: who connects to the UNIX socket that
`WATCHED` names gets one line of JSON. Run as `python -m bench.watched serve …` by the soak."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import socket
import threading
from collections import Counter
from collections.abc import Iterable

from hookflash.cli import main

WATCHED = "HOOKFLASH_BENCH_WATCHED"
"""The variable of the environment with the path of the socket."""
COLLECTED = "collected"
"""The count of objects that the garbage collector freed since the start, now among them."""
OF_CALLS = (
    "hookflash.sip.client_transaction",
    "hookflash.sip.server_transaction",
    "hookflash.sip.dialog",
    "hookflash.calls.legs",
    "hookflash.calls.transfers",
    "hookflash.exchange",
    "hookflash.media",
    "hookflash.rooms",
    "hookflash.runtime",
    "hookflash.webhooks",
)
"""Packages and modules whose objects end with what they are about."""


def held(objects: Iterable[object]) -> Counter[str]:
    """How many there are of each kind: "task" (not done), "timer" (not cancelled), and the classes
    of `OF_CALLS` by name."""
    found: Counter[str] = Counter()
    for item in objects:
        kind = type(item)
        if isinstance(item, asyncio.Task):
            found["task"] += not item.done()
        elif kind.__name__ == "TimerHandle":
            found["timer"] += not item.cancelled()  # type: ignore[attr-defined]
        elif kind.__module__.startswith(OF_CALLS):
            found[f"{kind.__module__}.{kind.__name__}"] += 1
    return found


def _listen(path: str) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        while True:
            with listener.accept()[0] as client:
                gc.collect()
                counts = held(gc.get_objects())
                counts[COLLECTED] = sum(each["collected"] for each in gc.get_stats())
                client.sendall(json.dumps(counts).encode() + b"\n")


if __name__ == "__main__":
    threading.Thread(target=_listen, args=(os.environ[WATCHED],), daemon=True).start()
    main()
