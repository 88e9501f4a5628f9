"""What transfer.md says of one call, from what arrived, what was asked and what went out."""

from math import inf

from . import evidence as ev

_AGAIN = {401, 407, 491}  # to a REFER that may be sent once more
_DOUBTFUL = {("unreachable", 0), ("refused", 408)}  # is the call alive?
_BY_ANSWER = {("timed out", 491): ("refused", 491), ("call ended", 481): ("call ended", 481)}
_WATCHED = {"timed out", "canceled", "call ended", "unreachable"}  # a success may follow: §5


class Oracle:
    """Judges one call."""

    def __init__(self, facts: ev.Facts) -> None:
        self.facts, self.out, self.now = facts, ev.Judgement(), -inf
        self.refers: dict[str, ev.Refer] = {}  # by CSeq of each attempt, and by ids of the peer
        self.requests: dict[str | int, ev.Fate] = {}
        self.pending: ev.Fate | None = None
        self.refer = ev.Refer(answer=0)  # that the pending transfer rides on
        self.due: list[tuple[float, str, int]] = []  # verdicts of the pending transfer
        self.ends: list[float] = []  # of the call
        self.probe, self.bye_at, self.over = inf, inf, False

    def judge(self, log: list[ev.Seen]) -> ev.Judgement:
        """The whole call."""
        for at, event in ev.read(log):
            self._pass(at)
            self._happened(event)
        self._pass(inf)
        return self.out

    def _pass(self, until: float) -> None:  # what is due first counts: §1
        refer, over = self.refer, min([*self.ends, self.probe])
        unsent, handed_over = refer.answer in {ev.UNSENT, 491}, self.bye_at - refer.handed <= 2
        lapse = max(refer.lapses, refer.asking)
        at, verdict, status = min(
            *self.due,
            (over if unsent else over + 1, "call ended", 0),
            (lapse if lapse < over else inf, "subscription ended", 0),
            (max(self.bye_at, refer.handed) if handed_over else inf, "succeeded", 0),
        )
        if self.pending and at <= until:
            verdict, status = _BY_ANSWER.get((verdict, refer.answer), (verdict, status))
            self.pending.decide(at, verdict, status, at + 180 if verdict in _WATCHED else at)
            if at < over and at - self.facts.silent_since > 2 and (verdict, status) in _DOUBTFUL:
                self.probe = at + 4
            self.pending, self.refer = None, ev.Refer(answer=0)
        self.out.over_at = min([*self.ends, self.probe])
        self.now, self.over = until, self.out.over_at <= until

    def _happened(self, event: ev.Event) -> None:
        match event:
            case ev.Ask():
                self._asked(event)
            case ev.Sent(cseq, across):
                if self.over or across or self.refer.answer not in {ev.UNSENT, *_AGAIN}:
                    self.out.faults.append(f"request {cseq} may not go out at {self.now:.3f}")
                self.refer.answer, self.refers[str(cseq)] = 0, self.refer
            case ev.Answer("REFER", cseq):
                self._answered(self.refers[str(cseq)], event)
            case ev.Answer("SUBSCRIBE", _, status):
                for r in [r for r in self.refers.values() if self.now < r.asking][:1]:
                    r.asking, r.lapses = self.now, inf if 200 <= status < 300 else r.lapses
            case ev.Answer("OPTIONS", _, status) if self.now < self.probe < inf:
                self.probe = self.now if status in ev.DEAD else inf
            case ev.Notified():
                for refer in self._about(event)[:1]:
                    self.refers |= {event.event_id: refer} if event.event_id else {}
                    if not refer.final:
                        self._notified(refer, event)
                    refer.done |= refer.final and (event.terminated or refer.lapses < inf)
            case ev.Ended(by_peer):
                self.ends.append(self.now)
                self.bye_at = self.now if by_peer else self.bye_at
            case ev.Order(verdict):
                self.due.append((self.now, verdict, 0))

    def _asked(self, ask: ev.Ask) -> None:  # for a transfer: §2
        earlier = self.requests.get(key := ask.request_id or ask.ticket)
        fate = earlier or self.pending
        if ask.uri and not earlier and (not ask.established or self.over or self.ends):
            fate = ev.Fate(verdict="failed_precondition", at=self.now)
        elif not ask.uri or (fate and fate.target != ask.uri):
            fate = ev.Fate(verdict="invalid_argument", at=self.now)
        elif not fate:
            same = [r for r in self.refers.values() if r.target == ask.uri and self._open(r)]
            same = [r for r in same if r.accepted or r.answer != ev.UNCONNECTED]
            self.refer = same[-1] if same else ev.Refer(ask.uri)
            self.pending = fate = ev.Fate(ask.uri)
            self.due = [(self.now + ask.ringing, "timed out", 0)]
            self.refer.riders.append(fate)
            self.out.fates.append(fate)
        self.requests[key if fate.target else ask.ticket] = fate  # refusals are not remembered
        self.out.waits[ask.ticket] = (fate, self.now + min(ask.wait, ask.ringing))

    def _answered(self, refer: ev.Refer, answer: ev.Answer) -> None:  # a REFER, or not: §3
        status, mine = answer.status, refer is self.refer
        known = {realm for each in refer.met for realm, _ in each}
        fresh = all(stale or realm not in known for realm, stale in answer.challenges)
        able = self.facts.credentials and len(refer.met) < 5 and bool(answer.challenges)
        again = not refer.accepted if status == 491 else fresh and able
        if 200 <= status < 300:
            refer.accepted = True
        elif self.over and status in _AGAIN if mine else refer.accepted:
            return
        elif mine and status == 481:
            self.ends.append(self.now)
        elif mine and status >= 300 and not again:
            self.due.append((self.now, "refused", status))
        elif mine and status < 200 and not (self.over or refer.accepted):
            self.due.append((self.now, "unreachable", 0))
        refer.met = [() for _ in refer.met] if status == 491 else [*refer.met, answer.challenges]
        refer.answer = status

    def _notified(self, refer: ev.Refer, notify: ev.Notified) -> None:  # §4
        status, watched = notify.status, refer.watched(self.now)
        refer.accepted, refer.answer = True, 0 if refer.answer == 491 else refer.answer
        refer.final = status >= 200 and (status != 202 or notify.terminated)
        if refer.final and status >= 300 and refer is self.refer:
            self.due.append((self.now, "rejected", status))
        elif refer.final and status < 300 and watched:
            for each in watched:
                each.late_success = each is not self.pending
            self.due.append((self.now, "succeeded" if refer is self.refer else "call ended", 0))
            self.ends.append(self.now + (10 if notify.unreported else 0))
        elif status and not notify.terminated and not notify.late:
            refer.handed = inf
        elif notify.terminated and refer.lapses == inf:
            refer.lapses, refer.handed = self.now + 2, self.now if status == 100 else refer.handed
            if refer is self.refer and notify.expired and not self.over and refer.asking == -inf:
                refer.asking = self.now + 4

    def _about(self, notify: ev.Notified) -> list[ev.Refer]:  # the REFERs that it may be: §4
        known = [r for r in self.refers.values() if r.accepted or r.answer < 300 or r is self.refer]
        gone = [self.out.over_at + 32, *(r.lapses + 30 for r in known if r.lapses < inf)]
        if self.now > max(gone) and not any(map(self._open, known)):
            return []  # nothing keeps the call in memory
        named = [r for r in known if r is self.refers.get(notify.event_id)]
        likely = [r for r in known if r.accepted or r.answer != ev.UNCONNECTED] or known
        if len(set(likely)) == 1 or notify.event_id:
            return named or (likely if len(set(likely)) == 1 else [])
        newest = [r for r in likely if r.accepted and not r.over(self.now) and not notify.ids]
        return newest[-1:] or [r for r in likely if self._open(r)]

    def _open(self, refer: ev.Refer) -> bool:  # an outcome may come of it: §2, §5
        alive = refer.answer != 491 if refer is self.refer else refer.goes_on(self.now)
        return alive and not refer.final and bool(refer.watched(self.now))
