"""What came of an INVITE of ours that failed: for the API, the room and the call history.

Texts and codes are LiveKit's (facts §5.6), what the room sees is facts §5.7.
"""

from __future__ import annotations

from ..base.errors import ApiError
from ..base.light import light_dataclass
from ..base.text import clean
from ..sip.effects import FailureReason
from ..sip.message import Response
from .records import Left
from .status import PREFIX, status_meta, status_text, twirp_code

NO_CREDENTIALS = "sip server required auth, but no username or password was provided"
NOT_ACCEPTED = "max auth retry attempts reached for SIP invite"
NO_CHALLENGE = "no auth header in sip invite response"
TIMED_OUT = "sip request timed out"

_PLAIN = frozenset({400, 404, 480, 486, 488})
"""Statuses of which LiveKit says `INVITE failed`, with the peer's own words."""
_UNAVAILABLE = frozenset({404, 408, 480})
_LIMITS = ("cps limit exceeded", "concurrent call limit exceeded")
_MAX_WORDS = 1024
_TWILIO = "X-Twilio-Error"
_TWILIO_PLAIN = "32203"


@light_dataclass(frozen=True, slots=True)
class DialOutcome:
    """One failure."""

    code: str
    """Of the Twirp error."""
    text: str
    """Without LiveKit's prefix."""
    left: Left
    """Why the participant leaves the room."""
    reason: str
    """For the call history."""
    status: int | None = None
    """The SIP status that decided it, where there was one."""
    phrase: str = ""

    def error(self) -> ApiError:
        """What a waiting API request is told."""
        meta = {}
        if self.status is not None and self.code == twirp_code(self.status):
            meta = status_meta(self.status, self.phrase, self.code, self.text)
        return ApiError(self.code, PREFIX + self.text, meta)


def refused(response: Response) -> DialOutcome:
    """A final answer of 300 and more that nothing can be done about."""
    status, phrase = response.status, response.reason
    twilio = clean(response.header(_TWILIO) or "")
    if twilio.startswith(_TWILIO_PLAIN):
        text = status_text(status, phrase)
    elif status in _PLAIN:
        phrase = _words(response) or twilio or phrase
        text = f"INVITE failed: {status_text(status, phrase)}"
    else:
        text = f"unexpected status from INVITE response: {status_text(status, phrase)}"
    reason = f"refused with {status}"
    return DialOutcome(twirp_code(status), text, _left(status, text), reason, status, phrase)


def _words(response: Response) -> str:
    return response.body[:_MAX_WORDS].decode("utf-8", "replace")


def _left(status: int, text: str) -> Left:
    if status in _UNAVAILABLE:
        return "unavailable"
    if 400 <= status < 500 or status >= 600:
        return "rejected"
    return "rejected" if any(limit in text.lower() for limit in _LIMITS) else "dropped"


def unauthorised(status: int, text: str, code: str = "failed_precondition") -> DialOutcome:
    """A challenge that could not be met."""
    return DialOutcome(code, text, "rejected", f"refused with {status}", status)


def given_up(left: Left, reason: str) -> DialOutcome:
    """Nobody answered in time, or the room side ended the call meanwhile."""
    return DialOutcome("canceled", TIMED_OUT, left, reason)


def broken() -> DialOutcome:
    """A mistake of ours."""
    return DialOutcome("internal", "internal error", "dropped", "internal error")


def unanswered(provisional: int) -> DialOutcome:
    """No final answer; `provisional` is the number of 1xx that came."""
    text = f"transaction failed to complete ({provisional} intermediate responses)"
    return DialOutcome("canceled", text, "unavailable", "no response")


def unreachable(reason: FailureReason, host: str, why: str = "") -> DialOutcome:
    """The name has no address, or the connection could not be opened (`why`)."""
    if reason == "unresolved":
        text = f"lookup {host}: no such host"
        return DialOutcome("invalid_argument", text, "dropped", "address not found")
    text = f"connection to {host} failed" + (f": {why}" if why else "")
    return DialOutcome("failed_precondition", text, "dropped", "connection failed")


def no_session(text: str) -> DialOutcome:
    """The 2xx has no session description that we can use."""
    return DialOutcome("failed_precondition", text, "rejected", "no usable session description")


def no_port() -> DialOutcome:
    """No RTP port is free here."""
    return DialOutcome("unavailable", "no media port", "dropped", "no media port")
