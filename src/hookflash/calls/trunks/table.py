"""Trunks and rules in memory, and which trunk a call belongs to (facts §2.4, §2.5, §4.3).

Only LiveKit's messages go in and out. Whatever was put in belongs to the book: nobody changes a
message afterwards, an update makes a new one.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Literal, TypeVar

from livekit.protocol.models import Pagination
from livekit.protocol.sip import SIPDispatchRuleInfo, SIPInboundTrunkInfo, SIPOutboundTrunkInfo

from ...base.errors import ApiError
from ...base.light import light_dataclass
from ...providers.trunk_metadata import NO_PRESETS, Presets, TrunkProvider, trunk_provider
from .index import AddressIndex, InboundEntry, NumberIndex, TrunkCell, parse_source
from .indexed_table import Change, IndexedTable
from .named_hosts import NamedHosts
from .rule_index import RuleEntry, RuleShelf
from .values import distinct, normalise

PAGE = 1000
"""How many items a page has when the client names no number (facts §2.4)."""
EXPLAINED = 20
"""For how many trunks a refused call says what failed; the rest is counted."""

Item = TypeVar("Item")


@light_dataclass(frozen=True, slots=True)
class FailedCheck:
    """Why one trunk does not take a call: the field that does not fit."""

    trunk_id: str
    name: str
    check: str
    """`numbers`, `allowed_numbers` or `allowed_addresses`."""


@light_dataclass(frozen=True, slots=True)
class TrunkMatch:
    """Outcome of matching a call. `several` is refused with 500, `none` with 403 (calls.md §1)."""

    outcome: Literal["matched", "none", "several"]
    trunk: SIPInboundTrunkInfo | None = None
    several: tuple[tuple[str, str], ...] = ()
    """(id, name) of the trunks that would all take the call."""
    failed: tuple[FailedCheck, ...] = ()
    others: int = 0
    """Further trunks, not listed in `failed`, that do not take the call."""
    text: str = ""
    """For the log; "" when matched."""


class InboundShelf(IndexedTable[InboundEntry]):
    """Inbound trunks with their conflict rule. `hosts`: who is to know their host names."""

    def __init__(self, hosts: NamedHosts | None = None) -> None:
        super().__init__()
        self.numbers = NumberIndex()
        self.addresses = AddressIndex()
        self.known_hosts = NumberIndex()
        self._hosts = hosts or NamedHosts()

    def check(self, ident: str, entry: InboundEntry) -> None:
        for number, spelling in (entry.numbers or {"": ""}).items():
            for caller, caller_spelling in (entry.callers or {"": ""}).items():
                for other in self.claimed((number, caller)):
                    if other != ident:
                        name = ident if ident in self else ""
                        raise _conflict(name, other, spelling, caller_spelling)

    def _entered(self, ident: str, entry: InboundEntry) -> None:
        self.numbers.add(ident, entry.numbers or ("",))
        self.addresses.add(entry.known)
        self.known_hosts.add(ident, entry.known_hosts)
        self._hosts.add(entry.addresses.hosts)

    def _left(self, ident: str, entry: InboundEntry) -> None:
        self.numbers.drop(ident, entry.numbers or ("",))
        self.addresses.add(entry.known, -1)
        self.known_hosts.drop(ident, entry.known_hosts)
        self._hosts.drop(entry.addresses.hosts)


class OutboundEntry:
    """One outbound trunk; outbound trunks never conflict, so they hold no cells."""

    __slots__ = ("cells", "host", "names", "numbers", "provider", "trunk")

    def __init__(self, trunk: SIPOutboundTrunkInfo, provider: TrunkProvider | None = None) -> None:
        self.trunk = trunk
        self.provider = provider
        self.numbers = distinct(trunk.numbers)
        self.host = host_of(trunk.address)
        self.names = (self.host,) if parse_source(self.host) is None else ()
        """The host where it is a name."""
        self.cells: dict[TrunkCell, None] = {}


class OutboundShelf(IndexedTable[OutboundEntry]):
    """Outbound trunks, found by number and by address. `named`: who is to know their names."""

    def __init__(self, named: NamedHosts) -> None:
        super().__init__()
        self.numbers = NumberIndex()
        self.hosts = NumberIndex()
        self._named = named

    def _entered(self, ident: str, entry: OutboundEntry) -> None:
        self.numbers.add(ident, entry.numbers or ("",))
        self.hosts.add(ident, (entry.host,))
        self._named.add(entry.names)

    def _left(self, ident: str, entry: OutboundEntry) -> None:
        self.numbers.drop(ident, entry.numbers or ("",))
        self.hosts.drop(ident, (entry.host,))
        self._named.drop(entry.names)


class TrunkTable:
    """All trunks and dispatch rules. Changes are put, then settled or undone: `IndexedTable`.

    `resolves`: host names in allowed_addresses are compared with the source, by the addresses that
    `hosts` knows for them; else with the host of From, as LiveKit does, which anybody can write.
    `presets`: the providers that a trunk's metadata may name.
    """

    def __init__(self, *, resolves: bool = False, presets: Presets = NO_PRESETS) -> None:
        self.resolves = resolves
        self._presets = presets
        self.hosts = NamedHosts()
        self.inbound = InboundShelf(self.hosts if resolves else None)
        self.outbound = OutboundShelf(self.hosts)
        self.rules = RuleShelf()

    def put_inbound(self, trunk: SIPInboundTrunkInfo) -> Change[InboundEntry]:
        """Add or replace under its id; ApiError where it conflicts (facts §2.5), or names a
        provider that there is none of."""
        provider = trunk_provider(trunk.metadata, self._presets)
        return self.inbound.put(trunk.sip_trunk_id, InboundEntry(trunk, provider))

    def put_outbound(self, trunk: SIPOutboundTrunkInfo) -> Change[OutboundEntry]:
        """Add or replace under its id; ApiError where it names a provider that there is none of."""
        provider = trunk_provider(trunk.metadata, self._presets)
        return self.outbound.put(trunk.sip_trunk_id, OutboundEntry(trunk, provider))

    def put_rule(self, rule: SIPDispatchRuleInfo) -> Change[RuleEntry]:
        """Add or replace under its id; ApiError where it conflicts or has no kind."""
        return self.rules.put(rule.sip_dispatch_rule_id, RuleEntry(rule))

    def load(
        self,
        inbound: Iterable[SIPInboundTrunkInfo],
        outbound: Iterable[SIPOutboundTrunkInfo],
        rules: Iterable[SIPDispatchRuleInfo],
    ) -> list[tuple[str, str]]:
        """Fill an empty book from the store. Returns (trunk id, why) of those whose provider cannot
        be read: another version wrote them, and they are good trunks without it."""
        strange = []
        for trunk in inbound:
            provider, why = self._provider(trunk.metadata)
            self.inbound.put(trunk.sip_trunk_id, InboundEntry(trunk, provider))
            strange += [(trunk.sip_trunk_id, why)] if why else []
        for out in outbound:
            provider, why = self._provider(out.metadata)
            self.outbound.put(out.sip_trunk_id, OutboundEntry(out, provider))
            strange += [(out.sip_trunk_id, why)] if why else []
        for rule in rules:
            self.put_rule(rule)
        return strange

    def _provider(self, metadata: str) -> tuple[TrunkProvider | None, str]:
        try:
            return trunk_provider(metadata, self._presets), ""
        except ApiError as error:
            return None, error.msg

    def inbound_trunk(self, trunk_id: str) -> SIPInboundTrunkInfo | None:
        """The inbound trunk with this id."""
        entry = self.inbound.get(trunk_id)
        return entry.trunk if entry is not None else None

    def checks_address(self, trunk_id: str) -> bool:
        """True if whoever calls by this trunk has passed its allowed_addresses."""
        entry = self.inbound.get(trunk_id)
        return entry is not None and not entry.addresses.open

    def names_source(self, trunk_id: str, source_ip: str) -> bool:
        """True if the inbound trunk names this very address, a network that holds it, or a host
        that is there."""
        entry, source = self.inbound.get(trunk_id), parse_source(source_ip)
        if entry is None:
            return False
        at = self.hosts.at(source) if self.resolves else ()
        return entry.addresses.names(source) or not entry.addresses.hosts.isdisjoint(at)

    def trusts_from(self, trunk: SIPInboundTrunkInfo) -> list[str]:
        """The host names of a trunk that let in whoever writes them into From; [] where names are
        resolved."""
        return [] if self.resolves else sorted(InboundEntry(trunk).addresses.hosts)

    def outbound_trunk(self, trunk_id: str) -> SIPOutboundTrunkInfo | None:
        """The outbound trunk with this id."""
        entry = self.outbound.get(trunk_id)
        return entry.trunk if entry is not None else None

    def provider(self, trunk_id: str) -> TrunkProvider | None:
        """The provider that the trunk with this id names, if it names one."""
        entry = self.inbound.get(trunk_id) or self.outbound.get(trunk_id)
        return entry.provider if entry is not None else None

    def outbound_hosts(self, number: str) -> list[str]:
        """Hosts of the outbound trunks that have this number, in order of their ids."""
        found = (self.outbound.get(i) for i in sorted(self.outbound.numbers.ids(normalise(number))))
        return [entry.host for entry in found if entry is not None]

    def rule(self, rule_id: str) -> SIPDispatchRuleInfo | None:
        """The dispatch rule with this id."""
        entry = self.rules.get(rule_id)
        return entry.rule if entry is not None else None

    # --- lists (facts §2.4; `limit` works, which LiveKit's does not): what there is at this moment,
    # to be walked at leisure --------------------------------------------------------------------

    def list_inbound(
        self,
        trunk_ids: Sequence[str] = (),
        numbers: Sequence[str] = (),
        page: Pagination | None = None,
    ) -> Iterator[SIPInboundTrunkInfo]:
        """Those with one of these ids that have no numbers or one of these, however spelled."""
        wanted = set(distinct(numbers))
        table = self.inbound
        candidates = _indexed(table.numbers, wanted) if wanted and not trunk_ids else trunk_ids

        def fits(entry: InboundEntry) -> bool:
            return not wanted or not entry.numbers or not wanted.isdisjoint(entry.numbers)

        found = _walk(table, candidates, bool(trunk_ids or wanted), page)
        return _page((entry.trunk for entry in found if fits(entry)), page)

    def list_outbound(
        self,
        trunk_ids: Sequence[str] = (),
        numbers: Sequence[str] = (),
        page: Pagination | None = None,
    ) -> Iterator[SIPOutboundTrunkInfo]:
        """As `list_inbound`, but numbers are compared as they are spelled."""
        wanted = set(numbers)
        table = self.outbound
        known = {normalise(number) for number in wanted}
        candidates = _indexed(table.numbers, known) if wanted and not trunk_ids else trunk_ids
        found = _walk(table, candidates, bool(trunk_ids or wanted), page)
        fitting = (
            e.trunk
            for e in found
            if not wanted or not e.trunk.numbers or not wanted.isdisjoint(e.trunk.numbers)
        )
        return _page(fitting, page)

    def list_rules(
        self,
        rule_ids: Sequence[str] = (),
        trunk_ids: Sequence[str] = (),
        page: Pagination | None = None,
    ) -> Iterator[SIPDispatchRuleInfo]:
        """Those with one of these ids that name no trunk or one of these."""
        wanted = set(trunk_ids)
        table = self.rules
        candidates = table.of_trunks(wanted) if wanted and not rule_ids else rule_ids
        found = _walk(table, candidates, bool(rule_ids or wanted), page)
        fitting = (
            e.rule
            for e in found
            if not wanted or not e.rule.trunk_ids or not wanted.isdisjoint(e.rule.trunk_ids)
        )
        return _page(fitting, page)

    # --- calls ------------------------------------------------------------------------------

    def names(self, number: str) -> bool:
        """True if an inbound trunk or a rule names this called number."""
        return bool(number) and (number in self.inbound.numbers or number in self.rules.numbers)

    def called_number(self, to_user: str, request_user: str) -> str:
        """The To user; if nothing names it but something names the Request-URI's user, that one
        (calls.md §1)."""
        if request_user and not self.names(to_user) and self.names(request_user):
            return request_user
        return to_user or request_user

    def match(self, caller: str, called: str, source_ip: str, from_host: str) -> TrunkMatch:
        """Which inbound trunk takes this call (facts §4.3). The numbers are the users of From and
        To; `source_ip` is an IP literal."""
        number, phone = normalise(called), normalise(caller)
        source = parse_source(source_ip)
        host = "" if self.resolves else from_host
        at = self.hosts.at(source) if self.resolves else ()
        for kind in (number, "") if number else ("",):
            fitting = {
                ident: entry
                for cell in ((kind, phone), (kind, ""))
                for ident, entry in self.inbound.holders(cell)
                if entry.admits(source, host, at)
            }
            if len(fitting) == 1:
                return TrunkMatch("matched", next(iter(fitting.values())).trunk)
            if fitting:
                return _several(called, default=not kind, entries=fitting)
        return self._nothing(called, number, phone, source, host, at)

    def _nothing(
        self,
        called: str,
        number: str,
        phone: str,
        source: object,
        host: str,
        at: Collection[str],
    ) -> TrunkMatch:
        index = self.inbound.numbers
        near = dict.fromkeys(islice(chain(index.ids(number), index.ids("")), EXPLAINED))
        rest = (i for i in self.inbound.ids() if i not in near)
        failed = []
        unknown: dict[str, None] = {}
        for ident in islice(chain(near, rest), EXPLAINED):
            entry = self.inbound.get(ident)
            if entry is not None:
                check = entry.failed_check(number, phone, source, host, at)
                if self.resolves and check == "allowed_addresses":
                    unknown |= dict.fromkeys(self.hosts.unknown(entry.addresses.hosts))
                failed.append(FailedCheck(ident, entry.trunk.name, check))
        others = len(self.inbound) - len(failed)
        parts = [f"{f.trunk_id} {quoted(f.name)}: {f.check}" for f in failed]
        parts += [f"{others} more"] if others else []
        parts += [f"no address of {quoted(name)} is known" for name in islice(unknown, EXPLAINED)]
        why = "; ".join(parts) or "there is no inbound trunk"
        text = f"No SIP Trunk matched for {quoted(called)}: {why}"
        return TrunkMatch("none", failed=tuple(failed), others=others, text=text)

    def outbound_for(self, number: str, hosts: Iterable[str] = ()) -> SIPOutboundTrunkInfo | None:
        """The outbound trunk whose credentials answer a challenge of an inbound call's peer: one
        that has the called number, else one whose address is the peer (transfer.md §3). Trunks
        without credentials do not count; of several the one with the smallest id."""
        by_number = self.outbound.numbers.ids(normalise(number)) if number else ()
        names = (name for host in map(host_of, hosts) for name in (host, *self._names_at(host)))
        by_host = (i for name in names for i in self.outbound.hosts.ids(name))
        for candidates in (by_number, by_host):
            for ident in sorted(candidates):
                trunk = self.outbound_trunk(ident)
                if trunk is not None and trunk.auth_username and trunk.auth_password:
                    return trunk
        return None

    def knows_address(self, address: str) -> bool:
        """True if this IP address is a peer's: an inbound trunk without a password allows it, by
        no wider a network than `WIDEST`, or an outbound trunk is at it."""
        if address in self.inbound.addresses or any(self.outbound.hosts.ids(host_of(address))):
            return True
        return any(
            any(self.outbound.hosts.ids(name)) or any(self.inbound.known_hosts.ids(name))
            for name in self._names_at(address)
        )

    def _names_at(self, address: str) -> Collection[str]:
        source = parse_source(address)
        return () if source is None else self.hosts.at(source)


def host_of(address: str) -> str:
    """`sip.example.com:5070` → `sip.example.com`; `[::1]:5060` and `::1` → `::1`."""
    text = address.strip().lower()
    if text.startswith("["):
        return text[1:].partition("]")[0]
    host, _, port = text.rpartition(":")
    return host if host and port.isdigit() and ":" not in host else text


def quoted(text: str) -> str:
    """As Go's %q prints it, near enough: LiveKit's texts have it."""
    return json.dumps(text, ensure_ascii=False)


def _conflict(ident: str, other: str, number: str, caller: str) -> ApiError:
    which = f"[{quoted(number)}]" if number else "<any>"
    how = f"and AllowedNumber {quoted(caller)}" if caller else "without AllowedNumbers set"
    return ApiError(
        "invalid_argument",
        f"Conflicting inbound SIP Trunks: {quoted(ident or '<new>')} and {quoted(other)}, "
        f"using the same number(s) {which} {how}",
    )


def _several(called: str, *, default: bool, entries: dict[str, InboundEntry]) -> TrunkMatch:
    both = tuple((ident, entry.trunk.name) for ident, entry in sorted(entries.items()))
    kind = "default SIP Trunks" if default else "SIP Trunks"
    named = " and ".join(f"{ident} {quoted(name)}" for ident, name in both)
    return TrunkMatch(
        "several", several=both, text=f"Multiple {kind} matched for {quoted(called)}: {named}"
    )


def _indexed(index: NumberIndex, numbers: Iterable[str]) -> list[str]:
    return [ident for number in (*numbers, "") for ident in index.ids(number)]


Kept = TypeVar("Kept", InboundEntry, OutboundEntry, RuleEntry)


def _walk(
    table: IndexedTable[Kept], candidates: Iterable[str], restricted: bool, page: Pagination | None
) -> Iterator[Kept]:
    after = page.after_id if page is not None else ""
    return table.walk(candidates if restricted else None, after)


def _page(items: Iterator[Item], page: Pagination | None) -> Iterator[Item]:
    if page is None:
        return items
    return islice(items, page.limit if page.limit > 0 else PAGE)
