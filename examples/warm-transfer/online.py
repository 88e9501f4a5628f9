"""The reception by voice: speech and model come from the providers that the environment names."""

import importlib
import os
from typing import Any

from livekit.agents import Agent, AgentSession, CloseEvent, JobContext, RunContext
from livekit.agents.beta.workflows import WarmTransferTask
from livekit.agents.llm import function_tool


class Reception(Agent):
    """Finds out what the caller wants, and calls somebody who is told of it first."""

    def __init__(self, human: str) -> None:
        super().__init__(
            instructions="You answer the telephone. Find out in a sentence or two what the caller "
            "wants, then call call_a_person. Keep to short sentences; what you say is spoken."
        )
        self._human = human

    @function_tool
    async def call_a_person(self, context: RunContext[None]) -> str:
        """Call a person who can help, tell them what the caller wants, and connect the two."""
        await context.session.say("One moment, I ask whether somebody can talk to you.")
        await WarmTransferTask(self._human, chat_ctx=self.chat_ctx)  # raises ToolError
        await context.session.say("You are connected.")
        # The two talk alone. The task deletes the room when one of them hangs up.
        context.session.shutdown()
        return "connected"


async def online_call(context: JobContext, human: str) -> None:
    """One call."""
    session: AgentSession[None] = AgentSession(
        stt=provider("STT"), llm=provider("LLM"), tts=provider("TTS")
    )

    def closed(event: CloseEvent) -> None:
        if event.reason.value == "participant_disconnected":
            context.shutdown("the caller hung up")

    session.on("close", closed)
    await session.start(Reception(human), room=context.room)
    await session.say("Hello, this is the reception. What can I do for you?")


def provider(kind: str) -> Any:
    """That of RECEPTION_STT, _LLM or _TTS: `plugin` or `plugin:model`."""
    named = os.environ.get(f"RECEPTION_{kind}", "")
    if not named:
        raise SystemExit(f"set RECEPTION_{kind}, or start with --offline")
    plugin, _, model = named.partition(":")
    make = getattr(importlib.import_module(f"livekit.plugins.{plugin}"), kind)
    return make(model=model) if model else make()
