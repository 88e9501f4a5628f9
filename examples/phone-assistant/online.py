"""The assistant by voice: speech and model come from the providers that the environment names."""

import asyncio
import importlib
import os
from typing import Any

from departments import Department, menu
from handing_on import hand_on, phones
from livekit import rtc
from livekit.agents import Agent, AgentSession, JobContext, RunContext, UserStateChangedEvent
from livekit.agents.llm import function_tool

ATTEMPTS = 3
"""How often in a row somebody who says nothing is asked."""


class Assistant(Agent):
    """Finds out where to, and hands the caller on."""

    def __init__(self, context: JobContext, choices: list[Department]) -> None:
        names = ", ".join(choice.name for choice in choices)
        super().__init__(
            instructions=f"You answer the telephone. Find out which of these the caller wants: "
            f"{names}. Confirm it in one sentence, then call transfer. Keep to short sentences; "
            f"what you say is spoken."
        )
        self._context = context
        self._choices = {choice.name: choice for choice in choices}

    @function_tool
    async def transfer(self, context: RunContext[None], department: str) -> str:
        """Hand the caller on.

        Args:
            department: its name, as in your instructions
        """
        choice = self._choices.get(department.strip().lower())
        if choice is None:
            return f"there is no such department; there are {', '.join(self._choices)}"
        callers = phones(self._context.room)
        if not callers:
            return "nobody is there any more"
        await context.session.say(f"One moment, I connect you to {choice.name}.")
        why = await hand_on(self._context, callers[0], choice.number)
        return f"not transferred: {why}. Apologise and ask again." if why else "transferred"


async def online_call(context: JobContext, choices: list[Department]) -> None:
    """One call. Keys work as well; who says nothing is asked again, then hung up on."""
    session: AgentSession[None] = AgentSession(
        stt=provider("STT"), llm=provider("LLM"), tts=provider("TTS")
    )
    keys = {choice.key: choice for choice in choices}
    tasks: set[asyncio.Task[None]] = set()
    silences = 0

    def pressed(event: rtc.SipDTMF) -> None:
        choice = keys.get(event.digit)
        if choice is None:
            session.say(f"There is nobody at {event.digit}. {menu(choices)}")
        else:
            session.interrupt()
            session.generate_reply(user_input=f"I want {choice.name}.")

    def state_changed(event: UserStateChangedEvent) -> None:
        nonlocal silences
        if event.new_state == "speaking":
            silences = 0
        if event.new_state == "away":
            silences += 1
            task = asyncio.create_task(ask_again(silences))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

    async def ask_again(times: int) -> None:
        if times < ATTEMPTS:
            await session.say(f"Are you still there? {menu(choices)}")
        else:
            await session.say("I do not hear you. Goodbye.")
            await context.delete_room()  # which hangs up

    context.room.on("sip_dtmf_received", pressed)
    session.on("user_state_changed", state_changed)
    session.on("close", lambda _: context.shutdown("the call is over"))
    await session.start(Assistant(context, choices), room=context.room)
    await session.say(f"Hello, this is the phone assistant. {menu(choices)}")


def provider(kind: str) -> Any:
    """That of ASSISTANT_STT, _LLM or _TTS: `plugin` or `plugin:model`."""
    named = os.environ.get(f"ASSISTANT_{kind}", "")
    if not named:
        raise SystemExit(f"set ASSISTANT_{kind}, or start with --offline")
    plugin, _, model = named.partition(":")
    make = getattr(importlib.import_module(f"livekit.plugins.{plugin}"), kind)
    return make(model=model) if model else make()
