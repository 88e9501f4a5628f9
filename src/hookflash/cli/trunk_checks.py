"""The doctor's look at each trunk of a server."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from livekit.protocol import sip

from ..adapters.sip_sockets import TlsFiles
from ..adapters.tls_files import checked
from ..base.errors import ConfigError
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


def check_trunks(client: Client, values: Mapping[str, Any] | None = None) -> list[Finding]:
    """All of them; outbound ones are asked from here, all at once. `values`: the server's settings
    where they are known (dotted key → value), for their files of TLS."""
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
    probes = asyncio.run(_probes(outbound, None if values is None else tls_of(values)))
    for out, probe in zip(outbound, probes, strict=True):
        found += judge_outbound(
            f"outbound trunk {out.sip_trunk_id} {out.name}".rstrip(),
            host_of(out.address),
            probe,
            has_user=bool(out.auth_username),
        )
    return found or [Finding("note", "trunks", "there are none", "`hookflash trunk inbound add`")]


def tls_of(values: Mapping[str, Any]) -> TlsFiles:
    """What the server shows and trusts in its own calls; without its certificate where this user
    may not read the key."""
    trusted = TlsFiles(ca_file=values["sip.tls.ca_file"], verify=values["sip.tls.verify"])
    pairs = values["sip.tls.certs"]
    try:
        return checked(replace(trusted, **pairs[0]) if pairs else trusted)
    except ConfigError:
        return trusted


async def _probes(trunks: Sequence[sip.SIPOutboundTrunkInfo], tls: TlsFiles | None) -> list[Probe]:
    if not trunks:
        return []
    async with OptionsProbe(tls=tls) as probe:
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
