"""The transaction layer: which transaction a message belongs to, and when each is due.

RFC 3261 §17 (with RFC 6026), §8.2.2.2 merged requests, §9 CANCEL, §18.2 the way of responses.
The machines themselves are in `client_transaction` and `server_transaction`; what is legal in
which state stands in `transaction`.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import NamedTuple

from ..base.deadline_queue import DeadlineQueue
from ..base.errors import SipError
from ..base.ids import Ids
from .client_transaction import (
    ClientTransaction,
    HeaderList,
    InviteClientTransaction,
    NonInviteClientTransaction,
    cancellation,
    parting,
)
from .effects import CancelReceived, RequestReceived, SendBytes, SipEffect
from .flow import Address, Flow, Transport
from .matching import MatchKey, is_rfc2543, merge_key, server_key
from .message import Request, Response
from .phrases import fault_phrase
from .response_route import alternative_flow, response_flow, stamp_via
from .server_transaction import (
    InviteServerTransaction,
    NonInviteServerTransaction,
    ServerTransaction,
)
from .timers import Timers
from .transaction import State, Transaction
from .validate import check_request, check_response

INVITE_PATIENCE = 3600.0
"""Seconds that our INVITE waits for a final answer after its last 1xx when its user gives no
earlier CANCEL. A safety net: the user's own ringing timeout is shorter."""
CROWD = 20_000
"""Server transactions from which on those that belong to no call do not wait for retransmissions
(RFC 3261 §8.2.7): a flood from forged addresses would be remembered for 32 s."""
_WAITING = frozenset({State.CALLING, State.TRYING, State.PROCEEDING})


class Counts(NamedTuple):
    """Live transactions."""

    client: int
    server: int


class Endpoint:
    """All transactions of the process.

    `via` gives the sent-by (host, port) that we write for a flow; `takes` says whether a request
    may have a transaction when so many server transactions live: else it is dropped. Inputs take
    `now` (seconds, never going back) and return what is to be done, in order.
    """

    def __init__(
        self,
        *,
        timers: Timers,
        ids: Ids,
        via: Callable[[Flow], tuple[str, int]],
        user_agent: str,
        invite_patience: float = INVITE_PATIENCE,
        takes: Callable[[int, Request, Flow], bool] = lambda *_: True,
    ) -> None:
        self._timers = timers
        self._ids = ids
        self._via = via
        self._user_agent = user_agent
        self._patience = invite_patience
        self._takes = takes
        self.dropped = 0
        """Requests that got no transaction."""
        self._clients: dict[MatchKey, ClientTransaction] = {}
        self._servers: dict[MatchKey, ServerTransaction] = {}
        self._by_key: dict[str, ServerTransaction] = {}
        self._merging: dict[MatchKey, ServerTransaction] = {}
        self._streams: dict[tuple[Transport, Address], dict[Transaction, None]] = {}
        self._deadlines = DeadlineQueue[Transaction]()
        self._keys = 0

    def counts(self) -> Counts:
        """How many transactions live (for metrics and leak tests)."""
        return Counts(len(self._clients), len(self._servers))

    def unanswered(self) -> int:
        """How many requests of ours still wait for their final answer."""
        return sum(1 for tx in self._clients.values() if tx.state in _WAITING)

    def needs(self, flow: Flow) -> bool:
        """Whether a transaction goes by this TCP or TLS connection."""
        return (flow.transport, flow.remote) in self._streams

    # --- what comes in ---------------------------------------------------------------------------

    def message_received(
        self, now: float, message: Request | Response, flow: Flow
    ) -> list[SipEffect]:
        """A parsed message came by `flow`. Never raises SipError."""
        out: list[SipEffect] = []
        if isinstance(message, Response):
            self._response_received(now, message, flow, out)
            return out
        try:
            match = server_key(message)
            known = self._servers.get(match)
            if known is not None and self._absorbed(now, known, message, out):
                return out
            if self._crowded(message, match, flow):
                return out
            check_request(message)
        except SipError as error:
            self._refuse(now, message, flow, error, out)
            return out
        if message.method == "ACK":
            out.append(RequestReceived("", message, flow))
        elif message.method == "CANCEL":
            self._cancel_received(now, message, match, flow, out)
        else:
            self._request_received(now, message, match, flow, out)
        return out

    def bad_message(self, now: float, error: SipError, flow: Flow) -> list[SipEffect]:
        """Something unacceptable came; what could be read of it is answered, else dropped."""
        out: list[SipEffect] = []
        if isinstance(error.message, Request):
            self._refuse(now, error.message, flow, error, out)
        return out

    def flow_failed(self, now: float, flow: Flow) -> list[SipEffect]:
        """A connection died (its own `flow`) or could not be opened (`connection` 0).

        Requests without any answer are sent once more by a new connection, or fail; responses
        go by a new connection to the peer's sent-by.
        """
        out: list[SipEffect] = []
        for tx in self._users(flow):
            self._leave_stream(tx)
            tx.flow_failed(out)
            if not tx.terminated:
                self._join_stream(tx)
            self._settle(tx)
        return out

    # --- what is to go out -----------------------------------------------------------------------

    def send_request(self, now: float, request: Request, flow: Flow) -> tuple[str, list[SipEffect]]:
        """Start a client transaction; returns its key. The Via is put on here (a request that
        failed may be given again)."""
        key = self._ids.branch()
        self._put_via(request, flow, key)
        data = request.encode()
        tx: ClientTransaction
        if request.method == "INVITE":
            tx = InviteClientTransaction(key, request, data, flow, self._timers, self._patience)
        else:
            tx = NonInviteClientTransaction(key, request, data, flow, self._timers)
        return key, self._start(now, tx)

    def send_ack(self, now: float, request: Request, flow: Flow) -> list[SipEffect]:
        """Send the ACK of a 2xx. The same request, sent again, is repeated byte for byte."""
        host, port = self._via(flow)
        if "Via" not in request.headers or request.top_via.sent_by != _sent_by(host, port):
            self._put_via(request, flow, self._ids.branch())
        return [SendBytes(request.encode(), flow)]

    def cancel(self, now: float, key: str, headers: HeaderList = ()) -> list[SipEffect]:
        """Cancel our INVITE `key`: at once if a 1xx has come, else when it comes (§9.1).

        No effect after a final response, and on anything but an INVITE.
        """
        out: list[SipEffect] = []
        tx = self._clients.get((key, "INVITE"))
        if isinstance(tx, InviteClientTransaction):
            if tx.cancel_headers is None:
                tx.cancel_headers = headers
            self._cancel_if_due(now, tx, out)
            self._settle(tx)
        return out

    def abandon(self, now: float, key: str) -> list[SipEffect]:
        """Another place is tried instead of our INVITE `key`, which nobody has answered: it is
        repeated no more. What still comes is reported; a 1xx is met by CANCEL, since the
        datagrams may have arrived. No effect on anything but an INVITE."""
        tx = self._clients.get((key, "INVITE"))
        if isinstance(tx, InviteClientTransaction):
            tx.retransmit_at = inf
        return self.cancel(now, key)

    def respond(
        self, now: float, key: str, response: Response, *, stray: bool = False
    ) -> list[SipEffect]:
        """Answer server transaction `key`; nothing happens where it is over.

        A 2xx to INVITE may be given again and again: each goes out (RFC 6026 §7.1). `stray`: the
        request belongs to no call.
        """
        out: list[SipEffect] = []
        tx = self._by_key.get(key)
        if tx is not None and stray:
            self._answer(now, tx, response, out)
        elif tx is not None:
            tx.respond(now, response, out)
            self._settle(tx)
        return out

    # --- time ------------------------------------------------------------------------------------

    def nothing_before(self) -> float:
        """A time before which nothing is due: found at once, but maybe too early."""
        return self._deadlines.nothing_before()

    def next_deadline(self) -> float | None:
        """When `handle_deadline` is to be called next."""
        return self._deadlines.next()

    def handle_deadline(self, now: float) -> list[SipEffect]:
        """Everything that is due at `now`."""
        out: list[SipEffect] = []
        while (tx := self._deadlines.take(now)) is not None:
            tx.handle_deadline(now, out)
            self._settle(tx)
        return out

    # --- requests --------------------------------------------------------------------------------

    def _absorbed(
        self, now: float, tx: ServerTransaction, request: Request, out: list[SipEffect]
    ) -> bool:
        """A request that has a transaction: True when the user need not see it."""
        if request.method != "ACK":
            tx.request_received(out)
            return True
        assert isinstance(tx, InviteServerTransaction)  # an ACK matches nothing else
        if is_rfc2543(tx.match) and request.to_tag != tx.to_tag:
            return False
        absorbed = tx.ack_received(now)
        self._settle(tx)
        return absorbed

    def _crowded(self, request: Request, match: MatchKey, flow: Flow) -> bool:
        """Whether a request is to be dropped, since too many have transactions. An ACK needs none,
        and a CANCEL ends one."""
        if request.method == "ACK":
            return False
        if request.method == "CANCEL" and (*match[:-1], "INVITE") in self._servers:
            return False
        if self._takes(len(self._servers), request, flow):
            return False
        self.dropped += 1
        return True

    def _request_received(
        self, now: float, request: Request, match: MatchKey, flow: Flow, out: list[SipEffect]
    ) -> None:
        """A new request: its transaction, 100 to an INVITE at once, 482 where it is merged."""
        tx = self._open(now, request, match, flow)
        if not request.to_tag:
            merge = merge_key(request)
            first = self._merging.get(merge)
            if first is not None and first.in_progress:
                self._answer(now, tx, self._reply(request, 482), out)
                return
            tx.merge = merge
            self._merging[merge] = tx
        if request.method == "INVITE":
            tx.respond(now, Response.reply(request, 100), out)
        self._settle(tx)
        out.append(RequestReceived(tx.key, request, flow))

    def _cancel_received(
        self, now: float, request: Request, match: MatchKey, flow: Flow, out: list[SipEffect]
    ) -> None:
        """CANCEL (§9.2): 200 where there is something to cancel, 481 where not."""
        tx = self._open(now, request, match, flow)
        invite = self._servers.get((*match[:-1], "INVITE"))
        if invite is None:
            self._answer(now, tx, self._reply(request, 481), out)
            return
        tag = invite.to_tag or self._ids.token()
        self._answer(now, tx, self._reply(request, 200, tag), out)
        if invite.state is State.PROCEEDING:
            out.append(CancelReceived(invite.key, request))

    def _refuse(
        self, now: float, request: Request, flow: Flow, error: SipError, out: list[SipEffect]
    ) -> None:
        """Answer a request that is wrong in itself: by a transaction if it has enough for one."""
        if request.method == "ACK" or "Via" not in request.headers:
            return
        reason = fault_phrase(error.status, error.text)
        try:
            match = server_key(request)
            known = self._servers.get(match)
            if known is not None:
                known.request_received(out)
                return
            if self._crowded(request, match, flow):
                return
            stamp_via(request, flow)
            response = self._reply(request, error.status, reason=reason)
        except SipError:
            # The last resort (§8.2.7): back to where it came from, with what can be copied.
            headers, tag = [("Server", self._user_agent)], self.new_tag()
            response = Response.reply(request, error.status, reason, to_tag=tag, headers=headers)
            out.append(SendBytes(response.encode(), flow))
            return
        self._answer(now, self._open(now, request, match, flow), response, out)

    def _open(self, now: float, request: Request, match: MatchKey, flow: Flow) -> ServerTransaction:
        """A new server transaction; its responses go as §18.2.2 says."""
        via = stamp_via(request, flow)
        back = response_flow(via, flow)
        self._keys += 1
        key = f"s{self._keys}"
        tx: ServerTransaction
        if request.method == "INVITE":
            tx = InviteServerTransaction(key, match, back, self._timers)
        else:
            tx = NonInviteServerTransaction(now, key, match, back, self._timers)
        if back.reliable:
            tx.alternative = alternative_flow(via, flow)
        self._servers[match] = tx
        self._by_key[key] = tx
        self._join_stream(tx)
        return tx

    def _answer(
        self, now: float, tx: ServerTransaction, response: Response, out: list[SipEffect]
    ) -> None:
        """A final answer to what belongs to no call. In a crowd it is given once, and forgotten."""
        tx.respond(now, response, out)
        if len(self._servers) > CROWD:
            tx.stop()
        self._settle(tx)

    def new_tag(self) -> str:
        """A tag for an answer to a request outside of a dialog (§8.2.6.2)."""
        return self._ids.token()

    def _reply(
        self, request: Request, status: int, tag: str | None = None, reason: str | None = None
    ) -> Response:
        """An answer of the endpoint itself, with a To tag (§8.2.6.2)."""
        tag = request.to_tag or tag or self.new_tag()
        headers = [("Server", self._user_agent)]
        return Response.reply(request, status, reason, to_tag=tag, headers=headers)

    # --- responses -------------------------------------------------------------------------------

    def _response_received(
        self, now: float, response: Response, flow: Flow, out: list[SipEffect]
    ) -> None:
        """A response: to its transaction, or dropped (§18.1.2, RFC 6026 §8.4)."""
        try:
            check_response(response)
            tx = self._clients.get((response.top_via.branch, response.cseq.method))
        except SipError:
            return
        if tx is None:
            return
        if isinstance(tx, InviteClientTransaction) and tx.parts_from(response):
            self._part(now, tx, response, flow, out)
            return
        tx.response_received(now, response, flow, out)
        if isinstance(tx, InviteClientTransaction):
            self._cancel_if_due(now, tx, out)
        self._settle(tx)

    def _part(
        self,
        now: float,
        tx: InviteClientTransaction,
        response: Response,
        flow: Flow,
        out: list[SipEffect],
    ) -> None:
        """Whoever answered what another one had refused is told that nobody is there: ACK, again
        with each 2xx, and BYE, both to where the 2xx came from."""
        ack, bye = parting(tx.data, response, flow, self._user_agent)
        out += self.send_ack(now, ack, flow)
        if tx.parted:
            return
        tx.parted = response.to_tag
        key = self._ids.branch()
        self._put_via(bye, flow, key)
        parts = NonInviteClientTransaction(
            key, bye, bye.encode(), flow, self._timers, internal=True
        )
        out += self._start(now, parts)

    def _cancel_if_due(self, now: float, tx: InviteClientTransaction, out: list[SipEffect]) -> None:
        if not tx.cancel_due or tx.request is None:
            return
        headers = (("User-Agent", self._user_agent), *(tx.cancel_headers or ()))
        request = cancellation(tx.request, headers)
        tx.cancel_sent(now)
        cancel = NonInviteClientTransaction(
            tx.key, request, request.encode(), tx.flow, self._timers, internal=True
        )
        out += self._start(now, cancel)

    def _start(self, now: float, tx: ClientTransaction) -> list[SipEffect]:
        out: list[SipEffect] = []
        self._clients[tx.match] = tx
        self._join_stream(tx)
        tx.start(now, out)
        self._settle(tx)
        return out

    def _put_via(self, request: Request, flow: Flow, branch: str) -> None:
        """Our Via, the only one (§8.1.1.7), with rport (RFC 3581 §3)."""
        sent_by = _sent_by(*self._via(flow))
        request.headers.remove("Via")
        request.headers.insert_first(
            "Via", f"SIP/2.0/{flow.transport.upper()} {sent_by};branch={branch};rport"
        )

    # --- bookkeeping -----------------------------------------------------------------------------

    def _settle(self, tx: Transaction) -> None:
        """After every change: watch the next deadline, or forget the transaction."""
        if not tx.terminated:
            due = tx.due
            if due != inf:
                self._deadlines.set(tx, due)
            else:
                self._deadlines.discard(tx)
            return
        tx.stop()
        self._deadlines.discard(tx)
        self._leave_stream(tx)
        if isinstance(tx, ClientTransaction):
            self._clients.pop(tx.match, None)
        elif isinstance(tx, ServerTransaction) and self._by_key.pop(tx.key, None) is not None:
            if self._servers.get(tx.match) is tx:
                del self._servers[tx.match]
            if tx.merge is not None and self._merging.get(tx.merge) is tx:
                del self._merging[tx.merge]

    def _join_stream(self, tx: Transaction) -> None:
        if tx.flow.reliable:
            self._streams.setdefault((tx.flow.transport, tx.flow.remote), {})[tx] = None

    def _leave_stream(self, tx: Transaction) -> None:
        if tx.flow.reliable:
            remote = (tx.flow.transport, tx.flow.remote)
            users = self._streams.get(remote)
            if users is not None:
                users.pop(tx, None)
                if not users:
                    del self._streams[remote]

    def _users(self, flow: Flow) -> list[Transaction]:
        """The transactions that a failure of `flow` concerns.

        A transaction that asked for a new connection does not know its number: it takes the
        death of any connection to its far end for that of its own.
        """
        if not flow.reliable:
            everything: list[Transaction] = [*self._clients.values(), *self._servers.values()]
            return [tx for tx in everything if tx.flow == flow]
        users = self._streams.get((flow.transport, flow.remote), ())
        return [tx for tx in users if tx.flow.connection in {0, flow.connection}]


def _sent_by(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host and host[0] != "[" else f"{host}:{port}"
