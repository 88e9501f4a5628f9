"""The reception without any provider: it speaks by espeak-ng, people answer by keys."""

import asyncio
import contextlib

from livekit import rtc
from livekit.agents import Agent, AgentSession, CloseEvent, JobContext
from livekit.agents.beta.workflows import WarmTransferTask
from livekit.agents.llm import ToolError
from livekit.agents.voice import SpeechHandle
from speech import EspeakTTS

CALLER_MENU = "Press 1 to speak to a person."
HUMAN_MENU = "A caller asks for a person. Press 1 to speak to them, or 2 to decline."
PATIENCE = 8.0
"""Seconds without a key after which somebody is asked again."""
ATTEMPTS = 3
"""How often somebody who presses nothing is asked."""


class GoneError(Exception):
    """Whoever was asked has hung up."""


class Keys:
    """What is pressed in a room."""

    def __init__(self, room: rtc.Room) -> None:
        self._pressed: asyncio.Queue[str] = asyncio.Queue()
        self._speech: SpeechHandle | None = None
        self._gone = False
        room.on("sip_dtmf_received", self._add)
        room.on("participant_disconnected", self._left)

    def _add(self, event: rtc.SipDTMF) -> None:
        """Who knows the question need not hear it out."""
        self._pressed.put_nowait(event.digit)
        if self._speech is not None:
            self._speech.interrupt()

    def _left(self, _: rtc.RemoteParticipant) -> None:
        self._gone = True
        self._pressed.put_nowait("")

    async def answer(self, session: AgentSession[None], question: str) -> str:
        """Ask until a key is pressed; "" where none is. Raises GoneError."""
        for _ in range(ATTEMPTS):
            try:
                self._speech = session.say(question)
            except RuntimeError:  # the session is closed
                raise GoneError from None
            await self._speech
            try:
                key = await asyncio.wait_for(self._pressed.get(), PATIENCE)
            except TimeoutError:
                continue
            if self._gone:
                raise GoneError
            return key
        return ""


class KeyedTransfer(WarmTransferTask):
    """The human is asked by keys in place of a model."""

    async def on_enter(self) -> None:
        """Dial, tell, ask."""
        await super().on_enter()
        session = self._human_agent_sess  # it has no public name
        if session is None:
            return  # nobody was reached: the task has its result
        try:
            key = await Keys(session.room_io.room).answer(session, HUMAN_MENU)
        except GoneError:
            return  # the task notices it by itself
        if self.done():
            return
        if key == "1":
            await self.connect_to_caller()  # type: ignore[call-arg]
        else:
            why = "key 2" if key == "2" else "no key was pressed"
            await self.decline_transfer(why)  # type: ignore[call-arg, arg-type]


class Reception(Agent):
    """Asks the caller."""

    def __init__(self, context: JobContext, human: str) -> None:
        super().__init__(instructions="")
        self._context = context
        self._human = human
        self._keys = Keys(context.room)

    async def on_enter(self) -> None:
        """The whole conversation."""
        with contextlib.suppress(GoneError):
            await self._converse()

    async def _converse(self) -> None:
        said = f"Hello, this is the reception. {CALLER_MENU}"
        while True:
            key = await self._keys.answer(self.session, said)
            if not key:
                await self.session.say("You have not pressed any key. Goodbye.")
                self._context.delete_room()  # which hangs up
                return
            if key != "1":
                said = f"There is nobody at {key}. {CALLER_MENU}"
                continue
            await self.session.say("One moment, I ask whether somebody can talk to you.")
            try:
                await KeyedTransfer(self._human)
            except ToolError as error:
                print(f"not connected: {error.message}", flush=True)
                said = f"I am sorry, nobody can talk to you now. {CALLER_MENU}"
                continue
            await self.session.say("You are connected.")
            # The two talk alone. The task deletes the room when one of them hangs up.
            self.session.shutdown()
            return


async def offline_call(context: JobContext, human: str) -> None:
    """One call."""
    session: AgentSession[None] = AgentSession(
        tts=EspeakTTS(), vad=None, turn_handling={"turn_detection": "manual"}
    )

    def closed(event: CloseEvent) -> None:
        if event.reason.value == "participant_disconnected":
            context.shutdown("the caller hung up")

    session.on("close", closed)
    await session.start(Reception(context, human), room=context.room)
