"""Locating SIP servers (RFC 3263): from a URI to an ordered list of places to try.

Pure: `locate` is a generator that yields the DNS queries of one step, all of which may be asked
at once, and is sent their answers in the same order. A driver is a few lines:

    steps = locate(uri, ids=ids)
    queries = next(steps)                        # StopIteration.value is the list of targets
    queries = steps.send([await ask(query) for query in queries])
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Generator, Iterable, Sequence
from heapq import nsmallest
from itertools import accumulate, islice
from typing import Final, Literal

from ..base.hosts import ip_literal
from ..base.ids import Ids
from ..base.light import light_dataclass
from .flow import Transport
from .uri import Uri

MAX_RECORDS: Final = 16
"""NAPTR records that are used, and SRV records of one service: whoever keeps the zone of a name
that a peer brought may say any number of them."""
MAX_QUESTIONS: Final = 64
"""DNS questions of one look-up."""
MAX_TARGETS: Final = 32
"""Places that one look-up finds."""

QueryKind = Literal["NAPTR", "SRV", "A", "AAAA"]
Family = Literal["A", "AAAA"]


@light_dataclass(frozen=True, slots=True)
class Query:
    """One DNS question."""

    kind: QueryKind
    name: str


@light_dataclass(frozen=True, slots=True)
class Naptr:
    """A NAPTR record (RFC 3403); `replacement` is the name of an SRV record for flag `s`."""

    order: int
    preference: int
    flags: str
    service: str
    replacement: str


@light_dataclass(frozen=True, slots=True)
class Srv:
    """An SRV record (RFC 2782)."""

    priority: int
    weight: int
    port: int
    target: str


Record = Naptr | Srv | str
"""`str`: the IP literal of an A or AAAA record."""
Answers = list[list[Record]]
"""One list for each query; empty where the name has no such records or the query failed."""
Queries = tuple[Query, ...]


@light_dataclass(frozen=True, slots=True)
class Target:
    """One place to try; the list that they come in is the order of failover (§4.3)."""

    transport: Transport
    ip: str
    port: int


_NAPTR_SERVICES: dict[str, Transport] = {"SIP+D2U": "udp", "SIP+D2T": "tcp", "SIPS+D2T": "tls"}
_SRV_PREFIX: dict[Transport, str] = {"udp": "_sip._udp.", "tcp": "_sip._tcp.", "tls": "_sips._tcp."}
ALL_TRANSPORTS: tuple[Transport, ...] = ("udp", "tcp", "tls")


def uri_transport(uri: Uri) -> Transport | None:
    """The transport that the URI asks for; None where it leaves the choice (RFC 3263 §4.1).

    Raises nothing: a transport that we do not have counts as none here (`locate` refuses it).
    """
    text = (uri.param("transport") or "").lower()
    if uri.scheme == "sips" or text == "tls":
        return "tls"
    if text == "udp":
        return "udp"
    return "tcp" if text == "tcp" else None


def numeric_host(uri: Uri) -> str | None:
    """The IP literal that the URI is sent to (maddr before host), without brackets; else None."""
    host = target_host(uri)
    if not host or not (host[0].isdigit() or ":" in host):
        return None
    return host if ip_literal(host) is not None else None


def target_host(uri: Uri) -> str:
    """TARGET of RFC 3263 §4: the maddr parameter, else the host; "" where there is none."""
    host = uri.param("maddr") or uri.host or ""
    return host[1:-1] if host.startswith("[") else host


def locate(
    uri: Uri,
    *,
    ids: Ids,
    transports: Sequence[Transport] = ALL_TRANSPORTS,
    families: Sequence[Family] = ("A", "AAAA"),
) -> Generator[Queries, Answers, list[Target]]:
    """RFC 3263 §4 for one SIP or SIPS URI. Returns [] where nothing can be reached.

    `transports` are those that we can use, the preferred one first; `families` the kinds of
    addresses that we can use, in the order in which they are tried.
    """
    named = uri_transport(uri)
    asked = (uri.param("transport") or "").lower()
    host = target_host(uri)
    if not host or _impossible(uri.scheme, asked) or (named and named not in transports):
        return []
    if uri.port == 0:
        return []  # nobody can be there
    number = numeric_host(uri)
    if number is not None:
        transport = named or "udp"
        return _usable([Target(transport, number, _port(uri, transport))], transports)
    if uri.port is not None:
        transport = named or "udp"
        return _usable((yield from _addresses(host, transport, uri.port, families)), transports)
    if named is None:
        services = yield from _naptr(host, transports)
    else:
        services = []
    if not services:
        chosen = [named] if named is not None else list(transports)
        services = [(transport, _SRV_PREFIX[transport] + host) for transport in chosen]
    found = yield from _servers(services, ids, families)
    if found is not None:
        return found
    transport = named or "udp"
    fallback = yield from _addresses(host, transport, _port(uri, transport), families)
    return _usable(fallback, transports)


def _impossible(scheme: str, asked: str) -> bool:
    """A transport that does not exist here, or sips over datagrams."""
    return asked not in {"", "udp", "tcp", "tls"} or (scheme == "sips" and asked == "udp")


def _port(uri: Uri, transport: Transport) -> int:
    return uri.port or (5061 if transport == "tls" else 5060)


def _usable(targets: list[Target], transports: Sequence[Transport]) -> list[Target]:
    return [target for target in targets if target.transport in transports]


def _naptr(
    host: str, transports: Sequence[Transport]
) -> Generator[Queries, Answers, list[tuple[Transport, str]]]:
    """The SRV names by NAPTR, best first; all of the lowest order that has one we can use."""
    answers = yield (Query("NAPTR", host),)
    usable: list[tuple[int, int, Transport, str]] = []
    for record in answers[0]:
        if isinstance(record, Naptr) and record.flags.lower() == "s":
            transport = _NAPTR_SERVICES.get(record.service.upper())
            if transport is not None and transport in transports:
                name = record.replacement.rstrip(".")
                usable.append((record.order, record.preference, transport, name))
    best = nsmallest(MAX_RECORDS, usable, key=lambda item: item[:2])
    return [item[2:] for item in best if item[0] == best[0][0]]


def _servers(
    services: list[tuple[Transport, str]], ids: Ids, families: Sequence[Family]
) -> Generator[Queries, Answers, list[Target] | None]:
    """The targets behind SRV names, in order; None where there is no SRV record at all."""
    answers = yield tuple(Query("SRV", name) for _, name in services)
    hosts: list[tuple[Transport, int, str]] = []
    exists = False
    for (transport, _), answer in zip(services, answers, strict=True):
        records = [record for record in answer if isinstance(record, Srv)]
        exists = exists or bool(records)
        for record in srv_order(records, ids):
            name = record.target.rstrip(".")
            if name and record.port:  # "." says that the service is not offered (RFC 2782)
                hosts.append((transport, record.port, name))
    if not exists:
        return None
    if not hosts:
        return []
    left = (MAX_QUESTIONS - 1 - len(services)) // len(families)
    names = list(dict.fromkeys(name for _, _, name in hosts))[:left]
    queries = tuple(Query(family, name) for name in names for family in families)
    found = dict(zip(queries, (yield queries), strict=True))
    targets = (
        Target(transport, record, port)
        for transport, port, name in hosts
        for family in families
        for record in _ips(found.get(Query(family, name), ()))
    )
    return list(islice(targets, MAX_TARGETS))


def _addresses(
    host: str, transport: Transport, port: int, families: Sequence[Family]
) -> Generator[Queries, Answers, list[Target]]:
    answers = yield tuple(Query(family, host) for family in families)
    found = (Target(transport, ip, port) for answer in answers for ip in _ips(answer))
    return list(islice(found, MAX_TARGETS))


def _ips(records: Iterable[Record]) -> list[str]:
    return [record for record in records if isinstance(record, str)]


def srv_order(records: Iterable[Srv], ids: Ids) -> list[Srv]:
    """RFC 2782: by priority; within one, drawn at random in proportion to the weights. The first
    `MAX_RECORDS` by priority are all that count."""
    groups: dict[int, list[Srv]] = {}
    for record in nsmallest(MAX_RECORDS, records, key=lambda record: record.priority):
        groups.setdefault(record.priority, []).append(record)
    ordered: list[Srv] = []
    for group in groups.values():
        # Those of weight 0 first, so that they are drawn rarely but can be drawn.
        waiting = sorted(group, key=lambda record: record.weight)
        while waiting:
            running = list(accumulate(record.weight for record in waiting))
            draw = int(ids.random.random() * (running[-1] + 1))
            ordered.append(waiting.pop(bisect_left(running, draw)))
    return ordered
