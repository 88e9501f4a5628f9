"""`livekit.SIP`, put together of its parts."""

from __future__ import annotations

from ..adapters.store.store import Store
from ..base.ids import Ids
from ..calls.trunks.table import TrunkTable
from .backend import SipBackend
from .context import Service
from .provisioning import Provisioning
from .sip_calls import SipCalls
from .sip_rules import SipRules
from .sip_trunks import SipTrunks


def sip_service(
    trunks: TrunkTable,
    store: Store,
    ids: Ids,
    sip: SipBackend,
    *,
    hide_passwords: bool = False,
) -> Service:
    """Trunks, rules, transfers and outbound calls."""
    provisioning = Provisioning(trunks, store, ids)
    return Service(
        "livekit.SIP",
        {
            **SipTrunks(provisioning, hide_passwords=hide_passwords).methods(),
            **SipRules(provisioning).methods(),
            **SipCalls(trunks, ids, sip).methods(),
        },
    )
