"""calls.md §4: the same X-Livekit-Request-Id never dials twice, over restarts too."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

import pytest
from livekit.protocol.sip import (
    CreateSIPParticipantRequest,
    SIPOutboundTrunkInfo,
    SIPParticipantInfo,
)

from hookflash.base.errors import ApiError
from hookflash.base.idempotency import REMEMBERED
from hookflash.calls.records import DialRecord
from hookflash.ports import DialRequest
from hookflash.runtime.dials import DialRegistry

INFO = SIPParticipantInfo(
    participant_id="PA_1", participant_identity="sip_+1", room_name="lobby", sip_call_id="SCL_1"
)
RECORD = DialRecord("key", "r1", 1000.0, "lobby", "+1", "SCL_1", "sip_+1", "PA_1")
BUSY = ApiError("resource_exhausted", "busy", {"sip_status_code": "486"})


class Paper:
    """A journal that is read back."""

    def __init__(self) -> None:
        self.records: list[DialRecord] = []
        self.stored: Callable[[], None]
        self.failed: Callable[[], None]

    def dial(self, record: DialRecord) -> None:
        self.records.append(record)

    def dial_then(
        self, record: DialRecord, stored: Callable[[], None], failed: Callable[[], None]
    ) -> None:
        self.records.append(record)
        self.stored, self.failed = stored, failed


def order(request_id: str = "r1", *, api_key: str = "key", callee: str = "+1") -> DialRequest:
    request = CreateSIPParticipantRequest(room_name="lobby", sip_call_to=callee)
    return DialRequest(request, SIPOutboundTrunkInfo(), "+2", None, api_key, request_id)


def run(check: Callable[[DialRegistry, Paper], Coroutine[Any, Any, None]]) -> None:
    async def main() -> None:
        paper = Paper()
        await check(DialRegistry(paper), paper)  # type: ignore[arg-type]

    asyncio.run(main())


def test_a_request_is_known_by_its_id_and_its_api_key() -> None:
    async def check(book: DialRegistry, _: Paper) -> None:
        assert book.recall(1000.0, order()) is None
        dial = book.open(1000.0, order(), INFO)
        assert book.recall(1000.0 + REMEMBERED, order()) is dial
        assert dial.info == INFO
        assert book.recall(1000.0, order(api_key="other")) is None
        assert book.recall(1000.0, order("r2")) is None
        with pytest.raises(ApiError, match="already used with another call"):
            book.recall(1000.0, order(callee="+9"))
        assert book.recall(1000.1 + REMEMBERED, order()) is None

    run(check)


def test_a_request_without_an_id_is_neither_known_nor_stored() -> None:
    async def check(book: DialRegistry, paper: Paper) -> None:
        dial = book.open(1000.0, order(""), INFO)
        assert dial.stored
        assert book.recall(1000.0, order("")) is None
        book.settle(dial)
        assert not paper.records

    run(check)


def test_the_first_outcome_stands() -> None:
    async def check(book: DialRegistry, paper: Paper) -> None:
        dial = book.open(1000.0, order(), INFO)
        book.settle(dial, BUSY)
        book.settle(dial)
        (record,) = paper.records
        assert (record.verdict, record.error_code) == ("failed", "resource_exhausted")
        assert (record.error_text, record.error_meta) == ("busy", {"sip_status_code": "486"})
        assert not dial.done.done()  # a crash might still lose it
        paper.stored()
        with pytest.raises(ApiError, match="busy"):
            await dial.done

    run(check)


def test_an_outcome_that_cannot_be_stored_is_told_all_the_same() -> None:
    async def check(book: DialRegistry, paper: Paper) -> None:
        dial = book.open(1000.0, order(), INFO)
        book.settle(dial)
        paper.failed()
        await dial.done

    run(check)


def test_what_cannot_be_stored_may_be_asked_for_again() -> None:
    async def check(book: DialRegistry, paper: Paper) -> None:
        told: list[str] = []
        dial = book.open(1000.0, order(), INFO)
        book.store_then(dial, lambda: told.append("go"), lambda: told.append("stop"))
        assert not told
        paper.failed()
        assert told == ["stop"]
        assert book.recall(1000.0, order()) is None
        assert len(paper.records) == 1
        with pytest.raises(ApiError, match="could not be stored"):
            await dial.done

    run(check)


def test_after_a_restart() -> None:
    async def check(book: DialRegistry, paper: Paper) -> None:
        failed = replace(
            RECORD,
            request_id="r2",
            verdict="failed",
            error_code=BUSY.code,
            error_text=BUSY.msg,
            error_meta=BUSY.meta,
        )
        book.load([replace(RECORD, verdict="answered"), failed, replace(RECORD, request_id="r3")])
        answered = book.recall(1001.0, order())
        assert answered is not None
        assert answered.info == INFO
        await answered.done
        refused = book.recall(1001.0, order("r2"))
        assert refused is not None
        with pytest.raises(ApiError) as caught:
            await refused.done
        assert (caught.value.code, caught.value.msg) == (BUSY.code, BUSY.msg)
        assert caught.value.meta == BUSY.meta
        with pytest.raises(ApiError, match="server restarted") as cut_off:
            book.recall(1001.0, order("r3"))
        assert cut_off.value.code == "aborted"
        assert [record.verdict for record in paper.records] == ["interrupted"]
        book.load(paper.records)
        assert len(paper.records) == 1

    run(check)
