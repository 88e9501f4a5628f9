"""A leg that an API request has placed into a room: what becomes of it (calls.md §4, facts §5).

Here are its room, the dial tone that the room hears, and the keys that are pressed when the call is
answered. The request that waits is `runtime.dial_requests`'.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from ..base.errors import ApiError
from ..calls.attributes import CALL_TAG, header_attributes
from ..calls.dial_outcome import TIMED_OUT, DialOutcome
from ..calls.dial_plan import DTMF_DIGIT, dtmf_digits, header_options
from ..calls.legs.settings import HeaderItems
from ..calls.status import PREFIX
from ..ports import DeadlineTimer, DialRequest
from .call import Call, LegOwner
from .host import CallHost
from .phones import PhoneParticipants

_OK = range(200, 300)


class Settle(Protocol):
    """Tells who waits what came of the request; the first outcome stands."""

    def __call__(self, error: ApiError | None = None) -> None: ...


class Keying:
    """The calls whose keys are being pressed. `Due` of an alarm."""

    def __init__(self, alarm: DeadlineTimer) -> None:
        self._alarm = alarm
        self._legs: dict[Call, RequestedLeg] = {}

    def pressing(self, call: Call, leg: RequestedLeg) -> None:
        """Its keys are being pressed, until `leg.keys_until`."""
        self._legs[call] = leg
        self._alarm.arm()

    def forget(self, call: Call) -> None:
        """The call is over."""
        self._legs.pop(call, None)

    def next_deadline(self) -> float | None:
        """When the next call has all its keys pressed."""
        return min((leg.keys_until for leg in self._legs.values()), default=None)

    def handle_deadline(self, now: float) -> None:
        """Keys are pressed: the call is as any other."""
        for call, leg in list(self._legs.items()):
            if leg.keys_until <= now:
                del self._legs[call]
                leg.keys_pressed(call)


class RequestedLeg(LegOwner):
    """One call that a request has placed: what becomes of it goes to who waits and to the room."""

    def __init__(
        self,
        host: CallHost,
        phones: PhoneParticipants,
        keying: Keying,
        order: DialRequest,
        *,
        store_then: Callable[[Callable[[], None], Callable[[], None]], None],
        settle: Settle,
    ) -> None:
        """`store_then(go, not_stored)`: one of the two is called, at once where the request is
        stored already."""
        self._host = host
        self._phones = phones
        self._keying = keying
        self._order = order
        self._store_then = store_then
        self._settle = settle
        self.keys_until = 0.0
        """When all keys are pressed, in seconds since the epoch; 0: none are."""

    def before_call(self, call: Call, go: Callable[[], None]) -> None:
        """Nobody is called before the request is safe."""

        def not_stored() -> None:
            self._host.drive(call, lambda now: call.leg.hangup(now, "not stored"))

        self._store_then(go, not_stored)

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
        self._settle(outcome.error())

    def ended(self, call: Call) -> None:
        """Whoever still waits was answered, but not for long."""
        self._keying.forget(call)
        error = None if call.answered else ApiError("canceled", PREFIX + TIMED_OUT)
        self._settle(error)

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
        self.keys_until = self._host.parts.clock.now() + DTMF_DIGIT * len(digits)
        stream.silence_to_peer = True
        self._phones.status(call, "automation")
        stream.send_dtmf(digits)
        self._keying.pressing(call, self)

    def keys_pressed(self, call: Call) -> None:
        """The call is as any other."""
        self.keys_until = 0.0
        self._connect(call)

    def _connect(self, call: Call) -> None:
        """The call is active before who waits is told, whether the callee sends sound or not
        (facts §5.4)."""
        stream = call.port
        stream.hush()
        stream.silence_to_peer = False
        self._phones.listen(call)
        self._phones.bridge(call)
        self._phones.status(call, "active")
        self._settle()
