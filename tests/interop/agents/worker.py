"""A livekit-agents worker: one JSON line for each thing that happens to it.

worker.py start         LIVEKIT_URL, LIVEKIT_API_KEY, LIVEKIT_API_SECRET; besides
AGENT_NAME              "" by default
AGENT_REFUSES           1: it refuses, others may take it
AGENT_STAYS_OUT         1: a job does not join its room
"""

import json
import os

from livekit.agents import AgentServer, JobContext, JobRequest, cli


def say(happened: str, **details: object) -> None:
    """One line in one piece: other processes write as well."""
    os.write(1, json.dumps({"happened": happened, **details}).encode() + b"\n")


def idle(_: AgentServer) -> float:
    """So that a busy machine makes no worker full."""
    return 0.1


server = AgentServer(port=0, load_fnc=idle, num_idle_processes=1)


async def asked(request: JobRequest) -> None:
    """Of the worker's own process."""
    say("asked", job=request.id, room=request.room.name, metadata=request.job.metadata)
    if os.environ.get("AGENT_REFUSES"):
        await request.reject(terminate=False)
    else:
        await request.accept(name="Agent", metadata="from the worker")


async def job(context: JobContext) -> None:
    """In a process of its own."""

    async def ends(reason: str) -> None:
        say("ends", job=context.job.id, reason=reason)

    context.add_shutdown_callback(ends)
    say("begins", job=context.job.id, room=context.job.room.name, pid=os.getpid())
    if not os.environ.get("AGENT_STAYS_OUT"):
        await context.connect()
        say("joined", job=context.job.id, identity=context.room.local_participant.identity)


server.rtc_session(job, agent_name=os.environ.get("AGENT_NAME", ""), on_request=asked)

if __name__ == "__main__":
    cli.run_app(server)
