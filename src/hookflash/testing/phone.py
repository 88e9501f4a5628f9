"""Telephones of a running carrier, for tests: what they do is awaited in the test's own loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Final

from ..carrier.agent import CarrierError
from ..carrier.conversation import PhoneEnd
from ..carrier.ear import QUIET
from ..carrier.placed import Placed
from ..carrier.service import CarrierService
from ..carrier.sound import Sound
from ..carrier.telephone import PhoneState
from .loop_thread import LoopThread
from .recording import PhoneRecording

RINGS: Final = "phone_rings"
FAILED: Final = "call_failed"
WITHIN: Final = 10.0
"""Seconds for what is waited for: enough for an agent to come, on a busy machine."""
LOOK: Final = 0.02
"""Seconds between two looks at what is heard: a packet's."""


class PhoneCall:
    """A telephone in one call, wherever the carrier connects it: after a transfer it is the same
    call for whoever holds the telephone. Waiting raises CarrierError."""

    def __init__(self, loop: LoopThread, service: CarrierService, end: PhoneEnd) -> None:
        self._loop = loop
        self._service = service
        self._end = end

    def __repr__(self) -> str:
        return f"<call of {self._end.number}>"

    @property
    def over(self) -> bool:
        """Whether it was hung up, by whomever."""
        return self._end.id not in self._service.switch.ends

    async def hears(self, frequency: float, within: float = WITHIN) -> None:
        """Wait until it hears a tone (Hz)."""
        failure = f"does not hear {frequency:g} Hz"
        await self._do(lambda sound: sound.hears_now(frequency), within, failure)

    async def hears_anything(self, within: float = WITHIN) -> None:
        """Wait until it hears anything but silence."""
        await self._do(Sound.audible_now, within, "hears nothing")

    async def misses(self, frequency: float, within: float = WITHIN) -> None:
        """Wait until it has not heard a tone (Hz) for 0.3 s from now on."""
        failure = f"still hears {frequency:g} Hz"
        await self._loop.do(self._misses(frequency, within, failure))

    async def pressed(self, digits: str, within: float = WITHIN) -> None:
        """Wait until the other side has pressed these keys, in this order."""
        await self._do(lambda sound: digits in sound.digits, within, f"got no keys {digits}")

    async def press(self, digits: str) -> None:
        """Press keys, and wait until they are out (RFC 4733), or until what they do takes the
        telephone elsewhere."""

        async def press() -> None:
            sound = self._service.sound(self._end.number)
            try:
                await sound.press(digits)
            except CarrierError:
                if self.over or not sound.closed:
                    raise

        await self._loop.do(press())

    async def say(self, what: float | str | Path) -> None:
        """Say another tone (Hz) from now on, 0 for silence; or a text or a file.wav once. Does not
        wait until it is said. Raises ConfigError for what cannot be said."""

        async def say() -> None:
            if isinstance(what, str | Path):
                self._service.say(self._end, 0.0, await self._service.speaker.speech(str(what)))
            else:
                self._service.say(self._end, what)

        await self._loop.do(say())

    async def hold(self) -> None:
        """Put the other side on hold."""
        await self._loop.do(self._hold(held=True))

    async def resume(self) -> None:
        """Take it back."""
        await self._loop.do(self._hold(held=False))

    async def hang_up(self) -> None:
        """Hang up, unless it is over; returns when the carrier has done it."""

        async def hang_up() -> None:
            if not self.over:
                self._service.hang_up(self._end.number)

        await self._loop.do(hang_up())

    async def ended(self, within: float = WITHIN) -> None:
        """Wait until it is over."""

        async def ended() -> None:
            async with asyncio.timeout(within):
                await self._service.until(lambda: self.over)

        try:
            await self._loop.do(ended())
        except TimeoutError:
            raise CarrierError(f"{self._end.number} is still in its call") from None

    # --- in the carrier's loop ------------------------------------------------------------------

    async def _hold(self, *, held: bool) -> None:
        self._service.hold(self._end.number, held=held)

    async def _do(self, ready: Callable[[Sound], bool], within: float, failure: str) -> None:
        await self._loop.do(self._until(ready, within, failure))

    async def _until(self, ready: Callable[[Sound], bool], within: float, failure: str) -> None:
        """Wait for something about what it hears, in whichever connection it is meanwhile."""
        clock = asyncio.get_running_loop().time
        deadline = clock() + within
        while True:
            sound = self._sound()
            if sound is not None and ready(sound):
                return
            if self.over or clock() > deadline:
                raise CarrierError(self._told(failure, within))
            await asyncio.sleep(LOOK)

    async def _misses(self, frequency: float, within: float, failure: str) -> None:
        clock = asyncio.get_running_loop().time
        deadline, heard = clock() + within, clock()
        while clock() - heard < QUIET:
            sound = self._sound()
            if sound is not None and sound.hears_now(frequency):
                heard = clock()
            if clock() > deadline:
                raise CarrierError(self._told(failure, within))
            await asyncio.sleep(LOOK)

    def _sound(self) -> Sound | None:
        return None if self.over else self._service.heard_by(self._end)

    def _told(self, failure: str, within: float) -> str:
        """The failure, with what the telephone hears instead."""
        number, sound = self._end.number, self._sound()
        if sound is None:
            state = "its call is over" if self.over else "it talks to nobody"
            return f"{number} {failure}: {state}"
        tones = {phone.tone for phone in self._service.switch.numbers.phones} - {0.0}
        heard = [f"{tone:g} Hz" for tone in sorted(tones) if sound.hears_now(tone)]
        instead = " and ".join(heard) or ("something" if sound.audible_now() else "silence")
        return f"{number} {failure} within {within:g} s, but {instead}"


class RunningPhone:
    """A telephone of a `RunningCarrier`. Waiting raises CarrierError."""

    def __init__(
        self, loop: LoopThread, service: CarrierService, number: str, exchange: str
    ) -> None:
        """`exchange`: the number that it calls, unless told otherwise."""
        self.number = number
        self._loop = loop
        self._service = service
        self._exchange = exchange

    def __repr__(self) -> str:
        return f"<telephone {self.number}>"

    def call(self, dialled: str = "", within: float = WITHIN) -> Placed[PhoneCall]:
        """Call a number, that of the exchange unless it is named, and wait for the answer: `async
        with phone.call() as call`, which hangs up at the end, or `call = await phone.call()`."""

        async def answered() -> PhoneCall:
            return await self._loop.do(self._answered(dialled or self._exchange, within))

        return Placed(answered, PhoneCall.hang_up)

    def says(self, what: str | Path) -> None:
        """Say a text or a file.wav, once, in each call that begins from now on, instead of its
        tone. Raises ConfigError for what cannot be said."""
        speech = self._loop.run(self._service.speaker.speech(str(what)))
        self._service.switch.handsets.speeches[self.number] = speech

    @property
    def recording(self) -> PhoneRecording:
        """What it has heard so far in its present call, or in its last one. Raises CarrierError
        where it was in none."""

        async def heard() -> PhoneRecording:
            found = self._service.recordings.of(self.number)
            if found is None:
                raise CarrierError(f"{self.number} was in no call")
            return PhoneRecording(found.samples)

        return self._loop.run(heard())

    async def talks(self, within: float = WITHIN) -> PhoneCall:
        """Wait until it is connected with somebody; its call."""

        async def talks() -> PhoneCall:
            async with asyncio.timeout(within):
                await self._service.until(lambda: self._talking() is not None)
            end = self._talking()
            assert end is not None
            return PhoneCall(self._loop, self._service, end)

        try:
            return await self._loop.do(talks())
        except TimeoutError:
            raise CarrierError(f"{self.number} is in no call after {within:g} s") from None

    async def rings(self, count: int = 1, within: float = WITHIN) -> str:
        """Wait until it has rung `count` times, in calls, since the carrier began; the number that
        it showed."""

        def rang() -> list[str]:
            happened = (
                dict(one.fields) for _, one in self._service.happenings if one.name == RINGS
            )
            return [str(one["caller"]) for one in happened if one["phone"] == self.number]

        async def rings() -> str:
            async with asyncio.timeout(within):
                await self._service.until(lambda: len(rang()) >= count)
            return rang()[count - 1]

        try:
            return await self._loop.do(rings())
        except TimeoutError:
            raise CarrierError(f"{self.number} has not rung within {within:g} s") from None

    async def hears(self, frequency: float, within: float = WITHIN) -> None:
        """Wait until it is connected with somebody, and hears a tone (Hz)."""
        await (await self.talks(within)).hears(frequency, within)

    # --- in the carrier's loop ------------------------------------------------------------------

    async def _answered(self, dialled: str, within: float) -> PhoneCall:
        service = self._service
        conversation = service.call(self.number, dialled)
        end = conversation.caller
        assert isinstance(end, PhoneEnd)

        def decided() -> bool:
            over = conversation.id not in service.switch.conversations
            return over or conversation.answered_at is not None

        try:
            async with asyncio.timeout(within):
                await service.until(decided)
        except TimeoutError:
            service.end_call(conversation.id)
            raise CarrierError(f"{dialled} has not answered within {within:g} s") from None
        if conversation.answered_at is None:
            failed = (dict(one.fields) for _, one in service.happenings if one.name == FAILED)
            status = next((one["status"] for one in failed if one["call"] == conversation.id), "")
            raise CarrierError(f"{dialled} has not answered, but {status or 'hung up'}")
        return PhoneCall(self._loop, service, end)

    def _talking(self) -> PhoneEnd | None:
        for end in self._service.switch.ends.values():
            if isinstance(end, PhoneEnd) and end.number == self.number:
                talks = end.phone.state is PhoneState.TALKING
                if talks and self._service.heard_by(end) is not None:
                    return end
        return None
