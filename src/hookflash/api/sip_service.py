"""`livekit.SIP`, put together of its parts."""

from __future__ import annotations

from ..adapters.store import Store
from ..base.ids import Ids
from ..calls.trunks.book import TrunkBook
from .backend import Telephony
from .context import Service
from .ledger import Ledger
from .sip_calls import SipCalls
from .sip_rules import SipRules
from .sip_trunks import SipTrunks


def sip_service(
    book: TrunkBook, store: Store, ids: Ids, telephony: Telephony, *, hide_passwords: bool = False
) -> Service:
    """Trunks, rules, transfers and outbound calls."""
    ledger = Ledger(book, store, ids)
    return Service(
        "livekit.SIP",
        {
            **SipTrunks(ledger, hide_passwords=hide_passwords).methods(),
            **SipRules(ledger).methods(),
            **SipCalls(book, ids, telephony).methods(),
        },
    )
