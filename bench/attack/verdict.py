"""What came of an attack, and whether that is good enough. No sockets, no processes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from ..report import PAGE, replace_between, table_lines

MOST_SECONDS = 1.0
"""In which a new call of a trunk is answered."""
LEAST_SHARE = 0.99
"""Of the packets of the running calls that go out."""
MOST_MORE = 20.0
"""Megabytes that the exchange may have more than before, when it is over."""
LEAST_PROBES = 3
"""Fewer new calls than that say nothing."""
LOUD = ("error", "critical")
"""Levels of a log line that nobody should cause from outside."""

SECURITY = PAGE.with_name("security.md")
HEADS = ("attack", "slowest answer", "RTP that went out", "memory: most, then", "ok")
_BEGIN, _END = "<!-- attacks: written by `make attack` -->", "<!-- end of attacks -->"


@dataclass(frozen=True, slots=True)
class Report:
    """What a stranger's process says in the end: what it did, and what went wrong by its own
    criteria."""

    note: str = ""
    faults: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Seen:
    """What the carrier's phones saw meanwhile. Times are seconds."""

    answers: tuple[float | None, ...] = ()
    """How long each new call waited for its 200; None: it never came."""
    api: tuple[float | None, ...] = ()
    """The same for a request to the API."""
    sent: int = 0
    got: int = 0
    """Packets of the running calls, in and out."""
    ended: int = 0
    """Running calls that the exchange ended."""

    @property
    def slowest(self) -> float | None:
        """The longest wait for an answer; None: one never came, or no call was made."""
        waits = [wait for wait in self.answers if wait is not None]
        return max(waits) if waits and len(waits) == len(self.answers) else None

    @property
    def share(self) -> float:
        """Of the packets that came in, how many went out: 0 to 1."""
        return self.got / self.sent if self.sent else 0.0


@dataclass(frozen=True, slots=True)
class Memory:
    """Of the exchange, in megabytes: before, the most of it meanwhile, and when all was over, so
    many seconds later."""

    before: float
    most: float
    after: float
    later: float = 0.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """All about one attack. `logged`: lines that nobody should be able to cause."""

    name: str
    what: str
    seen: Seen
    memory: Memory
    reports: tuple[Report, ...] = ()
    logged: tuple[str, ...] = ()

    def faults(self) -> list[str]:
        """What is not good enough; [] if all is well."""
        seen, found = self.seen, []
        if len(seen.answers) < LEAST_PROBES:
            found.append(f"only {len(seen.answers)} new calls could be tried")
        unanswered = seen.answers.count(None)
        if unanswered:
            found.append(f"{unanswered} of {len(seen.answers)} new calls were not answered")
        elif seen.slowest is not None and seen.slowest > MOST_SECONDS:
            found.append(f"a new call waited {seen.slowest:.1f} s for its answer")
        if None in seen.api:
            found.append(f"{seen.api.count(None)} of {len(seen.api)} API requests got no answer")
        if seen.share < LEAST_SHARE:
            found.append(f"{seen.share:.1%} of the RTP went out")
        if seen.ended:
            found.append(f"{seen.ended} running calls were ended")
        more = self.memory.after - self.memory.before
        if more > MOST_MORE:
            found.append(f"{more:.0f} MB more than before, {self.memory.later:.0f} s later")
        found += [f"logged: {line}" for line in self.logged[:3]]
        return found + [fault for report in self.reports for fault in report.faults]

    def cells(self) -> tuple[str, ...]:
        """In the order of `HEADS`."""
        slowest = self.seen.slowest
        return (
            f"`{self.name}`: {self.what}",
            f"{slowest * 1000:.0f} ms" if slowest is not None else "none",
            f"{self.seen.share:.2%}",
            f"{self._more(self.memory.most)}, {self._more(self.memory.after)} MB",
            "no" if self.faults() else "yes",
        )

    def _more(self, megabytes: float) -> str:
        return f"{megabytes - self.memory.before:+.0f}"

    def line(self) -> str:
        """For the terminal."""
        _, slowest, share, memory, _ = self.cells()
        notes = "; ".join(report.note for report in self.reports if report.note)
        faults = self.faults()
        verdict = f"FAILED: {'; '.join(faults)}" if faults else "ok"
        return (
            f"{self.name:14} answer {slowest:>7}  RTP {share:>7}  memory {memory:>14}"
            f"{f'  ({notes})' if notes else ''}  {verdict}"
        )


def loud_lines(text: str, meant: Sequence[str] = ()) -> list[str]:
    """Lines of a JSON log that say that something is broken, but those whose event is `meant`.
    What is not JSON (a trace of the interpreter's own) is one too."""
    found = []
    for line in text.splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            entry = None
        if not isinstance(entry, dict):
            if line.strip():
                found.append(line[:160])
        elif entry.get("level") in LOUD and entry.get("event") not in meant:
            found.append(f"{entry.get('event')} {entry.get('why', '')}".strip()[:160])
    return found


def write_page(facts: str, outcomes: Sequence[Outcome]) -> None:
    """Replace the table of docs/security.md, and what it was measured on.

    Raises:
        ValueError: the page lacks the marks of the table.
    """
    lines = [facts, "", *table_lines(HEADS, [outcome.cells() for outcome in outcomes])]
    replace_between(SECURITY, _BEGIN, _END, lines)
