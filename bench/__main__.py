"""`python -m bench` measures everything and writes docs/performance.md; with names, only those.

Each figure is taken from one run of a server of its own; medians where it is a time.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from . import held, load, rtc
from .carrier import carrier
from .crud import crud
from .latency import latencies
from .lists import lists
from .match import match
from .outbound import outbound
from .report import Row, Run, print_rows, row, write_page
from .rooms import rooms
from .sip_parse import figures
from .start import start


def parse() -> list[Row]:
    """A 900-byte INVITE with typed Via, From, To, CSeq, Contact; a 200 with SDP. In a process of
    its own, as the server is."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        parsed, written = pool.submit(figures).result()
    return [
        row("parse a 900-byte INVITE, typed", parsed * 1e6, 40, 25, unit=" µs"),
        row("serialise a 200", written * 1e6, 20, 10, unit=" µs"),
    ]


FIGURES: dict[str, Callable[[], Row | list[Row]]] = {
    "refer": load.refer_latency,
    "answer": load.answer_latency,
    "cpu": lambda: load.cpu_per_call(webhook=False),
    "cpu-webhook": lambda: load.cpu_per_call(webhook=True),
    "outbound": outbound,
    "rate": load.calls_per_core,
    "crud": crud,
    "match": match,
    "list": lists,
    "relay": held.relayed,
    "mix": held.mixed,
    "rooms": rooms,
    "clients": rtc.clients,
    "latency": latencies,
    "carrier": carrier,
    "parse": parse,
    "start": start,
}


def main() -> None:
    """Measure, print, and write the page when all figures are there."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(FIGURES))
    names = parser.parse_args().names or list(FIGURES)
    unknown = [name for name in names if name not in FIGURES]
    if unknown:
        parser.error(f"no figure {', '.join(unknown)}; there are: {', '.join(FIGURES)}")
    run = Run()
    for name in names:
        print(f"{name} …", flush=True)
        try:
            found = FIGURES[name]()
        except RuntimeError as error:
            found = Row(name, "", "", str(error), "no")
        found = found if isinstance(found, list) else [found]
        print_rows(found)
        run.rows.extend(found)
    print()
    print_rows(run.rows)
    if names == list(FIGURES):
        write_page(run)


if __name__ == "__main__":
    main()
