"""What the oracle of the simulation is given, and what it gives back; and the reading of messages
for it, which shares no line with the reading of the exchange but the codec.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from math import inf
from typing import Literal, NamedTuple

from ..sip.codec import parse
from ..sip.message import Message, Request, Response

Kind = Literal["wire", "refer", "request", "cancel", "hangup", "shutdown", "answer", "unconnected"]


class Ask(NamedTuple):
    """An API request for a transfer."""

    ticket: int
    target: str
    ringing: float
    """ringing_timeout in seconds."""
    wait: float = inf
    """Seconds that this request waits (X-Twirp-Timeout-Ms)."""
    request_id: str = ""

    @property
    def uri(self) -> str:
        """The target without brackets and with its scheme in lower case; "" if it is none."""
        scheme, _, rest = self.target.removeprefix("<").removesuffix(">").partition(":")
        return f"{scheme.lower()}:{rest}" if scheme.lower() in {"sip", "sips", "tel"} else ""


class Seen(NamedTuple):
    """One thing that happened at our side, in the order in which it happened.

    `wire`: `data` arrived. `refer`: we sent a REFER (not its retransmissions).
    `request`: `ask` came from the API. `cancel`: the pending transfer was cancelled. `hangup`: the
    call was to end, by the room or by its own limits. `shutdown`: the process stops. `answer`: we
    answered the INVITE with 200. `unconnected`: our request `method` with `cseq` found no
    connection.
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


class Fate(NamedTuple):
    """What became of one transfer."""

    verdict: str
    status: int
    """The SIP status that decided it, 0 where none did."""
    late_success: bool


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
    told: dict[int, Told] = field(default_factory=dict)
    """By ticket."""
    over_at: float = inf
    """When the call was over for us: BYE either way, or the decision to hang up."""
    faults: list[str] = field(default_factory=list)
    """What we should not have sent."""


# --- messages, read -------------------------------------------------------------------------------


class Challenge(NamedTuple):
    """One WWW-Authenticate or Proxy-Authenticate."""

    realm: str
    """With the name of the header before it."""
    known: bool
    """MD5 or SHA-256."""
    stale: bool


class Answer(NamedTuple):
    """A response to a request of ours."""

    method: str
    cseq: int
    status: int
    unreported: bool
    """`Refer-Sub: false`."""
    challenges: tuple[Challenge, ...]


class Asked(NamedTuple):
    """INVITE, ACK or BYE of the peer."""

    method: str
    cseq: int


class Notified(NamedTuple):
    """NOTIFY of a refer subscription, or of none that is named but with a sipfrag."""

    cseq: int
    event_id: str
    """"" where there is none."""
    status: int
    """0: no body, or garbage."""
    terminated: bool
    expired: bool
    """Terminated for a reason that a SUBSCRIBE may cure."""


_SIPFRAG = re.compile(rb"\s*SIP/2\.0[ \t]+([1-6]\d\d)(?!\S)", re.IGNORECASE)
_EXPIRED = frozenset({"timeout", "deactivated", "probation", "giveup"})


class Reader:
    """Reads what arrives at one leg, each request once, and leaves out what is out of order
    (RFC 3261 §12.2.2; not NOTIFY, transfer.md §4, and no BYE that only NOTIFYs overtook) or says
    nothing about a transfer."""

    def __init__(self) -> None:
        self._known: set[tuple[str, str]] = set()
        self._numbers: list[tuple[int, str]] = []

    def read(self, data: bytes) -> Answer | Asked | Notified | None:
        """What a message says, None for nothing. `data` may be empty."""
        if not data:
            return None
        message = parse(data)
        if isinstance(message, Response):
            return _answer(message)
        assert isinstance(message, Request)
        method, number = message.method, message.cseq.number
        if method == "ACK":
            return Asked(method, number)
        key = (message.top_via.branch, method)
        if key in self._known:
            return None
        self._known.add(key)
        spared = "NOTIFY" if method == "BYE" else ""
        late = any(number < other for other, name in self._numbers if name != spared)
        self._numbers.append((number, method))
        if method == "NOTIFY":
            return _notified(message)
        return Asked(method, number) if method in {"INVITE", "BYE"} and not late else None


def _answer(response: Response) -> Answer:
    challenges = []
    for name in ("WWW-Authenticate", "Proxy-Authenticate"):
        for value in response.headers.get_all(name):
            found = dict(re.findall(r'(\w+)="?([^",]*)', value.lower()))
            known = found.get("algorithm", "md5") in {"md5", "sha-256"}
            realm = f"{name} {found['realm']}"
            challenges.append(Challenge(realm, known, found.get("stale") == "true"))
    unreported = (response.header("Refer-Sub") or "").lower().startswith("false")
    cseq = response.cseq
    return Answer(cseq.method, cseq.number, response.status, unreported, tuple(challenges))


def _notified(request: Message) -> Notified | None:
    event = re.sub(r"\s", "", (request.header("Event") or "")).lower().split(";")
    fragment = _SIPFRAG.match(request.body)
    if event[0] != "refer" and not (event == [""] and fragment is not None):
        return None
    ids = [item.removeprefix("id=") for item in event if item.startswith("id=")]
    state = re.sub(r"\s", "", (request.header("Subscription-State") or "")).lower().split(";")
    reasons = {item.removeprefix("reason=") for item in state}
    terminated = state[0] == "terminated"
    status = int(fragment.group(1)) if fragment is not None else 0
    expired = terminated and not reasons.isdisjoint(_EXPIRED)
    return Notified(request.cseq.number, (ids or [""])[0], status, terminated, expired)
