"""The doctor's look at each trunk of a server."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from livekit.protocol import sip

from ..calls.trunks.table import host_of
from ..doctor.diagnosis import Finding
from ..doctor.trunks import Probe, judge_inbound, judge_outbound
from ..sip.flow import Transport
from .client import Client
from .kept import INBOUND, OUTBOUND, RULES
from .probe import OptionsProbe

_TRANSPORTS: Final[dict[int, Transport]] = {
    sip.SIP_TRANSPORT_UDP: "udp",
    sip.SIP_TRANSPORT_TCP: "tcp",
    sip.SIP_TRANSPORT_TLS: "tls",
}


def check_trunks(client: Client) -> list[Finding]:
    """All of them; outbound ones are asked from here, all at once."""
    rules = list(RULES.find(client, [], []))
    found: list[Finding] = []
    for trunk in INBOUND.find(client, [], []):
        ident = trunk.sip_trunk_id
        found += judge_inbound(
            f"inbound trunk {ident} {trunk.name}".rstrip(),
            addresses=trunk.allowed_addresses,
            callers=trunk.allowed_numbers,
            user=trunk.auth_username,
            has_rule=any(not rule.trunk_ids or ident in rule.trunk_ids for rule in rules),
        )
    outbound = list(OUTBOUND.find(client, [], []))
    for out, probe in zip(outbound, asyncio.run(_probes(outbound)), strict=True):
        found += judge_outbound(
            f"outbound trunk {out.sip_trunk_id} {out.name}".rstrip(),
            host_of(out.address),
            probe,
            has_user=bool(out.auth_username),
        )
    return found or [Finding("note", "trunks", "there are none", "`hookflash trunk inbound add`")]


async def _probes(trunks: Sequence[sip.SIPOutboundTrunkInfo]) -> list[Probe]:
    if not trunks:
        return []
    async with OptionsProbe() as probe:
        asked = [
            probe.ask(
                trunk.address,
                _TRANSPORTS.get(trunk.transport),
                trunk.auth_username,
                trunk.auth_password,
            )
            for trunk in trunks
        ]
        return list(await asyncio.gather(*asked))
