"""One REFER and its subscription as the oracle sees it (transfer.md §3 and §4)."""

from __future__ import annotations

from collections.abc import Iterable
from math import inf

from .evidence import Challenge, Notified

_MAX_CHALLENGES = 5


class Refer:
    """One REFER with all its attempts. Times are `inf` while nothing of the kind is to come."""

    def __init__(self, target: str) -> None:
        self.target = target
        self.ids: list[str] = []
        """CSeq of each attempt."""
        self.other_ids: set[str] = set()
        """Of the peer's own making, from when there was no other REFER."""
        self.fails_at = inf
        """Timer F of an attempt that is not answered."""
        self.trying = False
        """A 1xx came."""
        self.again = False
        """It is to go out at once with credentials."""
        self.waiting = False
        """491: it is to go out later."""
        self.accepted = self.refused = False
        self.undelivered = False
        """Its connection failed: nobody has it."""
        self.lost = 0
        """The status of an answer after which nothing can follow but the end of the call."""
        self.mute = False
        """`Refer-Sub: false`."""
        self.final = 0
        self.ended = inf
        """When it was terminated without a final status."""
        self.handed = -inf
        """When it was terminated with 100 as its last word."""
        self.asking = inf
        """Until when the one SUBSCRIBE may be answered."""
        self._newest = -1
        self._subscribed = False
        self._realms: set[str] = set()
        self._challenges = 0

    def sent(self, now: float, cseq: int) -> str:
        """An attempt goes out; what is wrong with that, "" for nothing."""
        wrong = "" if not self.ids or self.again or self.waiting else "a REFER too many"
        if self.waiting:
            self._realms.clear()
            self._challenges = 0
        self.ids.append(str(cseq))
        self.fails_at = now + 32
        self.trying = self.again = self.waiting = False
        return wrong

    def challenged(self, challenges: Iterable[Challenge]) -> bool:
        """401 or 407: can it be answered? Each realm once unless stale, five times at most."""
        self._challenges += 1
        first: dict[str, Challenge] = {}
        for challenge in challenges:
            if challenge.known:
                first.setdefault(challenge.realm, challenge)
        all_known = {challenge.realm for challenge in challenges} == set(first)
        stale = all(each.stale or each.realm not in self._realms for each in first.values())
        self._realms |= set(first)
        self.again = bool(first) and all_known and stale and self._challenges <= _MAX_CHALLENGES
        return self.again

    def notified(self, now: float, notify: Notified, bye: int) -> int:
        """Read a NOTIFY; its status if that is the outcome, else 0. `bye`: CSeq of the BYE."""
        late = notify.cseq < max(self._newest, bye)
        self._newest = max(self._newest, notify.cseq)
        if self.final:
            return 0
        self.accepted, self.waiting = True, False
        status = notify.status
        if status >= 200 and (status != 202 or notify.terminated):
            self.final = status
            return status
        if status and not late and not notify.terminated:
            self.handed = -inf
        if notify.terminated and self.ended == inf:
            self.ended = now
            if status == 100:
                self.handed = now
        return 0

    def subscribes(self, now: float) -> None:
        """The one SUBSCRIBE for the outcome goes out, if it did not yet."""
        if not self._subscribed:
            self._subscribed = True
            self.asking = now + 32

    def subscribed(self, status: int) -> None:
        """It was answered, or not (408)."""
        if self.asking < inf and status < 300:
            self.ended = inf
        self.asking = inf


def select(refers: Iterable[Refer], event_id: str, opened: Iterable[Refer]) -> Refer | None:
    """The REFER that a NOTIFY is about, None for an unknown id; `opened` have a subscription."""
    accepted = [each for each in refers if each.ids and (each.accepted or not each.refused)]
    for each in accepted if event_id else ():
        if event_id in each.ids:
            return each
    for each in accepted if event_id else ():
        if event_id in each.other_ids:
            return each
    likely = [each for each in accepted if each.accepted or not each.undelivered] or accepted
    if len(likely) == 1:
        likely[0].other_ids.add(event_id)
        return likely[0]
    return None if event_id else next((each for each in opened if each in likely), None)
