"""The figures of a load run. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import ceil

from ..base.light import light_dataclass
from .load_verdicts import LoadVerdict


@light_dataclass(frozen=True, slots=True)
class LoadTimes:
    """Of some times, in seconds."""

    median: float
    most_of_them: float
    """95 of 100 took no longer."""
    longest: float

    @classmethod
    def of(cls, times: Sequence[float]) -> LoadTimes | None:
        """None where there are none."""
        if not times:
            return None
        ordered = sorted(times)
        return cls(_rank(ordered, 0.5), _rank(ordered, 0.95), ordered[-1])

    def as_json(self) -> dict[str, float]:
        """Rounded to a tenth of a millisecond."""
        found = {"median": self.median, "p95": self.most_of_them, "max": self.longest}
        return {name: round(seconds, 4) for name, seconds in found.items()}


class LoadFigures:
    """What was counted so far."""

    def __init__(self) -> None:
        self.tried = 0
        self.answers = 0
        self.at_once = 0
        """Calls that were up at one time, at most."""
        self.failed = 0
        self.ended_early = 0
        """Calls that the end of the run ended."""
        self.failures: Counter[str] = Counter()
        """Failed calls by the reason."""
        self.verdicts: Counter[str] = Counter()
        """Transfers by `LoadVerdict.kind`."""
        self.not_completed: Counter[str] = Counter()
        """Transfers that were rightly not completed, or of which nothing is known, by the text."""
        self._up = 0
        self._set_up: list[float] = []
        self._transfer: list[float] = []

    @property
    def set_up(self) -> LoadTimes | None:
        """From the INVITE to its answer."""
        return LoadTimes.of(self._set_up)

    @property
    def transfer(self) -> LoadTimes | None:
        """From the request to the answer of the API, of transfers that were completed."""
        return LoadTimes.of(self._transfer)

    @property
    def transfers(self) -> int:
        """Transfers whose outcome is told."""
        return sum(self.verdicts.values())

    @property
    def up(self) -> int:
        """Calls that are answered and not over."""
        return self._up

    def placed(self) -> None:
        """A call is made."""
        self.tried += 1

    def answered(self, seconds: float) -> None:
        """It was answered after that time."""
        self.answers += 1
        self._set_up.append(seconds)
        self._up += 1
        self.at_once = max(self.at_once, self._up)

    def transferred(self, verdict: LoadVerdict, seconds: float) -> None:
        """The API has told what became of a transfer."""
        self.verdicts[verdict.kind] += 1
        if verdict.kind == "completed":
            self._transfer.append(seconds)
        elif not verdict.failed:
            self.not_completed[verdict.text] += 1

    def over(self, *, answered: bool, failure: str) -> None:
        """A call is over; `failure`: "" where it is as it should be."""
        self._up -= answered
        if failure:
            self.failed += 1
            self.failures[failure] += 1

    def as_json(self) -> dict[str, object]:
        """For programs; times in seconds, null where there are none."""
        set_up, transfer = self.set_up, self.transfer
        return {
            "calls": {
                "tried": self.tried,
                "answered": self.answers,
                "failed": self.failed,
                "ended_early": self.ended_early,
                "at_once": self.at_once,
                "failures": dict(self.failures.most_common()),
            },
            "set_up": None if set_up is None else set_up.as_json(),
            "transfers": {
                "asked": self.transfers,
                "completed": self.verdicts["completed"],
                "not_completed": self.verdicts["not completed"],
                "not_known": self.verdicts["not known"],
                "wrong": self.verdicts["wrong"],
                "reasons": dict(self.not_completed.most_common()),
            },
            "transfer": None if transfer is None else transfer.as_json(),
        }


def _rank(ordered: Sequence[float], share: float) -> float:
    """The least of them that this share does not exceed (nearest rank)."""
    return ordered[max(0, ceil(share * len(ordered)) - 1)]
