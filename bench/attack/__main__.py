"""`python -m bench.attack` attacks an exchange and says how its calls fare; exit code 1 where one
attack does harm. With names, only those; `--write` puts the table into docs/security.md.

It runs in a network namespace of its own: as root, or where users may have namespaces.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

from ..report import machine
from .cases import ATTACKS, Attack, Stranger
from .channels import first
from .scene import ADDRESSES, NAMES, Scene, start
from .verdict import MOST_MORE, Memory, Outcome, Report, Seen, loud_lines, write_page
from .witness import witness

SECONDS = 5.0
"""Of one attack."""
ALL_SECONDS = 480.0
"""Of everything but the start and the end; what is waited for in between gets shorter when they are
nearly over."""
AFTER = 1.0
"""The calls are watched a little longer than they are attacked."""
FORGETTING = 45.0
"""Until all timers of a call or a transaction have run (64 × T1, and ringing)."""
SAMPLE = 0.05
NICE = 19
"""Strangers sit at machines of their own: here they get what the others leave."""
_INSIDE = "--inside"
_FORK = get_context("fork")


def main() -> None:
    """Make a namespace, then attack in it."""
    parser = argparse.ArgumentParser(prog="python -m bench.attack", description=__doc__)
    known = [attack.name for attack in ATTACKS]
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(known))
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of one attack")
    parser.add_argument("--write", action="store_true", help="put the table into docs/security.md")
    parser.add_argument(_INSIDE, action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    unknown = [name for name in options.names if name not in known]
    if unknown:
        parser.error(f"no attack {', '.join(unknown)}; there are: {', '.join(known)}")
    if not options.inside:
        _enter_namespace()
    attacks = [one for one in ATTACKS if not options.names or one.name in options.names]
    facts = machine()
    with tempfile.TemporaryDirectory(prefix="hookflash-attack-") as folder:
        _furnish_namespace(Path(folder))
        outcomes = attack_all(Path(folder), attacks, options.seconds)
    if options.write:
        write_page(facts, outcomes)
    failed = [f"{one.name} ({'; '.join(one.faults())})" for one in outcomes if one.faults()]
    if failed:
        sys.exit(f"{len(failed)} of {len(outcomes)} attacks do harm: {', '.join(failed)}")
    print(f"{len(outcomes)} attacks, no harm done")


def _enter_namespace() -> None:
    """Become the same program in a network and a mount namespace of its own."""
    command = ["unshare", "--net", "--mount"]
    if os.geteuid():
        command.append("--map-root-user")
    again = [sys.executable, "-m", "bench.attack", _INSIDE, *sys.argv[1:]]
    os.execvp(command[0], [*command, "--", *again])


def _furnish_namespace(folder: Path) -> None:
    """Addresses on its loopback, and the name server that nobody should believe."""
    commands = [["ip", "link", "set", "lo", "up"]]
    commands += [["ip", "address", "add", f"{one}/32", "dev", "lo"] for one in ADDRESSES]
    servers = folder / "resolv.conf"
    servers.write_text(f"nameserver {NAMES}\n", "utf-8")
    commands.append(["mount", "--bind", str(servers), "/etc/resolv.conf"])
    for command in commands:
        subprocess.run(command, check=True)


def attack_all(folder: Path, attacks: Sequence[Attack], seconds: float) -> list[Outcome]:
    """One after the other, on one exchange with its calls; a line is printed for each."""
    end = time.monotonic() + ALL_SECONDS
    _raise_open_files()
    scene = start(folder)
    first(scene)
    orders, theirs = _FORK.Pipe()
    phones = _FORK.Process(target=witness, args=(scene, theirs), daemon=True)
    phones.start()
    outcomes = []
    try:
        up = orders.recv()
        if up != "up":
            raise RuntimeError(f"the calls do not come up: {up}")
        for number, attack in enumerate(attacks):
            left = len(attacks) - number - 1
            until = end - left * (seconds + 2 * AFTER)
            outcomes.append(_attacked(scene, orders, attack, seconds, until))
            print(outcomes[-1].line(), flush=True)
    finally:
        if phones.is_alive():
            orders.send("stop")
            phones.join(5)
        phones.kill()
        scene.exchange.close()
    return outcomes


def _attacked(
    scene: Scene, orders: Connection, attack: Attack, seconds: float, until: float
) -> Outcome:
    """One attack, and what comes of it. Memory may come back until `until`, and for no longer than
    it takes to forget a call."""
    log = scene.exchange.log
    read = log.stat().st_size
    before = most = scene.resident_mb()
    orders.send("begin")
    running = [_launch(scene, stranger, seconds) for stranger in attack.strangers]
    end = time.monotonic() + seconds + AFTER
    while time.monotonic() < end:
        most = max(most, scene.resident_mb())
        time.sleep(SAMPLE)
    reports = tuple(_ended(process, pipe) for process, pipe in running)
    orders.send("end")
    seen: Seen = orders.recv()
    over = time.monotonic()
    until = min(until, over + FORGETTING)
    while scene.resident_mb() > before + MOST_MORE and time.monotonic() < until:
        time.sleep(SAMPLE)
    time.sleep(max(0.0, over + attack.lingers - time.monotonic()))
    memory = Memory(before, most, scene.resident_mb(), time.monotonic() - over)
    text = log.read_bytes()[read:].decode("utf-8", "replace")
    logged = tuple(loud_lines(text, attack.meant))
    return Outcome(attack.name, attack.what, seen, memory, reports, logged)


def _launch(scene: Scene, stranger: Stranger, seconds: float) -> tuple[BaseProcess, Connection]:
    ours, theirs = _FORK.Pipe()
    process = _FORK.Process(target=_be, args=(scene, stranger, seconds, theirs), daemon=True)
    process.start()
    return process, ours


def _be(scene: Scene, stranger: Stranger, seconds: float, told: Connection) -> None:
    os.nice(NICE)
    told.send(stranger(scene, seconds))


def _ended(process: BaseProcess, pipe: Connection) -> Report:
    """What it says; a stranger that breaks or does not end proves nothing."""
    try:
        report: Report = pipe.recv() if pipe.poll(10) else Report("", ("a stranger did not end",))
    except EOFError:
        report = Report("", ("a stranger broke",))
    process.kill()
    process.join()
    return report


def _raise_open_files() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


if __name__ == "__main__":
    main()
