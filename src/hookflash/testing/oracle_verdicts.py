"""The verdicts of transfer.md and what follows from them, as the oracle sees it (§1, §5)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import inf

from .evidence import Facts, Fate, Judgement
from .oracle_refer import Refer

_WATCHED = {"timed out", "canceled", "call ended", "unreachable"}


class Transfer:
    """One transfer, decided at `at`."""

    def __init__(self, refer: Refer, until: float) -> None:
        self.refer, self.until, self.at, self.fate = refer, until, inf, Fate("", 0, False)


class Verdicts:
    """State of one call, and what time and outcomes do to it. Nothing of `calls` is used."""

    def __init__(self, facts: Facts) -> None:
        self.facts, self.out, self.now = facts, Judgement(), -inf
        self.refers: list[Refer] = []
        self.transfers: list[Transfer] = []
        self.pending: Transfer | None = None
        self.over = self.by_peer = False
        self.grace = self.probe = self.bye_at = self.unacked = inf

    def due(self) -> list[tuple[float, Callable[[], object]]]:
        """What time will bring, as things are now."""
        due: list[tuple[float, Callable[[], object]]] = []
        due += [(at, self.end) for at in (self.probe, self.bye_at, self.unacked)]
        due += [(self.grace, partial(self.decide, "call ended"))]
        due += [(refer.fails_at, partial(self.unanswered, refer)) for refer in self.refers]
        due += [(refer.asking, partial(refer.subscribed, 408)) for refer in self.refers]
        if self.pending is not None:
            refer = self.pending.refer
            word, status = ("refused", 491) if refer.waiting else ("timed out", 0)
            due.append((self.pending.until, partial(self.decide, word, status)))
            if not self.over and refer.asking == inf:
                due.append((refer.ended + 2, partial(self.decide, "subscription ended")))
        return due

    def riders(self, refer: Refer) -> list[Transfer]:
        """The transfers that take their verdict from this REFER."""
        return [each for each in self.transfers if each.refer is refer]

    def mine(self, refer: Refer) -> bool:
        """The pending transfer rides on it."""
        return self.pending is not None and self.pending.refer is refer

    def watched(self, each: Transfer) -> bool:
        """Its REFER may still succeed late."""
        return each.fate.verdict in _WATCHED and self.now < each.at + 180

    def open(self, refer: Refer) -> bool:
        """It is out, and an outcome may still come."""
        if not refer.ids or refer.waiting or refer.refused or refer.final:
            return False
        lives = refer.ended == inf or refer.asking < inf
        return self.mine(refer) or (lives and any(map(self.watched, self.riders(refer))))

    def decide(self, verdict: str, status: int = 0) -> None:
        """The verdict of the pending transfer."""
        assert self.pending is not None
        done, self.pending, self.grace = self.pending, None, inf
        status = 481 if verdict == "call ended" and done.refer.lost == 481 else status
        done.fate, done.at = Fate(verdict, status, False), self.now
        done.refer.refused |= verdict == "refused" or done.refer.waiting or done.refer.lost > 0
        done.refer.waiting = False

    def end(self, *, by_peer: bool = False) -> None:
        """BYE, either way."""
        first, self.over, self.by_peer = not self.over, True, self.by_peer or by_peer
        self.probe = self.bye_at = self.unacked = inf
        self.out.over_at = min(self.out.over_at, self.now)
        self.infer()
        if self.pending is not None and first:
            self.grace = self.now + 1
            if not self.pending.refer.ids or self.pending.refer.waiting:
                self.decide("call ended")

    def infer(self) -> None:
        """A small PBX that handed the call over."""
        if self.pending and self.by_peer and self.now - self.pending.refer.handed <= 2:
            self.decide("succeeded")

    def outcome(self, refer: Refer, status: int) -> None:
        """A first final status, or 2xx with `Refer-Sub: false`."""
        won = False
        for each in self.riders(refer):
            if each is self.pending:
                won |= status < 300
                self.decide("succeeded" if status < 300 else "rejected", status // 300 and status)
            elif self.watched(each) and status < 300:
                each.fate, won = each.fate._replace(late_success=True), True
        if won and self.pending is not None:
            self.decide("call ended")
        if won and refer.mute and not self.over:
            self.bye_at = min(self.bye_at, self.now + 10)
        elif won and not self.over:
            self.end()

    def unanswered(self, refer: Refer) -> None:
        """Timer F, or no connection."""
        refer.fails_at = inf
        if self.mine(refer) and not refer.accepted and not self.over:
            self.decide("unreachable")
            self.doubt()

    def unconnected(self, method: str, cseq: int) -> None:
        """A request of ours found no connection; one that has a 1xx may still be answered."""
        if method == "OPTIONS" and self.probe < inf:
            self.end()
        for refer in self.refers:
            if method == "SUBSCRIBE":
                refer.subscribed(503)
            mine = method == "REFER" and refer.ids[-1:] == [str(cseq)]
            if mine and refer.fails_at < inf and not refer.trying:
                refer.undelivered = True
                self.unanswered(refer)

    def doubt(self) -> None:
        """Is the call alive?"""
        if not self.over and self.now - self.facts.silent_since > 2:
            self.probe = self.now + 4

    def sent(self, cseq: int) -> None:
        """A REFER went out; may it?"""
        if self.pending is None or self.over or self.unacked < inf:
            self.out.faults.append(f"REFER {cseq} may not go out at {self.now:.3f}")
        if self.pending is not None and (wrong := self.pending.refer.sent(self.now, cseq)):
            self.out.faults.append(f"{wrong} at {self.now:.3f}")
