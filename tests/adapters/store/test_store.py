from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from livekit.protocol.sip import SIPDispatchRuleInfo, SIPInboundTrunkInfo, SIPOutboundTrunkInfo
from structlog.testing import capture_logs

from hookflash.adapters.store.file import DATABASE
from hookflash.adapters.store.ops import (
    AddAudit,
    DeleteDialog,
    DeleteRule,
    DeleteTrunk,
    Prune,
    PutCall,
    PutDial,
    PutDialog,
    PutRule,
    PutTransfer,
    PutTrunk,
)
from hookflash.adapters.store.sql import AuditLine, Page
from hookflash.adapters.store.store import Store
from hookflash.base.errors import ConfigError, StoreError
from hookflash.calls.records import (
    CallRecord,
    DialogRecord,
    DialRecord,
    StageEntry,
    TransferRecord,
)


def transfer(ident: str, at: float = 1.0, room: str = "lobby") -> TransferRecord:
    return TransferRecord(
        ident, "SCL_a", room, "sip_+1", "tel:+2", "<tel:+2>", "devkey", "", created_at=at
    )


DIALOG = DialogRecord(
    "SCL_a", "id", "<sip:a>;tag=1", "<sip:b>;tag=2", 7, ("<sip:p;lr>",), "sip:b@h", "udp",
    ("127.0.0.1", 5060), ("127.0.0.2", 5060),
)  # fmt: skip


@asynccontextmanager
async def opened(data_dir: Path | None = None) -> AsyncIterator[Store]:
    store = Store(data_dir)
    store.start()
    try:
        yield store
    finally:
        await store.close()


def run(body: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        await body()

    asyncio.run(main())


def test_a_restart_finds_everything(tmp_path: Path) -> None:
    inbound = SIPInboundTrunkInfo(sip_trunk_id="ST_a", numbers=["+1"])
    outbound = SIPOutboundTrunkInfo(sip_trunk_id="ST_b", address="h")
    rule = SIPDispatchRuleInfo(sip_dispatch_rule_id="SDR_a", name="r")
    done = replace(transfer("STR_b"), verdict="succeeded")
    pending = replace(transfer("STR_a"), stages=(StageEntry("sent", 2.0),), notes=("n",))

    async def body() -> None:
        async with opened(tmp_path / "data") as store:
            await store.write(
                PutTrunk("ST_a", "inbound", inbound.SerializeToString()),
                PutTrunk("ST_b", "outbound", outbound.SerializeToString()),
                PutTrunk("ST_c", "inbound", b""),
                PutRule("SDR_a", rule.SerializeToString()),
                PutRule("SDR_b", b""),
                PutTransfer(done),
                PutTransfer(pending),
                PutDialog(DIALOG),
                PutDialog(replace(DIALOG, call_id="SCL_b")),
            )
            await store.write(DeleteTrunk("ST_c"), DeleteRule("SDR_b"), DeleteDialog("SCL_b"))
        again = Store(tmp_path / "data")
        stored = again.load()
        await again.close()
        assert stored.inbound == [inbound]
        assert stored.outbound == [outbound]
        assert stored.rules == [rule]
        assert stored.transfers == [pending]
        assert stored.dialogs == [DIALOG]

    run(body)


def test_a_second_store_of_one_folder_is_refused_until_the_first_is_closed(tmp_path: Path) -> None:
    """Two servers would hang up each other's calls at the start, as those of a crash."""

    async def body() -> None:
        async with opened(tmp_path / "data"):
            with pytest.raises(ConfigError, match="in use"):
                Store(tmp_path / "data")
        (tmp_path / "data" / DATABASE).write_bytes(b"no database at all" * 100)
        for _ in range(2):  # one that fails to open keeps nothing
            with pytest.raises(StoreError):
                Store(tmp_path / "data")

    run(body)


def test_what_was_queued_before_the_start_is_written(tmp_path: Path) -> None:
    async def body() -> None:
        store = Store(tmp_path / "data")
        store.write_soon(PutTransfer(transfer("STR_a")))
        await store.close()
        await store.close()
        again = Store(tmp_path / "data")
        assert len(again.load().transfers) == 1
        await again.close()

    run(body)


def test_reads_see_the_writes_before_them() -> None:
    async def body() -> None:
        async with opened() as store:
            store.write_soon(PutTransfer(transfer("STR_a")))
            store.write_soon(PutTransfer(replace(transfer("STR_a"), verdict="refused")))
            found = await store.transfer("STR_a")
            assert found is not None
            assert found.verdict == "refused"
            assert await store.transfer("STR_x") is None

    run(body)


def test_pages_of_transfers_and_calls() -> None:
    async def body() -> None:
        async with opened() as store:
            for n in range(5):
                room = "lobby" if n != 2 else "other"
                store.write_soon(
                    PutTransfer(transfer(f"STR_{n}", at=float(n), room=room)),
                    PutCall(CallRecord(f"SCL_{n}", "id", "inbound", room, created_at=float(n))),
                )

            async def ids(page: Page) -> list[str]:
                found = [t.transfer_id[4:] for t in await store.transfers(page)]
                assert found == [c.call_id[4:] for c in await store.calls(_calls(page))]
                return found

            assert await ids(Page()) == ["4", "3", "2", "1", "0"]
            assert await ids(Page(of="lobby", limit=2)) == ["4", "3"]
            assert await ids(Page(of="lobby", before="STR_3")) == ["1", "0"]
            assert await ids(Page(before="2")) == ["1", "0"]
            assert await ids(Page(before="STR_unknown")) == []
            assert await ids(Page(limit=-1)) == ["4"]
            found = await store.call("SCL_3")
            assert found is not None
            assert found.created_at == 3.0
            assert await store.call("SCL_x") is None

    run(body)


def _calls(page: Page) -> Page:
    return replace(page, before=page.before.replace("STR", "SCL"))


def test_old_records_are_pruned_but_not_open_transfers() -> None:
    async def body() -> None:
        async with opened() as store:
            await store.write(
                PutTransfer(transfer("STR_open")),
                PutTransfer(replace(transfer("STR_old"), verdict="refused")),
                PutTransfer(replace(transfer("STR_new", at=9.0), verdict="refused")),
                PutCall(CallRecord("SCL_old", "id", "inbound", created_at=1.0)),
                PutCall(CallRecord("SCL_new", "id", "inbound", created_at=9.0)),
                PutDial(dial("old", at=1.0)),
                PutDial(dial("new", at=9.0)),
            )
            for at, subject in ((1.0, "SDR_old"), (9.0, "SDR_new")):
                await store.write(AddAudit(at, "k", "create rule", subject))
            await store.write(Prune(5.0, 5.0, audit_before=5.0, dials_before=5.0))
            left = {t.transfer_id for t in await store.transfers(Page())}
            assert left == {"STR_open", "STR_new"}
            assert [c.call_id for c in await store.calls(Page())] == ["SCL_new"]
            assert [line.subject for line in await store.audit(Page())] == ["SDR_new"]
            assert [d.request_id for d in await store.dials_since(0.0)] == ["new"]

    run(body)


def dial(request_id: str, at: float) -> DialRecord:
    return DialRecord("k", request_id, at, "lobby", "+1", "SCL_1", "sip_+1", "PA_1")


def test_requests_for_calls() -> None:
    async def body() -> None:
        async with opened() as store:
            late, early = dial("late", 3.0), dial("early", 2.0)
            failed = replace(
                early,
                verdict="failed",
                error_code="resource_exhausted",
                error_text="busy",
                error_meta={"sip_status_code": "486"},
            )
            other = replace(early, api_key="k2", created_at=1.0)
            await store.write(PutDial(late), PutDial(early), PutDial(other))
            store.write_soon(PutDial(early))
            store.write_soon(PutDial(failed))
            assert await store.dials_since(1.5) == [failed, late]

    run(body)


def test_audit() -> None:
    async def body() -> None:
        async with opened() as store:
            await store.write(AddAudit(1.0, "k", "create rule", "SDR_a", "d"))
            await store.write(AddAudit(2.0, "k", "delete rule", "SDR_a"))
            await store.write(AddAudit(2.0, "k", "create rule", "SDR_b"))
            lines = await store.audit(Page())
            assert lines == [
                AuditLine(3, 2.0, "k", "create rule", "SDR_b", ""),
                AuditLine(2, 2.0, "k", "delete rule", "SDR_a", ""),
                AuditLine(1, 1.0, "k", "create rule", "SDR_a", "d"),
            ]
            assert await store.audit(Page(of="SDR_a")) == lines[1:]
            assert await store.audit(Page(limit=1)) == lines[:1]
            assert await store.audit(Page(before="3")) == lines[1:]
            assert await store.audit(Page(before="1.5")) == lines[2:]

    run(body)


BAD = PutTrunk("ST_bad", "inbound", None)  # type: ignore[arg-type]


def test_a_failed_write_fails_alone_and_whole() -> None:
    async def body() -> None:
        async with opened() as store:
            results = await asyncio.gather(
                store.write(PutTransfer(transfer("STR_a"))),
                store.write(PutTransfer(transfer("STR_b")), BAD),
                store.write(PutTransfer(transfer("STR_c"))),
                return_exceptions=True,
            )
            assert isinstance(results[1], StoreError)
            assert results[0] is results[2] is None
            assert {t.transfer_id for t in await store.transfers(Page())} == {"STR_a", "STR_c"}

    run(body)


def test_a_failed_write_that_nobody_waits_for_is_logged() -> None:
    async def body() -> None:
        async with opened() as store:
            with capture_logs() as lines:
                store.write_soon(BAD)
                await store.write(DeleteTrunk("ST_x"))
            assert store.failed_writes == 1
            assert [(line["event"], line["ops"]) for line in lines] == [
                ("write_failed", "PutTrunk")
            ]

    run(body)


def test_waiting_for_a_closed_store_is_refused() -> None:
    async def body() -> None:
        async with opened() as store:
            pass
        with pytest.raises(StoreError):
            await store.write(DeleteTrunk("ST_x"))

    run(body)


def test_a_question_that_fails_reaches_who_asked(tmp_path: Path) -> None:
    async def body() -> None:
        async with opened() as store:
            with pytest.raises(StoreError):
                await store.backup(tmp_path / "no" / "such" / "folder" / "copy.db")

    run(body)


def test_a_waiter_that_gave_up_does_no_harm() -> None:
    async def body() -> None:
        async with opened() as store:
            waiting = asyncio.ensure_future(store.write(DeleteTrunk("ST_x")))
            gone = asyncio.ensure_future(store.write(DeleteTrunk("ST_y")))
            await asyncio.wait([gone], timeout=0)
            gone.cancel()
            await waiting
            await store.write(DeleteTrunk("ST_z"))

    run(body)


def test_many_waiters_share_commits() -> None:
    async def body() -> None:
        async with opened() as store:
            await asyncio.gather(
                *(store.write(PutTransfer(transfer(f"STR_{n:04}"))) for n in range(700))
            )
            assert len(await store.transfers(Page(limit=1000))) == 700

    run(body)


def test_backup_of_a_running_store(tmp_path: Path) -> None:
    async def body() -> None:
        async with opened() as store:
            await store.write(PutTransfer(transfer("STR_a")))
            await store.backup(tmp_path / "copy.db")

    run(body)
    connection = sqlite3.connect(tmp_path / "copy.db")
    assert connection.execute("SELECT id FROM transfers").fetchall() == [("STR_a",)]
    connection.close()
    assert (tmp_path / "copy.db").stat().st_mode & 0o777 == 0o600


def test_a_database_that_cannot_be_read_at_the_start(tmp_path: Path) -> None:
    async def body() -> None:
        async with opened(tmp_path / "data") as store:
            await store.write(PutDialog(DIALOG))
        connection = sqlite3.connect(tmp_path / "data" / DATABASE)
        connection.execute("DROP TABLE rules")
        connection.execute("COMMIT") if connection.in_transaction else None
        connection.close()
        again = Store(tmp_path / "data")
        with pytest.raises(StoreError, match="cannot be read"):
            again.load()
        await again.close()

    run(body)
