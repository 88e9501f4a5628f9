"""transfer.md §2: the same request id brings the earlier verdict, within 24 h."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest

from hookflash.base.errors import ApiError
from hookflash.base.idempotency import MAX_REMEMBERED, REMEMBERED
from hookflash.calls.effects import TransferAnswered
from hookflash.calls.records import TransferRecord
from hookflash.runtime.transfers import TransferRegistry
from hookflash.sip.refer import parse_target

RECORD = TransferRecord(
    transfer_id="STR_1",
    call_id="SCL_1",
    room="lobby",
    identity="caller",
    target="tel:+1",
    refer_to="<tel:+1>",
    api_key="key",
    request_id="r1",
    created_at=1000.0,
)
DONE = replace(RECORD, verdict="succeeded", ended_at=1001.0)
NOBODY = ("key", "", "lobby", "caller")
FAILED = replace(RECORD, verdict="timed out", error="request timed out")


def at_once(tell: Callable[[], None]) -> None:
    """A disk that never keeps anybody waiting."""
    tell()


def recall(
    registry: TransferRegistry,
    now: float = 1002.0,
    *,
    key: str = "key",
    request_id: str = "r1",
    target: str = "tel:+1",
    call_id: str = "",
) -> TransferRecord | None:
    return registry.recall(now, (key, request_id, "lobby", "caller"), parse_target(target), call_id)


def test_a_finished_transfer_is_not_made_again() -> None:
    registry = TransferRegistry()
    registry.changed(RECORD)
    assert recall(registry) is RECORD
    registry.changed(DONE)
    assert recall(registry) is DONE
    assert recall(registry, call_id="SCL_1") is DONE


def test_the_same_id_for_another_call_is_another_request() -> None:
    """Its caller left and called again."""
    registry = TransferRegistry()
    registry.changed(FAILED)
    assert recall(registry, call_id="SCL_2") is None
    assert recall(registry, call_id="SCL_2", target="tel:+2") is None
    second = replace(DONE, transfer_id="STR_2", call_id="SCL_2")
    registry.changed(second)
    registry.changed(replace(FAILED, late_success=True))
    assert recall(registry, call_id="SCL_2") is second
    assert recall(registry) is second


def test_where_a_preset_rewrote_the_target_what_was_asked_and_what_was_sent_is_known() -> None:
    """The caller has left, and with the call its provider is gone."""
    registry = TransferRegistry()
    told = replace(DONE, refer_to="<sip:+1@sip.telnyx.com>", provider="telnyx")
    registry.changed(told)
    for same in ("tel:+1", "<TEL:+1>", "sip:+1@sip.telnyx.com"):
        assert recall(registry, target=same) is told
    with pytest.raises(ApiError, match="another transfer_to"):
        recall(registry, target="tel:+2")
    registry.changed(replace(told, provider=""))
    with pytest.raises(ApiError, match="another transfer_to"):
        recall(registry, target="tel:+1")


def test_a_failed_one_fails_again_in_the_same_way() -> None:
    registry = TransferRegistry()
    registry.changed(FAILED)
    with pytest.raises(ApiError) as caught:
        recall(registry)
    assert caught.value.code == "deadline_exceeded"
    assert caught.value.meta["sip_transfer_id"] == "STR_1"


def test_another_target_with_the_same_id_is_refused() -> None:
    registry = TransferRegistry()
    registry.changed(DONE)
    with pytest.raises(ApiError) as caught:
        recall(registry, target="tel:+2")
    assert caught.value.code == "invalid_argument"


def test_another_key_or_id_or_no_id_is_another_request() -> None:
    registry = TransferRegistry()
    registry.load([DONE, replace(DONE, request_id="")])
    assert recall(registry, key="other") is None
    assert recall(registry, request_id="r2") is None
    assert recall(registry, request_id="") is None


def test_a_target_is_the_same_however_it_is_written() -> None:
    registry = TransferRegistry()
    registry.changed(DONE)
    assert recall(registry, target="<TEL:+1>") is DONE


def test_a_request_that_joined_a_transfer_is_remembered_too() -> None:
    async def check() -> None:
        registry = TransferRegistry()
        registry.changed(RECORD)
        ticket, _ = registry.open(("key", "joiner", "lobby", "caller"))
        registry.answered(
            TransferAnswered(ticket, RECORD, ApiError("deadline_exceeded", "x")), at_once
        )
        assert recall(registry, request_id="joiner") is RECORD
        registry.changed(DONE)
        assert recall(registry, request_id="joiner") is DONE

    asyncio.run(check())


def test_it_is_kept_for_24_hours() -> None:
    registry = TransferRegistry()
    registry.changed(DONE)
    assert recall(registry, 1000.0 + REMEMBERED) is DONE
    assert recall(registry, 1000.1 + REMEMBERED) is None
    assert not len(registry._answers)


def test_only_what_can_be_asked_for_again_is_remembered() -> None:
    async def check() -> None:
        registry = TransferRegistry()
        nameless = replace(RECORD, request_id="")
        registry.changed(nameless)
        assert not len(registry._records)
        ticket, _ = registry.open(("key", "joiner", "lobby", "caller"))
        registry.answered(TransferAnswered(ticket, nameless), at_once)
        registry.changed(replace(nameless, verdict="succeeded"))
        recalled = recall(registry, request_id="joiner")
        assert recalled is not None
        assert recalled.verdict == "succeeded"

    asyncio.run(check())


def test_old_ones_go_though_nobody_asks() -> None:
    registry = TransferRegistry()
    registry.changed(DONE)
    registry.expire(1000.0 + REMEMBERED)
    assert len(registry._records) == len(registry._answers) == 1
    registry.expire(1000.1 + REMEMBERED)
    assert not len(registry._records)
    assert not len(registry._answers)


def test_the_memory_is_bounded() -> None:
    registry = TransferRegistry()
    for number in range(MAX_REMEMBERED + 1):
        registry.changed(replace(DONE, request_id=f"r{number}", transfer_id=f"STR_{number}"))
    assert recall(registry, request_id="r0") is None
    assert recall(registry, request_id="r1") is not None


def test_a_ticket_gets_its_verdict_once() -> None:
    async def check() -> None:
        registry = TransferRegistry()
        first, good = registry.open(NOBODY)
        second, bad = registry.open(NOBODY)
        assert registry.waiting == 2
        registry.answered(TransferAnswered(first, DONE), at_once)
        registry.answered(TransferAnswered(second, None, ApiError("aborted", "x")), at_once)
        registry.answered(TransferAnswered(first, DONE), at_once)
        assert await good is DONE
        with pytest.raises(ApiError):
            await bad
        assert registry.waiting == 0

    asyncio.run(check())


def test_a_verdict_for_a_request_that_died_is_no_error() -> None:
    async def check() -> None:
        registry = TransferRegistry()
        ticket, future = registry.open(NOBODY)
        future.cancel()
        registry.answered(TransferAnswered(ticket, DONE), at_once)

    asyncio.run(check())


def test_a_verdict_that_may_be_asked_for_again_is_told_when_it_is_stored() -> None:
    """A crash after the answer must not make another one of it."""

    async def check() -> None:
        registry = TransferRegistry()
        registry.changed(RECORD)
        waiting: list[Callable[[], None]] = []
        ticket, future = registry.open(("key", "r1", "lobby", "caller"))
        registry.answered(TransferAnswered(ticket, DONE), waiting.append)
        assert not future.done()
        waiting[0]()
        assert await future is DONE
        ticket, future = registry.open(NOBODY)  # nobody can ask again
        registry.answered(TransferAnswered(ticket, DONE), waiting.append)
        assert await future is DONE
        assert len(waiting) == 1
        ticket, future = registry.open(("key", "r2", "lobby", "caller"))
        late = ApiError("deadline_exceeded", "x")  # it goes on, and is no verdict
        registry.answered(TransferAnswered(ticket, RECORD, late), waiting.append)
        with pytest.raises(ApiError):
            await future
        assert len(waiting) == 1

    asyncio.run(check())
