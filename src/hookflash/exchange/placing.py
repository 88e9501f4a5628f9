"""Place a leg: call somebody, and tell its owner what becomes of it (calls.md §4).

No room and no API request is needed for it. The leg and its audio are those of any call; who wants
it somewhere, in a room or joined to another leg, is its owner (`call.LegOwner`).
"""

from __future__ import annotations

from functools import partial

import structlog

from ..calls import effects as fx
from ..calls.admission import CallPlan
from ..calls.dial_plan import roomless_plan
from ..calls.legs.dialing import Place
from ..calls.legs.invitation import DialOrder
from ..calls.legs.leg import Leg
from ..calls.legs.settings import LegSettings
from ..calls.records import CallRecord
from ..sip.flow import Flow
from ..sip.location import Target
from .call import Call, LegOwner
from .host import CallHost

_log = structlog.get_logger("calls")

_OK = range(200, 300)


class Placing:
    """Makes and starts legs that call out, and performs what they alone ask for."""

    def __init__(self, host: CallHost) -> None:
        self._host = host
        self._parts = host.parts

    def place(
        self,
        order: DialOrder,
        settings: LegSettings,
        owner: LegOwner,
        plan: CallPlan | None = None,
    ) -> Call:
        """Call somebody. `settings`: `leg_settings.placed_settings`, or those with changes;
        `plan`: its ids, trunk and room, where it has any. Whether there may be one more call
        (`Admission.overload`) is for who asks to know."""
        call = self.make(order, settings, plan)
        self.start(call, order, owner)
        return call

    def make(self, order: DialOrder, settings: LegSettings, plan: CallPlan | None = None) -> Call:
        """The call alone: nobody knows of it before `start`, and it may be dropped."""
        parts = self._parts
        plan = plan or roomless_plan(order, parts.ids.new("SCL_"))
        leg = Leg(plan.call_id, settings, parts.ids, parts.timers)
        record = CallRecord(
            call_id=plan.call_id,
            sip_call_id=order.sip_call_id,
            direction="outbound",
            trunk_id=plan.parties.trunk_id,
            caller=plan.parties.caller,
            called=plan.parties.called,
            created_at=parts.clock.now(),
        )
        return Call(leg, plan, None, record)

    def start(self, call: Call, order: DialOrder, owner: LegOwner) -> None:
        """Begin to call; `owner` hears of everything from here on."""
        call.owner = owner
        self._host.admit(call, order.sip_call_id)
        _log.info(
            "call_outgoing", call_id=call.call_id, trunk_id=call.trunk_id, room=call.room_name
        )
        self._host.drive(call, lambda now: call.leg.start_outbound(now, order))

    # --- effects of the leg ---------------------------------------------------------------------

    def locate(self, call: Call, effect: fx.Locate) -> None:
        """Find out where to call, once its owner lets it."""
        _owner(call).before_call(call, partial(self._locate, call, effect))

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
        """A response, 100 excepted. Headers of a 2xx are the peer's, as those of an INVITE are."""
        if effect.status in _OK:
            call.remote_headers = effect.headers
        _owner(call).responded(call, effect.status, effect.headers)

    def failed(self, call: Call, effect: fx.DialFailed) -> None:
        """Nobody answered."""
        _owner(call).failed(call, effect.outcome)


def _owner(call: Call) -> LegOwner:
    """Only legs that were started here ask for anything here."""
    assert call.owner is not None
    return call.owner
