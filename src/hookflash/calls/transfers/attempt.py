"""One attempt to carry out a transfer, as the transferor sees it (transfer-modes.md, first page).

A transfer has attempts, one after another (`policy` says what follows what). Each kind is a machine
of its own behind `Attempt`, made in `transferor._Refers.attempt`:

    refer      `refer_usage.ReferUsage`
    attended   the same, with `Replaces` in the Refer-To
    bridge     a call of ours to the target: its machine belongs beside `refer_usage`

Only `refer` is there today. An attempt calls nobody back: what its inputs return is performed in
order, effects of the leg and reports (`Report`). `AttemptProgress` says how far it is. It has ended
with a status (`AttemptRefused`, `AttemptFinal`) or without one (`AttemptUnanswered`,
`AttemptLost`). What that means for the transfer, its waiting requests and the call is for
`outcomes` to say.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

from ...base.light import light_dataclass
from ...sip.effects import FailureReason
from ...sip.refer import ReferTarget
from ..effects import LegEffect
from ..records import Mode
from .transferor_effects import TransferorEffect

WATCH = 180.0
"""Seconds after a verdict in which reports are still read (transfer.md §5)."""

Standing = Literal["unsent", "deferred", "unanswered", "unreported", "going"]
"""For the notes of a verdict that no report decided: nothing went out; it waits to go out again;
nobody answered or reported; it was accepted, and not a word since; none of these."""


@light_dataclass(frozen=True, slots=True)
class AttemptSent:
    """It went out, for the first time or again."""


@light_dataclass(frozen=True, slots=True)
class AttemptDeferred:
    """It was answered 491, and goes out again later."""

    status: int
    reason: str


@light_dataclass(frozen=True, slots=True)
class AttemptAccepted:
    """It is being carried out. `status` is 0 where a NOTIFY said so."""

    status: int
    reason: str


@light_dataclass(frozen=True, slots=True)
class AttemptProgress:
    """A status that decides nothing: how far it is."""

    status: int
    reason: str
    latest: bool = True
    """False: an error answer came before it, and that is what will be told."""


@light_dataclass(frozen=True, slots=True)
class AttemptRefused:
    """The peer will not do it: an error answer to the REFER itself."""

    status: int
    reason: str
    explain: str
    """Why an answer of ours to a challenge was not possible, "" where that was not it."""


@light_dataclass(frozen=True, slots=True)
class AttemptFinal:
    """The target's answer, 200 to 699, or (`reported` False) a 2xx of a peer that will report
    none."""

    status: int
    reason: str
    reported: bool = True


@light_dataclass(frozen=True, slots=True)
class AttemptUnanswered:
    """Nobody answered, and nobody reported."""

    reason: FailureReason
    provisional: int
    """Number of 1xx that came."""


@light_dataclass(frozen=True, slots=True)
class AttemptLost:
    """The outcome will not be told any more."""

    reason: str
    """Of the end of its subscription."""
    last_status: int
    """Of the last NOTIFY with a status, 0 where there was none."""


@light_dataclass(frozen=True, slots=True)
class AttemptRemark:
    """A status that came after the outcome of a peer that was to report none."""

    status: int
    reason: str


Report = (
    AttemptSent
    | AttemptDeferred
    | AttemptAccepted
    | AttemptProgress
    | AttemptRefused
    | AttemptFinal
    | AttemptUnanswered
    | AttemptLost
    | AttemptRemark
)
Effects = list[LegEffect | TransferorEffect]
Said = Sequence[Report | LegEffect | TransferorEffect]
"""What an input of an attempt returns, in order."""


class Attempt(Protocol):
    """What every kind of attempt can be told and asked."""

    @property
    def mode(self) -> Mode:
        """Its kind."""
        ...

    @property
    def target(self) -> ReferTarget:
        """Whom the caller is to talk to."""
        ...

    @property
    def transfer_id(self) -> str:
        """The transfer that it was made for."""
        ...

    def start(self, now: float) -> Said:
        """It may go out now; nothing happens where there is nothing to send."""
        ...

    def join(self) -> bool:
        """A further transfer takes its outcome from it. True where it was accepted already."""
        ...

    def cancel(self, now: float, *, counts: bool) -> None:
        """No transfer waits for it any more. What is not out stays in; what is out is watched
        until `watch_end`. `counts`: a late success would end the call for one of its transfers."""
        ...

    def close(self) -> None:
        """Nothing that comes of it is waited for any more."""
        ...

    def call_ended(self) -> None:
        """The INVITE usage is over."""
        ...

    @property
    def may_still_report(self) -> bool:
        """Its outcome may still come."""
        ...

    @property
    def standing(self) -> Standing:
        """How it stands, for the notes."""
        ...

    def handed_over(self, now: float) -> bool:
        """Its last word was one after which a BYE of the peer means success."""
        ...

    def watch_end(self) -> float:
        """Until when reports are awaited; `inf` while a transfer waits, `-inf` once it is over."""
        ...

    @property
    def concluded(self) -> bool:
        """Its outcome is here, and nothing that may still come of it means anything."""
        ...

    def next_deadline(self) -> float:
        """When `handle_deadline` is to be called; `inf`: never."""
        ...

    def handle_deadline(self, now: float) -> Said:
        """What is due."""
        ...
