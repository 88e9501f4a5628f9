"""What the simulated carrier bears on one core: calls at once, sound, transfers.

`hookflash carrier --load` against an exchange on another core, two calls in a room. What a run
says of itself is judged with what the system says of its process.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .exchange import KEY, SECRET, Exchange
from .report import Row, row

CALLS = 1000
FEW = 100
"""Against which the memory of many is measured."""
WITH_SOUND = 150
TRANSFERS_A_SECOND = 100
SECONDS = 60
TARGET = "+15105550123"
_LOOK = 0.05
"""Seconds between two looks at the memory of the carrier."""


@dataclass(frozen=True, slots=True)
class Ran:
    """One load run."""

    told: dict[str, Any]
    """What it says of itself."""
    peak_kb: int
    """Resident memory at most."""
    cpu: float
    """Seconds of CPU, its start included."""
    waited: float
    """Seconds for which it was to run and others had its core."""

    @property
    def failed(self) -> int:
        """Calls that failed."""
        failed: int = self.told["calls"]["failed"]
        return failed

    @property
    def note(self) -> str:
        """For the table."""
        share = self.cpu / self.told["seconds"]
        calls = self.told["calls"]
        failed = f"{self.failed} of {calls['tried']} calls failed"
        why = "".join(f": {count} {reason}" for reason, count in [*calls["failures"].items()][:1])
        return f" ({failed}{why}; {share:.0%} of a core, waited {self.waited:.1f} s for it)"


def load(order: str, lasts: int, numbers: int) -> Ran:
    """One run with an exchange of its own; the calls go to that many numbers in turn."""
    with Exchange(answer="immediately") as exchange, tempfile.TemporaryDirectory() as folder:
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(exchange.pid, {cores[-1]})
        config = Path(folder) / "carrier.yml"
        config.write_text(json.dumps(_config(exchange.sip_port, numbers)))  # JSON is YAML
        command = [
            *(sys.executable, "-m", "hookflash", "carrier", "--config", str(config), "--json"),
            *("--sip", "127.0.0.1:0", "--http", "", "--for", f"{lasts}s", "--load"),
            *order.split(),
        ]
        access = {
            "LIVEKIT_URL": f"http://127.0.0.1:{exchange.http_port}",
            "LIVEKIT_API_KEY": KEY,
            "LIVEKIT_API_SECRET": SECRET,
        }
        child = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env={**os.environ, **access}
        )
        os.sched_setaffinity(child.pid, {cores[0]})
        return _watched(child)


def _watched(child: subprocess.Popen[bytes]) -> Ran:
    """Until it is over."""
    process, over = Path(f"/proc/{child.pid}"), threading.Event()
    seen = {"kb": 0, "waited": 0, "cpu": 0}
    hertz = os.sysconf("SC_CLK_TCK")

    def look() -> None:
        while not over.wait(_LOOK):
            try:
                lines = (process / "status").read_text().splitlines()
                seen["waited"] = int((process / "schedstat").read_text().split()[1])
                fields = (process / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                return
            seen["kb"] = max([seen["kb"], *(int(x.split()[1]) for x in lines if "VmRSS" in x)])
            seen["cpu"] = int(fields[11]) + int(fields[12])

    watcher = threading.Thread(target=look, daemon=True)
    watcher.start()
    output, _ = child.communicate()
    over.set()
    watcher.join()
    try:
        told = json.loads(output)
    except ValueError:
        raise RuntimeError(f"the load run told nothing, exit code {child.returncode}") from None
    return Ran(told, seen["kb"], seen["cpu"] / hertz, seen["waited"] / 1e9)


def _config(port: int, numbers: int) -> dict[str, Any]:
    return {
        "profile": "plain",
        "trunks": [
            {
                "name": "bench",
                "numbers": [f"+1510{number:07d}" for number in range(numbers)],
                "origination": f"sip:127.0.0.1:{port}",
            }
        ],
        "phones": [
            {"number": "+14155550100", "tone": 330},
            {"number": TARGET, "tone": 1000, "after": 0.1},
        ],
    }


def held() -> list[Row]:
    """A thousand calls without sound, and what one more of them takes."""
    few = load(f"calls={FEW} rate=100 hold=5s sound=no", FEW // 100, FEW // 2)
    many = load(f"calls={CALLS} rate=100 hold=25s sound=no", CALLS // 100, CALLS // 2)
    more = many.told["calls"]["at_once"] - few.told["calls"]["at_once"]
    return [
        row(
            "carrier, one core: calls at once without sound",
            many.told["calls"]["at_once"],
            CALLS,
            more=True,
            digits=0,
            note=many.note,
            also=not many.failed,
        ),
        row(
            "the same: resident memory of a call",
            (many.peak_kb - few.peak_kb) / max(1, more),
            100,
            unit=" kB",
            digits=0,
        ),
    ]


def sound() -> Row:
    """Packets of 20 ms both ways."""
    ran = load(f"calls={WITH_SOUND} rate=50 hold=15s", WITH_SOUND // 50, WITH_SOUND // 2)
    rtp, at_once = ran.told["rtp"], ran.told["calls"]["at_once"]
    return row(
        f"carrier, one core: {WITH_SOUND} calls with sound, 20 ms ticks that came late",
        ran.told["ticks"]["late"],
        0,
        digits=0,
        note=f" of {ran.told['ticks']['all']}, {rtp['lost']} packets lost{ran.note}",
        also=not ran.failed and at_once == WITH_SOUND,
    )


def transfers() -> Row:
    """Each call is transferred as soon as it is up."""
    order = f"calls={CALLS} rate={TRANSFERS_A_SECOND} hold=1s sound=no transfers=1"
    ran = load(f"{order} room=r_{{called}}", SECONDS, CALLS // 2)
    told = ran.told["transfers"]
    return row(
        f"carrier, one core: {TRANSFERS_A_SECOND} calls/s, each transferred, for {SECONDS} s: "
        "verdicts that are wrong",
        told["wrong"],
        0,
        digits=0,
        note=f" of {told['asked']}, {told['completed']} completed{ran.note}",
        also=not ran.failed and told["completed"] == TRANSFERS_A_SECOND * SECONDS,
    )


def carrier() -> list[Row]:
    """All of it."""
    return [*held(), sound(), transfers()]
