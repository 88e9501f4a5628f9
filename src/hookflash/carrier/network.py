"""The simulated carrier: telephones on this machine, their numbers, and what they said in SIP.

async with Carrier() as carrier:
    caller = await carrier.phone("+14150000001", tone=330)
    call = await caller.call("+15550000001", proxy=("127.0.0.1", 5060))
    await call.hears(550, within=2.0)
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Final, Self

from ..adapters.clock import SystemClock
from ..base.ids import Ids
from ..sdp.plan import CodecName
from ..sip.flow import Address
from .agent import CarrierError, Traced
from .phone import Behaviour, Phone
from .sound import Sounds

_SEPARATORS: Final = str.maketrans("", "", "-.() ")


class Carrier:
    """`async with`: the phones are switched off at its end, whatever has happened."""

    def __init__(
        self,
        *,
        ip: str = "127.0.0.1",
        seed: int | None = None,
    ) -> None:
        """`seed` makes tags, ids and ports the same every time."""
        self.phones: dict[str, Phone] = {}
        """By number."""
        self.trace: list[Traced] = []
        """Every SIP message of the phones; one between two of them stands once."""
        self._ip = ip
        self._clock = SystemClock()
        self._ids = Ids(random.SystemRandom() if seed is None else random.Random(seed))
        self._watchers: list[Callable[[Traced], None]] = []
        self._sounds: Sounds | None = None
        self._stack = AsyncExitStack()
        self._addresses: dict[Address, Phone] = {}

    async def __aenter__(self) -> Self:
        self._sounds = Sounds(self._ids, self._ip)
        self._stack.callback(self._sounds.stop)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._stack.aclose()

    def now(self) -> float:
        """The time by the clock of the trace."""
        return self._clock.now()

    async def phone(
        self,
        number: str,
        *,
        tone: float = 0.0,
        name: str = "",
        behaviour: Behaviour | None = None,
        codecs: tuple[CodecName, ...] = ("PCMU", "PCMA"),
        port: int = 0,
    ) -> Phone:
        """Switch a phone on. `tone` (Hz) is what it says: best a multiple of 10. `port`: where it
        listens for SIP, 0 for any free one; raises OSError where it is taken."""
        if self._sounds is None:
            raise CarrierError("a carrier wants `async with`")
        number = plain_number(number)
        if number in self.phones:
            raise CarrierError(f"{number} is taken")
        phone = Phone(
            number,
            name=name,
            tone=tone,
            behaviour=behaviour,
            codecs=codecs,
            clock=self._clock,
            ids=self._ids,
            sounds=self._sounds,
            locate=self.locate,
            trace=self._traced,
        )
        self._stack.push_async_callback(phone.stop)
        await phone.start(self._ip, port)
        self.phones[number] = phone
        self._addresses[phone.address] = phone
        return phone

    def locate(self, number: str) -> Address:
        """Where the phone with this number listens; raises CarrierError."""
        phone = self.phones.get(plain_number(number))
        if phone is None:
            raise CarrierError(f"nobody has the number {number}")
        return phone.address

    def phone_at(self, address: Address) -> Phone | None:
        """The phone that listens there."""
        return self._addresses.get(address)

    def watch(self, watcher: Callable[[Traced], None]) -> None:
        """Call this for each message that goes into `trace`."""
        self._watchers.append(watcher)

    async def seen(self, label: str, count: int = 1, within: float = 5.0) -> Traced:
        """Wait until the `count`th message with this label is in the trace; raises CarrierError."""
        news = asyncio.Event()
        self.watch(lambda _: news.set())
        try:
            async with asyncio.timeout(within):
                while len(found := [t for t in self.trace if t.label == label]) < count:
                    news.clear()
                    await news.wait()
        except TimeoutError:
            raise CarrierError(f"no {label} number {count} in {within:g} s") from None
        return found[count - 1]

    def labels(self) -> list[str]:
        """The whole trace as a ladder says it: `INVITE`, `100 Trying`, …"""
        return [traced.label for traced in self.trace]

    def _traced(self, traced: Traced) -> None:
        if not traced.sent and traced.sender in self._addresses:
            return  # told already, by the phone that sent it
        self.trace.append(traced)
        for watcher in self._watchers:
            watcher(traced)


def plain_number(number: str) -> str:
    """A number without visual separators (RFC 3966 §5.1.1)."""
    return number.translate(_SEPARATORS)
