"""What a start reads. A row that cannot be read is left out with a line in the log, and stays in
the file as it is; so is a table, or the part of it that is damaged."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

import structlog
from google.protobuf.message import DecodeError
from livekit.protocol.sip import SIPDispatchRuleInfo, SIPInboundTrunkInfo, SIPOutboundTrunkInfo

from ...base.errors import StoreError
from ...calls.records import DialogRecord, TransferRecord
from .records import dialog_from, transfer_from

Record = TypeVar("Record")

_log = structlog.get_logger("store")


@dataclass(slots=True)
class Stored:
    """Everything that a start needs."""

    inbound: list[SIPInboundTrunkInfo] = field(default_factory=list)
    outbound: list[SIPOutboundTrunkInfo] = field(default_factory=list)
    rules: list[SIPDispatchRuleInfo] = field(default_factory=list)
    transfers: list[TransferRecord] = field(default_factory=list)
    """Transfers without a verdict: a crash cut them off."""
    dialogs: list[DialogRecord] = field(default_factory=list)
    """Calls that were up."""


def read_stored(connection: sqlite3.Connection) -> Stored:
    """All that can be read, and an error in the log for each row and table that cannot."""
    stored = Stored()

    def trunk(ident: str, kind: str, data: bytes) -> None:
        if kind not in ("inbound", "outbound"):
            raise StoreError(f"no kind of trunk: {kind!r}")
        if kind == "inbound":
            message = SIPInboundTrunkInfo.FromString(data)
            _same(ident, message.sip_trunk_id)
            stored.inbound.append(message)
        else:
            out = SIPOutboundTrunkInfo.FromString(data)
            _same(ident, out.sip_trunk_id)
            stored.outbound.append(out)

    def rule(ident: str, data: bytes) -> None:
        message = SIPDispatchRuleInfo.FromString(data)
        _same(ident, message.sip_dispatch_rule_id)
        stored.rules.append(message)

    def transfer(_: str, data: str) -> None:
        stored.transfers.append(transfer_from(data))

    def dialog(_: str, data: str) -> None:
        stored.dialogs.append(dialog_from(data))

    _each(connection, "trunks", "SELECT id, kind, data FROM trunks", "id", trunk)
    _each(connection, "rules", "SELECT id, data FROM rules", "id", rule)
    opened = "SELECT id, data FROM transfers WHERE open"
    _each(connection, "transfers", opened, "created_at, id", transfer)
    _each(connection, "dialogs", "SELECT id, data FROM dialogs", "id", dialog)
    return stored


def readable(
    table: str, rows: Iterable[tuple[str, str]], read: Callable[[str], Record]
) -> list[Record]:
    """The records of rows of (id, data), those left out that cannot be read."""
    found: list[Record] = []
    for ident, data in rows:
        try:
            found.append(read(data))
        except StoreError as error:
            _unreadable(table, ident, error)
    return found


def _each(
    connection: sqlite3.Connection, table: str, select: str, order: str, take: Callable[..., None]
) -> None:
    for ident, *values in _rows(connection, table, select, order):
        try:
            take(ident, *values)
        except (StoreError, DecodeError, TypeError, ValueError) as error:
            _unreadable(table, ident, error)


def _rows(connection: sqlite3.Connection, table: str, select: str, order: str) -> Iterator[Any]:
    """Where a page of the table is damaged, the rows on its other side are read from the end."""
    seen = set()
    try:
        for row in connection.execute(f"{select} ORDER BY {order}"):
            seen.add(row[0])
            yield row
        return
    except sqlite3.Error as error:
        _log.error("table_unreadable", table=table, rows_read=len(seen), why=str(error))
    rest = []
    backwards = order.replace(",", " DESC,") + " DESC"
    try:
        for row in connection.execute(f"{select} ORDER BY {backwards}"):
            if row[0] in seen:
                break
            rest.append(row)
    except sqlite3.Error:
        pass  # told already
    yield from reversed(rest)


def _same(ident: str, inside: str) -> None:
    """A message that was cut off may still be one, and match every caller."""
    if ident != inside:
        raise StoreError(f"the id in it is {inside!r}")


def _unreadable(table: str, ident: object, error: Exception) -> None:
    _log.error("row_unreadable", table=table, id=ident, why=str(error))
