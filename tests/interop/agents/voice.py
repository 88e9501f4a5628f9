"""A worker whose jobs talk to telephones, its words being tones (tones.py): one JSON line for each
thing that happens.

voice.py start          LIVEKIT_URL, LIVEKIT_API_KEY, LIVEKIT_API_SECRET; besides
AGENT_NAME              "" by default
AGENT_LOAD              what it says of its load, 0.1 by default

A job's metadata is JSON:
script                  what the model answers to which word (tones.ScriptedLLM)
greeting                the first words; "" for none
human, trunk            whom the tool `warm` dials, and by which outbound trunk
"""

from __future__ import annotations

import json
import os
from typing import Any

from livekit import api, rtc
from livekit.agents import (
    Agent,
    AgentServer,
    AgentSession,
    AgentStateChangedEvent,
    CloseEvent,
    JobContext,
    JobRequest,
    RunContext,
    ToolError,
    UserInputTranscribedEvent,
    cli,
    function_tool,
)
from livekit.agents.beta.tools import send_dtmf_events
from livekit.agents.beta.workflows import GetDtmfTask, WarmTransferTask
from tones import ScriptedLLM, ToneSTT, ToneTTS


def say(happened: str, **details: object) -> None:
    """One line in one piece: other processes write as well."""
    os.write(1, json.dumps({"happened": happened, **details}).encode() + b"\n")


def load(_: AgentServer) -> float:
    """Not the machine's: a busy one makes no worker full."""
    return float(os.environ.get("AGENT_LOAD", "0.1"))


server = AgentServer(port=0, load_fnc=load, num_idle_processes=1)


class PhoneAgent(Agent):
    """The tools that scripts call."""

    def __init__(self, context: JobContext, orders: dict[str, Any]) -> None:
        super().__init__(instructions="", tools=[send_dtmf_events])
        self._context = context
        self._orders = orders

    @function_tool
    async def transfer(self, number: str) -> str:
        """Hand the caller on by SIP REFER."""
        caller = await self._context.wait_for_participant(
            kind=rtc.ParticipantKind.PARTICIPANT_KIND_SIP
        )
        try:
            await self._context.transfer_sip_participant(caller, number)
        except api.TwirpError as error:
            status = getattr(error, "sip_status_code", None)
            say("not transferred", code=error.code, message=error.message, sip=status)
            raise ToolError(error.message) from None
        say("transferred")
        return "done"

    @function_tool
    async def collect(self, digits: int) -> str:
        """Ask for digits."""
        result = await GetDtmfTask(num_digits=digits, dtmf_input_timeout=1.0)
        say("collected", digits=result.user_input)
        return result.user_input

    @function_tool
    async def warm(self, context: RunContext[None]) -> str:
        """Bring a human in who is told first."""
        task = WarmTransferTask(self._orders["human"], sip_trunk_id=self._orders["trunk"])
        try:
            result = await task
        except ToolError as error:
            say("not merged", message=error.message)
            raise
        say("merged", identity=result.human_agent_identity)
        context.session.shutdown()
        return "done"

    @function_tool
    async def finish(self) -> str:
        """Hang up on everybody."""
        await self._context.delete_room()
        return "done"


async def asked(request: JobRequest) -> None:
    """Of the worker's own process."""
    say("asked", job=request.id, room=request.room.name)
    await request.accept(name="Agent")


async def job(context: JobContext) -> None:
    """In a process of its own."""
    orders = json.loads(context.job.metadata or "{}")
    session: AgentSession[None] = AgentSession(
        stt=ToneSTT(),
        llm=ScriptedLLM(orders.get("script", {})),
        tts=ToneTTS(),
        vad=None,
        turn_handling={
            "turn_detection": "stt",
            "endpointing": {"min_delay": 0.0, "max_delay": 0.0},
            "interruption": {"enabled": False, "discard_audio_if_uninterruptible": False},
        },
        aec_warmup_duration=None,
        session_close_transcript_timeout=0.1,
    )

    async def ends(reason: str) -> None:
        say("ends", job=context.job.id, reason=reason)

    def heard(event: UserInputTranscribedEvent) -> None:
        say("heard", word=event.transcript, room=context.job.room.name)

    def closed(_: CloseEvent) -> None:
        context.shutdown("session closed")

    def changed(event: AgentStateChangedEvent) -> None:
        say("state", state=event.new_state, room=context.job.room.name)

    context.add_shutdown_callback(ends)
    session.on("close", closed)
    session.on("user_input_transcribed", heard)
    session.on("agent_state_changed", changed)
    say("begins", job=context.job.id, room=context.job.room.name, pid=os.getpid())
    await session.start(PhoneAgent(context, orders), room=context.room)
    say("joined", job=context.job.id, identity=context.room.local_participant.identity)
    if orders.get("greeting"):
        await session.say(orders["greeting"])


server.rtc_session(job, agent_name=os.environ.get("AGENT_NAME", ""), on_request=asked)

if __name__ == "__main__":
    cli.run_app(server)
