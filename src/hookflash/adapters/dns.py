"""DNS for RFC 3263: answers the queries of `sip.location.locate` with dnspython."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence

import dns.asyncresolver
import dns.exception
import dns.resolver
import structlog

from ..base.ids import Ids
from ..sip.flow import Transport
from ..sip.location import Naptr, Query, Record, Srv, Target, locate
from ..sip.uri import Uri

_log = structlog.get_logger("dns")

LIFETIME = 5.0
"""Seconds for one query with its retries."""


class Resolver:
    """Asks the system's name servers, or those given as `ip` or `ip:port`."""

    def __init__(self, ids: Ids, *, servers: Sequence[str] = ()) -> None:
        self._ids = ids
        self._resolver = dns.asyncresolver.Resolver(configure=not servers)
        self._resolver.lifetime = LIFETIME
        self._resolver.cache = dns.resolver.LRUCache()
        if servers:
            host, _, port = servers[0].rpartition(":")
            self._resolver.nameservers = [host or servers[0]]
            self._resolver.port = int(port) if host else 53

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

    async def _ask(self, query: Query) -> list[Record]:
        try:
            answer = await self._resolver.resolve(
                query.name, query.kind, raise_on_no_answer=False, search=False
            )
        except (dns.exception.DNSException, ValueError) as error:
            _log.debug("dns_failed", name=query.name, kind=query.kind, error=type(error).__name__)
            return await _from_hosts(query)
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


async def _from_hosts(query: Query) -> list[Record]:
    """Names that only this machine knows (/etc/hosts): what the DNS has no answer for."""
    if query.kind not in {"A", "AAAA"}:
        return []
    family = socket.AF_INET if query.kind == "A" else socket.AF_INET6
    try:
        found = await asyncio.get_running_loop().getaddrinfo(
            query.name, None, family=family, type=socket.SOCK_DGRAM
        )
    except OSError:
        return []
    return list(dict.fromkeys(str(info[4][0]) for info in found))
