"""Indexes over trunks and rules, so that an INVITE costs the same with ten trunks and ten thousand.

The conflict rules of LiveKit (facts §2.5) give every trunk and rule a set of cells; two of them in
one cell are a conflict, so a cell names at most one. Looking a call up is then a handful of
dictionary reads.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_network
from typing import Generic, TypeVar

from livekit.protocol.sip import SIPInboundTrunkInfo

from ...base.hosts import ip_literal
from ...providers.trunk_metadata import TrunkProvider
from .values import distinct, normalise

Key = TypeVar("Key", bound=Hashable)
Network = IPv4Network | IPv6Network
TrunkCell = tuple[str, str]
"""(normalised called number or "", normalised caller or "")."""

WIDEST = {4: 16, 6: 32}
"""Prefix lengths below which a network is no peer's: it names nobody in particular."""
_NO_ADDRESS = frozenset("()+*;,")
_MAPPED = 96
"""Bits of ::ffff:0:0/96 (RFC 4291 §2.5.5.2)."""


class NumberClaims(Generic[Key]):
    """Which cells are held by whom. During a change a cell can have two holders for a moment:
    what was held before stays held until the change is stored."""

    def __init__(self) -> None:
        self._holders: dict[Key, tuple[str, ...]] = {}

    def holders(self, key: Key) -> tuple[str, ...]:
        """Ids of those in this cell, mostly one or none."""
        return self._holders.get(key, ())

    def add(self, owner: str, keys: Iterable[Key]) -> None:
        """Put `owner` into each of these cells."""
        for key in keys:
            held = self._holders.get(key, ())
            if owner not in held:
                self._holders[key] = (*held, owner)

    def drop(self, owner: str, keys: Iterable[Key]) -> None:
        """Take `owner` out of each of these cells."""
        for key in keys:
            held = self._holders.get(key, ())
            left = tuple(other for other in held if other != owner)
            if left:
                self._holders[key] = left
            elif held:
                del self._holders[key]

    def __len__(self) -> int:
        return len(self._holders)


class AddressRule:
    """`allowed_addresses` of a trunk, read once (facts §4.3): addresses and networks are compared
    with the source, anything else is a host name (`TrunkTable` says what that is compared with)."""

    __slots__ = ("hosts", "networks", "open")

    def __init__(self, entries: Iterable[str]) -> None:
        networks: list[Network] = []
        hosts: set[str] = set()
        for entry in entries:
            if "://" in entry or any(c in _NO_ADDRESS or c.isspace() for c in entry):
                continue
            try:
                networks.append(_network(entry))
            except ValueError:
                if entry:
                    hosts.add(entry.lower())
        self.networks = tuple(networks)
        self.hosts = frozenset(hosts)
        self.open = not networks and not hosts
        """No usable entry: everybody passes."""

    def admits(self, source: object, from_host: str) -> bool:
        """`source` is an address of `ipaddress`, or None where the peer's could not be read;
        `from_host` the host of From, "" where that says nothing."""
        return self.open or from_host.lower() in self.hosts or self.names(source)

    def names(self, source: object) -> bool:
        """True if an address or network of the trunk holds `source`; From can be forged, this
        cannot."""
        return any(source in network for network in self.networks if source is not None)


def _network(entry: str) -> Network:
    """An IPv4 network in IPv6 clothes counts as IPv4, as the source does."""
    network = ip_network(entry, strict=False)
    if isinstance(network, IPv6Network) and network.prefixlen >= _MAPPED:
        mapped = network.network_address.ipv4_mapped
        if mapped is not None:
            return IPv4Network((mapped, network.prefixlen - _MAPPED))
    return network


class InboundEntry:
    """One inbound trunk with everything that a match needs, worked out once."""

    __slots__ = (
        *("addresses", "callers", "cells", "known", "known_hosts", "numbers", "provider", "trunk"),
    )

    def __init__(self, trunk: SIPInboundTrunkInfo, provider: TrunkProvider | None = None) -> None:
        """`provider`: whom the trunk's metadata names, read once and not with every call."""
        self.trunk = trunk
        self.provider = provider
        self.numbers = distinct(trunk.numbers)
        self.callers = distinct(trunk.allowed_numbers)
        self.addresses = AddressRule(trunk.allowed_addresses)
        self.known = self._known()
        """Networks whose addresses are peers of ours: those of a trunk with a password are not,
        for its callers have yet to show it."""
        self.known_hosts = frozenset() if self._protected() else self.addresses.hosts
        """The same of host names."""
        callers = self.callers or {"": ""}
        self.cells: dict[TrunkCell, None] = {
            (number, caller): None for number in self.numbers or {"": ""} for caller in callers
        }

    def _protected(self) -> bool:
        return bool(self.trunk.auth_username and self.trunk.auth_password)

    def _known(self) -> tuple[Network, ...]:
        if self._protected():
            return ()
        networks = self.addresses.networks
        return tuple(one for one in networks if one.prefixlen >= WIDEST[one.version])

    def admits(self, source: object, from_host: str, at: Collection[str] = ()) -> bool:
        """Whether `allowed_addresses` let this peer in; `at`: the names that stand for `source`."""
        rule = self.addresses
        return rule.admits(source, from_host) or not rule.hosts.isdisjoint(at)

    def failed_check(
        self,
        called: str,
        caller: str,
        source: object,
        from_host: str,
        at: Collection[str] = (),
    ) -> str:
        """Name of the first check that these (normalised) values fail, "" if none does."""
        if self.numbers and called not in self.numbers:
            return "numbers"
        if self.callers and caller not in self.callers:
            return "allowed_numbers"
        if not self.admits(source, from_host, at):
            return "allowed_addresses"
        return ""


def parse_source(address: str) -> object | None:
    """The peer's address for `AddressRule`; an IPv4 address in IPv6 clothes counts as IPv4."""
    parsed = ip_literal(address)
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is not None:
        return parsed.ipv4_mapped
    return parsed


class AddressIndex:
    """All networks that name peers, counted, for "does any trunk know this source?"."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, int], dict[int, int]] = {}

    def add(self, networks: Iterable[Network], change: int = 1) -> None:
        """Count each network once more, or with `change` -1 once less."""
        for network in networks:
            shift = network.max_prefixlen - network.prefixlen
            bits = int(network.network_address) >> shift
            counts = self._known.setdefault((network.version, shift), {})
            counts[bits] = counts.get(bits, 0) + change
            if not counts[bits]:
                del counts[bits]
                if not counts:
                    del self._known[network.version, shift]

    def __contains__(self, address: str) -> bool:
        parsed = parse_source(address)
        if parsed is None:
            return False
        version: int = parsed.version  # type: ignore[attr-defined]
        number = int(parsed)  # type: ignore[call-overload]
        return any(
            number >> shift in counts
            for (family, shift), counts in self._known.items()
            if family == version
        )


class NumberIndex:
    """Normalised number → ids of those who name it."""

    def __init__(self) -> None:
        self._ids: dict[str, dict[str, None]] = {}

    def add(self, owner: str, numbers: Iterable[str]) -> None:
        """`owner` names these (normalised) numbers; "" stands for one that names none."""
        for number in numbers:
            self._ids.setdefault(number, {})[owner] = None

    def drop(self, owner: str, numbers: Iterable[str]) -> None:
        """Undo `add`."""
        for number in numbers:
            ids = self._ids.get(number)
            if ids is not None:
                ids.pop(owner, None)
                if not ids:
                    del self._ids[number]

    def ids(self, number: str) -> Iterable[str]:
        """Who names this normalised number."""
        return self._ids.get(number, ())

    def __contains__(self, number: str) -> bool:
        return normalise(number) in self._ids
