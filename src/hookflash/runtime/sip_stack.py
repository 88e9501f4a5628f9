"""The SIP side of the runtime: sockets, names and the alarm below the switchboard."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from ..adapters.addresses import Addresses
from ..adapters.alarm import Alarm
from ..adapters.dns import Resolver
from ..adapters.sip_sockets import SipSockets, connect_failure
from ..base.errors import SipError
from ..base.line_limit import LineLimit
from ..calls.switchboard import BoardEffect, Resolve, Switchboard
from ..ports import Clock
from ..sip.effects import FailureReason, SendBytes
from ..sip.flow import Address, Flow, Transport
from ..sip.location import Target
from ..sip.message import Request, Response
from ..sip.routing import (
    LARGEST_DATAGRAM,
    Hop,
    LargeRequests,
    direct_flow,
    estimated_size,
    located_flow,
    reachable,
    returning_flow,
)
from ..sip.trace import SipTraces
from ..sip.uri import Uri

_log = structlog.get_logger("sip")

LARGE_CONNECT = 1.0
"""Seconds that a large request waits for TCP before it goes by UDP (calls.md §5)."""
Filter = Callable[[Request, Flow], bool]


class SipStack:
    """Feeds the switchboard from the sockets, and finds the way of each request.

    `perform` takes the effects of every input; `drops` says which requests a shield swallows
    before anything answers them.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        sockets: SipSockets,
        resolver: Resolver,
        addresses: Addresses,
        hostname: str = "",
        keeps_messages: bool = True,
    ) -> None:
        self._clock = clock
        self._sockets = sockets
        self._resolver = resolver
        self._addresses = addresses
        self._hostname = hostname
        self.traces = SipTraces(addresses.advertised, keeps=keeps_messages)
        self._large = LargeRequests()
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.get_running_loop()
        self._alarm = Alarm(clock, self._loop, self)
        self._board: Switchboard | None = None
        self._perform: Callable[[list[BoardEffect]], None] | None = None
        self._drops: Filter | None = None
        self.received = 0
        self.malformed = 0
        self._malformed_lines = LineLimit()

    def attach(
        self,
        board: Switchboard,
        perform: Callable[[list[BoardEffect]], None],
        drops: Filter,
    ) -> None:
        """The switchboard above; called once before the sockets open. `perform` calls `arm`."""
        self._board, self._perform, self._drops = board, perform, drops

    async def stop(self) -> None:
        """End look-ups and the timer."""
        self._alarm.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # --- what peers are told --------------------------------------------------------------------

    def via(self, flow: Flow) -> tuple[str, int]:
        """sent-by for a message on this flow."""
        return self._host(flow), self._port(flow.transport)

    def contact(self, flow: Flow) -> Uri:
        """Our Contact for a dialog whose peer is at the end of `flow`."""
        port = self._port(flow.transport)
        default = 5061 if flow.transport == "tls" else 5060
        return Uri.sip(
            None,
            self._host(flow).strip("[]"),
            None if port == default else port,
            (("transport", flow.transport),),
        )

    def contact_at(self, target: Target) -> Uri:
        """Our Contact for an INVITE that goes to `target`."""
        local = self.local(target.transport, target.ip)
        return self.contact(Flow(target.transport, local, (target.ip, target.port)))

    def _host(self, flow: Flow) -> str:
        if flow.transport == "tls" and self._hostname:
            return self._hostname
        host = self._addresses.advertised(flow.remote[0])
        return f"[{host}]" if ":" in host else host

    def _port(self, transport: Transport) -> int:
        return (self._sockets.local.get(transport) or self._sockets.local["tcp"])[1]

    def local(self, transport: Transport, _remote_ip: str) -> Address:
        """Where requests to a peer leave from: always the listening socket (calls.md §5)."""
        return self._sockets.local.get(transport) or self._sockets.local["udp"]

    # --- ways -----------------------------------------------------------------------------------

    def route(self, request: Request, hop: Hop) -> Flow | None:
        """The way of a request if it is known at once; else `resolve` finds it."""
        flow = direct_flow(hop, local=self.local, is_open=self._sockets.is_open)
        if flow is None:
            return None
        return self._ready(self._sized(request, flow), hop.name)

    def _sized(self, request: Request, flow: Flow) -> Flow:
        """Large requests go by TCP where the peer takes it (RFC 3261 §18.1.1)."""
        if flow.reliable:
            return flow
        return self._large.by_tcp(self._clock.now(), estimated_size(request), flow) or flow

    def _ready(self, flow: Flow, name: str) -> Flow | None:
        if not flow.reliable or flow.connection:
            return flow
        return self._sockets.connection_to(flow.transport, flow.remote, name)

    def resolve(self, effect: Resolve) -> None:
        """Find the way of a request in a task of its own."""
        task = self._loop.create_task(self._resolve(effect))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _resolve(self, effect: Resolve) -> None:
        board = self._attached()
        reason: FailureReason = "unresolved"
        why = ""
        try:
            flow = await self._find(effect.request, effect.hop)
        except OSError as error:
            flow, reason, why = None, "transport", connect_failure(error)
            _log.info("sip_connect_failed", to=effect.hop.uri.host, error=why)
        except Exception as error:  # noqa: BLE001  # the leg waits for its request's fate
            flow, reason, why = None, "transport", str(error)
            _log.exception("internal_error", to=effect.hop.uri.host)
        now = self._clock.now()
        if flow is None:
            self.perform(board.unresolved(now, effect.ref, reason, why))
        else:
            self.perform(board.resolved(now, effect.ref, flow))

    async def _find(self, request: Request, hop: Hop) -> Flow | None:
        try:
            return await self._found(request, hop)
        except (OSError, TimeoutError):
            flow = returning_flow(hop, is_open=self._sockets.is_open)
            if flow is not None and (flow.reliable or estimated_size(request) <= LARGEST_DATAGRAM):
                return flow
            raise

    async def _found(self, request: Request, hop: Hop) -> Flow | None:
        is_open = self._sockets.is_open
        flow = direct_flow(hop, local=self.local, is_open=is_open)
        if flow is not None:
            return await self._connected(request, flow, hop.name)
        found = await self._resolver.locate(hop.uri, self._transports())
        targets = self._reachable(hop.uri, found)
        failure: OSError | TimeoutError | None = None
        for number in range(max(1, len(targets))):
            flow = located_flow(hop, targets[number:], local=self.local, is_open=is_open)
            if flow is None:
                return None
            try:
                return await self._connected(request, flow, hop.uri.host or "")
            except (OSError, TimeoutError) as error:
                failure = error
        raise failure or OSError("no target")

    async def _connected(self, request: Request, flow: Flow, name: str) -> Flow:
        large = self._sized(request, flow)
        if large is not flow:
            try:
                async with asyncio.timeout(LARGE_CONNECT):
                    return await self._sockets.connect("tcp", large.remote)
            except (OSError, TimeoutError):
                self._large.refused(self._clock.now(), flow.remote)
                if estimated_size(request) > LARGEST_DATAGRAM:
                    raise
                return flow
        if flow.reliable and not flow.connection:
            return await self._sockets.connect(flow.transport, flow.remote, name=name)
        return flow

    def _reachable(self, uri: Uri, found: list[Target]) -> list[Target]:
        """What was found for `uri` and can be sent to; whether a name of one IP family that we
        lack is a mistake of ours the log lets somebody decide."""
        targets = reachable(found, local=self.local)
        if found and not targets:
            _log.info("sip_other_family", to=uri.host, found=found[0].ip)
        return targets

    def _transports(self) -> tuple[Transport, ...]:
        return ("udp", "tcp", "tls")

    def locate(self, uri: Uri, then: Callable[[list[Target]], None]) -> None:
        """Find the places to try for a new call, best first (RFC 3263); `then` is called later,
        also where they are known now."""
        known = self._resolver.at_once(uri, self._transports())
        if known is not None:
            self._loop.call_soon(then, self._reachable(uri, known))
            return

        async def find() -> None:
            targets: list[Target] = []
            try:
                targets = await self._resolver.locate(uri, self._transports())
            except Exception:  # noqa: BLE001  # somebody waits for the answer
                _log.exception("internal_error", to=uri.host)
            then(self._reachable(uri, targets))

        task = self._loop.create_task(find())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # --- messages and time ----------------------------------------------------------------------

    def message_received(self, message: Request | Response, flow: Flow) -> None:
        """From the sockets."""
        self.received += 1
        now = self._clock.now()
        self.traces.received(now, message, flow)
        try:
            effects = self._taken(now, message, flow)
        except Exception:  # noqa: BLE001  # a mistake of ours
            _log.exception("internal_error", source=flow.remote[0])
            effects = self._apology(message, flow)
        self.perform(effects)

    def _taken(self, now: float, message: Request | Response, flow: Flow) -> list[BoardEffect]:
        if self._drops is not None and isinstance(message, Request) and self._drops(message, flow):
            return []
        return self._attached().message_received(now, message, flow)

    def _apology(self, message: Request | Response, flow: Flow) -> list[BoardEffect]:
        """500 to a request that went wrong before anything had answered it."""
        if not isinstance(message, Request):
            return []
        return self._refuse(SipError("Internal error", status=500, message=message), flow)

    def bad_message(self, error: SipError, flow: Flow) -> None:
        """From the sockets."""
        self.malformed += 1
        told, left_out = self._malformed_lines.take(self._clock.now())
        if left_out:
            _log.warning("refusals_not_logged", reason="sip_malformed", count=left_out)
        if told:
            _log.info("sip_malformed", source=flow.remote[0], why=error.text, answer=error.status)
        self.perform(self._refuse(error, flow))

    def _refuse(self, error: SipError, flow: Flow) -> list[BoardEffect]:
        try:
            return self._attached().bad_message(self._clock.now(), error, flow)
        except Exception:  # noqa: BLE001  # so bad that nothing can be made of it
            _log.exception("internal_error", source=flow.remote[0])
            return []

    def flow_failed(self, flow: Flow) -> None:
        """From the sockets."""
        effects: list[BoardEffect] = []
        try:
            effects = self._attached().flow_failed(self._clock.now(), flow)
        except Exception:  # noqa: BLE001  # a mistake of ours; the requests' timers go on
            _log.exception("internal_error", source=flow.remote[0])
        self.perform(effects)

    def send(self, effect: SendBytes) -> None:
        """Put a message on the wire."""
        self.traces.sent(self._clock.now(), effect.data, effect.flow)
        self._sockets.send(effect.data, effect.flow)

    def perform(self, effects: list[BoardEffect]) -> None:
        """Hand effects on; whoever takes them sees to the timer (`arm`) when they are done."""
        if effects and self._perform is not None:
            self._perform(effects)
        else:
            self.arm()

    def arm(self) -> None:
        """Set the timer to the next deadline, if that is sooner than what it is set to."""
        if self._attached().nothing_before() < self._alarm.at:
            self._alarm.arm()

    def next_deadline(self) -> float | None:
        """`ports.Due`: of the endpoint and the legs."""
        return None if self._board is None else self._board.next_deadline()

    def handle_deadline(self, now: float) -> None:
        """`ports.Due`: perform what is due."""
        self.perform(self._attached().handle_deadline(now))

    def _attached(self) -> Switchboard:
        if self._board is None:
            raise RuntimeError("attach() comes first")
        return self._board
