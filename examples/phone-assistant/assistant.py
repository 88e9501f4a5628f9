"""A phone assistant: it greets a caller, asks where to, and hands the call on by SIP REFER.

    python assistant.py start

LIVEKIT_URL, LIVEKIT_API_KEY, LIVEKIT_API_SECRET   the exchange (or LiveKit)
BILLING_NUMBER, SUPPORT_NUMBER, CUSTOMER_SERVICE_NUMBER   where callers go
ASSISTANT_STT, ASSISTANT_LLM, ASSISTANT_TTS   providers, as `plugin` or `plugin:model`:
    deepgram:nova-3, openai:gpt-4.1-mini, cartesia … of livekit-plugins-*
ASSISTANT_OFFLINE=1   none of them: speech by espeak-ng, the menu by keys
"""

import asyncio
import importlib
import os

from departments import Department, departments, menu
from handing_on import hand_on
from livekit import rtc
from livekit.agents import Agent, AgentServer, AgentSession, JobContext, RunContext, cli
from livekit.agents.llm import function_tool
from speech import Voice

server = AgentServer(port=0, num_idle_processes=1)


@server.rtc_session(agent_name=os.environ.get("AGENT_NAME", ""))
async def assistant(context: JobContext) -> None:
    """One call."""
    choices = departments()
    if os.environ.get("ASSISTANT_OFFLINE"):
        await OfflineCall(context, choices).run()
    else:
        await online_call(context, choices)


class OfflineCall:
    """The menu by keys."""

    def __init__(self, context: JobContext, choices: list[Department]) -> None:
        self._context = context
        self._choices = {choice.key: choice for choice in choices}
        self._keys: asyncio.Queue[tuple[str, str]] = asyncio.Queue()
        self._voice = Voice(context.room)

    async def run(self) -> None:
        """Until the caller has gone."""
        context = self._context
        context.room.on("sip_dtmf_received", self._pressed)
        await context.connect()
        await self._voice.start()
        await context.wait_for_participant(kind=rtc.ParticipantKind.PARTICIPANT_KIND_SIP)
        asked = menu(list(self._choices.values()))
        await self._voice.say(asked)
        while True:
            key, identity = await self._keys.get()
            choice = self._choices.get(key)
            if choice is None:
                await self._voice.say(asked)
                continue
            await self._voice.say(f"One moment, I connect you to {choice.name}.")
            why = await hand_on(context, identity, choice.number)
            if not why:
                return context.shutdown("transferred")
            await self._voice.say(f"I am sorry, {why}. You are still connected. {asked}")

    def _pressed(self, event: rtc.SipDTMF) -> None:
        if event.participant is not None:
            self._keys.put_nowait((event.digit, event.participant.identity))


class Assistant(Agent):
    """The same by voice."""

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
    async def transfer(self, context: RunContext, department: str) -> str:
        """Hand the caller on.

        Args:
            department: its name, as in your instructions
        """
        choice = self._choices.get(department.lower())
        if choice is None:
            return f"there is no such department; there are {', '.join(self._choices)}"
        await context.session.say(f"One moment, I connect you to {choice.name}.")
        phones = [
            one.identity
            for one in self._context.room.remote_participants.values()
            if one.kind == rtc.ParticipantKind.PARTICIPANT_KIND_SIP
        ]
        why = (
            await hand_on(self._context, phones[0], choice.number) if phones else "nobody is there"
        )
        return f"not transferred: {why}. Apologise and ask again." if why else "transferred"


async def online_call(context: JobContext, choices: list[Department]) -> None:
    """Speech and model of the providers that the environment names; keys work as well."""
    session: AgentSession = AgentSession(
        stt=provider("STT"), llm=provider("LLM"), tts=provider("TTS")
    )
    agent = Assistant(context, choices)
    keys = {choice.key: choice for choice in choices}

    def pressed(event: rtc.SipDTMF) -> None:
        choice = keys.get(event.digit)
        if choice is not None:
            session.generate_reply(user_input=f"I want {choice.name}.")

    context.room.on("sip_dtmf_received", pressed)
    await session.start(agent, room=context.room)
    await context.connect()
    await session.say(menu(choices))


def provider(kind: str) -> object:
    """That of ASSISTANT_STT, _LLM or _TTS: `plugin` or `plugin:model`."""
    named = os.environ.get(f"ASSISTANT_{kind}", "")
    if not named:
        raise SystemExit(f"set ASSISTANT_{kind} (or ASSISTANT_OFFLINE=1)")
    plugin, _, model = named.partition(":")
    make = getattr(importlib.import_module(f"livekit.plugins.{plugin}"), kind)
    return make(model=model) if model else make()


if __name__ == "__main__":
    cli.run_app(server)
