"""calls.md §5: after a kill, each stored dialog gets its BYE and open transfers are interrupted."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from tests.test_server import settings

from hookflash.adapters.clock import SystemClock
from hookflash.adapters.store.ops import PutCall, PutDialog, PutTransfer
from hookflash.adapters.store.store import Store
from hookflash.calls.effects import LateNotify, LegEnded
from hookflash.calls.records import AttemptRecord, CallRecord, DialogRecord, TransferRecord
from hookflash.calls.switchboard import ForOwner
from hookflash.carrier.network import Carrier
from hookflash.server import Server

TRANSFER = TransferRecord(
    transfer_id="STR_1",
    call_id="SCL_1",
    room="lobby",
    identity="caller",
    target="tel:+1",
    refer_to="<tel:+1>",
    api_key="k",
    request_id="r1",
    created_at=1.0,
    sip_status=180,
)


def dialog(address: tuple[str, int], remote: str) -> DialogRecord:
    return DialogRecord(
        call_id="SCL_1",
        sip_call_id="call@peer",
        local="<sip:us@127.0.0.1>;tag=SCL_1",
        remote=remote,
        local_cseq=1,
        route_set=(),
        remote_target=f"sip:them@127.0.0.1:{address[1]}",
        transport="udp",
        local_address=("127.0.0.1", 5060),
        next_hop=address,
    )


async def crashed(
    data_dir: Path, record: DialogRecord, attempts: tuple[AttemptRecord, ...] = ()
) -> None:
    """Leave a database as a killed server does; of today, or the start would forget it."""
    store = Store(data_dir)
    store.start()
    now = SystemClock().now()
    call = CallRecord("SCL_1", "call@peer", "inbound", room="lobby", created_at=now)
    await store.write(
        PutDialog(record),
        PutCall(call),
        PutTransfer(replace(TRANSFER, created_at=now, attempts=attempts)),
    )
    await store.close()


def test_stored_calls_are_hung_up_and_transfers_interrupted(tmp_path: Path) -> None:
    async def check() -> None:
        async with Carrier(seed=1) as carrier:
            phone = await carrier.phone("+14150000001")
            await crashed(tmp_path, dialog(phone.address, "<sip:them@127.0.0.1>;tag=them"))
            server = Server(settings(tmp_path))
            await server.start()
            try:
                assert await carrier.seen("BYE")
                stored = await server.store.transfer("STR_1")
                assert stored is not None
                assert (stored.verdict, stored.error) == ("interrupted", "service shutting down")
                call = await server.store.call("SCL_1")
                assert call is not None
                assert (call.end_reason, call.ended_by) == ("server restarted", "local")
                page = server.metrics.page().decode()
                assert 'transfers_failed_total{reason="STR_UNSPECIFIED"} 1.0' in page
                assert server.store.load().dialogs == []
                assert server.store.load().transfers == []
            finally:
                await server.stop()

    asyncio.run(check())


@pytest.mark.parametrize(("status", "late_success"), [(200, True), (486, False)])
def test_what_a_notify_tells_after_the_restart_is_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int, late_success: bool
) -> None:
    """As in a call: a late success is told once more, a late failure only written down."""

    async def check() -> None:
        await crashed(tmp_path, dialog(("127.0.0.1", 9), "<sip:them@127.0.0.1>;tag=them"))
        server = Server(settings(tmp_path))
        await server.start()
        try:
            told: list[TransferRecord] = []
            parts = server.exchange.parts
            monkeypatch.setattr(
                parts.sink, "transfer_changed", lambda record, *_: told.append(record)
            )
            restored = next(parts.board.legs())
            server.exchange.perform([ForOwner(restored, LateNotify(status, "Why"))])
            assert [record.late_success for record in told] == [True] * late_success
            stored = await server.store.transfer("STR_1")
            assert stored is not None
            assert (stored.verdict, stored.sip_status) == ("interrupted", 180)
            assert stored.notes == (f"after the restart: {status} Why",)
            assert stored.late_success is late_success
        finally:
            await server.stop()

    asyncio.run(check())


def test_the_last_attempt_of_an_interrupted_transfer_is_interrupted(tmp_path: Path) -> None:
    attempts = (AttemptRecord("tel:+1", outcome="refused"), AttemptRecord("tel:+1"))

    async def check() -> None:
        record = dialog(("127.0.0.1", 9), "<sip:them@127.0.0.1>;tag=them")
        await crashed(tmp_path, record, attempts)
        server = Server(settings(tmp_path))
        await server.start()
        try:
            stored = await server.store.transfer("STR_1")
            assert stored is not None
            assert [each.outcome for each in stored.attempts] == ["refused", "interrupted"]
        finally:
            await server.stop()

    asyncio.run(check())


def test_a_stored_dialog_that_cannot_be_read_does_not_stop_the_start(tmp_path: Path) -> None:
    async def check() -> None:
        await crashed(tmp_path, dialog(("127.0.0.1", 9), "<<<"))
        server = Server(settings(tmp_path))
        await server.start()
        try:
            assert len(server.exchange.parts.board) == 0
        finally:
            await server.stop()

    asyncio.run(check())


def test_a_notify_of_no_transfer_and_the_last_word_of_a_leg_change_nothing(tmp_path: Path) -> None:
    async def check() -> None:
        await crashed(tmp_path, dialog(("127.0.0.1", 9), "<sip:them@127.0.0.1>;tag=them"))
        server = Server(settings(tmp_path))
        await server.start()
        try:
            restored = next(server.exchange.parts.board.legs())
            before = await server.store.transfer("STR_1")
            server.exchange.restored_dialogs._transfers.clear()
            server.exchange.perform([ForOwner(restored, LateNotify(200, "OK"))])
            server.exchange.perform([ForOwner(restored, LegEnded("local", "over", None))])
            assert await server.store.transfer("STR_1") == before
            call = await server.store.call("SCL_1")
            assert call is not None
            assert call.end_reason == "server restarted"
        finally:
            await server.stop()

    asyncio.run(check())
