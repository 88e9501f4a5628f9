"""One telephone of the carrier: a number, a tone, and how it behaves."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from ..base.errors import SipError
from ..base.ids import Ids
from ..ports import Clock
from ..sdp.plan import CodecName
from ..sip.dialog import Dialog
from ..sip.flow import Address, Flow, Transport
from ..sip.message import Request, Response
from ..sip.uri import Uri
from .accepted_refer import AcceptedRefer
from .agent import USER_AGENT, CarrierError, Traced, UserAgent
from .behaviour import Behaviour
from .call import ALLOW, CallState, CarriedRefer, CarrierCall, HeaderItems
from .placed import Placed
from .sound import Sound, Sounds

__all__ = ["Behaviour", "Phone"]


class Phone:
    """Made by `Carrier.phone`. `calls` holds the live ones and those that are over."""

    def __init__(
        self,
        number: str,
        *,
        name: str = "",
        tone: float = 0.0,
        behaviour: Behaviour | None = None,
        codecs: tuple[CodecName, ...] = ("PCMU", "PCMA"),
        clock: Clock,
        ids: Ids,
        sounds: Sounds,
        locate: Callable[[str], Address],
        trace: Callable[[Traced], None] | None = None,
    ) -> None:
        self.number = number
        self.name = name or number
        self.tone = tone
        """What it says all the time, in Hz; 0: silence."""
        self.behaviour = behaviour or Behaviour()
        """May be changed at any time."""
        self.codecs = codecs
        self.calls: list[CarrierCall] = []
        self.agent = UserAgent(clock=clock, ids=ids, handler=self, trace=trace)
        self._sounds = sounds
        self._locate = locate
        self._dialogs: dict[tuple[str, str], CarrierCall] = {}
        self._came: asyncio.Queue[CarrierCall] = asyncio.Queue()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def address(self) -> Address:
        """Where it listens for SIP."""
        return self.agent.address

    def __str__(self) -> str:
        return self.name

    async def start(self, ip: str, port: int = 0) -> None:
        """Listen; port 0 takes any free one. Raises OSError."""
        await self.agent.start(ip, port)

    async def stop(self) -> None:
        """Switch off. What went wrong in the background is raised now."""
        for task in self._tasks:
            task.cancel()
        results = await asyncio.gather(*self._tasks, return_exceptions=True)
        for call in self.calls:
            call.close()
        await self.agent.stop()
        for result in results:
            if isinstance(result, Exception):
                raise result

    # --- calls ----------------------------------------------------------------------------------

    def call(
        self,
        number: str,
        *,
        proxy: Address | None = None,
        transport: Transport = "udp",
        headers: HeaderItems = (),
        within: float = 5.0,
    ) -> Placed[CarrierCall]:
        """Call a number and wait for the answer: `await` it for the call, or enter it by `async
        with`, which hangs up at the end. Raises CarrierError where there is no answer.

        `proxy`: (ip, port) that the INVITE goes to; without it the carrier's own number table.
        """

        async def answered() -> CarrierCall:
            target = Uri("tel", opaque=number)
            call = self.place(target, proxy=proxy, transport=transport, headers=headers)
            await call.answered(within)
            return call

        return Placed(answered, CarrierCall.hang_up)

    def place(
        self,
        target: Uri,
        *,
        proxy: Address | None = None,
        transport: Transport = "udp",
        headers: HeaderItems = (),
        on_status: Callable[[int], None] | None = None,
    ) -> CarrierCall:
        """Send an INVITE to a tel or sip URI and wait for nothing; raises CarrierError."""
        number = target.number
        address = proxy or self._locate(number)
        params = () if transport == "udp" else (("transport", transport),)
        uri = Uri.sip(number, *address, params)
        call = CarrierCall(self, number, inbound=False)
        call.on_status = on_status
        self.calls.append(call)
        call.start(uri, self.agent.flow_to(address, transport), headers)
        return call

    async def called(self, within: float | None = 5.0) -> CarrierCall:
        """Wait for the next call that comes in and is answered, with None for ever; raises
        CarrierError."""
        try:
            async with asyncio.timeout(within):
                return await self._came.get()
        except TimeoutError:
            raise CarrierError(f"{self}: nobody called within {within:g} s") from None

    # --- for its calls --------------------------------------------------------------------------

    def open_sound(self) -> Sound:
        """RTP for a new call."""
        return self._sounds.open(self.tone)

    def established(self, call: CarrierCall, dialog: Dialog) -> None:
        """A call has its dialog."""
        self._dialogs[dialog.call_id, dialog.local_tag] = call

    def came_up(self, call: CarrierCall) -> None:
        """A call that came in was answered and confirmed."""
        self._came.put_nowait(call)

    def refer_received(self, call: CarrierCall, key: str, request: Request) -> CarriedRefer:
        """A call got a REFER: carry it out in the background."""
        referral = AcceptedRefer(call, key, request, first=not call.referrals)
        self.spawn(referral.run())
        return referral

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something in the background; ends with the phone at the latest."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception() is None:
            self._tasks.discard(task)

    # --- requests (`RequestHandler`) ------------------------------------------------------------

    def request_received(self, key: str, request: Request, flow: Flow) -> None:
        """To its call, or a new one."""
        call = self._dialogs.get((request.call_id, request.to_tag))
        if call is not None and (call.state is not CallState.ENDED or request.method == "ACK"):
            call.request_received(key, request, flow)
        elif request.method == "ACK":
            return
        elif request.to_tag:
            self._reply(key, request, 481)
        elif request.method == "INVITE":
            self._invited(key, request, flow)
        else:
            self._reply(key, request, 200 if request.method == "OPTIONS" else 405)

    def cancel_received(self, key: str) -> None:
        """A caller gave up."""
        any(call.cancelled(key) for call in self.calls)

    def _invited(self, key: str, request: Request, flow: Flow) -> None:
        call = CarrierCall(self, request.from_.uri.number, inbound=True)
        try:
            call.ring(key, request, flow)
        except SipError as error:
            call.close()
            self._reply(key, request, error.status)
            return
        self.calls.append(call)

    def _reply(self, key: str, request: Request, status: int) -> None:
        headers = [("Allow", ALLOW), ("Server", USER_AGENT)]
        tag = self.agent.ids.token()
        self.agent.respond(key, Response.reply(request, status, to_tag=tag, headers=headers))
