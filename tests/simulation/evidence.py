"""What the oracle of the simulation is given, and what it gives back; and the reading of a log
for it as RFC 3261 has it: messages, and what became of requests. Nothing here knows what a transfer
is, and it shares no line with the reading of the exchange but the codec.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from math import inf
from typing import Literal, NamedTuple

from hookflash.sip.codec import parse
from hookflash.sip.message import Message, Request, Response

UNSENT, UNANSWERED, UNCONNECTED = -1, 0, 1
"""In place of the status of an answer: nothing was asked; none came in 32 s; no connection."""
DEAD = frozenset({UNANSWERED, UNCONNECTED, 408, 481})
"""After these the peer knows nothing of the call any more (RFC 3261 §12.2.1.2)."""

Kind = Literal[
    "wire", "sent", "answer", "unconnected", "request", "canceled", "interrupted", "hangup"
]


class Ask(NamedTuple):
    """An API request for a transfer."""

    ticket: int
    target: str
    ringing: float
    """ringing_timeout in seconds."""
    wait: float = inf
    """Seconds that this request waits (X-Twirp-Timeout-Ms)."""
    request_id: str = ""
    established: bool = False
    """There was a 2xx to the INVITE; for the reader to say."""

    @property
    def uri(self) -> str:
        """The target without brackets and with its scheme in lower case; "" if it is none."""
        scheme, _, rest = self.target.removeprefix("<").removesuffix(">").partition(":")
        return f"{scheme.lower()}:{rest}" if scheme.lower() in {"sip", "sips", "tel"} else ""


class Seen(NamedTuple):
    """One thing that happened at our side, in the order in which it happened.

    `wire`: `data` arrived. `sent`: a request of ours, `method` with `cseq`, went out for the first
    time. `answer`: so did our 2xx to the INVITE with `cseq`. `unconnected`: our request `method`
    with `cseq` found no connection. `request`: `ask` came from the API. `canceled`: the pending
    transfer was to be cancelled. `interrupted`: the process stops. `hangup`: the call was to end,
    by the room, by its own limits, or with the process.
    """

    at: float
    kind: Kind
    data: bytes = b""
    ask: Ask | None = None
    cseq: int = 0
    method: str = ""


class Facts(NamedTuple):
    """What stands still during a call."""

    credentials: bool = False
    """We have user and password for challenges of this peer."""
    silent_since: float = inf
    """From when on no RTP comes; until then a packet is always fresh."""


@dataclass(eq=False, slots=True)
class Fate:
    """What became of one transfer."""

    target: str = ""
    verdict: str = ""
    status: int = 0
    """The SIP status that decided it, 0 where none did."""
    at: float = inf
    """When it was decided."""
    watched: float = inf
    """Until when a success counts."""
    late_success: bool = False

    def decide(self, at: float, verdict: str, status: int, watched: float) -> None:
        """Set all of it."""
        self.at, self.verdict, self.status, self.watched = at, verdict, status, watched


@dataclass(eq=False, slots=True)
class Refer:
    """What is known of one REFER with all its attempts, and of its subscription."""

    target: str = ""
    answer: int = UNSENT
    """The final one to the last attempt; 0: it is out."""
    met: list[tuple[tuple[str, bool], ...]] = field(default_factory=list)
    """The challenges of each answer, without those before the last 491."""
    accepted: bool = False
    final: bool = False
    """Its outcome is here."""
    done: bool = False
    """So is the end of its subscription."""
    asking: float = -inf
    """Until when its SUBSCRIBE goes unanswered."""
    lapses: float = inf
    """Two seconds after it was terminated without an outcome."""
    handed: float = inf
    """When it was terminated with 100 as its last word."""
    riders: list[Fate] = field(default_factory=list)
    """The transfers that take their verdict from it."""

    def goes_on(self, now: float) -> bool:
        """It was not refused, and its subscription did not end without an outcome."""
        return self.answer < 300 and (self.lapses == inf or now < self.asking)

    def over(self, now: float) -> bool:
        """Nothing more can come: its subscription ended, or 3 minutes ago its last verdict fell,
        and no transfer waits for it."""
        last = max((each.at for each in self.riders), default=inf)
        lapsed = self.lapses < inf and now >= self.asking and last < inf
        forgotten = lapsed or now >= last + 180
        return self.done or forgotten or (self.answer >= 300 and not self.watched(now))

    def watched(self, now: float) -> list[Fate]:
        """Those for which a success counts."""
        return [each for each in self.riders if now < each.watched]


class Told(NamedTuple):
    """What an API request was told."""

    word: str
    """The verdict of its transfer, or `wait over`, `invalid_argument`, `failed_precondition`."""
    transfer: int
    """Which transfer of the call, from 0; -1: none."""


@dataclass(slots=True)
class Judgement:
    """All that the oracle says of one call."""

    fates: list[Fate] = field(default_factory=list)
    waits: dict[int, tuple[Fate, float]] = field(default_factory=dict)
    """By ticket: which fate an API request waited for, and until when. A fate that is none of
    `fates`: it was refused with that word."""
    over_at: float = inf
    """When the call was over for us: BYE either way, or the decision to hang up."""
    faults: list[str] = field(default_factory=list)
    """What we should not have sent."""

    @property
    def told(self) -> dict[int, Told]:
        """By ticket."""
        order = {id(fate): number for number, fate in enumerate(self.fates)}
        return {
            ticket: Told(fate.verdict if fate.at <= until else "wait over", order.get(id(fate), -1))
            for ticket, (fate, until) in self.waits.items()
        }


# --- what happened, read --------------------------------------------------------------------------

_PATIENCE = 32.0
"""Timers B and F, and how long a 2xx is repeated without an ACK (RFC 3261 §13.3.1.4, §17.1)."""
_OFFERS = frozenset({"INVITE", "UPDATE", "ACK"})


class Sent(NamedTuple):
    """A REFER went out; or an INVITE or UPDATE of ours across one."""

    cseq: int
    across: bool
    """A REFER was unanswered; or, for a REFER, an INVITE or UPDATE, or a 2xx of ours to one had no
    ACK yet."""


class Answer(NamedTuple):
    """What became of a request of ours, once: its first final answer, or that there is none."""

    method: str
    cseq: int
    status: int
    challenges: tuple[tuple[str, bool], ...] = ()
    """Of 401 and 407: each realm that can be answered, and if its first challenge by MD5 or SHA-256
    is a stale one."""


class Ended(NamedTuple):
    """The call ends."""

    by_peer: bool = False
    """By its BYE."""


class Order(NamedTuple):
    """Ours."""

    verdict: Literal["canceled", "interrupted"]
    """What becomes of the pending transfer."""


class Notified(NamedTuple):
    """NOTIFY of a refer subscription, or of none that is named but with a sipfrag; or a 2xx to
    REFER that says that there will be none."""

    event_id: str
    """"" where there is none."""
    status: int
    """0: no body, or garbage."""
    terminated: bool
    unreported: bool = False
    """The 2xx, by `Refer-Sub: false`."""
    expired: bool = False
    """Terminated for a reason that a SUBSCRIBE may cure."""
    late: bool = False
    """A later NOTIFY, or the BYE, overtook it."""
    ids: bool = False
    """A NOTIFY of this dialog, this one or one before it, had an id."""


Event = Ask | Sent | Answer | Notified | Ended | Order

_SIPFRAG = re.compile(rb"\s*SIP/2\.0[ \t]+([1-6]\d\d)(?!\S)", re.IGNORECASE)
_EXPIRED = frozenset({"timeout", "deactivated", "probation", "giveup"})


def read(log: Iterable[Seen]) -> Iterator[tuple[float, Event]]:
    """What happened, in order, as RFC 3261 has it: a dialog whose INVITE, UPDATE or 2xx nobody
    answers has ended."""
    reader = _Reader()
    for seen in log:
        yield from reader.overdue(seen.at)
        for event in reader.happened(seen):
            yield seen.at, event
    yield from reader.overdue(inf)


class _Reader:
    """Reads each message once, and leaves out what is out of order (RFC 3261 §12.2.2; not NOTIFY,
    transfer.md §4, and no BYE that only NOTIFYs overtook), 1xx, and what says nothing about a
    transfer."""

    def __init__(self) -> None:
        self._known: set[tuple[str, str]] = set()
        self._numbers: list[tuple[int, str]] = []
        self._awaited: dict[tuple[str, int], float] = {}
        """Answers to requests of ours and ACKs, by method and CSeq, each with its latest time."""
        self._heard: set[tuple[str, int]] = set()
        """Requests of ours that had a 1xx."""
        self._established = False
        self._ids = False

    def overdue(self, now: float) -> Iterator[tuple[float, Event]]:
        """What was awaited and did not come by `now`."""
        late = [(at, key) for key, at in self._awaited.items() if at <= now]
        for at, (method, cseq) in sorted(late):
            del self._awaited[method, cseq]
            for event in self._outcome(Answer(method, cseq, UNANSWERED)):
                yield at, event

    def happened(self, seen: Seen) -> Iterator[Event]:
        """What one entry of the log says."""
        key = (seen.method, seen.cseq)
        match seen.kind:
            case "wire":
                yield from self._message(parse(seen.data))
            case "request":
                assert seen.ask is not None
                yield seen.ask._replace(established=self._established)
            case "sent":
                refer = seen.method == "REFER"
                apart = _OFFERS if refer else {"REFER"} if seen.method in _OFFERS else set()
                across = any(method in apart for method, _ in self._awaited)
                if refer or across:
                    yield Sent(seen.cseq, across)
                self._awaited[key] = seen.at + _PATIENCE
            case "answer":
                self._established = True
                for method, cseq in list(self._awaited):
                    if method == "ACK":
                        del self._awaited[method, cseq]
                self._awaited["ACK", seen.cseq] = seen.at + _PATIENCE
            case "unconnected":
                if key not in self._heard and self._awaited.pop(key, None) is not None:
                    yield from self._outcome(Answer(seen.method, seen.cseq, UNCONNECTED))
            case "hangup":
                yield Ended()
            case verdict:
                yield Order(verdict)

    def _message(self, message: Message) -> Iterator[Event]:
        key = (message.cseq.method, message.cseq.number)
        if isinstance(message, Response):
            if message.status < 200:
                self._heard.add(key)
                if key[0] == "INVITE" and key in self._awaited:
                    self._awaited[key] = inf
            elif self._awaited.pop(key, None) is not None:
                yield from self._outcome(_answer(message))
                if key[0] == "REFER" and message.status < 300 and _unreported(message):
                    yield Notified(str(key[1]), message.status, terminated=True, unreported=True)
            return
        assert isinstance(message, Request)
        method, number = key
        known = (message.top_via.branch or "", method)
        if method == "ACK":
            self._awaited.pop(key, None)
        elif known not in self._known:
            self._known.add(known)
            spared = "NOTIFY" if method == "BYE" else ""
            late = any(number < other for other, name in self._numbers if name != spared)
            self._numbers.append((number, method))
            if method == "NOTIFY":
                for notified in _notified(message, late):
                    self._ids |= bool(notified.event_id)
                    yield notified._replace(ids=self._ids)
            elif method == "BYE" and not late:
                yield Ended(by_peer=True)

    def _outcome(self, answer: Answer) -> Iterator[Event]:
        """An answer, or what it means for the call as such."""
        match answer.method:
            case "REFER" | "SUBSCRIBE" | "OPTIONS":
                yield answer
            case "INVITE" | "UPDATE" | "ACK" if answer.status in DEAD:
                yield Ended()
            case "INVITE" if answer.status < 300:
                self._established = True


def _answer(response: Response) -> Answer:
    stale: dict[str, bool] = {}
    for name in ("WWW-Authenticate", "Proxy-Authenticate"):
        for value in response.headers.get_all(name):
            found = dict(re.findall(r'(\w+)="?([^",]*)', value.lower()))
            if found.get("algorithm", "md5") in {"md5", "sha-256"}:
                stale.setdefault(f"{name} {found['realm']}", found.get("stale") == "true")
    cseq = response.cseq
    return Answer(cseq.method, cseq.number, response.status, tuple(stale.items()))


def _unreported(response: Response) -> bool:
    return (response.header("Refer-Sub") or "").lower().startswith("false")


def _notified(request: Request, late: bool) -> Iterator[Notified]:
    event = re.sub(r"\s", "", (request.header("Event") or "")).lower().split(";")
    fragment = _SIPFRAG.match(request.body)
    if event[0] != "refer" and not (event == [""] and fragment is not None):
        return
    ids = [item.removeprefix("id=") for item in event if item.startswith("id=")]
    state = re.sub(r"\s", "", (request.header("Subscription-State") or "")).lower().split(";")
    reasons = {item.removeprefix("reason=") for item in state}
    terminated = state[0] == "terminated"
    status = int(fragment.group(1)) if fragment is not None else 0
    expired = terminated and not reasons.isdisjoint(_EXPIRED)
    yield Notified((ids or [""])[0], status, terminated, expired=expired, late=late)
