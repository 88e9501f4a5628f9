"""Whether what the API says of a transfer is what the carrier has seen of it. Pure."""

from __future__ import annotations

from typing import Final, Literal

from ..base.light import light_dataclass
from ..sip.phrases import reason_phrase
from .referral import Referral, ReferralState

TIMED_OUT: Final = frozenset({"STR_RINGING_TIMEOUT", "deadline_exceeded"})
UNKNOWN: Final = frozenset({"STR_SUBSCRIPTION_TERMINATED", "STR_UNSPECIFIED"})
"""Reasons by which the API says that it does not know what became of the transfer."""


@light_dataclass(frozen=True, slots=True)
class TransferTold:
    """The answer of the API."""

    done: bool
    """It says that the call was transferred."""
    text: str = ""
    """In words, where it was not."""
    reason: str = ""
    """`STR_…`, else the code of the error; "" where it gives none."""
    status: int = 0
    """Of the carrier or the target, as the API has it; 0 where it has none."""
    seconds: float = 0.0
    """From the request to an answer that says that it was."""


@light_dataclass(frozen=True, slots=True)
class TransferSeen:
    """What became of a REFER at the carrier."""

    state: ReferralState
    status: int = 0
    """The last one of the target; 0 where there was none."""
    why: str = ""
    """In words, why the REFER was refused."""

    @classmethod
    def of(cls, referral: Referral) -> TransferSeen:
        """As it stands now."""
        return cls(referral.state, referral.status, referral.why)

    @property
    def joined(self) -> bool:
        """Caller and target are connected."""
        return self.state is ReferralState.JOINED


@light_dataclass(frozen=True, slots=True)
class LoadVerdict:
    """Both, compared."""

    kind: Literal["completed", "not completed", "not known", "wrong", "not asked"]
    text: str = ""

    @property
    def failed(self) -> bool:
        """Whether a load run has failed by it: a carrier may refuse, as it would."""
        return self.kind in {"wrong", "not asked"}


def judged(told: TransferTold, seen: TransferSeen | None) -> LoadVerdict:
    """`seen`: None where the carrier got no REFER."""
    if seen is None:
        if told.done:
            return _wrong("transferred", "it got no REFER")
        return LoadVerdict("not asked", f"no transfer: {told.text}")
    if seen.joined:
        if told.done:
            return LoadVerdict("completed")
        if told.reason in UNKNOWN:
            return LoadVerdict("not known", told.text)
        return _wrong(told.text, "it connected caller and target")
    if told.done:
        return _wrong("transferred", f"its transfer is {seen.state.value}")
    if seen.state is ReferralState.PLACED:
        if told.reason in TIMED_OUT:
            return LoadVerdict("not completed", told.text)
        if told.reason in UNKNOWN:
            return LoadVerdict("not known", told.text)
        return _wrong(told.text, "the target still rings")
    if told.status and seen.status and told.status != seen.status:
        return _wrong(told.text, f"the target gave {seen.status} {reason_phrase(seen.status)}")
    return LoadVerdict("not completed", f"{told.text}: {seen.why}" if seen.why else told.text)


def _wrong(told: str, seen: str) -> LoadVerdict:
    return LoadVerdict("wrong", f"the API said {told}, at the carrier {seen}")
