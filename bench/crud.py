"""Figures of the API: trunks and rules created, changed, read and deleted by the thousand."""

from __future__ import annotations

import statistics
import time

from livekit.protocol import sip as proto
from livekit.protocol.models import ListUpdate

from .clients import Answers, Clients, create_rules, create_trunks
from .exchange import Exchange, http_request
from .report import Row, row

COUNT = 10_000
CONNECTIONS = 16


def crud(count: int = COUNT) -> list[Row]:
    """Through HTTP, with sixteen clients at once and the database on the disk."""
    with Exchange() as exchange:
        clients = Clients(exchange.http_port, CONNECTIONS)
        create_trunks(clients, range(count, count + 500))  # what only the first requests cost
        trunks, trunk_ids = create_trunks(clients, range(count))
        before = exchange.cpu()
        rules, rule_ids = create_rules(clients, range(count), trunk_ids)
        used = (exchange.cpu() - before) / count
        got = _get_latency(exchange, trunk_ids[:1000])
        changed = [
            clients.run(
                "UpdateSIPInboundTrunk",
                (
                    proto.UpdateSIPInboundTrunkRequest(
                        sip_trunk_id=ident,
                        update=proto.SIPInboundTrunkUpdate(
                            name="changed", numbers=ListUpdate(add=[f"+1647{number:07d}"])
                        ),
                    )
                    for number, ident in enumerate(trunk_ids)
                ),
            ),
            clients.run(
                "UpdateSIPDispatchRule",
                (
                    proto.UpdateSIPDispatchRuleRequest(
                        sip_dispatch_rule_id=ident,
                        update=proto.SIPDispatchRuleUpdate(name="changed"),
                    )
                    for ident in rule_ids
                ),
            ),
        ]
        deleted = [
            clients.run(
                "DeleteSIPDispatchRule",
                (
                    proto.DeleteSIPDispatchRuleRequest(sip_dispatch_rule_id=ident)
                    for ident in rule_ids
                ),
            ),
            clients.run(
                "DeleteSIPTrunk",
                (proto.DeleteSIPTrunkRequest(sip_trunk_id=ident) for ident in trunk_ids),
            ),
        ]
        clients.close()
    cpu = f" ({used * 1000:.2f} ms of CPU each)"
    return [
        _rate(f"{count:,} trunks created, each stored", [trunks]),
        _rate(f"{count:,} rules created, each stored", [rules], cpu),
        _rate(f"{count:,} trunks and rules changed", changed),
        _rate(f"{count:,} trunks and rules deleted", deleted),
        row(
            f"GetSIPInboundTrunk of {count:,}, sequential, median",
            statistics.median(got),
            1.5,
            unit=" ms",
        ),
    ]


def _rate(what: str, answers: list[Answers], note: str = "") -> Row:
    done = sum(len(part.bodies) for part in answers)
    passed = sum(part.seconds for part in answers)
    return row(what, done / passed, 1500, unit="/s", more=True, digits=0, note=note)


def _get_latency(exchange: Exchange, trunk_ids: list[str]) -> list[float]:
    """Milliseconds of each, one after the other on one connection."""
    client = Clients(exchange.http_port, 1)
    http = client.only
    times: list[float] = []
    for ident in trunk_ids:
        request = http_request(
            "GetSIPInboundTrunk", proto.GetSIPInboundTrunkRequest(sip_trunk_id=ident), client.bearer
        )
        status: list[int] = []
        http.answered = status.append
        started = time.monotonic()
        http.socket.sendall(request)
        while not status:
            http.read()
        times.append((time.monotonic() - started) * 1000)
        if status != [200]:
            raise RuntimeError(f"GetSIPInboundTrunk answered {status}")
    client.close()
    return times
