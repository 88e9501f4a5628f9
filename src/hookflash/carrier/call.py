"""One call of a phone: dialog, session description and sound, whoever called whom."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator, Sequence
from enum import Enum
from functools import partial
from typing import Final, Literal, Protocol

from ..base.errors import SdpError
from ..calls.legs.unacked import Unacked, acknowledges
from ..sdp.negotiation import SdpNegotiator
from ..sdp.plan import CodecName, Direction, MediaSettings
from ..sip.dialog import MAX_FORWARDS, Dialog
from ..sip.flow import Flow
from ..sip.message import Request, Response
from ..sip.uri import Uri
from .agent import USER_AGENT, CarrierError, SentRequest, UserAgent
from .behaviour import Behaviour
from .sound import Sound

ALLOW: Final = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, REFER"
SDP: Final = "application/sdp"
HeaderItems = Sequence[tuple[str, str]]
By = Literal["", "phone", "peer"]


class CallState(Enum):
    """RINGING → UP → ENDED; a refused call goes from RINGING to ENDED."""

    RINGING = "ringing"
    UP = "up"
    ENDED = "ended"


STEPS: Final[dict[CallState, frozenset[CallState]]] = {
    CallState.RINGING: frozenset({CallState.UP, CallState.ENDED}),
    CallState.UP: frozenset({CallState.ENDED}),
    CallState.ENDED: frozenset(),
}
"""Every legal step. Only `CarrierCall._enter` changes a state."""


class CarriedRefer(Protocol):
    """A REFER that came within a call (`accepted_refer.AcceptedRefer`)."""

    request: Request
    notified: list[tuple[int, int]]
    """(status told, how the NOTIFY was answered), in order."""
    new_call: CarrierCall | None
    """The call to the target."""

    @property
    def refer_to(self) -> str:
        """The Refer-To header as it came, "" if there is none."""
        ...


class CallingPhone(Protocol):
    """What a call needs of the phone that has it (`phone.Phone`)."""

    number: str
    name: str
    tone: float
    behaviour: Behaviour
    codecs: tuple[CodecName, ...]
    agent: UserAgent

    def open_sound(self) -> Sound:
        """RTP for a new call."""
        ...

    def established(self, call: CarrierCall, dialog: Dialog) -> None:
        """A call has its dialog."""
        ...

    def came_up(self, call: CarrierCall) -> None:
        """A call that came in was answered and confirmed."""
        ...

    def refer_received(self, call: CarrierCall, key: str, request: Request) -> CarriedRefer:
        """A call got a REFER: carry it out."""
        ...

    def place(
        self,
        target: Uri,
        *,
        headers: HeaderItems = (),
        on_status: Callable[[int], None] | None = None,
    ) -> CarrierCall:
        """Send an INVITE to a tel or sip URI and wait for nothing; raises CarrierError."""
        ...


class CarrierCall:
    """Made by `Phone.call`, or by an INVITE that comes in. Waiting raises CarrierError."""

    def __init__(self, phone: CallingPhone, peer: str, *, inbound: bool) -> None:
        self.phone = phone
        self.peer = peer
        """The other side's number."""
        self.inbound = inbound
        self.state = CallState.RINGING
        self.statuses: list[int] = []
        """What our INVITE was answered with, or we answered, in order."""
        self.ended_by: By = ""
        self.dialog: Dialog | None = None
        self.referrals: list[CarriedRefer] = []
        """The REFERs that came, oldest first."""
        self.requests: list[Request] = []
        """All that came within the call, ACKs included."""
        self.on_status: Callable[[int], None] | None = None
        """Called with each answer to our INVITE."""
        self.sound = phone.open_sound()
        self._agent = phone.agent
        self.negotiator = SdpNegotiator(
            ids=phone.agent.ids,
            settings=MediaSettings(codecs=phone.codecs),
            local=self.sound.local,
        )
        self._up, self._over, self._news = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._referring = False
        self._sent: SentRequest | None = None
        self._incoming: tuple[str, Request] | None = None
        self._unacked: Unacked | None = None
        self._timer: asyncio.TimerHandle | None = None

    # --- what tests and demos do ----------------------------------------------------------------

    async def answered(self, within: float = 5.0) -> None:
        """Wait until the call is up."""
        waiting = [asyncio.ensure_future(event.wait()) for event in (self._up, self._over)]
        try:
            await asyncio.wait(waiting, timeout=within, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waiting:
                task.cancel()
        if self.state is CallState.ENDED:
            raise CarrierError(f"{self}: not answered, but {self.statuses[-1:] or 'hung up'}")
        if self.state is CallState.RINGING:
            raise CarrierError(f"{self}: not answered within {within:g} s")

    async def ended(self, within: float | None = 5.0) -> None:
        """Wait until the call is over, with None for ever; `ended_by` says who hung up."""
        try:
            async with asyncio.timeout(within):
                await self._over.wait()
        except TimeoutError:
            raise CarrierError(f"{self}: still up after {within:g} s") from None

    async def hears(self, frequency: float, within: float = 5.0) -> float:
        """Wait for a tone (Hz, or up to 2.5 % off); seconds that it took."""
        with self._named():
            return await self.sound.hears(frequency, within)

    async def hears_anything(self, within: float = 5.0) -> float:
        """Wait for anything but silence; seconds that it took."""
        with self._named():
            return await self.sound.hears_anything(within)

    async def misses(self, frequency: float, within: float = 5.0) -> float:
        """Wait until a tone (Hz) has not been heard for 0.3 s from now on."""
        with self._named():
            return await self.sound.misses(frequency, within)

    async def press(self, digits: str) -> None:
        """Press keys, and wait until they are out."""
        with self._named():
            await self.sound.press(digits)

    async def pressed(self, digits: str, within: float = 5.0) -> float:
        """Wait for keys that the other side presses."""
        with self._named():
            return await self.sound.pressed(digits, within)

    async def hold(self) -> None:
        """Put the other side on hold (re-INVITE, sendonly)."""
        await self._offer("sendonly")

    async def resume(self) -> None:
        """Take it from hold."""
        await self._offer("sendrecv")

    async def refer(self, target: str) -> int:
        """Ask the other side to call `target` (a URI); how it answered. Its NOTIFYs are in
        `requests`."""
        self._referring = True
        return (await self._in_dialog("REFER", headers=[("Refer-To", f"<{target}>")]).final).status

    async def received(self, method: str, count: int = 1, within: float = 5.0) -> Request:
        """Wait for the `count`th request of this method within the call."""
        try:
            async with asyncio.timeout(within):
                while len(found := [r for r in self.requests if r.method == method]) < count:
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise CarrierError(f"{self}: no {method} number {count} in {within:g} s") from None
        return found[count - 1]

    async def hang_up(self) -> None:
        """BYE, CANCEL or 603, as the state asks; returns when the BYE is answered."""
        if self.state is CallState.ENDED:
            return
        if self.state is CallState.UP and self.dialog is not None:
            self._end("phone")
            await self._in_dialog("BYE").final
        elif self._sent is not None:
            self._agent.cancel(self._sent)
            self._end("phone")
        else:
            self.answer(603)

    # --- our INVITE -----------------------------------------------------------------------------

    def start(self, uri: Uri, flow: Flow, headers: HeaderItems = ()) -> None:
        """Send the INVITE."""
        ids, contact = self._agent.ids, self._agent.contact(self.phone.number, flow.transport)
        items = [
            ("Max-Forwards", MAX_FORWARDS),
            ("From", f"<{contact.without_param('transport')}>;tag={ids.token()}"),
            ("To", f"<{uri}>"),
            ("Call-ID", f"{ids.token(16)}@{contact.host}"),
            ("CSeq", "1 INVITE"),
            *self._capabilities(contact, "User-Agent"),
            *headers,
            ("Content-Type", SDP),
        ]
        request = Request("INVITE", uri, items, self.negotiator.offer())
        answered = partial(self._invite_answered, request)
        self._sent = self._agent.send(request, flow, answered)

    def _invite_answered(self, request: Request, response: Response, flow: Flow) -> None:
        cseq, status = request.cseq.number, response.status
        if self.dialog is not None:
            self._acknowledge(cseq)  # the 2xx came again: our ACK was lost
            return
        self.statuses.append(status)
        if 200 <= status < 300:
            self.dialog = Dialog.uac(request, response, flow=flow)
            self._acknowledge(cseq)
            self._established(self.dialog, response)
        elif status >= 300:
            self._end("peer")
        if self.on_status is not None:
            self.on_status(status)

    def _established(self, dialog: Dialog, response: Response) -> None:
        """The first 2xx; one that crossed our CANCEL, or has no use, gets a BYE."""
        try:
            plan = self.negotiator.accept(response.body)
        except SdpError:
            self._end("phone")
        if self.state is CallState.ENDED:
            self._in_dialog("BYE")
            return
        self.phone.established(self, dialog)
        self.sound.apply(plan)
        self._confirmed()

    def _confirmed(self) -> None:
        self._enter(CallState.UP)
        self._up.set()

    # --- their INVITE ---------------------------------------------------------------------------

    def ring(self, key: str, request: Request, flow: Flow) -> None:
        """An INVITE came; the phone's behaviour says what becomes of it."""
        behaviour, contact = self.phone.behaviour, self._contact(flow)
        self._incoming = key, request
        self.dialog = Dialog.uas(
            request, local_tag=self._agent.ids.token(), contact=contact, flow=flow
        )
        self.phone.established(self, self.dialog)
        if behaviour.answer is None or behaviour.answer < 300 or behaviour.ring:
            self._reply(key, request, 180)
        if behaviour.answer is None:
            return
        if behaviour.ring:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(behaviour.ring, self.answer, behaviour.answer)
        else:
            self.answer(behaviour.answer)

    def answer(self, status: int = 200) -> None:
        """Give the call that rings here its final answer."""
        if self._incoming is None or self.state is not CallState.RINGING:
            return
        key, request = self._incoming
        self._timer = None
        self.statuses.append(status)
        if status < 300:
            status = self._agree(key, request)
        else:
            self._reply(key, request, status)
        if status >= 300:
            self._end("phone")

    def _agree(self, key: str, request: Request) -> int:
        """Answer an INVITE or UPDATE with its SDP, or with an offer where it has none; the
        status that it was answered with."""
        offered = bool(request.body) or request.method == "UPDATE"
        try:
            if request.body:
                body, plan = self.negotiator.answer(request.body)
                self.sound.apply(plan)
            else:
                body = b"" if offered else self.negotiator.offer()
        except SdpError as error:
            self._reply(key, request, error.status)
            return error.status
        response = self._reply(key, request, 200, body)
        if request.method == "INVITE":
            now, timers = self._agent.clock.now(), self._agent.timers
            self._unacked = Unacked(now, key, response, timers, offer=not offered, cap=True)
            self._repeat_later(self._unacked)
        return 200

    def _repeat_later(self, unacked: Unacked) -> None:
        """The 200 goes out again until its ACK comes, which stops the timer (RFC 3261
        §13.3.1.4)."""
        delay = max(0.0, unacked.next_deadline() - self._agent.clock.now())
        self._timer = asyncio.get_running_loop().call_later(delay, self._repeat, unacked)

    def _repeat(self, unacked: Unacked) -> None:
        now = self._agent.clock.now()
        if unacked.over(now):
            self._end("phone")
            self._in_dialog("BYE")
            return
        for again in unacked.due(now):
            self._agent.respond(again.key, again.response)
        self._repeat_later(unacked)

    def cancelled(self, key: str) -> bool:
        """CANCEL came for this transaction; True if it was this call's."""
        if self._incoming is None or self._incoming[0] != key:
            return False
        if self.state is CallState.RINGING:
            self._reply(*self._incoming, 487)
            self._end("peer")
        return True

    # --- requests within the call ---------------------------------------------------------------

    def request_received(self, key: str, request: Request, flow: Flow) -> None:
        """A request of this dialog."""
        dialog = self._in_call()
        if not dialog.request_received(request, flow):
            self._reply(key, request, 500)
            return
        self.requests.append(request)
        self._news.set()
        if request.method == "ACK":
            self._ack_received(request)
        elif request.method == "BYE":
            self._reply(key, request, 200)
            self._end("peer")
        elif request.method in {"INVITE", "UPDATE"}:
            dialog.refresh_target(request)
            self._agree(key, request)
        elif request.method == "REFER":
            self.referrals.append(self.phone.refer_received(self, key, request))
        elif request.method in {"OPTIONS", "INFO"}:
            self._reply(key, request, 200)
        elif request.method == "NOTIFY":
            self._reply(key, request, 200 if self._referring else 481)
        else:
            self._reply(key, request, 405)

    def _ack_received(self, request: Request) -> None:
        unacked = self._unacked
        if unacked is None or not acknowledges(request, unacked):
            return
        self._unacked = None
        self._stop_timer()
        if unacked.offer:
            with contextlib.suppress(SdpError):  # without an answer the session stays as it was
                self.sound.apply(self.negotiator.accept(request.body))
        if self.state is CallState.RINGING:
            self._confirmed()
            self.phone.came_up(self)

    # --- our requests within the call -----------------------------------------------------------

    def _in_dialog(self, method: str, headers: HeaderItems = ()) -> SentRequest:
        dialog = self._in_call()
        request, hop = dialog.make_request(method, [*headers, ("User-Agent", USER_AGENT)])
        return self._agent.send(request, self._agent.flow_of(hop))

    def notify(self, event: str, state: str, body: bytes) -> asyncio.Future[Response]:
        """NOTIFY with a sipfrag, also after the call has ended (RFC 5057)."""
        headers = (("Event", event), ("Subscription-State", state), ("User-Agent", USER_AGENT))
        request, hop = self._in_call().make_request(
            "NOTIFY", headers, body, "message/sipfrag;version=2.0"
        )
        return self._agent.send(request, self._agent.flow_of(hop)).final

    def reply(self, key: str, request: Request, status: int) -> None:
        """Answer a request of this call."""
        self._reply(key, request, status)

    async def _offer(self, direction: Direction) -> None:
        dialog = self._in_call()
        offer = self.negotiator.offer(direction=direction)
        contact = dialog.contact or self._agent.contact(self.phone.number)
        headers = self._capabilities(contact, "User-Agent")
        request, hop = dialog.make_request("INVITE", headers, offer, SDP)

        def answered(response: Response, _: Flow) -> None:
            if 200 <= response.status < 300:
                self._acknowledge(request.cseq.number)

        response = await self._agent.send(request, self._agent.flow_of(hop), answered).final
        if response.status >= 300:
            self.negotiator.rollback()
            raise CarrierError(f"{self}: the re-INVITE was answered {response.status}")
        dialog.refresh_target(response)
        self.sound.apply(self.negotiator.accept(response.body))

    def _acknowledge(self, cseq: int) -> None:
        ack, hop = self._in_call().make_ack(cseq)
        self._agent.send_ack(ack, self._agent.flow_of(hop))

    # --- parts ----------------------------------------------------------------------------------

    def _enter(self, state: CallState) -> None:
        """Take a step of `STEPS`; another one is our own bug."""
        if state not in STEPS[self.state]:
            raise AssertionError(f"{self.state.value} -> {state.value}")
        self.state = state

    def _end(self, by: By) -> None:
        if self.state is CallState.ENDED:
            return
        self._enter(CallState.ENDED)
        self.ended_by = by
        self._unacked = None
        self._stop_timer()
        self.sound.close()
        self._over.set()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def close(self) -> None:
        """The phone is switched off: nothing is said to the other side."""
        self._end("phone")

    def _in_call(self) -> Dialog:
        if self.dialog is None:
            raise CarrierError(f"{self}: there is no dialog")
        return self.dialog

    def _contact(self, flow: Flow) -> Uri:
        return self._agent.contact(self.phone.number, flow.transport)

    def _reply(self, key: str, request: Request, status: int, body: bytes = b"") -> Response:
        dialog = self._in_call()
        contact = dialog.contact or self._agent.contact(self.phone.number)
        headers = self._capabilities(contact, "Server")
        if body:
            headers.append(("Content-Type", SDP))
        response = Response.reply(
            request, status, to_tag=dialog.local_tag, headers=headers, body=body
        )
        self._agent.respond(key, response)
        return response

    def _capabilities(self, contact: Uri, agent_header: str) -> list[tuple[str, str]]:
        return [("Contact", f"<{contact}>"), ("Allow", ALLOW), (agent_header, USER_AGENT)]

    @contextlib.contextmanager
    def _named(self) -> Iterator[None]:
        """Say whose call it was that something went wrong with."""
        try:
            yield
        except CarrierError as error:
            raise CarrierError(f"{self}: {error}") from None

    def __str__(self) -> str:
        return f"{self.phone} with {self.peer}"
