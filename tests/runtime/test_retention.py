"""Records are kept as long as the settings say, and forgotten by the hour."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.support.lab import Lab, run

import hookflash.runtime.retention
from hookflash.adapters.clock import SystemClock
from hookflash.adapters.store.store import Store
from hookflash.calls.records import DialRecord, TransferRecord
from hookflash.runtime.call_records import CallRecords
from hookflash.runtime.dials import DialRegistry
from hookflash.runtime.retention import Retention
from hookflash.runtime.transfers import TransferRegistry

LONG_AGO = 1.0
TRANSFER = TransferRecord(
    *("STR_1", "SCL_1", "lobby", "caller", "tel:+1", "<tel:+1>", "key", "r1", LONG_AGO)
)
DIAL = DialRecord("key", "r1", LONG_AGO, "lobby", "+1", "SCL_1", "caller", "PA_1", "answered")


def test_records_are_kept_as_long_as_the_settings_say(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[tuple[float, ...]] = []
    monkeypatch.setattr(CallRecords, "prune", lambda _, *keep: kept.append(keep))

    async def check(lab: Lab) -> None:
        await lab.ready()
        assert kept == [(86400.0, 2 * 86400.0, 3 * 86400.0, 4 * 86400.0)]

    keep: dict[str, Any] = {"transfers__keep": "1d", "calls__keep": "2d", "audit__keep": "3d"}
    run(check, **keep, sip__keep_messages="4d")


def test_messages_are_kept_for_30_days_where_nothing_is_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kept: list[tuple[float, ...]] = []
    monkeypatch.setattr(CallRecords, "prune", lambda _, *keep: kept.append(keep))

    async def check(lab: Lab) -> None:
        await lab.ready()
        assert [keep[3] for keep in kept] == [30 * 86400.0]

    run(check)


def test_it_forgets_at_the_start_and_then_again_and_again_until_it_is_stopped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(hookflash.runtime.retention, "PRUNE_EVERY", 0.001)

    async def check() -> None:
        kept: list[tuple[float, ...]] = []
        thrice = asyncio.Event()

        def prune(_: object, *keep: float) -> None:
            kept.append(keep)
            if len(kept) == 3:
                thrice.set()

        monkeypatch.setattr(CallRecords, "prune", prune)
        store = Store()
        records = CallRecords(store, SystemClock())
        transfers, dials = TransferRegistry(), DialRegistry(records)
        transfers.changed(TRANSFER)
        dials.load([DIAL])
        keep = {"transfers": 1.0, "calls": 2.0, "audit": 3.0, "messages": 4.0}
        retention = Retention(records, SystemClock(), [transfers, dials], **keep)
        retention.start()
        async with asyncio.timeout(5):
            await thrice.wait()
        await retention.stop()
        assert set(kept) == {(1.0, 2.0, 3.0, 4.0)}
        assert not len(transfers._records)
        assert not len(dials._answers)
        await store.close()

    asyncio.run(check())
