"""One SIP user agent of the carrier: sockets, transactions, and nothing that is about calls.

The transaction layer is the exchange's own (`sip.endpoint`); here is only its pump: what comes
from the sockets goes in, what comes out is sent, and one timer waits for the next deadline.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from ..adapters.alarm import Alarm
from ..adapters.sip_sockets import SipSockets
from ..base.errors import HookflashError, SipError
from ..base.ids import Ids
from ..base.light import light_dataclass
from ..ports import Clock
from ..sip.codec import parse
from ..sip.effects import (
    CancelReceived,
    RequestFailed,
    RequestReceived,
    ResponseReceived,
    SendBytes,
    ServerFailed,
    SipEffect,
)
from ..sip.endpoint import Endpoint
from ..sip.flow import Address, Flow, Transport
from ..sip.message import Request, Response
from ..sip.refer import parse_fragment
from ..sip.routing import Hop, direct_flow
from ..sip.timers import Timers
from ..sip.uri import Uri

USER_AGENT: Final = "Hookflash-Carrier"


class CarrierError(HookflashError):
    """A call of the simulated carrier did not go as it was to go; the text says how."""


@light_dataclass(frozen=True, slots=True)
class Traced:
    """One message that went by a user agent."""

    at: float
    """Seconds since the epoch."""
    sender: Address
    receiver: Address
    message: Request | Response
    sent: bool
    """True where this user agent sent it, False where it received it."""

    @property
    def label(self) -> str:
        """What a ladder says: `INVITE`, `180 Ringing`, `NOTIFY 200 OK`."""
        message = self.message
        if isinstance(message, Response):
            return f"{message.status} {message.reason}".rstrip()
        fragment = parse_fragment(message.body) if message.method == "NOTIFY" else None
        if fragment is None:
            return message.method
        return f"{message.method} {fragment.status} {fragment.reason}".rstrip()


class RequestHandler(Protocol):
    """Who takes the requests of peers."""

    def request_received(self, key: str, request: Request, flow: Flow) -> None: ...

    def cancel_received(self, key: str) -> None: ...


@dataclass(slots=True)
class SentRequest:
    """A request of ours that waits for its answers.

    Where none comes, `final` is 408 for a timeout and 503 for a broken transport (RFC 3261
    §8.1.3.1).
    """

    key: str
    final: asyncio.Future[Response]
    on_response: Callable[[Response, Flow], None] | None
    request: Request
    flow: Flow


class UserAgent:
    """Listens on one port by UDP and TCP. Made where a loop runs; `start` first, `stop` at the
    end."""

    def __init__(
        self,
        *,
        clock: Clock,
        ids: Ids,
        handler: RequestHandler,
        trace: Callable[[Traced], None] | None = None,
        timers: Timers | None = None,
    ) -> None:
        self.clock = clock
        self.ids = ids
        self.timers = timers or Timers()
        self._handler = handler
        self._trace = trace
        self._sockets = SipSockets()
        self._sockets.attach(self)
        self._endpoint = Endpoint(
            timers=self.timers, ids=ids, via=lambda _: self.address, user_agent=USER_AGENT
        )
        self._sent: dict[str, SentRequest] = {}
        self._alarm = Alarm(clock, asyncio.get_running_loop(), self)
        self._stopped = False
        self.address: Address = ("", 0)
        """Where it listens, once it is started."""

    async def start(self, ip: str = "127.0.0.1", port: int = 0) -> None:
        """Listen; port 0 takes any free one. Raises OSError."""
        await self._sockets.start(ip, port)
        self.address = self._sockets.local["udp"]

    async def stop(self) -> None:
        """Close the sockets; whoever still waits for an answer is cancelled. Once is enough."""
        if self._stopped:
            return
        self._stopped = True
        self._alarm.stop()
        for sent in self._sent.values():
            sent.final.cancel()
        await self._sockets.stop()

    # --- requests and answers of ours -----------------------------------------------------------

    def contact(self, user: str, transport: Transport = "udp") -> Uri:
        """Our Contact for a dialog by this transport."""
        params = () if transport == "udp" else (("transport", transport),)
        return Uri.sip(user, *self.address, params)

    def flow_to(self, address: Address, transport: Transport = "udp") -> Flow:
        """The way to an address, by the open connection where there is one."""
        target = Uri.sip(None, *address, (("transport", transport),))
        return self.flow_of(Hop(target))

    def flow_of(self, hop: Hop) -> Flow:
        """The way of a request; CarrierError where its next hop is a name."""
        flow = direct_flow(hop, local=lambda _, __: self.address, is_open=self._sockets.is_open)
        if flow is None:
            raise CarrierError(f"no way to {hop.uri}: the carrier knows no names")
        if flow.reliable and not flow.connection:
            return self._sockets.connection_to(flow.transport, flow.remote) or flow
        return flow

    def send(
        self,
        request: Request,
        flow: Flow,
        on_response: Callable[[Response, Flow], None] | None = None,
    ) -> SentRequest:
        """Send a request. `on_response` gets every answer, repeated 2xx of INVITE and the one that
        stands for none included."""
        key, effects = self._endpoint.send_request(self.clock.now(), request, flow)
        final = asyncio.get_running_loop().create_future()
        sent = self._sent[key] = SentRequest(key, final, on_response, request, flow)
        self._perform(effects)
        return sent

    def send_ack(self, request: Request, flow: Flow) -> None:
        """The ACK of a 2xx, again for each repetition of the 2xx."""
        self._perform(self._endpoint.send_ack(self.clock.now(), request, flow))

    def cancel(self, sent: SentRequest) -> None:
        """CANCEL our INVITE."""
        self._perform(self._endpoint.cancel(self.clock.now(), sent.key))

    def respond(self, key: str, response: Response) -> None:
        """Answer a request."""
        self._perform(self._endpoint.respond(self.clock.now(), key, response))

    def idle(self) -> bool:
        """Whether no transaction lives."""
        return not any(self._endpoint.counts())

    # --- from the sockets (`SipReceiver`) -------------------------------------------------------

    def message_received(self, message: Request | Response, flow: Flow) -> None:
        """A message came in."""
        now = self.clock.now()
        if self._trace is not None:
            self._trace(Traced(now, flow.remote, self.address, message, sent=False))
        self._perform(self._endpoint.message_received(now, message, flow))

    def bad_message(self, error: SipError, flow: Flow) -> None:
        """Something unreadable came in."""
        self._perform(self._endpoint.bad_message(self.clock.now(), error, flow))

    def flow_failed(self, flow: Flow) -> None:
        """A connection broke or could not be opened."""
        self._perform(self._endpoint.flow_failed(self.clock.now(), flow))

    # --- the pump -------------------------------------------------------------------------------

    def _perform(self, effects: list[SipEffect]) -> None:
        for effect in effects:
            self._one(effect)
        self._alarm.arm()

    def next_deadline(self) -> float | None:
        """`ports.Due`: of the transactions."""
        return self._endpoint.next_deadline()

    def handle_deadline(self, now: float) -> None:
        """`ports.Due`."""
        self._perform(self._endpoint.handle_deadline(now))

    def _one(self, effect: SipEffect) -> None:
        if isinstance(effect, SendBytes):
            self._put(effect)
        elif isinstance(effect, RequestReceived):
            self._handler.request_received(effect.key, effect.request, effect.flow)
        elif isinstance(effect, CancelReceived):
            self._handler.cancel_received(effect.key)
        elif isinstance(effect, ResponseReceived):
            self._answered(effect)
        elif isinstance(effect, RequestFailed):
            sent = self._sent.pop(effect.key)
            _settle(sent, _failure(sent.request, effect.reason), sent.flow)
        else:
            assert isinstance(effect, ServerFailed)  # nobody confirmed a refusal: so be it

    def _put(self, effect: SendBytes) -> None:
        if self._trace is not None:
            message = parse(effect.data)
            receiver = effect.flow.remote
            self._trace(Traced(self.clock.now(), self.address, receiver, message, sent=True))
        self._sockets.send(effect.data, effect.flow)

    def _answered(self, effect: ResponseReceived) -> None:
        sent = self._sent[effect.key]
        status = effect.response.status
        if status >= 200 and (sent.request.method != "INVITE" or status >= 300):
            self._sent.pop(effect.key)
        _settle(sent, effect.response, effect.flow)


def _failure(request: Request, reason: str) -> Response:
    return Response.reply(request, 408 if reason == "timeout" else 503)


def _settle(sent: SentRequest, response: Response, flow: Flow) -> None:
    if sent.on_response is not None:
        sent.on_response(response, flow)
    if response.status >= 200 and not sent.final.done():
        sent.final.set_result(response)
