from __future__ import annotations

import asyncio
import shutil
import sqlite3
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from livekit.protocol.sip import SIPDispatchRuleInfo, SIPInboundTrunkInfo, SIPOutboundTrunkInfo
from structlog.testing import capture_logs
from tests.support.disk import full_disk

from hookflash.adapters.store.file import DATABASE, backup_database
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
    KeptMessages,
    StageEntry,
    TransferRecord,
)
from hookflash.sip.trace import Trace


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
            with pytest.raises(ConfigError, match="this is none"):
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


class Timers:
    """A loop that only keeps what is to be called later."""

    def __init__(self) -> None:
        self.due: list[Callable[[], None]] = []

    def call_later(self, _: float, act: Callable[[], None]) -> None:
        self.due.append(act)


def test_one_timer_hands_over_what_may_be_put_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where somebody who waits for a write has taken along what was there before."""
    store, timers = Store(), Timers()
    monkeypatch.setattr(asyncio, "get_running_loop", lambda: timers)
    for number in range(3):
        store.write_soon(DeleteTrunk(f"ST_{number}"))
        store._hand_over()
    store.write_soon(DeleteTrunk("ST_3"))
    assert (len(timers.due), store._queue.qsize()) == (1, 3)
    timers.due.pop()()
    assert store._queue.qsize() == 4
    store.write_soon(DeleteTrunk("ST_4"))
    assert len(timers.due) == 1


def test_what_is_asked_for_in_one_turn_is_handed_over_together() -> None:
    async def body() -> None:
        store = Store()
        store.write_soon(PutTransfer(transfer("STR_a")))
        writes = [store.write(PutTransfer(transfer(f"STR_{number}"))) for number in range(4)]
        assert store._queue.qsize() == 0
        turn = asyncio.get_running_loop().create_future()
        turn.get_loop().call_soon(turn.set_result, None)
        await turn
        assert store._queue.qsize() == 1
        store.start()
        await asyncio.gather(*writes)
        assert len(await store.transfers(Page())) == 5
        await store.close()

    run(body)


def test_what_must_be_safe_takes_along_what_was_put_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """A crash right after a REFER has all calls hung up that were up."""
    monkeypatch.setattr("hookflash.adapters.store.store.SOON", 60.0)

    async def body() -> None:
        async with opened() as store:
            store.write_soon(PutDialog(DIALOG))
            await store.write(PutTransfer(transfer("STR_a")))
            assert store.load().dialogs == [DIALOG]

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
                PutCall(CallRecord("SCL_kept", "id", "inbound", created_at=7.5), Trace(())),
                PutCall(CallRecord("SCL_lost", "id", "inbound", created_at=6.5), Trace(())),
                PutCall(CallRecord("SCL_gone", "id", "inbound", created_at=5.5), Trace(())),
                PutDial(dial("old", at=1.0)),
                PutDial(dial("new", at=9.0)),
            )
            for at, subject in ((1.0, "SDR_old"), (9.0, "SDR_new")):
                await store.write(AddAudit(at, "k", "create rule", subject))
            await store.write(Prune(5.0, 5.0, 5.0, 5.0, messages_before=7.0, messages_since=6.0))
            left = {t.transfer_id for t in await store.transfers(Page())}
            assert left == {"STR_open", "STR_new"}
            left = {c.call_id for c in await store.calls(Page())}
            assert left == {"SCL_new", "SCL_kept", "SCL_lost", "SCL_gone"}
            assert [line.subject for line in await store.audit(Page())] == ["SDR_new"]
            assert [d.request_id for d in await store.dials_since(0.0)] == ["new"]
            assert await store.messages("SCL_kept") == KeptMessages(())
            assert await store.messages("SCL_lost") is None
            # Had no messages since an earlier time: it was not looked at.
            assert await store.messages("SCL_gone") == KeptMessages(())

    run(body)


def test_in_memory_the_messages_of_the_last_thousand_calls_are_kept() -> None:
    async def body() -> None:
        store = Store()
        store.start()
        for number in range(1001):
            store.write_soon(PutCall(CallRecord(f"SCL_{number}", "i", "inbound"), Trace(())))
        await store.write()
        assert await store.messages("SCL_0") is None
        assert await store.messages("SCL_1") == KeptMessages(())
        await store.close()

    run(body)


def test_messages_that_are_damaged_are_an_error_of_the_store() -> None:
    async def body() -> None:
        async with opened() as store:
            await store.write(PutCall(CallRecord("SCL_1", "i", "inbound"), Trace(())))
            await store._ask(lambda c: c.execute("UPDATE calls SET messages = x'01'"))
            with pytest.raises(StoreError, match="cannot be read"):
                await store.messages("SCL_1")

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


def test_what_comes_too_late_is_counted() -> None:
    async def body() -> None:
        async with opened() as store:
            pass
        with capture_logs() as logs:
            store.write_soon(DeleteTrunk("ST_x"))
        assert store.failed_writes == 1
        assert [(line["event"], line["ops"]) for line in logs] == [("write_failed", "DeleteTrunk")]

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


def test_a_database_that_is_damaged_is_served_as_far_as_it_can_be_read(tmp_path: Path) -> None:
    async def body() -> None:
        data = tmp_path / "data"
        async with opened(data) as store:
            await store.write(
                PutDialog(DIALOG),
                PutTransfer(replace(transfer("STR_a"), request_id="r")),
                PutTransfer(replace(transfer("STR_b"), request_id="r")),
            )
        connection = sqlite3.connect(data / DATABASE)
        connection.execute("DROP TABLE rules")
        connection.execute("DROP TABLE dials")
        connection.execute("UPDATE transfers SET data = 'no json' WHERE id = 'STR_a'")
        connection.execute("INSERT INTO calls VALUES ('SCL_a', 'lobby', 1.0, '{}', NULL)")
        connection.commit()
        connection.close()
        with capture_logs() as lines:
            again = Store(data)
            stored = again.load()
            again.start()
            assert stored.dialogs == [DIALOG]
            assert [record.transfer_id for record in stored.transfers] == ["STR_b"]
            assert [t.transfer_id for t in await again.requested_since(0.0)] == ["STR_b"]
            assert [t.transfer_id for t in await again.transfers(Page())] == ["STR_b"]
            assert await again.transfer("STR_a") is None
            assert await again.dials_since(0.0) == []
            assert await again.call("SCL_a") is None
            assert await again.calls_of(["SCL_a", "SCL_none"]) == []
            assert await again.calls(Page()) == []
            await again.write(PutTransfer(transfer("STR_c")))
        await again.close()
        named = {(line["event"], line["table"], line.get("id")) for line in lines}
        assert named == {
            ("table_unreadable", "rules", None),
            ("table_unreadable", "dials", None),
            ("row_unreadable", "transfers", "STR_a"),
            ("row_unreadable", "calls", "SCL_a"),
        }

    run(body)


@pytest.mark.parametrize("size", [50, 5000, 20000])
def test_a_file_that_was_cut_off_is_read_as_far_as_it_goes(tmp_path: Path, size: int) -> None:
    """Or refused where that is nowhere; it is never begun anew."""

    async def body() -> None:
        data = tmp_path / "data"
        async with opened(data) as store:
            await store.write(PutDialog(DIALOG))
        with (data / DATABASE).open("r+b") as file:
            file.truncate(size)
        before = (data / DATABASE).read_bytes()
        with capture_logs() as lines:
            if size < 4096:
                with pytest.raises(ConfigError, match=DATABASE):
                    Store(data)
            else:
                again = Store(data)
                again.load()
                await again.close()
                assert {line["event"] for line in lines} == {"write_failed", "table_unreadable"}
        assert (data / DATABASE).read_bytes() == before

    run(body)


# --- a full disk ----------------------------------------------------------------------------------


def until(store: Store, failing: bool) -> None:
    """Wait for the writer thread."""
    pause = threading.Event()
    for _ in range(1000):
        if store.failing == failing:
            return
        pause.wait(0.01)
    raise AssertionError(f"failing is {store.failing}")


def test_a_full_disk_is_told_once_and_room_ends_it(tmp_path: Path) -> None:
    async def body() -> None:
        async with opened(tmp_path / "data") as store:
            await store.write(PutTransfer(transfer("STR_a")))
            with capture_logs() as lines:
                with full_disk():
                    for number in range(5):
                        store.write_soon(PutTransfer(transfer(f"STR_{number}")))
                    with pytest.raises(StoreError):
                        await store.write(PutTransfer(transfer("STR_b")))
                    assert len(await store.transfers(Page())) == 1
                    assert store.failing
                assert store.failed_writes == 6
                await store.write(PutTransfer(transfer("STR_c")))
            assert not store.failing
            assert [line["event"] for line in lines] == ["write_failed", "writes_again"]
            assert "file too large" in lines[0]["why"]

    run(body)


def test_room_is_found_without_a_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hookflash.adapters.store.store.PROBE_EVERY", 0.01)

    async def body() -> None:
        async with opened(tmp_path / "data") as store:
            with capture_logs() as lines:
                with full_disk():
                    store.write_soon(PutTransfer(transfer("STR_a")))
                    await store.transfers(Page())
                    assert store.failing
                until(store, failing=False)
            assert [line["event"] for line in lines] == ["write_failed", "writes_again"]

    run(body)


@pytest.mark.parametrize("crashed", [False, True])
def test_a_start_on_a_full_disk_reads_and_later_writes(tmp_path: Path, crashed: bool) -> None:
    """After a crash what is read is partly in the WAL."""

    async def body() -> None:
        data = tmp_path / "data"
        async with opened(data) as first:
            await first.write(PutTransfer(transfer("STR_a")))
            if crashed:
                data = Path(shutil.copytree(data, tmp_path / "copy"))
                (data / f"{DATABASE}-shm").unlink()
        with capture_logs() as lines:
            with full_disk():
                store = Store(data)
                assert store.failing
                assert [t.transfer_id for t in store.load().transfers] == ["STR_a"]
                store.start()
                with pytest.raises(StoreError):
                    await store.write(PutTransfer(transfer("STR_b")))
                assert len(await store.transfers(Page())) == 1
            await store.write(PutTransfer(transfer("STR_c")))
            assert not store.failing
            backup_database(data, tmp_path / "backup")  # others may open it again
            await store.close()
        assert [line["event"] for line in lines] == ["write_failed", "writes_again"]
        again = Store(data)
        assert [t.transfer_id for t in again.load().transfers] == ["STR_a", "STR_c"]
        await again.close()

    run(body)


def test_a_first_start_on_a_full_disk_says_so(tmp_path: Path) -> None:
    with full_disk(), pytest.raises(StoreError, match="file too large"):
        Store(tmp_path / "data")
    asyncio.run(Store(tmp_path / "data").close())
