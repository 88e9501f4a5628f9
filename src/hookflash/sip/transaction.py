"""Transactions of RFC 3261 §17 with RFC 6026: all states, all legal changes, and the clockwork.

The four tables below are the only place that says which change is legal; the machines in
`client_transaction` and `server_transaction` ask them by `Transaction.move` and do nothing where
the answer is no.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil, inf
from typing import ClassVar

from ..base.light import LightEnum
from .effects import SendBytes, SipEffect
from .flow import Flow
from .timers import Timers


class State(LightEnum):
    """The states of RFC 3261 figures 5-8 and of RFC 6026 §7."""

    CALLING = "calling"
    TRYING = "trying"
    PROCEEDING = "proceeding"
    ACCEPTED = "accepted"
    COMPLETED = "completed"
    CONFIRMED = "confirmed"
    TERMINATED = "terminated"


class Event(LightEnum):
    """What can happen to a transaction."""

    PROVISIONAL = "1xx"
    SUCCESS = "2xx"
    FAILURE = "3xx-6xx"
    REQUEST = "the request again"
    ACK = "ACK"
    RETRANSMIT = "timer A, E, G"
    TIMEOUT = "timer B, F, H"
    EXPIRE = "timer D, I, J, K, L, M"
    TRANSPORT = "transport error"


Table = Mapping[State, Mapping[Event, State]]

INVITE_CLIENT: Table = {
    State.CALLING: {
        Event.RETRANSMIT: State.CALLING,
        Event.PROVISIONAL: State.PROCEEDING,
        Event.SUCCESS: State.ACCEPTED,
        Event.FAILURE: State.COMPLETED,
        Event.TIMEOUT: State.TERMINATED,
        Event.TRANSPORT: State.TERMINATED,
    },
    State.PROCEEDING: {
        Event.PROVISIONAL: State.PROCEEDING,
        Event.SUCCESS: State.ACCEPTED,
        Event.FAILURE: State.COMPLETED,
        # Not in the figure: 64*T1 after our CANCEL (§9.1), and the safety net of the endpoint.
        Event.TIMEOUT: State.TERMINATED,
    },
    State.ACCEPTED: {Event.SUCCESS: State.ACCEPTED, Event.EXPIRE: State.TERMINATED},
    State.COMPLETED: {Event.FAILURE: State.COMPLETED, Event.EXPIRE: State.TERMINATED},
    State.TERMINATED: {},
}

NON_INVITE_CLIENT: Table = {
    State.TRYING: {
        Event.RETRANSMIT: State.TRYING,
        Event.PROVISIONAL: State.PROCEEDING,
        Event.SUCCESS: State.COMPLETED,
        Event.FAILURE: State.COMPLETED,
        Event.TIMEOUT: State.TERMINATED,
        Event.TRANSPORT: State.TERMINATED,
    },
    State.PROCEEDING: {
        Event.RETRANSMIT: State.PROCEEDING,
        Event.PROVISIONAL: State.PROCEEDING,
        Event.SUCCESS: State.COMPLETED,
        Event.FAILURE: State.COMPLETED,
        Event.TIMEOUT: State.TERMINATED,
    },
    State.COMPLETED: {Event.EXPIRE: State.TERMINATED},
    State.TERMINATED: {},
}

INVITE_SERVER: Table = {
    State.PROCEEDING: {
        Event.REQUEST: State.PROCEEDING,
        Event.PROVISIONAL: State.PROCEEDING,
        Event.SUCCESS: State.ACCEPTED,
        Event.FAILURE: State.COMPLETED,
    },
    # RFC 6026 §7.1: retransmissions of the INVITE are absorbed, every 2xx of the user goes out.
    State.ACCEPTED: {Event.SUCCESS: State.ACCEPTED, Event.EXPIRE: State.TERMINATED},
    State.COMPLETED: {
        Event.REQUEST: State.COMPLETED,
        Event.RETRANSMIT: State.COMPLETED,
        Event.ACK: State.CONFIRMED,
        Event.TIMEOUT: State.TERMINATED,
        Event.TRANSPORT: State.TERMINATED,
    },
    State.CONFIRMED: {Event.EXPIRE: State.TERMINATED},
    State.TERMINATED: {},
}

NON_INVITE_SERVER: Table = {
    State.TRYING: {
        Event.PROVISIONAL: State.PROCEEDING,
        Event.SUCCESS: State.COMPLETED,
        Event.FAILURE: State.COMPLETED,
        # Not in the figure: after 64*T1 nobody waits for an answer, and none is sent (RFC 4320).
        Event.TIMEOUT: State.TERMINATED,
    },
    State.PROCEEDING: {
        Event.REQUEST: State.PROCEEDING,
        Event.PROVISIONAL: State.PROCEEDING,
        Event.SUCCESS: State.COMPLETED,
        Event.FAILURE: State.COMPLETED,
        Event.TIMEOUT: State.TERMINATED,
    },
    State.COMPLETED: {Event.REQUEST: State.COMPLETED, Event.EXPIRE: State.TERMINATED},
    State.TERMINATED: {},
}


def together(at: float) -> float:
    """`at` or a little later: the end of a wait for stragglers needs not be exact, and what ends
    within a tenth of a second ends at once."""
    return ceil(at * 10.0) / 10.0


def event_of(status: int) -> Event:
    """The event that a response of this status is."""
    if status < 200:
        return Event.PROVISIONAL
    return Event.SUCCESS if status < 300 else Event.FAILURE


class Transaction:
    """What all four machines share: a state, the bytes to repeat, and two deadlines.

    Deadlines are seconds on the caller's clock, `inf` where nothing runs.
    """

    __slots__ = (
        "data",
        "expires_at",
        "flow",
        "interval",
        "key",
        "match",
        "retransmit_at",
        "state",
        "timers",
    )

    table: ClassVar[Table]

    def __init__(
        self, key: str, match: tuple[object, ...], state: State, flow: Flow, timers: Timers
    ) -> None:
        self.key = key
        self.match = match
        self.state = state
        self.flow = flow
        self.timers = timers
        self.data = b""
        self.interval = 0.0
        self.retransmit_at = inf
        self.expires_at = inf

    def move(self, event: Event) -> bool:
        """Change state as the table says; False where the event means nothing here: the peer sent
        it, or an answer came too late, for the peer or a timer was first."""
        target = self.table[self.state].get(event)
        if target is None:
            return False
        self.state = target
        return True

    @property
    def due(self) -> float:
        """The next deadline, or `inf`."""
        first, last = self.retransmit_at, self.expires_at
        return first if first < last else last

    @property
    def terminated(self) -> bool:
        """True once nothing more comes of it."""
        return self.state is State.TERMINATED

    def handle_deadline(self, now: float, out: list[SipEffect]) -> None:
        """`due` has come."""
        raise NotImplementedError

    def flow_failed(self, out: list[SipEffect]) -> None:
        """The flow broke or could not be opened."""
        raise NotImplementedError

    def stop(self) -> None:
        """Terminate without a word, and let go of everything big."""
        self.state = State.TERMINATED
        self.retransmit_at = self.expires_at = inf
        self.data = b""

    def send(self, out: list[SipEffect]) -> None:
        """(Re)send the bytes of this transaction, if there are any yet."""
        if self.data:
            out.append(SendBytes(self.data, self.flow))

    def linger(self, now: float, seconds: float) -> None:
        """Wait for stragglers (timers D, I, J, K, L, M); 0 ends the transaction at once."""
        self.retransmit_at = inf
        if seconds > 0:
            self.expires_at = together(now + seconds)
        else:
            self.expire()

    def expire(self) -> None:
        """The wait for stragglers is over. Only we begin one: in a state that has none it is a
        mistake of ours."""
        if not self.move(Event.EXPIRE):
            raise AssertionError(f"nothing expires in {self.state.value}")
        self.stop()
