"""CreateSIPParticipant: calls that an API request has placed into a room (calls.md §4, facts §5).

Here is the request that waits. Its leg is placed by `exchange.placing`; what becomes of that is for
`exchange.requested_leg`.
"""

from __future__ import annotations

import asyncio
from functools import partial

from livekit.protocol.sip import SIPParticipantInfo

from ..base.errors import ApiError
from ..calls.dial_plan import dial_attributes, dial_order, dial_plan
from ..calls.status import PREFIX
from ..exchange.call import Call
from ..exchange.exchange import Exchange
from ..exchange.leg_settings import outbound_settings
from ..exchange.requested_leg import RequestedLeg
from ..ports import DialRequest
from .call_records import CallRecords
from .dials import Dial, DialRegistry
from .requests import heard

ANSWER_LIMIT = 80.0
"""Seconds that a request with wait_until_answered waits; X-Twirp-Timeout-Ms changes it."""


class DialRequests:
    """Carries the requests out, each once."""

    def __init__(self, exchange: Exchange, call_records: CallRecords) -> None:
        self.dials = DialRegistry(call_records)
        self._exchange = exchange
        self._parts = exchange.parts
        self._call_records = call_records

    async def dial(self, order: DialRequest) -> SIPParticipantInfo:
        """CreateSIPParticipant. Raises ApiError, also for a call that fails while we wait."""
        now = self._parts.clock.now()
        dial = self.dials.recall(now, order)
        if dial is None:
            dial = self._place(now, order)
        if order.request.wait_until_answered:
            await self._wait(order, dial)
        else:
            dial.counted_on += 1  # and for good: it was told that the call is being made
        return dial.info

    async def _wait(self, order: DialRequest, dial: Dial) -> None:
        limit = ANSWER_LIMIT if order.wait is None else order.wait
        dial.counted_on += 1
        try:
            async with asyncio.timeout(limit):
                await heard(asyncio.shield(dial.done))
        except TimeoutError:
            late = ApiError("deadline_exceeded", PREFIX + "request timed out")
            if dial.counted_on == 1:
                self._give_up(dial, late)
            raise late from None
        finally:
            dial.counted_on -= 1

    def _give_up(self, dial: Dial, error: ApiError) -> None:
        """Nobody counts on it any more; all believe that nothing came of it, so nothing does."""
        call = self._exchange.calls.get(dial.record.call_id)
        if call is not None and not call.answered and not call.ended:
            self.dials.settle(dial, error)
            self._exchange.drive(call, lambda now: call.leg.hangup(now, "request timed out"))

    def _place(self, now: float, order: DialRequest) -> Dial:
        exchange, parts = self._exchange, self._parts
        request, trunk = order.request, order.trunk
        self._check_limits(trunk.sip_trunk_id)
        call_id = parts.ids.new("SCL_")
        follow = exchange.settings.follow_redirects
        what = dial_order(request, trunk, order.number, call_id, follow_redirects=follow)
        plan = dial_plan(request, trunk, order.number, call_id)
        call = exchange.placing.make(what, outbound_settings(parts, exchange.settings, order), plan)
        call.attributes = dial_attributes(request, trunk, plan, what.sip_call_id)
        exchange.phones.enter(call, displace=bool(request.participant_identity))
        dial = self.dials.open(now, order, _info(call))
        asked = f"{dial.record.room}/{dial.record.identity} to {request.sip_call_to}"
        self._call_records.call_asked_for(order.api_key, call_id, asked)
        owner = RequestedLeg(
            exchange,
            exchange.phones,
            exchange.keying,
            order,
            store_then=partial(self.dials.store_then, dial),
            settle=partial(self.dials.settle, dial),
        )
        exchange.placing.start(call, what, owner)
        return dial

    def _check_limits(self, trunk_id: str) -> None:
        full = self._parts.admission.overload(trunk_id)
        if full == "process":
            raise ApiError("unavailable", PREFIX + "cpu exhausted")
        if full == "trunk":
            raise ApiError("resource_exhausted", PREFIX + "too many calls of this trunk")


def _info(call: Call) -> SIPParticipantInfo:
    participant = call.participant
    assert participant is not None
    return SIPParticipantInfo(
        participant_id=participant.sid,
        participant_identity=participant.identity,
        room_name=participant.room.name,
        sip_call_id=call.call_id,
    )
