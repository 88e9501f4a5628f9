"""One rule of the doctor: what it fits, what that means, and what is to be done."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, Literal

from ..base.light import light_dataclass
from ..sip.phrases import reason_phrase
from .facts import CaseFacts, Stage

Gravity = Literal["ok", "note", "warning", "error"]
"""Nothing to do; something to know; something to look at; something is wrong."""
NOT_SAID: Final = "not said"


def _always(_: CaseFacts) -> bool:
    return True


@light_dataclass(frozen=True, slots=True)
class Rule:
    """All conditions must hold. Texts may name {peer}, {status}, {phrase}, {target}, {host},
    {allow}, {reason}, {warning} and {after} (seconds)."""

    name: str
    stage: Stage
    meaning: str
    remedy: str
    source: str
    """RFC section, page or thread that it is known from."""
    peers: tuple[str, ...] = ()
    """Short names of `peers.TITLES`; none: any peer."""
    statuses: tuple[int, ...] = ()
    """None: any."""
    phrase: str = ""
    """Pattern that the reason phrase holds, in any case."""
    reason: str = ""
    """The same of the Reason header (RFC 3326)."""
    warning: str = ""
    """The same of the Warning header (RFC 3261 §20.43)."""
    when: Callable[[CaseFacts], bool] = _always
    gravity: Gravity = "error"
    general: bool = False
    """It says what a status means anywhere: only asked where no other rule fits."""

    def fits(self, facts: CaseFacts) -> bool:
        """Whether it is about this case."""
        return (
            self.stage == facts.stage
            and (not self.peers or facts.peer in self.peers)
            and (not self.statuses or facts.status in self.statuses)
            and _holds(self.phrase, facts.phrase)
            and _holds(self.reason, facts.reason)
            and _holds(self.warning, facts.header("Warning"))
            and self.when(facts)
        )


def filled(text: str, facts: CaseFacts) -> str:
    """A text of a rule, about this case."""
    allow = facts.allow
    return text.format(
        peer=facts.title,
        status=facts.status or NOT_SAID,
        phrase=facts.phrase or (reason_phrase(facts.status) if facts.status else NOT_SAID),
        target=facts.target or NOT_SAID,
        host=facts.host or NOT_SAID,
        allow=NOT_SAID if allow is None else ", ".join(sorted(allow)),
        reason=facts.reason or NOT_SAID,
        warning=facts.header("Warning") or NOT_SAID,
        after=f"{facts.since_request:.0f}",
    )


def _holds(pattern: str, text: str) -> bool:
    return not pattern or re.search(pattern, text, re.IGNORECASE) is not None
