"""What transfer.md says of one call, from what arrived, what was asked and when REFERs went out.

This is the way of everything that happens; `oracle_refer` is one REFER and its subscription,
`oracle_verdicts` what follows for transfers and call. None of the three knows anything of `calls`.
"""

from __future__ import annotations

from math import inf

from .evidence import Answer, Ask, Asked, Facts, Judgement, Notified, Reader, Seen, Told
from .oracle_refer import Refer, select
from .oracle_verdicts import Transfer, Verdicts


class Oracle(Verdicts):
    """Judges one call."""

    def __init__(self, facts: Facts) -> None:
        super().__init__(facts)
        self.reader = Reader()
        self.requests: dict[str, Transfer] = {}
        self.tickets: list[tuple[int, Transfer, float]] = []
        self.answered = False
        self.invite = self.bye = -1

    def judge(self, log: list[Seen]) -> Judgement:
        """The whole call."""
        for seen in [*log, Seen(inf, "hangup")]:
            while (due := min(self.due(), key=lambda item: item[0]))[0] < seen.at:
                self.now = max(self.now, due[0])
                due[1]()
            self.now = seen.at
            self._happened(seen, self.reader.read(seen.data))
        self.out.fates = [transfer.fate for transfer in self.transfers]
        for ticket, each, until in self.tickets:
            word = each.fate.verdict if each.at < until else "wait over"
            self.out.told[ticket] = Told(word, self.transfers.index(each))
        return self.out

    def _happened(self, seen: Seen, read: Answer | Asked | Notified | None) -> None:
        match seen.kind, read:
            case "request", _:
                assert seen.ask is not None
                self._request(seen.ask)
            case "refer", _:
                self.sent(seen.cseq)
            case "answer", _:
                self.answered, self.unacked = True, self.now + 32
            case "cancel", _ if self.pending is not None:
                self.decide("canceled")
            case "shutdown", _ if self.pending is not None:
                self.decide("interrupted")
                self.end()
            case "hangup" | "shutdown", _:
                self.end()
            case "unconnected", _:
                self.unconnected(seen.method, seen.cseq)
            case _, Notified():
                self._notified(read)
            case _, Answer():
                self._answer(read)
            case _, Asked("BYE", cseq):
                self.bye = cseq
                self.end(by_peer=True)
            case _, Asked("INVITE", cseq):
                self.invite = cseq
                if self.answered and not self.over:
                    self.unacked = self.now + 32
            case _, Asked("ACK", cseq) if cseq == self.invite:
                self.unacked = inf

    def _request(self, ask: Ask) -> None:
        earlier = self.requests.get(ask.request_id) if ask.request_id else None
        joined = earlier or self.pending
        word = ""
        if not ask.uri:
            word = "invalid_argument"
        elif earlier is None and (not self.answered or self.over or self.bye_at < inf):
            word = "failed_precondition"
        elif joined is not None and joined.refer.target != ask.uri:
            word = "invalid_argument"
        if word:
            self.out.told[ask.ticket] = Told(word, -1)
            return
        wait = ask.wait if joined is None else min(ask.wait, ask.ringing)
        if joined is None:
            watched = [r for r in self.refers if r.target == ask.uri and self.open(r)]
            watched = [r for r in watched if r.accepted or not r.undelivered]
            refer = watched[-1] if watched else Refer(ask.uri)
            self.refers += [] if watched else [refer]
            joined = self.pending = Transfer(refer, self.now + ask.ringing)
            self.transfers.append(joined)
        if ask.request_id:
            self.requests[ask.request_id] = joined
        over = joined.at <= self.now
        self.tickets.append((ask.ticket, joined, inf if over else self.now + wait))

    def _answer(self, answer: Answer) -> None:
        status = answer.status
        if answer.method == "OPTIONS" and status >= 200 and self.probe < inf:
            self.probe = inf
            if status in {408, 481}:
                self.end()
        elif answer.method == "SUBSCRIBE" and status >= 200:
            asking = [refer for refer in self.refers if refer.asking < inf]
            for refer in asking[:1]:
                refer.subscribed(status)
        if answer.method != "REFER":
            return
        cseq = str(answer.cseq)
        for refer in [r for r in self.refers if r.fails_at < inf and r.ids[-1] == cseq]:
            if status < 200:
                refer.trying = True
                continue
            refer.fails_at = inf
            if status < 300:
                refer.accepted = True
                if answer.unreported and not refer.final:
                    refer.mute, refer.final = True, status
                    self.outcome(refer, status)
            elif not self.mine(refer):
                refer.refused = not refer.accepted
            elif status == 481 or (self.over and status in {401, 407, 491}):
                refer.lost = status
                self.end()
            elif status == 491 and not refer.accepted:
                refer.waiting = True
            elif status not in {401, 407} or not (
                self.facts.credentials and refer.challenged(answer.challenges)
            ):
                self.decide("refused", status)
                if status == 408:
                    self.doubt()

    def _notified(self, notify: Notified) -> None:
        opened = [each for each in self.refers if self.open(each)]
        refer = select(self.refers, notify.event_id, opened)
        if refer is None:
            return
        status = refer.notified(self.now, notify, self.bye)
        if status:
            self.outcome(refer, status)
        elif self.over:
            self.infer()
        elif notify.expired and self.mine(refer) and refer.ended == self.now:
            refer.subscribes(self.now)
