"""The page at the end of one transfer of `hookflash demo`."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from textwrap import wrap
from typing import Any, Final

from ..base.text import printable
from ..carrier.conversation import Happened
from ..carrier.manners import Profile
from ..doctor.diagnosis import Finding

LABEL: Final = 14
"""Columns of what a line is about."""
WIDTH: Final = 100
THROUGH: Final = "the new party"
MENU: Final = "menu put the caller through to the new party (key 1)"
NOTHING: Final = "no REFER was sent: the exchange knows that this provider carries out none"


@dataclass(slots=True)
class ShownTransfer:
    """What is known of the transfer."""

    profile: Profile
    target: str
    """What the target's telephone does."""
    number: str
    mode: str = ""
    """Transfer mode of the trunk, "" where the carrier has no such setting."""
    asked: str = ""
    """Address, as the API was asked."""
    answer: str = ""
    """Of the API, in words."""
    refused: bool = False
    """The API's answer was an error."""
    seconds: float = 0.0
    """How long it took."""
    carrier: Happened | None = None
    """The last thing that the carrier did about it."""
    transferred: bool = False
    """The carrier connected caller and target."""
    before: dict[str, list[str]] = field(default_factory=dict)
    """Who heard whom."""
    after: dict[str, list[str]] = field(default_factory=dict)
    record: dict[str, Any] | None = None
    """The transfer, as the exchange has stored it; None: it has none."""
    finding: Finding | None = None
    """The doctor's."""
    call: str = ""
    """The caller's call, or the transfer, by its id."""
    messages: int = 0
    """Of SIP, in all."""
    svg: Path | None = None
    """The ladder."""

    @property
    def verdict(self) -> str:
        """The exchange's, "" where there was no transfer."""
        return "" if self.record is None else str(self.record["verdict"])


def summary(facts: ShownTransfer) -> list[str]:
    """The lines of the page."""
    profile, title = facts.profile, "Summary"
    lines = [f"{title} {'═' * (WIDTH - len(title) - 1)}"]

    def add(label: str, text: str) -> None:
        rows = wrap(printable(text), WIDTH - LABEL, break_on_hyphens=False, break_long_words=False)
        lines.extend(
            f"{label if not at else '':{LABEL}}{row}" for at, row in enumerate(rows or [""])
        )

    mode = f"; transfers of the trunk: {facts.mode}" if facts.mode else ""
    add("carrier", f"{profile.title} ({profile.name}), simulated{mode}")
    add("target", f"{facts.number}, whose telephone: {facts.target}")
    add("asked for", facts.asked)
    add("the API", f"{facts.answer}, after {facts.seconds:.1f} s")
    add("verdict", _verdict(facts))
    add("the carrier", _carrier(facts))
    for who, now in facts.after.items():
        was = facts.before.get(who, [])
        if was or now:
            add(who, f"hears {_named(now)}; before it was {_named(was)}")
        else:
            add(who, "hears nobody, as before")
    finding = facts.finding
    add("the doctor", NOTHING if finding is None else finding.meaning)
    if finding is not None and finding.remedy:
        add("to do", finding.remedy)
    add("SIP messages", str(facts.messages))
    add("ladder", f"{facts.svg}")
    return lines


def _verdict(facts: ShownTransfer) -> str:
    if facts.record is None:
        return "none: there was no transfer"
    stages = " → ".join(str(entry["stage"]) for entry in facts.record["stages"])
    text = f"{facts.verdict} ({stages})"
    succeeded = facts.verdict == "succeeded"
    if facts.transferred and not succeeded:
        text += "; caller and target are connected all the same, which the carrier did not report"
    if succeeded and not facts.transferred:
        text += "; caller and target are not connected, which the carrier did not report"
    return text


def _carrier(facts: ShownTransfer) -> str:
    event = facts.carrier
    if event is None:
        return "did nothing" if facts.record is None else "has not decided yet: the target rings"
    fields = dict(event.fields)
    if event.name == "transferred":
        forwarded = facts.target == "menu" and THROUGH in facts.after.get("the caller", [])
        return "connected caller and target" + (f", whose {MENU}" if forwarded else "")
    if event.name == "refer_refused":
        return f"refused with {fields['status']} {fields['phrase']}: {fields['why']}"
    return f"called the target, and got {fields['status']}"


def _named(names: list[str]) -> str:
    return " and ".join(names) or "nobody"
