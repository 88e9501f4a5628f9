"""An exchange, a carrier with its telephones, and agents as processes, for tests of your own
(docs/testing-your-agent.md). `hookflash.pytest_plugin` makes fixtures of them. Public is what
`__all__` names."""

from __future__ import annotations

from .agent import AgentError, AgentProcess
from .carrier import RunningCarrier
from .exchange import RunningExchange
from .phone import PhoneCall, RunningPhone
from .recording import PhoneRecording

__all__ = [
    "AgentError",
    "AgentProcess",
    "PhoneCall",
    "PhoneRecording",
    "RunningCarrier",
    "RunningExchange",
    "RunningPhone",
]
