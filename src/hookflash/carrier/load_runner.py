"""A load run on a carrier that runs: what `call_load` asks for is done, and told back.

runner = LoadRunner(carrier, CallLoad(order, callers, dialled), api)
await runner.run(stop)
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Protocol

from ..adapters.alarm import Alarm
from ..base.effect_pump import EffectPump
from ..sip.phrases import reason_phrase
from .call_load import AskTransfer, CallLoad, EndCall, ListenNow, LoadEffect, PlaceCall
from .conversation import Conversation, Happened, PhoneEnd
from .load_verdicts import TransferSeen, TransferTold
from .service import LAST_WORDS, CarrierService


class TransferApi(Protocol):
    """Whoever has the exchange transfer a call."""

    async def transfer(self, caller: str, dialled: str) -> TransferTold:
        """The call of the telephone `caller` to the number `dialled`; raises nothing."""
        ...


class _Up:
    """One call at the carrier."""

    def __init__(self, conversation: Conversation) -> None:
        self.first = conversation
        """As it was made."""
        self.now = conversation.id
        """The one in which its telephone is: another one after a transfer."""
        self.by_exchange = False

    @property
    def end(self) -> PhoneEnd:
        """Its telephone."""
        caller = self.first.caller
        assert isinstance(caller, PhoneEnd)
        return caller


class LoadRunner:
    """One load run; made where a loop runs. `api`: None where no call is transferred."""

    def __init__(
        self, carrier: CarrierService, load: CallLoad, api: TransferApi | None = None
    ) -> None:
        self._carrier = carrier
        self._load = load
        self._api = api
        self._calls: dict[str, _Up] = {}
        """By the number of the telephone."""
        self._callers: dict[str, str] = {}
        """The numbers by the ids of their conversations."""
        self._pump: EffectPump[LoadEffect] = EffectPump(self._one)
        self._tasks: set[asyncio.Task[None]] = set()
        self._news = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._alarm = Alarm(carrier, self._loop, self)
        carrier.watch(self._happened, lambda _: None)

    async def run(self, stop: asyncio.Event) -> None:
        """Until all calls are over. `stop` ends those that there are, and makes no more."""
        stopping = self._loop.create_task(self._stopped(stop))
        try:
            self._load.begin(self._carrier.now())
            self._alarm.arm()
            while not self._load.done:
                self._news.clear()
                await self._news.wait()
        finally:
            stopping.cancel()
            self._alarm.stop()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(stopping, *self._tasks, return_exceptions=True)
        try:
            async with asyncio.timeout(LAST_WORDS):
                await self._carrier.until(lambda: self._carrier.idle)
        except TimeoutError:
            pass  # the carrier says so at its end

    async def _stopped(self, stop: asyncio.Event) -> None:
        await stop.wait()
        self._do(self._load.stop())
        self._news.set()

    # --- `ports.Due` ----------------------------------------------------------------------------

    def next_deadline(self) -> float | None:
        """Of the load."""
        return self._load.next_deadline()

    def handle_deadline(self, now: float) -> None:
        """Do what is due."""
        self._do(self._load.handle_deadline(now))

    # --- effects --------------------------------------------------------------------------------

    def _do(self, effects: Iterable[LoadEffect]) -> None:
        """Perform these and what comes of them, in order."""
        if self._pump.do(effects):
            self._alarm.arm()

    def _one(self, effect: LoadEffect) -> None:
        match effect:
            case PlaceCall():
                self._place(effect)
            case ListenNow():
                sound = self._carrier.heard_by(self._calls[effect.caller].end)
                if sound is not None and sound.audible_now():
                    self._do(self._load.heard(self._carrier.now(), effect.caller))
            case AskTransfer():
                task = self._loop.create_task(self._ask(effect.caller))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
            case EndCall():
                self._carrier.let_go(self._calls[effect.caller].end)

    def _place(self, effect: PlaceCall) -> None:
        conversation = self._carrier.call(effect.caller, effect.dialled)
        self._calls[effect.caller] = _Up(conversation)
        self._callers[conversation.id] = effect.caller

    async def _ask(self, caller: str) -> None:
        assert self._api is not None, "an order with transfers comes with who asks for them"
        conversation = self._calls[caller].first
        told = await self._api.transfer(caller, conversation.dialled)
        transfer = conversation.transfer
        seen = None if transfer is None else TransferSeen.of(transfer.referral)
        self._do(self._load.told(self._carrier.now(), caller, told, seen))
        self._news.set()

    # --- what happens at the carrier ------------------------------------------------------------

    def _happened(self, at: float, event: Happened) -> None:
        fields = dict(event.fields)
        call_id = str(fields.get("call", ""))
        if event.name == "transferred" and fields["caller"] in self._calls:
            caller = str(fields["caller"])
            self._callers[call_id], self._calls[caller].now = caller, call_id
            return
        known = self._callers.get(call_id)
        if known is None:
            return
        call = self._calls[known]
        match event.name:
            case "call_answered":
                self._do(self._load.answered(at, known))
            case "call_failed":
                status = fields["status"]
                assert isinstance(status, int)
                self._load.failed(known, f"{status} {reason_phrase(status)}")
            case "hung_up" if fields["number"] != known and call.now == call_id:
                call.by_exchange = fields["by"] != "phone"  # or it is not there any more
            case "call_ended":
                del self._callers[call_id]
                if call.now == call_id:
                    self._load.ended(known, by_exchange=call.by_exchange)
                    self._do(())
                    self._news.set()
