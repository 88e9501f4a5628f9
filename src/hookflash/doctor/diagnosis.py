"""All rules, and what they say of a call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from ..base.light import light_dataclass
from . import rules_call, rules_call_providers, rules_outcome, rules_providers, rules_refer
from .facts import FINE, CaseFacts, Stage, read_facts
from .rule import Gravity, Rule, filled
from .seen import SeenMessage

RULES: Final[tuple[Rule, ...]] = (
    rules_providers.RULES
    + rules_refer.RULES
    + rules_outcome.RULES
    + rules_call_providers.RULES
    + rules_call.RULES
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


_STAGES: Final[Mapping[str, Stage]] = {
    "refused": "refer refused",
    "rejected": "target failed",
    "unreachable": "refer unanswered",
}
"""Where a verdict alone says where a transfer stopped."""
_NO_REFER: Final = {
    "interrupted": (
        "the server was stopped, or crashed, in the middle of the transfer",
        "transfer again; give SIGTERM more time to drain (`drain`)",
    ),
    "canceled": (
        "the transfer was given up before a REFER was sent: it could not be stored, or the call "
        "ended",
        "the log says which (`transfer_not_stored`); a full disk stops transfers",
    ),
    "call ended": (
        "the call ended before a REFER could be sent",
        "nothing; the caller was gone",
    ),
    "timed out": (
        "the time was over before a REFER could be sent: something of the call was still going on",
        "give `ringing_timeout` more time; look in the ladder for an INVITE without an answer",
    ),
}
"""Verdict → meaning and remedy, where nothing was sent for it."""


def diagnose_call(
    seen: Sequence[SeenMessage], record: Mapping[str, Any], transfer: Mapping[str, Any] | None
) -> Finding:
    """`seen` may be empty, where no messages are kept; then the record has to do."""
    if transfer is None:
        subject = f"call {record.get('call_id')}"
        return diagnose(read_facts(seen, record), subject) if seen else _of_record(record, subject)
    subject, verdict = f"transfer {transfer['transfer_id']}", str(transfer.get("verdict") or "")
    facts = read_facts(seen, record, transfer)
    if facts.request is not None and facts.request.method == "REFER":
        return diagnose(facts, subject)
    if not seen and verdict in _STAGES:
        status = int(transfer.get("sip_status") or 0)
        phrase = str(transfer.get("sip_reason") or "")
        return diagnose(CaseFacts(_STAGES[verdict], status=status, phrase=phrase), subject)
    if verdict in _NO_REFER:
        return Finding("error", subject, *_NO_REFER[verdict], "docs/transfers.md")
    said = transfer.get("error") or "no messages are kept of it"
    return Finding("error", subject, f"unknown: {verdict or 'pending'}: {said}")


def _of_record(record: Mapping[str, Any], subject: str) -> Finding:
    """Of a call without messages: none are kept, or none could be sent."""
    status, outbound = int(record.get("answer_status") or 0), record.get("direction") == "outbound"
    why = str(record.get("end_reason") or "not said")
    if status >= 300:
        stage: Stage = "call refused" if outbound else "we refused"
        return diagnose(CaseFacts(stage, outbound=outbound, status=status), subject)
    if record.get("ended_at") is None or record.get("answered_at"):
        return Finding("note", subject, f"no messages are kept of it; its end: {why}")
    if not outbound:
        return Finding("error", subject, f"unknown: it was not answered ({why})")
    return Finding(
        "error",
        subject,
        f"no INVITE could be sent, or no messages are kept of it: {why}",
        "check --address and --transport of the trunk: is its name known, can it be connected? "
        "`hookflash doctor` asks it by OPTIONS",
        "RFC 3263",
    )


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
