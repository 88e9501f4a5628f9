"""CreateSIPParticipant by its request id: the same one never dials twice (calls.md §4).

What a request brought is kept for 24 hours, over restarts too. It is stored before its INVITE goes
out and again when its outcome is known.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from livekit.protocol.sip import SIPParticipantInfo

from ..base.errors import ApiError
from ..base.idempotency import IdempotencyCache
from ..calls.records import DialRecord
from ..calls.status import PREFIX
from ..ports import DialRequest
from .call_records import CallRecords
from .requests import outcome

INTERRUPTED = "server restarted while the call was being made"
NOT_STORED = "the request could not be stored"


@dataclass(slots=True, eq=False)
class Dial:
    """One request that was carried out."""

    record: DialRecord
    done: asyncio.Future[None]
    """The answer, keys pressed; or the failure: set when it is stored."""
    stored: bool
    """Its record is in the store or on the way there, with its call waiting; or need not be."""
    counted_on: int = 0
    """Requests, the first and its repetitions, that wait for `done` or did not want to wait."""

    @property
    def info(self) -> SIPParticipantInfo:
        """What the API answers."""
        record = self.record
        return SIPParticipantInfo(
            participant_id=record.participant_sid,
            participant_identity=record.identity,
            room_name=record.room,
            sip_call_id=record.call_id,
        )


class DialRegistry:
    """All requests of the last 24 hours that have an id."""

    def __init__(self, call_records: CallRecords) -> None:
        self._call_records = call_records
        self._answers: IdempotencyCache[tuple[str, str], Dial] = IdempotencyCache()

    def load(self, records: Iterable[DialRecord]) -> None:
        """Those of an earlier run, oldest first. Of one that was being dialled nobody knows
        whether the phone rang: it is over, and its repetition is told so."""
        for record in records:
            if record.verdict is None:
                record = _failed(record, ApiError("aborted", PREFIX + INTERRUPTED))
                record = replace(record, verdict="interrupted")
                self._call_records.dial(record)
            dial = Dial(record, outcome(), stored=True)
            error = _error(record)
            if error is None:
                dial.done.set_result(None)
            else:
                dial.done.set_exception(error)
            self._answers.put((record.api_key, record.request_id), dial, record.created_at)

    def expire(self, now: float) -> None:
        """Forget what is older than 24 hours."""
        self._answers.expire(now)

    def recall(self, now: float, order: DialRequest) -> Dial | None:
        """What an earlier request with this id brought. Raises ApiError where it asked for another
        call, and where the process died while it was carried out."""
        self.expire(now)
        if not order.request_id:
            return None
        dial = self._answers.get((order.api_key, order.request_id))
        if dial is None:
            return None
        record, request = dial.record, order.request
        if (record.room, record.callee) != (request.room_name, request.sip_call_to):
            raise ApiError("invalid_argument", "request id was already used with another call")
        if record.verdict == "interrupted":
            raise ApiError(record.error_code, record.error_text, record.error_meta)
        return dial

    def open(self, now: float, order: DialRequest, info: SIPParticipantInfo) -> Dial:
        """A request that is carried out now."""
        record = DialRecord(
            api_key=order.api_key,
            request_id=order.request_id,
            created_at=now,
            room=info.room_name,
            callee=order.request.sip_call_to,
            call_id=info.sip_call_id,
            identity=info.participant_identity,
            participant_sid=info.participant_id,
        )
        dial = Dial(record, outcome(), stored=not order.request_id)
        if order.request_id:
            self._answers.put((order.api_key, order.request_id), dial, now)
        return dial

    def store_then(
        self, dial: Dial, stored: Callable[[], None], failed: Callable[[], None]
    ) -> None:
        """Go on when the request is safe. Where it cannot be stored its id is free again: nobody
        was called. Where it is stored already, at once."""
        if dial.stored:
            stored()
            return

        def not_stored() -> None:
            self._answers.forget((dial.record.api_key, dial.record.request_id))
            self.settle(dial, ApiError("unavailable", PREFIX + NOT_STORED))
            failed()

        dial.stored = True
        self._call_records.dial_then(dial.record, stored, not_stored)

    def settle(self, dial: Dial, error: ApiError | None = None) -> None:
        """Answered, or failed with `error`. The first outcome stands. Who waits is told of it when
        a crash would not lose it any more."""
        record = dial.record
        if record.verdict is not None:
            return
        if error is None:
            dial.record = replace(record, verdict="answered")
        else:
            dial.record = _failed(record, error)

        def tell() -> None:
            if error is None:
                dial.done.set_result(None)
            else:
                dial.done.set_exception(error)

        if self._answers.get((record.api_key, record.request_id)) is dial:
            self._call_records.dial_then(dial.record, tell, tell)
        else:
            tell()


def _failed(record: DialRecord, error: ApiError) -> DialRecord:
    return replace(
        record,
        verdict="failed",
        error_code=error.code,
        error_text=error.msg,
        error_meta=dict(error.meta),
    )


def _error(record: DialRecord) -> ApiError | None:
    if record.verdict == "answered":
        return None
    return ApiError(record.error_code, record.error_text, record.error_meta)
