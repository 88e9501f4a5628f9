"""A call with its transfers in virtual time on a bad network, judged by the oracle; by seed.

    python -m tests.simulation.simulation SEED

runs one again and prints what went over the wire, what was asked, and what came of it.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from math import inf
from random import Random

from tests.support.sip_messages import OUR_ADDRESS, PEER_ADDRESS

from hookflash.calls.effects import TransferAnswered
from hookflash.sip.codec import parse
from hookflash.sip.message import Request, Response

from .evidence import Ask, Judgement, Told
from .network import Network
from .oracle import Oracle
from .scenarios import Step, draw
from .sim_exchange import PORTS, ROOM, SimExchange
from .transferee import Transferee
from .virtual_timeline import VirtualTimeline

START = 1000.0
LONGEST = 5000.0
"""Virtual seconds after which a call that has not come to rest never will."""

CODES = {
    "timed out": {"deadline_exceeded"},
    "call ended": {"aborted"},
    "subscription ended": {"internal"},
    "canceled": {"canceled"},
    "unreachable": {"canceled", "unavailable"},
    "interrupted": {"unavailable"},
}
"""The API's error code of each verdict that no SIP status decides."""


@dataclass(slots=True)
class RunReport:
    """What one simulation came to."""

    seed: int
    problems: list[str] = field(default_factory=list)
    """Empty: everything is as the oracle says."""
    verdicts: Counter[str] = field(default_factory=Counter)
    rows: list[str] = field(default_factory=list)
    """The plans that the transferee used."""


class Simulation:
    """One call. `run` once, then `report` and `trace`."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        random = Random(seed)
        self.scenario = scenario = draw(random)
        self.timeline = VirtualTimeline(START)
        ways = {OUR_ADDRESS[0]: scenario.to_us, PEER_ADDRESS[0]: scenario.to_peer}
        self.network = Network(self.timeline, random, ways)
        self.exchange = SimExchange(
            self.timeline,
            self.network,
            random,
            scenario.facts,
            scenario.settings,
            scenario.answer_after,
        )
        self.peer = Transferee(
            self.timeline, self.network, random, scenario.manners, scenario.plans
        )
        self.exchange.on_answered = self._answered
        self.exchange.on_verdict = self._told
        self._retries = iter(scenario.retries)
        self._tickets = 0
        self.judgement = Judgement()

    def run(self) -> RunReport:
        """Everything until nothing is left to come, and what is to be said of it."""
        scenario = self.scenario
        for step in scenario.steps:
            if step.after < 0:
                self.timeline.after(0.3 - 0.1 * step.after, partial(self._do, step))
        if scenario.calls_peer:
            self.exchange.call(scenario.manners.transport)
        else:
            self.peer.call()
        rested = self.timeline.run(START + LONGEST)
        self.judgement = Oracle(scenario.facts).judge(self.exchange.log)
        report = RunReport(self.seed, rows=self.peer.rows)
        if not rested:
            report.problems.append("does not come to rest")
        report.problems += [*self._compare(), *self._leftovers()]
        report.verdicts.update(verdict for verdict, _, _ in self._fates())
        report.verdicts["late success"] += sum(late for _, _, late in self._fates())
        return report

    # --- what happens ---------------------------------------------------------------------------

    def _answered(self) -> None:
        for step in self.scenario.steps:
            if step.after >= 0:
                self.timeline.after(step.after, partial(self._do, step))
        if self.scenario.bye_at is not None:
            self.timeline.after(self.scenario.bye_at, self.peer.hang_up)
        if self.scenario.cut_at is not None:
            self.timeline.after(self.scenario.cut_at, lambda: self.network.cut(PEER_ADDRESS[0]))

    def _told(self, told: TransferAnswered) -> None:
        step = next(self._retries, None) if told.error is not None else None
        if step is not None:
            self.timeline.after(step.after, partial(self._do, step))

    def _do(self, step: Step) -> None:
        exchange = self.exchange
        if step.what == "transfer":
            self._tickets += 1
            ask = Ask(self._tickets, step.target, step.ringing, step.wait, step.request_id)
            exchange.request(ask)
        elif step.what == "cancel":
            exchange.cancel()
        elif step.what == "shutdown":
            exchange.shutdown()
        else:
            exchange.delete_room()

    # --- what is said of it ---------------------------------------------------------------------

    def _fates(self) -> list[tuple[str, int, bool]]:
        """Verdict, status and late success of each transfer."""
        fates: list[tuple[str, int, bool]] = []
        for record in self.exchange.records.values():
            status = record.sip_status or 0
            decided = record.verdict in {"refused", "rejected"}
            if not decided and (record.verdict != "call ended" or status != 481):
                status = 0
            fates.append((record.verdict or "", status, record.late_success))
        return fates

    def _compare(self) -> list[str]:
        exchange, judged = self.exchange, self.judgement
        problems = [*exchange.faults, *judged.faults]
        fates = self._fates()
        right = [(fate.verdict, fate.status, fate.late_success) for fate in judged.fates]
        if fates != right:
            problems.append(f"transfers: {fates}, should be {right}")
        told = {ticket: self._word(each, problems) for ticket, each in exchange.told.items()}
        for ticket in sorted(told.keys() | judged.told.keys()):
            if told.get(ticket) != judged.told.get(ticket):
                was, should = told.get(ticket), judged.told.get(ticket)
                problems.append(f"request {ticket}: {was}, should be {should}")
        over = exchange.ended_at if exchange.left_why == "transfer" else exchange.left_at
        if over != judged.over_at and abs(over - judged.over_at) > 1e-6:
            problems.append(f"over at {over - START}, should be {judged.over_at - START}")
        if any(pending for _, pending in exchange.limits):
            problems.append("a limit of the call struck during a transfer")
        return problems

    def _word(self, told: TransferAnswered, problems: list[str]) -> Told:
        record, error = told.record, told.error
        if record is None:
            return Told(error.code if error is not None else "succeeded", -1)
        number = list(self.exchange.records).index(record.transfer_id)
        if error is None:
            return Told("succeeded", number)
        if "sip_transfer_reason" not in error.meta:
            right = error.code == "deadline_exceeded" and "sip_transfer_id" in error.meta
            return Told("wait over" if right else error.code, number)
        verdict = record.verdict or ""
        if verdict in CODES:
            right = error.code in CODES[verdict]
        else:
            right = error.meta.get("sip_status_code") == str(record.sip_status)
        if not right:
            problems.append(f"request {told.ticket}: {error.code} {error.meta} for {verdict}")
        return Told(verdict, number)

    def _leftovers(self) -> list[str]:
        exchange, board = self.exchange, self.exchange.board
        left = {
            "legs": len(board),
            "transactions": sum(board.endpoint.counts()),
            "transactions of the peer": sum(self.peer.endpoint.counts()),
            "timers": int(board.next_deadline() is not None),
            "rooms": len(exchange.rooms),
            "ports": PORTS - exchange.ports.free,
            "participants": int(exchange.rooms.get(ROOM) is not None),
            "requests": self._unanswered(),
        }
        if exchange.leg is not None:
            left["legs unfinished"] = int(not exchange.leg.finished)
        return [f"{count} {what} left" for what, count in left.items() if count]

    def _unanswered(self) -> int:
        asked = [seen for seen in self.exchange.log if seen.kind == "request"]
        return len(asked) - len(self.exchange.told)

    # --- for reading ----------------------------------------------------------------------------

    def trace(self) -> str:
        """Everything that was sent and asked, in order, and what came of it."""
        lines: list[tuple[float, str]] = []
        for sent in self.network.sent:
            arrow = "->" if sent.source == OUR_ADDRESS[0] else "<-"
            arrivals = " ".join(f"{at - START:.3f}" for at in sent.arrivals) or "lost"
            lines.append((sent.at, f"{arrow} {summary(sent.data)}  [{arrivals}]"))
        for seen in self.exchange.log:
            if seen.kind not in {"wire", "sent"}:
                lines.append((seen.at, f"** {seen.kind} {seen.ask or ''}"))
        lines.sort(key=lambda line: line[0])
        out = [f"seed {self.seed}", f"{self.scenario.facts}", f"{self.scenario.manners}"]
        out += [f"{self.peer.rows} {self.scenario.settings}"]
        out += [f"{at - START:9.3f} {text}" for at, text in lines]
        for record in self.exchange.records.values():
            ended = (record.ended_at or inf) - START
            stages = " ".join(entry.stage for entry in record.stages)
            out.append(f"{record.transfer_id}: {record.verdict} at {ended:.3f}; {stages}")
            out.append(f"    {record.sip_status} {record.sip_reason} {record.notes}")
        return "\n".join(out)


def summary(data: bytes) -> str:
    """One line for one message."""
    message = parse(data)
    if isinstance(message, Response):
        return f"{message.status} {message.cseq}"
    assert isinstance(message, Request)
    parts = [str(message.cseq)]
    parts += [message.header("Event") or "", message.header("Subscription-State") or ""]
    if message.method == "NOTIFY":
        parts.append(repr(message.body.decode(errors="replace")))
    return " | ".join(part for part in parts if part)


def run_until(seeds: Iterable[int], transfers: int) -> tuple[Counter[str], int | None]:
    """Simulate calls until they had so many transfers; their verdicts, and the first seed where
    something was not as it should be."""
    verdicts: Counter[str] = Counter()
    for seed in seeds:
        report = Simulation(seed).run()
        if report.problems:
            return verdicts, seed
        verdicts.update(report.verdicts)
        if verdicts.total() - verdicts["late success"] >= transfers:
            break
    return verdicts, None


def main(arguments: list[str]) -> int:
    """Run the given seeds and print them; 1 if one of them is not as it should be."""
    failed = 0
    for seed in map(int, arguments):
        simulation = Simulation(seed)
        report = simulation.run()
        verdict = "\n".join(f"WRONG: {problem}" for problem in report.problems) or "as it should be"
        sys.stdout.write(f"{simulation.trace()}\n{verdict}\n")
        failed |= bool(report.problems)
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
