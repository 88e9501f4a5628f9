"""Calls that we make: what is theirs alone in the exchange (calls.md §4, facts §5).

The leg, the room and the audio are those of any call. Here are the waiting API request, the places
to call, the dial tone that the room hears, and the keys that are pressed when it is answered.
"""

from __future__ import annotations

import asyncio

import structlog
from livekit.protocol.sip import SIPParticipantInfo

from ..base.errors import ApiError
from ..calls import effects as fx
from ..calls.attributes import CALL_TAG, header_attributes
from ..calls.dial_outcome import TIMED_OUT
from ..calls.dial_plan import (
    DTMF_DIGIT,
    dial_attributes,
    dial_order,
    dial_plan,
    dtmf_digits,
    header_options,
)
from ..calls.legs.core import EARLY
from ..calls.legs.dialing import Place
from ..calls.legs.leg import Leg
from ..calls.records import CallRecord
from ..calls.status import PREFIX
from ..ports import DialRequest
from ..sip.flow import Flow
from ..sip.location import Target
from .call import Call, Outgoing
from .host import CallHost
from .leg_settings import outbound_settings
from .phones import PhoneParticipants
from .placements import Placed, Placements

_log = structlog.get_logger("calls")

ANSWER_LIMIT = 80.0
"""Seconds that a request with wait_until_answered waits; X-Twirp-Timeout-Ms changes it."""
_OK = range(200, 300)


class Dialer:
    """Places calls and keeps account of what only they need."""

    def __init__(self, host: CallHost, phones: PhoneParticipants) -> None:
        self._host = host
        self._phones = phones
        self._parts = host.parts
        self.placements = Placements(host.parts.call_records)
        self._keying: dict[str, Call] = {}

    async def dial(self, order: DialRequest) -> SIPParticipantInfo:
        """CreateSIPParticipant. Raises ApiError, also for a call that fails while we wait."""
        now = self._parts.clock.now()
        placed = self.placements.recall(now, order)
        if placed is None:
            placed = self._place(now, order)
        if order.request.wait_until_answered:
            await self._wait(order, placed)
        else:
            placed.counted_on += 1  # and for good: it was told that the call is being made
        return placed.info

    async def _wait(self, order: DialRequest, placed: Placed) -> None:
        limit = ANSWER_LIMIT if order.wait is None else order.wait
        placed.counted_on += 1
        try:
            async with asyncio.timeout(limit):
                await asyncio.shield(placed.done)
        except TimeoutError:
            late = ApiError("deadline_exceeded", PREFIX + "request timed out")
            if placed.counted_on == 1:
                self._give_up(placed, late)
            raise late from None
        finally:
            placed.counted_on -= 1

    def _give_up(self, placed: Placed, error: ApiError) -> None:
        """Nobody counts on it any more; all believe that nothing came of it, so nothing does."""
        call = self._host.calls.get(placed.record.call_id)
        if call is not None and not call.answered and not call.ended:
            self.placements.settle(placed, error)
            self._host.drive(call, lambda now: call.leg.hangup(now, "request timed out"))

    def _place(self, now: float, order: DialRequest) -> Placed:
        host, parts = self._host, self._parts
        request, trunk = order.request, order.trunk
        self._check_limits(trunk.sip_trunk_id)
        call_id = parts.ids.new("SCL_")
        follow = host.settings.follow_redirects
        dial = dial_order(request, trunk, order.number, call_id, follow_redirects=follow)
        plan = dial_plan(request, trunk, order.number, call_id)
        leg = Leg(call_id, outbound_settings(parts, host.settings, order), parts.ids, parts.timers)
        record = CallRecord(
            call_id=call_id,
            sip_call_id=dial.sip_call_id,
            direction="outbound",
            trunk_id=trunk.sip_trunk_id,
            caller=plan.parties.caller,
            called=plan.parties.called,
            created_at=now,
        )
        call = Call(leg, plan, None, record)
        call.attributes = dial_attributes(request, trunk, plan, dial.sip_call_id)
        self._phones.enter(call, displace=bool(request.participant_identity))
        placed = self.placements.open(now, order, self._info(call))
        call.outgoing = Outgoing(order, placed, dtmf_digits(request.dtmf))
        host.admit(call)
        what = f"{placed.record.room}/{placed.record.identity} to {request.sip_call_to}"
        parts.call_records.call_asked_for(order.api_key, call_id, what)
        _log.info("call_outgoing", call_id=call_id, trunk_id=call.trunk_id, room=call.room_name)
        host.drive(call, lambda now: leg.start_outbound(now, dial))
        return placed

    def _check_limits(self, trunk_id: str) -> None:
        full = self._parts.admission.overload(trunk_id)
        if full == "process":
            raise ApiError("unavailable", PREFIX + "cpu exhausted")
        if full == "trunk":
            raise ApiError("resource_exhausted", PREFIX + "too many calls of this trunk")

    @staticmethod
    def _info(call: Call) -> SIPParticipantInfo:
        participant = call.participant
        assert participant is not None
        return SIPParticipantInfo(
            participant_id=participant.sid,
            participant_identity=participant.identity,
            room_name=participant.room.name,
            sip_call_id=call.call_id,
        )

    # --- effects of the leg ---------------------------------------------------------------------

    def locate(self, call: Call, effect: fx.Locate) -> None:
        """Find out where to call, once the request is safe."""
        if call.outgoing is None or call.outgoing.placed.stored:
            self._locate(call, effect)
            return

        def not_stored() -> None:
            self._host.drive(call, lambda now: call.leg.hangup(now, "not stored"))

        placed = call.outgoing.placed
        self.placements.store_then(placed, lambda: self._locate(call, effect), not_stored)

    def _locate(self, call: Call, effect: fx.Locate) -> None:
        def found(targets: list[Target]) -> None:
            if self._host.calls.get(call.call_id) is not call:
                return
            stack = self._parts.stack
            places = [Place(target, stack.contact_at(target)) for target in targets]
            if places:
                first = targets[0]
                local = stack.local(first.transport, first.ip)
                call.flow = Flow(first.transport, local, (first.ip, first.port))
            self._host.drive(call, lambda now: call.leg.located(now, places))

        self._parts.stack.locate(effect.uri, found)

    def invite_answered(self, call: Call, effect: fx.InviteAnswered) -> None:
        """Headers of the answer become attributes: those of providers always, others of the
        200 only."""
        if call.outgoing is None:
            return
        order = call.outgoing.order
        if effect.status in _OK:
            changes = header_attributes(
                effect.headers,
                header_options(order.request, order.trunk),
                order.trunk.headers_to_attributes,
            )
            call.remote_headers = effect.headers
            dialog = call.leg.dialog
            if dialog is not None:
                changes[CALL_TAG] = dialog.remote_tag
        else:
            changes = header_attributes(effect.headers)
        if changes:
            self._phones.attributes(call, changes)

    def failed(self, call: Call, effect: fx.DialFailed) -> None:
        """Nobody answered."""
        if call.outgoing is not None:
            self.placements.settle(call.outgoing.placed, effect.outcome.error())

    def ended(self, call: Call) -> None:
        """The call is over; whoever still waits was answered, but not for long."""
        self._keying.pop(call.call_id, None)
        outgoing = call.outgoing
        if outgoing is not None:
            error = None if call.answered else ApiError("canceled", PREFIX + TIMED_OUT)
            self.placements.settle(outgoing.placed, error)

    # --- what the room and the called one hear --------------------------------------------------

    def media_opened(self, call: Call) -> None:
        """The room hears a dial tone, if it is to, until the call is answered."""
        if call.outgoing is None or call.stream is None:
            return
        request = call.outgoing.order.request
        if request.play_dialtone or request.play_ringtone:
            call.stream.say("ringing")
            self._phones.bridge(call)

    def media_applied(self, call: Call) -> None:
        """Early media reaches the room; the called one hears nothing of it yet. What a 200 brings
        is connected by `answered`, which follows."""
        if call.outgoing is None or call.stream is None or call.leg.state not in EARLY:
            return
        call.stream.silence_to_peer = True
        self._phones.bridge(call)

    def first_packet(self, call: Call) -> None:
        """Sound of the network takes the place of our tone."""
        if call.outgoing is not None and call.stream is not None and not call.answered:
            call.stream.hush()

    def answered(self, call: Call) -> None:
        """Press the keys that are wanted; then the room is connected."""
        outgoing, stream = call.outgoing, call.stream
        if outgoing is None or stream is None:
            return
        if not outgoing.digits:
            self._connect(call)
            return
        now = self._parts.clock.now()
        outgoing.keys_until = now + DTMF_DIGIT * len(outgoing.digits)
        self._keying[call.call_id] = call
        stream.silence_to_peer = True
        self._phones.status(call, "automation")
        stream.send_dtmf(outgoing.digits)
        self._parts.alarm.arm()

    def _connect(self, call: Call) -> None:
        if call.stream is not None:
            call.stream.hush()
            call.stream.silence_to_peer = False
            self._phones.bridge(call)
        if call.outgoing is not None:
            self.placements.settle(call.outgoing.placed)

    def keying(self, call: Call) -> bool:
        """True while keys are pressed: `active` is told afterwards."""
        if call.outgoing is None or call.call_id not in self._keying:
            return False
        call.outgoing.active = True
        return True

    # --- time -----------------------------------------------------------------------------------

    def next_deadline(self) -> float | None:
        """When the next call has all its keys pressed."""
        if not self._keying:
            return None
        times = [c.outgoing.keys_until for c in self._keying.values() if c.outgoing is not None]
        return min((at for at in times if at is not None), default=None)

    def handle_deadline(self, now: float) -> None:
        """Keys are pressed: the call is as any other."""
        for call in list(self._keying.values()):
            outgoing = call.outgoing
            if outgoing is None or outgoing.keys_until is None or outgoing.keys_until > now:
                continue
            del self._keying[call.call_id]
            outgoing.keys_until = None
            self._connect(call)
            if outgoing.active:
                self._phones.status(call, "active")
