"""A reception: a caller asks for a person, who is called, told about it, and joins the caller.

    python reception.py dev --offline     speech by espeak-ng, answers by keys; no account needed
    python reception.py dev               speech and model of the providers that you name

README.md says which variables it reads.
"""

import os
import sys

from livekit.agents import AgentServer, JobContext, JobRequest, cli
from offline import offline_call
from online import online_call

OFFLINE = "RECEPTION_OFFLINE"
server = AgentServer(port=0, num_idle_processes=1)


async def asked(request: JobRequest) -> None:
    """A worker without a name is asked for every room, also for those that WarmTransferTask makes
    to talk to the person: there is an agent in them already."""
    if request.room.name.endswith("-human-agent"):
        await request.reject()
    else:
        await request.accept()


@server.rtc_session(agent_name=os.environ.get("AGENT_NAME", ""), on_request=asked)
async def reception(context: JobContext) -> None:
    """One call."""
    human = os.environ["HUMAN_NUMBER"]
    if os.environ.get(OFFLINE):
        await offline_call(context, human)
    else:
        await online_call(context, human)


def main() -> None:
    """The command line is livekit's own, but for our flag: jobs, which are processes of their own,
    find it in the environment."""
    if "--offline" in sys.argv:
        sys.argv.remove("--offline")
        os.environ[OFFLINE] = "1"
    for needed in ("HUMAN_NUMBER", "LIVEKIT_SIP_OUTBOUND_TRUNK"):
        if not os.environ.get(needed):
            raise SystemExit(f"set {needed}: README.md says to what")
    cli.run_app(server)


if __name__ == "__main__":
    main()
