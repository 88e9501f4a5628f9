"""Server transactions: RFC 3261 §17.2, RFC 6026 §7 for the Accepted state.

Each input appends its effects to `out`; what is legal in which state stands in `transaction`.
`flow` is where responses go; on streams `alternative` is the way when the connection has died
(RFC 3261 §18.2.2).
"""

from __future__ import annotations

from math import inf

from .effects import ServerFailed, SipEffect
from .flow import Flow
from .message import Response
from .salvage import read_tag
from .timers import Timers
from .transaction import (
    INVITE_SERVER,
    NON_INVITE_SERVER,
    Event,
    State,
    Transaction,
    event_of,
    together,
)

_IN_PROGRESS = frozenset({State.TRYING, State.PROCEEDING, State.ACCEPTED})


class ServerTransaction(Transaction):
    """What INVITE and the others have in common.

    `merge` is the entry among the requests that a merged one is known by (§8.2.2.2), None where
    there is none.
    """

    __slots__ = ("_answered_to", "alternative", "merge")

    def __init__(
        self, key: str, match: tuple[object, ...], state: State, flow: Flow, timers: Timers
    ) -> None:
        super().__init__(key, match, state, flow, timers)
        self.alternative: Flow | None = None
        self.merge: tuple[object, ...] | None = None
        self._answered_to = ""

    @property
    def to_tag(self) -> str:
        """The tag of our last response, "" where it had none."""
        return read_tag(self._answered_to)

    @property
    def in_progress(self) -> bool:
        """True until a final answer that refuses; a 2xx to INVITE keeps it busy (§8.2.2.2)."""
        return self.state in _IN_PROGRESS

    def request_received(self, out: list[SipEffect]) -> None:
        """The request came again: the last response once more, if the state has one."""
        if self.move(Event.REQUEST):
            self.send(out)

    def respond(self, now: float, response: Response, out: list[SipEffect]) -> None:
        """The user answers; an answer that the state does not allow is dropped."""
        event = event_of(response.status)
        before = self.state
        data = response.encode()  # before anything changes: what cannot be written was not sent
        if not self.move(event):
            return
        self._answered_to = response.headers.find("To") or ""
        self.data = data
        self.send(out)
        if event is not Event.PROVISIONAL:
            self.answered(now, event, before)

    def answered(self, now: float, event: Event, before: State) -> None:
        """A final response went out: start the timers that follow it."""
        raise NotImplementedError

    def handle_deadline(self, now: float, out: list[SipEffect]) -> None:
        """Something is due by now: repeat the response, or come to an end."""
        if self.expires_at <= now:
            if self.move(Event.TIMEOUT):
                self.timed_out(out)
                self.stop()
            else:
                self.expire()
        elif self.retransmit_at <= now and self.move(Event.RETRANSMIT):
            self.send(out)
            self.interval = min(self.interval * 2, self.timers.t2)
            self.retransmit_at = now + self.interval

    def timed_out(self, out: list[SipEffect]) -> None:
        """Timer H, or nobody answered."""

    def flow_failed(self, out: list[SipEffect]) -> None:
        """The connection of the request died: answer by a new one, and only once."""
        if self.alternative is not None:
            self.flow, self.alternative = self.alternative, None
            if self.state is State.COMPLETED:
                self.send(out)
        elif self.move(Event.TRANSPORT):
            self.timed_out(out)
            self.stop()


class InviteServerTransaction(ServerTransaction):
    """RFC 3261 §17.2.1, figure 7, as amended by RFC 6026 §7.1.

    The 2xx is repeated by the user of the transaction, who calls `respond` again.
    """

    __slots__ = ()

    table = INVITE_SERVER

    def __init__(self, key: str, match: tuple[object, ...], flow: Flow, timers: Timers) -> None:
        super().__init__(key, match, State.PROCEEDING, flow, timers)

    def answered(self, now: float, event: Event, before: State) -> None:
        if event is Event.SUCCESS:
            self.data = b""
            if before is not State.ACCEPTED:
                self.expires_at = together(now + self.timers.transaction)  # timer L
            return
        self.expires_at = now + self.timers.transaction  # timer H
        if not self.flow.reliable:
            self.interval = self.timers.t1
            self.retransmit_at = now + self.interval  # timer G

    def ack_received(self, now: float) -> bool:
        """An ACK with our branch; False where it is for the user (it acknowledges a 2xx)."""
        if self.move(Event.ACK):
            self.data = b""
            self.linger(now, 0 if self.flow.reliable else self.timers.t4)  # timer I
        return self.state is not State.ACCEPTED

    def timed_out(self, out: list[SipEffect]) -> None:
        out.append(ServerFailed(self.key))


class NonInviteServerTransaction(ServerTransaction):
    """RFC 3261 §17.2.2, figure 8."""

    __slots__ = ()

    table = NON_INVITE_SERVER

    def __init__(
        self, now: float, key: str, match: tuple[object, ...], flow: Flow, timers: Timers
    ) -> None:
        super().__init__(key, match, State.TRYING, flow, timers)
        self.expires_at = now + timers.transaction

    def answered(self, now: float, event: Event, before: State) -> None:
        self.retransmit_at = inf
        self.linger(now, 0 if self.flow.reliable else self.timers.transaction)  # timer J
