"""For tests, yours as well: a clock that stands still and SIP messages in a line each. Public is
what `__all__` names, here and in `hookflash.testing.media`, which has phones on a table for tests
of the sound and is imported by itself, as it needs numpy."""

from __future__ import annotations

from .clock import ManualClock
from .sip_messages import flow_to, request_of, response_of

__all__ = ["ManualClock", "flow_to", "request_of", "response_of"]
