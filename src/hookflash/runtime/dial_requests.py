"""CreateSIPParticipant: calls that an API request has placed into a room (calls.md §4, facts §5).

Here are the request that waits, its room, the dial tone that the room hears, and the keys that are
pressed when the call is answered. The leg itself is placed by `placing`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from livekit.protocol.sip import SIPParticipantInfo

from ..base.errors import ApiError
from ..calls.attributes import CALL_TAG, header_attributes
from ..calls.dial_outcome import TIMED_OUT, DialOutcome
from ..calls.dial_plan import (
    DTMF_DIGIT,
    dial_attributes,
    dial_order,
    dial_plan,
    dtmf_digits,
    header_options,
)
from ..calls.legs.settings import HeaderItems
from ..calls.status import PREFIX
from ..ports import DialRequest
from .call import Call, LegOwner
from .dials import Dial, DialRegistry
from .host import CallHost
from .leg_settings import outbound_settings
from .phones import PhoneParticipants
from .placing import Placing
from .requests import heard

ANSWER_LIMIT = 80.0
"""Seconds that a request with wait_until_answered waits; X-Twirp-Timeout-Ms changes it."""
_OK = range(200, 300)


class DialRequests:
    """Carries the requests out, each once, and keeps account of the keys that are pressed."""

    def __init__(self, host: CallHost, phones: PhoneParticipants, placing: Placing) -> None:
        self.host = host
        self.phones = phones
        self.dials = DialRegistry(host.parts.call_records)
        self._placing = placing
        self._parts = host.parts
        self._keying: dict[Call, RequestedLeg] = {}

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
        call = self.host.calls.get(dial.record.call_id)
        if call is not None and not call.answered and not call.ended:
            self.dials.settle(dial, error)
            self.host.drive(call, lambda now: call.leg.hangup(now, "request timed out"))

    def _place(self, now: float, order: DialRequest) -> Dial:
        host, parts = self.host, self._parts
        request, trunk = order.request, order.trunk
        self._check_limits(trunk.sip_trunk_id)
        call_id = parts.ids.new("SCL_")
        follow = host.settings.follow_redirects
        what = dial_order(request, trunk, order.number, call_id, follow_redirects=follow)
        plan = dial_plan(request, trunk, order.number, call_id)
        call = self._placing.make(what, outbound_settings(parts, host.settings, order), plan)
        call.attributes = dial_attributes(request, trunk, plan, what.sip_call_id)
        self.phones.enter(call, displace=bool(request.participant_identity))
        dial = self.dials.open(now, order, _info(call))
        asked = f"{dial.record.room}/{dial.record.identity} to {request.sip_call_to}"
        parts.call_records.call_asked_for(order.api_key, call_id, asked)
        self._placing.start(call, what, RequestedLeg(self, order, dial))
        return dial

    def _check_limits(self, trunk_id: str) -> None:
        full = self._parts.admission.overload(trunk_id)
        if full == "process":
            raise ApiError("unavailable", PREFIX + "cpu exhausted")
        if full == "trunk":
            raise ApiError("resource_exhausted", PREFIX + "too many calls of this trunk")

    # --- keys -----------------------------------------------------------------------------------

    def pressing(self, call: Call, leg: RequestedLeg) -> None:
        """Its keys are being pressed, until `leg.keys_until`."""
        self._keying[call] = leg
        self._parts.alarm.arm()

    def forget(self, call: Call) -> None:
        """The call is over."""
        self._keying.pop(call, None)

    def next_deadline(self) -> float | None:
        """When the next call has all its keys pressed."""
        return min((leg.keys_until for leg in self._keying.values()), default=None)

    def handle_deadline(self, now: float) -> None:
        """Keys are pressed: the call is as any other."""
        for call, leg in list(self._keying.items()):
            if leg.keys_until <= now:
                del self._keying[call]
                leg.keys_pressed(call)


class RequestedLeg(LegOwner):
    """One call that a request has placed: what becomes of it goes to who waits and to the room."""

    def __init__(self, requests: DialRequests, order: DialRequest, dial: Dial) -> None:
        self._requests = requests
        self._phones = requests.phones
        self._order = order
        self._dial = dial
        self.keys_until = 0.0
        """When all keys are pressed, in seconds since the epoch; 0: none are."""
        self._active = False
        """The call became active while keys were pressed: that is told afterwards."""

    def before_call(self, call: Call, go: Callable[[], None]) -> None:
        """Nobody is called before the request is safe."""
        requests = self._requests
        if self._dial.stored:
            go()
            return

        def not_stored() -> None:
            requests.host.drive(call, lambda now: call.leg.hangup(now, "not stored"))

        requests.dials.store_then(self._dial, go, not_stored)

    def ringing(self, call: Call) -> None:
        """The room sees it."""
        self._phones.status(call, "ringing")

    def responded(self, call: Call, status: int, headers: HeaderItems) -> None:
        """Headers become attributes: those of providers always, others of the 200 only."""
        request, trunk = self._order.request, self._order.trunk
        if status in _OK:
            options = header_options(request, trunk)
            changes = header_attributes(headers, options, trunk.headers_to_attributes)
            dialog = call.leg.dialog
            if dialog is not None:
                changes[CALL_TAG] = dialog.remote_tag
        else:
            changes = header_attributes(headers)
        if changes:
            self._phones.attributes(call, changes)

    def failed(self, call: Call, outcome: DialOutcome) -> None:
        """Who waits is told why."""
        self._requests.dials.settle(self._dial, outcome.error())

    def ended(self, call: Call) -> None:
        """Whoever still waits was answered, but not for long."""
        self._requests.forget(call)
        error = None if call.answered else ApiError("canceled", PREFIX + TIMED_OUT)
        self._requests.dials.settle(self._dial, error)

    # --- what the room and the called one hear --------------------------------------------------

    def media_opened(self, call: Call) -> None:
        """The room hears a dial tone, if it is to, until the call is answered."""
        request = self._order.request
        if request.play_dialtone or request.play_ringtone:
            call.port.say("ringing")
            self._phones.bridge(call)

    def early_media(self, call: Call) -> None:
        """It reaches the room; the called one hears nothing of that yet."""
        call.port.silence_to_peer = True
        self._phones.bridge(call)

    def early_sound(self, call: Call) -> None:
        """Sound of the network takes the place of our tone."""
        call.port.hush()

    def answered(self, call: Call) -> None:
        """Press the keys that are wanted; then the room is connected."""
        stream = call.port
        digits = dtmf_digits(self._order.request.dtmf)
        if not digits:
            self._connect(call)
            return
        self.keys_until = self._requests.host.parts.clock.now() + DTMF_DIGIT * len(digits)
        stream.silence_to_peer = True
        self._phones.status(call, "automation")
        stream.send_dtmf(digits)
        self._requests.pressing(call, self)

    def keys_pressed(self, call: Call) -> None:
        """The call is as any other."""
        self.keys_until = 0.0
        self._connect(call)
        if self._active:
            self._phones.status(call, "active")

    def active(self, call: Call) -> None:
        """The room sees it, once the keys are pressed."""
        if self.keys_until:
            self._active = True
        else:
            self._phones.status(call, "active")

    def _connect(self, call: Call) -> None:
        stream = call.port
        stream.hush()
        stream.silence_to_peer = False
        self._phones.bridge(call)
        self._requests.dials.settle(self._dial)


def _info(call: Call) -> SIPParticipantInfo:
    participant = call.participant
    assert participant is not None
    return SIPParticipantInfo(
        participant_id=participant.sid,
        participant_identity=participant.identity,
        room_name=participant.room.name,
        sip_call_id=call.call_id,
    )
