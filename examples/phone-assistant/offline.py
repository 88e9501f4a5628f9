"""The assistant without any provider: it speaks by espeak-ng, the caller answers by keys."""

import asyncio
import contextlib

from departments import Department, menu
from handing_on import hand_on, phones
from livekit import rtc
from livekit.agents import AutoSubscribe, JobContext
from speech import Voice

PATIENCE = 8.0
"""Seconds without a key after which the menu is said again."""
ATTEMPTS = 3
"""How often in a row it is said to somebody who presses nothing."""


class OfflineCall:
    """One call."""

    def __init__(self, context: JobContext, choices: list[Department]) -> None:
        self._context = context
        self._choices = {choice.key: choice for choice in choices}
        self._menu = menu(choices)
        self._voice = Voice(context.room)
        self._keys: asyncio.Queue[tuple[str, str]] = asyncio.Queue()
        self._talk: asyncio.Task[None] | None = None
        self._handing_on = False

    async def run(self) -> None:
        """Until the caller has gone, whatever is being said then."""
        room = self._context.room
        room.on("sip_dtmf_received", self._pressed)
        room.on("participant_disconnected", self._left)
        await self._context.connect(auto_subscribe=AutoSubscribe.SUBSCRIBE_NONE)
        self._talk = asyncio.create_task(self._converse())
        with contextlib.suppress(asyncio.CancelledError):
            await self._talk
        self._context.shutdown("the call is over")

    async def _converse(self) -> None:
        await self._voice.start()
        await self._context.wait_for_participant(kind=rtc.ParticipantKind.PARTICIPANT_KIND_SIP)
        said, silences = f"Hello, this is the phone assistant. {self._menu}", 0
        while silences < ATTEMPTS:
            await self._voice.say(said)
            key, identity = await self._key()
            if not key:
                said, silences = self._menu, silences + 1
                continue
            said, silences = await self._chosen(key, identity), 0
            if not phones(self._context.room):
                return
        await self._voice.say("You have not pressed any key. Goodbye.")
        await self._context.delete_room()  # which hangs up

    async def _key(self) -> tuple[str, str]:
        """What was pressed, and by whom; "" for nothing."""
        try:
            return await asyncio.wait_for(self._keys.get(), PATIENCE)
        except TimeoutError:
            return "", ""

    async def _chosen(self, key: str, identity: str) -> str:
        """Do what the key is for; what to say to a caller who is still here."""
        choice = self._choices.get(key)
        if choice is None:
            return f"There is nobody at {key}. {self._menu}"
        await self._voice.say(f"One moment, I connect you to {choice.name}.")
        self._handing_on = True
        why = await hand_on(self._context, identity, choice.number)
        self._handing_on = False
        while not self._keys.empty():  # pressed while it rang there
            self._keys.get_nowait()
        return f"I am sorry, {why}. You are still connected. {self._menu}"

    def _pressed(self, event: rtc.SipDTMF) -> None:
        """Who knows the menu need not hear it out."""
        if event.participant is not None:
            self._keys.put_nowait((event.digit, event.participant.identity))
            self._voice.stop()

    def _left(self, _: rtc.RemoteParticipant) -> None:
        """A caller who is handed on leaves as well: the answer to the transfer comes first."""
        if self._talk is not None and not self._handing_on and not phones(self._context.room):
            self._talk.cancel()
