"""Dispatch rules by what they match, and the choice between them (facts §2.5, §4.5)."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator
from itertools import product
from typing import Literal

from livekit.protocol.sip import SIPDispatchRuleInfo

from ...base.errors import ApiError
from ...base.light import light_dataclass
from ...twirp.errors import prefixed
from .index import NumberIndex
from .indexed_table import IndexedTable
from .values import distinct, normalise

RuleKind = Literal["direct", "individual", "callee"]
RuleCell = tuple[str, str, str, str]
"""(PIN, trunk id, caller, called); numbers normalised, "" for any."""
Scope = tuple[str, str, str]
"""A cell without its PIN."""
Rank = tuple[int, str, str]
"""(priority, room name or prefix, rule id): the smallest wins."""

_PRIORITY: dict[RuleKind, int] = {"direct": 0, "individual": 1, "callee": 2}
_OPEN = 100
_ANY_NUMBER = 1000


@light_dataclass(frozen=True, slots=True)
class RuleShape:
    """The oneof of a rule, flat."""

    kind: RuleKind
    room: str
    """Room name (direct) or prefix."""
    pin: str
    random: bool
    """The room name gets 12 random characters."""


def rule_shape(rule: SIPDispatchRuleInfo) -> RuleShape:
    """Raises ApiError for a rule without a kind, with LiveKit's text (facts §2.2)."""
    kind = rule.rule.WhichOneof("rule")
    if kind == "dispatch_rule_direct":
        direct = rule.rule.dispatch_rule_direct
        return RuleShape("direct", direct.room_name, direct.pin, random=False)
    if kind == "dispatch_rule_individual":
        own = rule.rule.dispatch_rule_individual
        return RuleShape("individual", own.room_prefix, own.pin, random=not own.no_randomness)
    if kind == "dispatch_rule_callee":
        callee = rule.rule.dispatch_rule_callee
        return RuleShape("callee", callee.room_prefix, callee.pin, random=callee.randomize)
    raise prefixed("invalid_argument", "unsupported SIP Dispatch Rule: <nil>")


class RuleEntry:
    """One rule with everything that the choice needs, worked out once."""

    __slots__ = ("cells", "priority", "rule", "scopes", "shape")

    def __init__(self, rule: SIPDispatchRuleInfo) -> None:
        self.rule = rule
        self.shape = rule_shape(rule)
        callers = distinct(rule.inbound_numbers)
        called = distinct(rule.numbers)
        trunks = dict.fromkeys(rule.trunk_ids)
        self.scopes: dict[Scope, None] = dict.fromkeys(
            product(trunks or ("",), callers or ("",), called or ("",))
        )
        pin = self.shape.pin
        self.cells: dict[RuleCell, None] = {(pin, *scope): None for scope in self.scopes}
        self.priority = (
            _PRIORITY[self.shape.kind]
            + (0 if pin else _OPEN)
            + (0 if callers else _ANY_NUMBER)
            + (0 if called else _ANY_NUMBER)
        )

    def repeats(self) -> bool:
        """True if the same trunk or number stands in the rule twice, in whatever spelling."""
        rule = self.rule
        asked = (
            max(len(rule.trunk_ids), 1)
            * max(len(rule.inbound_numbers), 1)
            * max(len(rule.numbers), 1)
        )
        return asked != len(self.scopes)


class RuleShelf(IndexedTable[RuleEntry]):
    """Dispatch rules with their conflict rule and the choice for a call."""

    def __init__(self) -> None:
        super().__init__()
        self.numbers = NumberIndex()
        self._trunks = NumberIndex()
        self._ranks: dict[tuple[bool, Scope], list[Rank]] = {}

    def check(self, ident: str, entry: RuleEntry) -> None:
        """A new rule is compared with the others in the order of their room names, as recorded:
        the one that comes second is told the first one's name."""
        new = (ident if ident in self else "<new>", entry.rule.name)
        if entry.repeats():
            raise _conflict(*new)
        for cell in entry.cells:
            for other in self.claimed(cell):
                if other == ident:
                    continue
                held = self.get(other)
                if held is not None and held.shape.room > entry.shape.room:
                    raise _conflict(*new)
                raise _conflict(other, held.rule.name if held is not None else "")

    def _entered(self, ident: str, entry: RuleEntry) -> None:
        self.numbers.add(ident, distinct(entry.rule.numbers))
        self._trunks.add(ident, entry.rule.trunk_ids or ("",))
        rank = (entry.priority, entry.shape.room, ident)
        for scope in entry.scopes:
            insort(self._ranks.setdefault((bool(entry.shape.pin), scope), []), rank)

    def _left(self, ident: str, entry: RuleEntry) -> None:
        self.numbers.drop(ident, distinct(entry.rule.numbers))
        self._trunks.drop(ident, entry.rule.trunk_ids or ("",))
        rank = (entry.priority, entry.shape.room, ident)
        for scope in entry.scopes:
            key = (bool(entry.shape.pin), scope)
            ranks = self._ranks[key]
            del ranks[bisect_left(ranks, rank)]
            if not ranks:
                del self._ranks[key]

    def of_trunks(self, trunk_ids: Iterable[str]) -> list[str]:
        """Ids of the rules that name one of these trunks, or none."""
        return [ident for trunk in (*trunk_ids, "") for ident in self._trunks.ids(trunk)]

    def choose(
        self, trunk_id: str, caller: str, called: str, pin: str | None = None
    ) -> RuleEntry | None:
        """The rule for a call, None where no rule fits (facts §4.5). Numbers are compared
        normalised. `pin` None: no digits yet, all rules count; "": the caller gave none, only
        rules without a PIN; else only rules with that PIN."""
        phone, number = normalise(caller), normalise(called)
        for trunk in (trunk_id, "") if trunk_id else ("",):
            scopes = _scopes(trunk, phone, number)
            ranks = sorted(self._fitting(scopes, pin))
            if ranks:
                return self.get(ranks[0][2])
        return None

    def _fitting(self, scopes: list[Scope], pin: str | None) -> Iterator[Rank]:
        if pin:
            for scope in scopes:
                for ident, entry in self.holders((pin, *scope)):
                    yield (entry.priority, entry.shape.room, ident)
            return
        kinds = (False,) if pin is not None else (True, False)
        for scope in scopes:
            for kind in kinds:
                ranks = self._ranks.get((kind, scope))
                if ranks:
                    yield ranks[0]


def _scopes(trunk: str, phone: str, number: str) -> list[Scope]:
    return [
        (trunk, p, n)
        for p in ((phone, "") if phone else ("",))
        for n in ((number, "") if number else ("",))
    ]


def _conflict(ident: str, name: str) -> ApiError:
    return ApiError(
        "invalid_argument",
        "Dispatch rule for the same trunk, inbound number, number, and PIN combination already "
        f'exists in dispatch rule "{ident}" "{name or "<blank name>"}"',
    )
