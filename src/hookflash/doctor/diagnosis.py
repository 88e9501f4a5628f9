"""All rules, and what they say of a call."""

from __future__ import annotations

from typing import Final

from ..base.light import light_dataclass
from . import rules_call, rules_outcome, rules_providers, rules_refer
from .facts import FINE, CaseFacts
from .rule import Gravity, Rule, filled

RULES: Final[tuple[Rule, ...]] = (
    rules_providers.RULES + rules_refer.RULES + rules_outcome.RULES + rules_call.RULES
)


@light_dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was found, in plain words."""

    gravity: Gravity
    subject: str
    """What it is about: `transfer STR_…`, `sip.rtp_port`, a trunk."""
    meaning: str
    remedy: str = ""
    """What to do; "" for nothing."""
    source: str = ""
    rule: str = ""
    """Name of the rule that says so."""


def fitting(facts: CaseFacts) -> list[Rule]:
    """The rules that are about this case: the general ones only where no other is."""
    found = [rule for rule in RULES if rule.fits(facts)]
    special = [rule for rule in found if not rule.general]
    return special or found


def diagnose(facts: CaseFacts, subject: str) -> Finding:
    """What is known of this case; where nothing is, that."""
    for rule in fitting(facts):
        return Finding(
            rule.gravity,
            subject,
            filled(rule.meaning, facts),
            filled(rule.remedy, facts),
            rule.source,
            rule.name,
        )
    if facts.stage in FINE or facts.stage == "call ended":
        return Finding("ok", subject, _in_order(facts))
    return Finding(
        "error",
        subject,
        f"unknown: {facts.stage}{_told(facts)}; no rule fits",
        "the ladder shows what was said; please report it with the ladder",
    )


def _in_order(facts: CaseFacts) -> str:
    if facts.stage == "transferred":
        return f"transferred: the target answered ({facts.status})"
    if facts.stage == "call up":
        return "the call is up, or its end is not among the messages"
    if facts.stage == "nothing":
        return "no call is among the messages"
    who = "the peer" if facts.bye is not None and facts.bye.received else "Hookflash"
    return f"the call was answered, and {who} hung up after {facts.talked:.0f} s"


def _told(facts: CaseFacts) -> str:
    status = f" with {facts.status} {facts.phrase}".rstrip() if facts.status else ""
    reason = f", Reason: {facts.reason}" if facts.reason else ""
    return f"{status} by {facts.title}{reason}"
