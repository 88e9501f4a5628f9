"""What is written down of calls and transfers, and who waits for it."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from structlog.testing import capture_logs
from tests.support.manual_clock import ManualClock
from tests.support.sip_messages import flow_to

from hookflash.adapters.store.sql import AuditLine, Page
from hookflash.adapters.store.store import Store
from hookflash.base.errors import StoreError
from hookflash.base.idempotency import REMEMBERED
from hookflash.calls.records import CallRecord, DialRecord, StageEntry, TransferRecord
from hookflash.runtime.call_records import CallRecords
from hookflash.sip.trace import Trace

RECORD = TransferRecord(
    transfer_id="STR_1",
    call_id="SCL_1",
    room="lobby",
    identity="caller",
    target="tel:+1",
    refer_to="<tel:+1>",
    api_key="key",
    request_id="",
    created_at=1000.0,
    stages=(StageEntry("requested", 1000.0),),
)


def call_records(clock: ManualClock | None = None) -> tuple[CallRecords, Store]:
    store = Store()
    store.start()
    return CallRecords(store, clock or ManualClock(1000.0)), store


def test_a_transfer_is_stored_before_it_goes_on() -> None:
    async def check() -> None:
        book, store = call_records()
        stored = asyncio.Event()
        book.transfer_then(RECORD, stored.set, lambda: None)
        assert not stored.is_set()
        await stored.wait()
        assert await store.transfer("STR_1") == RECORD
        what = "lobby/caller to tel:+1"
        line = AuditLine(1, 1000.0, "key", "transfer", "STR_1", what)
        assert await store.audit(Page()) == [line]
        await book.stop()
        await store.close()

    asyncio.run(check())


def test_what_happens_right_after_is_what_stays_stored() -> None:
    """The caller hangs up in the turn of the loop in which the transfer is asked for."""
    over = replace(RECORD, verdict="call ended", ended_at=1000.5)

    async def check() -> None:
        book, store = call_records()
        book.transfer_then(RECORD, lambda: None, lambda: None)
        book.transfer(over)
        await book.stored()
        assert await store.transfer("STR_1") == over
        await book.stop()
        await store.close()

    asyncio.run(check())


def test_going_on_once_everything_is_stored() -> None:
    async def check() -> None:
        book, store = call_records()
        done = asyncio.Event()
        book.transfer(RECORD)
        book.once_stored(done.set)
        assert not done.is_set()
        await done.wait()
        stored = store._connection.execute("SELECT id FROM transfers").fetchall()
        assert stored == [("STR_1",)]
        await book.stop()
        await store.close()

    asyncio.run(check())


@pytest.mark.parametrize("error", [StoreError("disk full"), KeyError("a mistake of ours")])
def test_a_transfer_that_cannot_be_stored_does_not_go_on(error: Exception) -> None:
    class Broken:
        async def write(self, *_ops: object) -> None:
            raise error

    async def check() -> None:
        book = CallRecords(Broken(), ManualClock())  # type: ignore[arg-type]
        failed = asyncio.Event()
        with capture_logs() as logs:
            book.transfer_then(RECORD, lambda: None, failed.set)
            await failed.wait()
        assert logs[0]["event"] == "transfer_not_stored"

    asyncio.run(check())


def test_a_request_for_a_call_is_stored_before_its_call_is_made() -> None:
    async def check() -> None:
        clock = ManualClock(1000.0)
        book, store = call_records(clock)
        stored = asyncio.Event()
        record = DialRecord("key", "r1", 1000.0, "lobby", "+1", "SCL_1", "sip_+1", "PA_1")
        book.dial_then(record, stored.set, lambda: None)
        assert not stored.is_set()
        await stored.wait()
        answered = replace(record, verdict="answered")
        book.dial(answered)
        assert await store.dials_since(0.0) == [answered]
        clock.advance(REMEMBERED + 1)
        book.prune(1e9, 1e9, 1e9, 1e9)
        assert await store.dials_since(0.0) == []
        await book.stop()
        await store.close()

    asyncio.run(check())


def test_old_records_are_forgotten() -> None:
    async def check() -> None:
        clock = ManualClock(1000.0)
        book, store = call_records(clock)
        book.transfer(replace(RECORD, verdict="rejected"))
        book.call_asked_for("key", "SCL_1", "lobby/sip_+1 to +1")
        assert len(await store.audit(Page())) == 1
        book.call_ended(CallRecord("SCL_1", "c", "inbound", created_at=1000.0), Trace(()))
        clock.advance(100)
        book.prune(50.0, 200.0, 200.0, 200.0)
        assert await store.transfers(Page()) == []
        assert await store.messages("SCL_1") is not None
        book.prune(50.0, 200.0, 200.0, 50.0)
        assert await store.messages("SCL_1") is None
        assert await store.call("SCL_1") is not None
        assert len(await store.audit(Page())) == 1
        book.prune(50.0, 50.0, 50.0, 50.0)
        assert await store.audit(Page()) == []
        await store.close()

    asyncio.run(check())


def test_what_is_stored_has_the_time_of_the_world() -> None:
    """The clock was an hour behind at the start and has been set since."""

    async def check() -> None:
        clock = ManualClock(1000.0)
        clock.ahead = 3600.0
        book, store = call_records(clock)
        book.transfer(replace(RECORD, verdict="rejected", ended_at=1001.0))
        record = CallRecord("SCL_1", "c", "inbound", created_at=1000.0, ended_at=1002.0)
        book.call_ended(record, Trace(((1001.0, flow_to(), True, b""),)))
        book.dial(DialRecord("key", "r1", 1000.0, "lobby", "+1", "SCL_1", "sip_+1", "PA_1"))
        book.call_asked_for("key", "SCL_1", "lobby/sip_+1 to +1")
        transfer = await store.transfer("STR_1")
        assert transfer is not None
        assert (transfer.created_at, transfer.ended_at) == (4600.0, 4601.0)
        assert transfer.stages == (StageEntry("requested", 4600.0),)
        call = await store.call("SCL_1")
        assert call is not None
        assert (call.created_at, call.answered_at, call.ended_at) == (4600.0, None, 4602.0)
        kept = await store.messages("SCL_1")
        assert kept is not None
        assert [message.at for message in kept.messages] == [4601.0]
        assert [dial.created_at for dial in await store.dials_since(0.0)] == [4600.0]
        assert [line.at for line in await store.audit(Page())] == [4600.0]
        clock.ahead = 7200.0
        book.prune(3599.0, 3599.0, 3599.0, 3599.0)
        assert await store.transfers(Page()) == []
        await store.close()

    asyncio.run(check())
