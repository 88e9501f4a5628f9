"""What can be written to the store: frozen data, each one change of one table."""

from __future__ import annotations

from typing import Literal

from ...base.light import light_dataclass
from ...calls.records import CallRecord, DialogRecord, DialRecord, TransferRecord
from ...sip.trace import Trace

TrunkKind = Literal["inbound", "outbound"]


@light_dataclass(frozen=True, slots=True)
class PutTrunk:
    """Add or replace a trunk; `data` is its protobuf message."""

    trunk_id: str
    kind: TrunkKind
    data: bytes


@light_dataclass(frozen=True, slots=True)
class DeleteTrunk:
    """Forget a trunk of either kind."""

    trunk_id: str


@light_dataclass(frozen=True, slots=True)
class PutRule:
    """Add or replace a dispatch rule; `data` is its protobuf message."""

    rule_id: str
    data: bytes


@light_dataclass(frozen=True, slots=True)
class DeleteRule:
    """Forget a dispatch rule."""

    rule_id: str


@light_dataclass(frozen=True, slots=True)
class PutTransfer:
    """A transfer as it is now."""

    record: TransferRecord


@light_dataclass(frozen=True, slots=True)
class PutDial:
    """A request for a call of ours as it is now."""

    record: DialRecord


@light_dataclass(frozen=True, slots=True)
class PutCall:
    """A line of the call history, with the SIP messages of the call where they are kept; what is
    secret in those is taken out when they are written."""

    record: CallRecord
    messages: Trace | None = None
    shift: float = 0.0
    """Seconds from the times of the messages to the world's."""


@light_dataclass(frozen=True, slots=True)
class PutDialog:
    """A confirmed dialog, to be hung up after a crash."""

    record: DialogRecord


@light_dataclass(frozen=True, slots=True)
class DeleteDialog:
    """Its call is over."""

    call_id: str


@light_dataclass(frozen=True, slots=True)
class AddAudit:
    """Who changed what. `at` is seconds since the epoch."""

    at: float
    api_key: str
    action: str
    """`create inbound trunk`, `update dispatch rule`, `transfer`, `call` …"""
    subject: str
    """Id of what was changed or made."""
    detail: str = ""
    """Its name; who was transferred or called, and where to."""


@light_dataclass(frozen=True, slots=True)
class Prune:
    """Forget transfers, calls, lines of the audit, requests for calls and SIP messages from before
    these times (seconds since the epoch). Calls from before `messages_since` have none any more."""

    transfers_before: float
    calls_before: float
    audit_before: float
    dials_before: float
    messages_before: float
    messages_since: float = 0.0


StoreOp = (
    PutTrunk
    | DeleteTrunk
    | PutRule
    | DeleteRule
    | PutTransfer
    | PutDial
    | PutCall
    | PutDialog
    | DeleteDialog
    | AddAudit
    | Prune
)
