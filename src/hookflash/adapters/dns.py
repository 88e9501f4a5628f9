"""DNS with dnspython: answers the queries of RFC 3263 (`sip.location.locate`), and finds the
addresses of a peer that is known by its name."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
from collections.abc import Iterable, Sequence
from typing import Any

import dns.asyncresolver
import dns.exception
import dns.message
import dns.nameserver
import dns.resolver
import structlog

from ..base.errors import forget_frames
from ..base.ids import Ids
from ..sip.flow import Transport
from ..sip.location import Naptr, Query, Record, Srv, Target, locate
from ..sip.uri import Uri

_log = structlog.get_logger("dns")

_NUMBER = re.compile(r"(?:.*\.)?(?:[0-9]++|0x[0-9a-f]*+)\.?", re.IGNORECASE | re.DOTALL)
"""A name whose last part is a number is none (RFC 1123 §2.1); the system's resolver reads `12` and
`0x7f000001` as IPv4 addresses, which RFC 3261 §25.1 does not."""

LIFETIME = 5.0
"""Seconds for one query with its retries."""
SERVICES = ("_sip._udp.", "_sip._tcp.", "_sips._tcp.")
MAX_TARGETS = 16
"""SRV targets of one name whose addresses are asked for."""
MAX_CACHED = 500
"""Answers that are kept until their TTL ends; then the one that was used last of all goes."""
MAX_CACHED_RECORDS = 64
"""Of one message; a larger one is asked for again when it is wanted."""


class Cache(dns.resolver.LRUCache):
    """Keeps answers of a usual size only: who has a zone decides how large its answers are."""

    def put(self, key: dns.resolver.CacheKey, value: dns.resolver.Answer) -> None:
        """Keep it, or not."""
        records = sum(len(rrset) for section in value.response.sections for rrset in section)
        if records <= MAX_CACHED_RECORDS:
            super().put(key, value)


class NameServer(dns.nameserver.Do53Nameserver):
    """Asks by TCP at once what an answer by UDP has no room for (RFC 1035 §4.2.1). The resolver
    does that too, but keeps the exception that tells it, and by that the whole answer as garbage.
    """

    async def async_query(
        self,
        request: dns.message.QueryMessage,
        timeout: float,  # noqa: ASYNC109  as in the base class
        source: str | None,
        source_port: int,
        max_size: bool,
        backend: Any,
        one_rr_per_rrset: bool = False,
        ignore_trailing: bool = False,
    ) -> dns.message.Message:
        """The response; `max_size`: by TCP. As the base class, but for `dns.message.Truncated`."""
        where = (timeout, source, source_port)
        how = (backend, one_rr_per_rrset, ignore_trailing)
        if not max_size:
            with contextlib.suppress(dns.message.Truncated):
                return await super().async_query(request, *where, False, *how)
        return await super().async_query(request, *where, True, *how)


class Questions(dns.asyncresolver.Resolver):
    """Keeps of each attempt that failed what it was, not all that it was about: the library's list
    of them is in the frames that their tracebacks hold, with each answer until then."""

    def _compute_timeout(
        self,
        start: float,
        lifetime: float | None = None,
        errors: list[dns.resolver.ErrorTuple] | None = None,
    ) -> float:
        _forget_attempts(errors or ())
        return super()._compute_timeout(start, lifetime, errors)


class Resolver:
    """Asks the system's name servers, or those given as `ip` or `ip:port`."""

    def __init__(self, ids: Ids, *, servers: Sequence[str] = ()) -> None:
        self._ids = ids
        self._resolver = Questions(configure=not servers)
        self._resolver.lifetime = LIFETIME
        self._resolver.cache = Cache(MAX_CACHED)
        if servers:
            host, _, port = servers[0].rpartition(":")
            self._resolver.nameservers = [host or servers[0]]
            self._resolver.port = int(port) if host else 53
        self._resolver.nameservers = [
            NameServer(address, self._resolver.port) if isinstance(address, str) else address
            for address in self._resolver.nameservers
        ]

    def at_once(self, uri: Uri, transports: Sequence[Transport]) -> list[Target] | None:
        """As `locate`, where no query is needed; else None."""
        try:
            next(locate(uri, ids=self._ids, transports=transports))
        except StopIteration as stop:
            targets: list[Target] = stop.value
            return targets
        return None

    async def locate(self, uri: Uri, transports: Sequence[Transport]) -> list[Target]:
        """Places to try for `uri`, best first; [] where there is none (RFC 3263 §4)."""
        steps = locate(uri, ids=self._ids, transports=transports)
        try:
            queries = next(steps)
            while True:
                answers = await asyncio.gather(*(self._ask(query) for query in queries))
                queries = steps.send(list(answers))
        except StopIteration as stop:
            targets: list[Target] = stop.value
            return targets

    async def peer(self, name: str) -> tuple[list[str], bool]:
        """Every address of a host name: A, AAAA, and those of the targets of its SRV records for
        SIP. Second: whether each question had an answer, be it that there is nothing."""
        services = [Query("SRV", service + name) for service in SERVICES]
        answers = await self._ask_all([*services, *_families([name])])
        targets = [
            record.target.rstrip(".")
            for answer in answers[: len(services)]
            for record in answer or ()
            if isinstance(record, Srv)
        ]
        further = [target for target in dict.fromkeys(targets) if target and target != name]
        answers += await self._ask_all(_families(further[:MAX_TARGETS]))
        found = (r for answer in answers for r in answer or () if isinstance(r, str))
        return list(dict.fromkeys(found)), None not in answers

    async def _ask_all(self, queries: Iterable[Query]) -> list[list[Record] | None]:
        return list(await asyncio.gather(*(self._asked(query) for query in queries)))

    async def _ask(self, query: Query) -> list[Record]:
        return await self._asked(query) or []

    async def _asked(self, query: Query) -> list[Record] | None:
        """The records; None where nobody could say whether there are any."""
        try:
            answer = await self._resolver.resolve(
                query.name, query.kind, raise_on_no_answer=False, search=False
            )
        except (dns.exception.DNSException, ValueError) as error:
            if isinstance(error, dns.resolver.NoNameservers):
                _forget_attempts(error.kwargs["errors"])
            _log.debug("dns_failed", name=query.name, kind=query.kind, error=type(error).__name__)
            known = isinstance(error, dns.resolver.NXDOMAIN)
            return await _from_hosts(query) or ([] if known else None)
        records: list[Record] = []
        for item in answer.rrset or ():
            if query.kind == "SRV":
                records.append(Srv(item.priority, item.weight, item.port, str(item.target)))
            elif query.kind == "NAPTR":
                records.append(
                    Naptr(
                        item.order,
                        item.preference,
                        item.flags.decode("ascii", "replace"),
                        item.service.decode("ascii", "replace"),
                        str(item.replacement),
                    )
                )
            else:
                records.append(str(item.address))
        return records or await _from_hosts(query)


def _forget_attempts(errors: Iterable[dns.resolver.ErrorTuple]) -> None:
    for _, _, _, error, _ in errors:
        if isinstance(error, Exception):
            forget_frames(error)


def _families(names: Iterable[str]) -> list[Query]:
    return [query for name in names for query in (Query("A", name), Query("AAAA", name))]


async def _from_hosts(query: Query) -> list[Record]:
    """Names that only this machine knows (/etc/hosts): what the DNS has no answer for."""
    if query.kind not in {"A", "AAAA"} or _NUMBER.fullmatch(query.name):
        return []
    family = socket.AF_INET if query.kind == "A" else socket.AF_INET6
    try:
        found = await asyncio.get_running_loop().getaddrinfo(
            query.name, None, family=family, type=socket.SOCK_DGRAM
        )
    except (OSError, UnicodeError):  # the latter of what can be no host name
        return []
    return list(dict.fromkeys(str(info[4][0]) for info in found))
