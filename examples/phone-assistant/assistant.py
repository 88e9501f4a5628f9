"""A phone assistant: it greets a caller, asks where to, and hands the call on by SIP REFER.

    python assistant.py dev --offline     speech by espeak-ng, the menu by keys; no account needed
    python assistant.py dev               speech and model of the providers that you name

README.md says which variables it reads.
"""

import os
import sys

from departments import departments
from livekit.agents import AgentServer, JobContext, cli
from offline import OfflineCall
from online import online_call

OFFLINE = "ASSISTANT_OFFLINE"
server = AgentServer(port=0, num_idle_processes=1)


@server.rtc_session(agent_name=os.environ.get("AGENT_NAME", ""))
async def assistant(context: JobContext) -> None:
    """One call."""
    if os.environ.get(OFFLINE):
        await OfflineCall(context, departments()).run()
    else:
        await online_call(context, departments())


def main() -> None:
    """The command line is livekit's own, but for our flag: jobs, which are processes of their own,
    find it in the environment."""
    if "--offline" in sys.argv:
        sys.argv.remove("--offline")
        os.environ[OFFLINE] = "1"
    departments()  # what is missing is told now, not to the first caller
    cli.run_app(server)


if __name__ == "__main__":
    main()
