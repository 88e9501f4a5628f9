"""From a matched call to its place in a room: rule, room name, identity, name (facts §4.5)."""

from __future__ import annotations

import hashlib

from livekit.protocol.room import RoomConfiguration
from livekit.protocol.sip import SIPDispatchRuleInfo

from ..base.ids import Ids
from ..base.light import light_dataclass
from .trunks.rule_index import RuleEntry
from .trunks.table import TrunkTable, quoted

ANONYMOUS = "anonymous"
"""Stands in a room name for a caller who shows no number."""


@light_dataclass(frozen=True, slots=True)
class CallParties:
    """What dispatch knows of a call. The trunk is "" where none matched and
    `sip.accept_unmatched` lets the call go on."""

    trunk_id: str
    caller: str
    """User of From (or of P-Asserted-Identity); "" for an anonymous caller."""
    called: str


@light_dataclass(frozen=True, slots=True)
class Placement:
    """Where a call goes."""

    rule: SIPDispatchRuleInfo
    rule_id: str
    pin_needed: bool
    """Ask for a PIN and choose again with it; room and identity are not for use yet."""
    room: str
    identity: str
    name: str
    hidden: bool
    """Number attributes are left out (hide_phone_number, or an anonymous caller)."""

    @property
    def attributes(self) -> dict[str, str]:
        """The rule's own attributes."""
        return dict(self.rule.attributes)

    @property
    def metadata(self) -> str:
        """Metadata of the participant."""
        return self.rule.metadata

    @property
    def room_preset(self) -> str:
        """Applies only if this join creates the room."""
        return self.rule.room_preset

    @property
    def room_config(self) -> RoomConfiguration | None:
        """Applies only if this join creates the room."""
        return self.rule.room_config if self.rule.HasField("room_config") else None


NOWHERE = Placement(SIPDispatchRuleInfo(), "", False, "", "", "", False)
"""Of a call that is in no room."""


def dispatch(
    trunks: TrunkTable, ids: Ids, parties: CallParties, pin: str | None = None
) -> Placement | None:
    """Choose the rule and work out the place; None: no rule fits (404, `no_rule_text` for the log).

    `pin` None: no digits were asked for yet; "": the caller sent only `#`; else the digits.
    """
    entry = trunks.rules.choose(parties.trunk_id, parties.caller, parties.called, pin)
    if entry is None:
        return None
    rule, shape = entry.rule, entry.shape
    hidden = rule.hide_phone_number or not parties.caller
    return Placement(
        rule=rule,
        rule_id=rule.sip_dispatch_rule_id,
        pin_needed=pin is None and bool(shape.pin),
        room=_room_name(entry, ids, parties, hidden=hidden),
        identity=identity_of(parties.caller, hidden=hidden),
        name=_display_name(parties.caller, hidden=hidden),
        hidden=hidden,
    )


def no_rule_text(trunks: TrunkTable, parties: CallParties, pin: str | None = None) -> str:
    """The log line for a call that no rule takes."""
    if not len(trunks.rules):
        return "No SIP Dispatch Rule: there is none"
    trunk = f"trunk {parties.trunk_id}" if parties.trunk_id else "no trunk"
    asked = "" if pin is None else (" and this PIN" if pin else " without a PIN")
    return (
        f"No SIP Dispatch Rule for {trunk}, caller {quoted(parties.caller)}, "
        f"called {quoted(parties.called)}{asked}: {len(trunks.rules)} rules do not fit"
    )


def identity_of(caller: str, *, hidden: bool) -> str:
    """`sip_<caller>`, or a hash of the caller where the number is hidden."""
    if hidden:
        return "sip_" + hashlib.sha256(caller.encode("utf-8", "surrogateescape")).hexdigest()[:16]
    return "sip_" + caller


def distinct_identity(identity: str, call_id: str) -> str:
    """For a call whose identity a live call in the room already has: the last 6 characters of
    its SCL id are added (calls.md §1; LiveKit would cut the first caller off)."""
    return f"{identity}_{call_id[-6:]}"


def last_digits(number: str) -> str:
    """What a hidden number shows: its last 4 characters, of a short one the last."""
    return number[-4:] if len(number) > 4 else number[-1:]


def _display_name(caller: str, *, hidden: bool) -> str:
    shown = last_digits(caller) if hidden else caller
    return f"Phone {shown}" if shown else "Phone"


def _room_name(entry: RuleEntry, ids: Ids, parties: CallParties, *, hidden: bool) -> str:
    shape = entry.shape
    if shape.kind == "direct":
        return shape.room
    if shape.kind == "callee":
        party = parties.called
    else:
        party = last_digits(parties.caller) if hidden else parties.caller
        party = party or ANONYMOUS
    name = f"{shape.room}_{party}" if shape.room else party
    if shape.random:
        name += ids.new("_")
    return name
