"""The exchange: performs what legs and rooms ask for, and lets each know of the other.

One queue of effects, worked off in order: whatever an input causes is done before the next input.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, assert_never

import structlog

from ..base.performers import on, performers
from ..base.text import clean
from ..calls import effects as fx
from ..calls.admission import CallPlan
from ..calls.legs.core import EARLY
from ..calls.legs.leg import BROKEN, Leg
from ..calls.records import CallRecord
from ..calls.switchboard import BoardEffect, Broken, ForOwner, Incoming, LegGone, Resolve
from ..media.events import Digit, FirstPacket, MediaEvent
from ..media.port_pool import NoPorts
from ..sip.effects import SendBytes
from ..sip.flow import Flow
from ..sip.message import Message, Response
from .call import Call
from .host import ExchangeSettings, Parts
from .leg_settings import leg_settings
from .phone_attributes import attributes_of
from .phones import PhoneParticipants
from .pins import Pins
from .placing import Placing
from .refusals import RefusalLog
from .requested_leg import Keying
from .restored_dialogs import RestoredDialogs

_log = structlog.get_logger("calls")

CREATES_DIALOG = frozenset({"INVITE", "SUBSCRIBE"})


class Exchange:
    """All calls of the process."""

    def __init__(self, parts: Parts, settings: ExchangeSettings) -> None:
        self.parts = parts
        self.settings = settings
        self.calls: dict[str, Call] = {}
        self.phones = PhoneParticipants(
            self, parts.rooms, parts.engine, answer_immediately=settings.answer_immediately
        )
        self.pins = Pins(
            self,
            self.phones,
            clock=parts.clock,
            ids=parts.ids,
            trunks=parts.trunks,
            alarm=parts.alarm,
            prompts=parts.prompts,
        )
        self.restored_dialogs = RestoredDialogs(
            self,
            clock=parts.clock,
            board=parts.board,
            call_records=parts.call_records,
            call_metrics=parts.call_metrics,
            transfer_requests=parts.transfers,
            sink=parts.sink,
        )
        self.placing = Placing(self)
        self.keying = Keying(parts.alarm)
        self.refusals = RefusalLog(parts.call_metrics)
        for machine in (self.pins, self.keying, self.refusals):
            parts.alarm.add(machine)
        self._queue: deque[BoardEffect] = deque()
        self._busy = False
        self._performers = performers(
            fx.OwnerEffect,
            on(fx.Locate, self.placing.locate),
            on(fx.InviteAnswered, self.placing.invite_answered),
            on(fx.DialFailed, self.placing.failed),
            on(fx.OpenMedia, self._open_media),
            on(fx.ApplyMedia, self._apply_media),
            on(fx.PlayTone, self._play_tone),
            on(fx.StopTone, self._stop_tone),
            on(fx.CloseMedia, self._close_media),
            on(fx.StoreDialog, self._store_dialog),
            on(fx.ForgetDialog, self._forget_dialog),
            on(fx.LegRinging, self._ringing),
            on(fx.LegAnswered, self._answered),
            on(fx.LegActive, self._active),
            on(fx.LegHeld, lambda call, effect: self.phones.held(call, effect.held)),
            on(fx.LegDtmf, lambda call, effect: self.digit(call, effect.digit, effect.duration_ms)),
            on(fx.LegLeft, self._left),
            on(fx.LegEnded, self._ended),
            on(fx.TransferChanged, self._transfer_changed),
            on(fx.TransferAnswered, self._transfer_answered),
            on(fx.Note, self._note),
        )

    # --- the queue ------------------------------------------------------------------------------

    def perform(self, effects: Iterable[BoardEffect]) -> None:
        """Do these, and everything that they cause, in order."""
        self._queue.extend(effects)
        if self._busy:
            return
        self._busy = True
        try:
            while self._queue:
                effect = self._queue.popleft()
                try:
                    self._one(effect)
                except Exception as error:  # noqa: BLE001  # logged; the next one has its turn
                    self._failed(effect, error)
        finally:
            self._busy = False
        self.parts.stack.arm()

    def drive(self, call: Call, ask: Callable[[float], Iterable[fx.LegEffect]]) -> None:
        """Give this call's leg an input, with the time, and perform what it returns."""
        now = self.parts.clock.now()
        self.perform(self.parts.board.ask(now, call.leg, lambda: ask(now)))

    def _failed(self, effect: BoardEffect, error: Exception) -> None:
        """A mistake of ours, which ends the call that it is about unless that stands already: no
        caller is left without an answer."""
        board, now = self.parts.board, self.parts.clock.now()
        leg = effect.leg if isinstance(effect, ForOwner) else None
        if isinstance(effect, Incoming):
            leg = board.leg_of(effect)
            if leg is None:
                tag = self.parts.ids.token()
                response = Response.reply(effect.request, 500, to_tag=tag)
                self._queue.extend(board.respond(now, effect.key, response))
        call_id = leg.call_id if leg is not None else ""
        _log.error("internal_error", call_id=call_id, exc_info=error)
        if leg is not None:
            self._queue.extend(board.broken(now, leg))

    def _one(self, effect: BoardEffect) -> None:
        parts = self.parts
        if isinstance(effect, SendBytes):
            parts.stack.send(effect)
        elif isinstance(effect, ForOwner):
            call = self.calls.get(effect.leg.call_id)
            if call is None:
                self.restored_dialogs.perform(effect)
                return
            self._performers[type(effect.effect)](call, effect.effect)
        elif isinstance(effect, Incoming):
            self._incoming(effect)
        elif isinstance(effect, Resolve):
            parts.stack.resolve(effect)
        elif isinstance(effect, Broken):
            _log.error("internal_error", call_id=effect.leg.call_id, exc_info=effect.error)
        elif isinstance(effect, LegGone):
            self._gone(effect.leg.call_id)
        else:
            assert_never(effect)

    def _gone(self, call_id: str) -> None:
        call = self.calls.pop(call_id, None)
        if call is not None and not call.ended:  # its leg broke and could not say so
            self._left(call, fx.LegLeft("dropped"))
            self._ended(call, fx.LegEnded("local", BROKEN, None))
            self._close_media(call, fx.CloseMedia())
        if call is not None and call.trace is not None:
            self.parts.stack.traces.end(call.sip_call_id)
            if call.reported:
                self.parts.call_records.call_ended(call.record, call.trace.taken())

    def has_call_from(self, ip: str) -> bool:
        """Whether a call from this address is live or has just ended."""
        for call in self.calls.values():
            flow, dialog = call.flow, call.leg.dialog
            if flow is not None and flow.remote[0] == ip:
                return True
            if dialog is not None and dialog.peer_address == ip:
                return True
        return False

    def drops(self, message: Message, flow: Flow) -> bool:
        """Whether the shield swallows this request (calls.md §5)."""
        method = getattr(message, "method", "")
        if method not in CREATES_DIALOG or message.to_tag:
            return False
        return self.parts.admission.shield.drops(self.parts.clock.now(), flow.remote[0])

    # --- a new call -----------------------------------------------------------------------------

    def _incoming(self, incoming: Incoming) -> None:
        parts, now = self.parts, self.parts.clock.now()
        plan = parts.admission.consider(now, incoming.request, incoming.flow)
        if not isinstance(plan, CallPlan):
            self.refusals.refused(now, plan, incoming.flow.remote[0])
            parts.alarm.arm_for(self.refusals.next_deadline())
            self.perform(parts.board.respond(now, incoming.key, plan.response))
            return
        request, flow = incoming.request, incoming.flow
        leg = Leg(
            plan.call_id,
            leg_settings(parts, self.settings, plan, request, flow),
            parts.ids,
            parts.timers,
        )
        call = Call(leg, plan, flow, self._record(now, plan, request.call_id))
        call.attributes = attributes_of(plan, request)
        call.remote_headers = request.headers.raw()
        self.admit(call, request.call_id, incoming)
        self._unconfirmed(call, rings=True)
        _log.info(
            "call_incoming",
            call_id=plan.call_id,
            trunk_id=call.trunk_id,
            rule_id=plan.dispatch.rule_id,
            room=plan.dispatch.room,
            source=flow.remote[0],
        )
        self.drive(call, lambda now: leg.start_inbound(now, incoming.key, request, flow))

    def admit(self, call: Call, sip_call_id: str, incoming: Incoming | None = None) -> None:
        """A new call, in either direction."""
        self.parts.board.add(call.leg, incoming)
        self.calls[call.call_id] = call
        call.sip_call_id = sip_call_id
        call.trace = self.parts.stack.traces.begin(sip_call_id)
        self._count(call, +1)
        self.parts.call_metrics.call_started(call.base.direction)

    def _record(self, now: float, plan: CallPlan, sip_call_id: str) -> CallRecord:
        return CallRecord(
            call_id=plan.call_id,
            sip_call_id=clean(sip_call_id),
            direction="inbound",
            room=plan.dispatch.room,
            identity=plan.dispatch.identity,
            trunk_id=plan.parties.trunk_id,
            rule_id=plan.dispatch.rule_id,
            caller=plan.parties.caller,
            called=plan.parties.called,
            created_at=now,
        )

    def _count(self, call: Call, step: int) -> None:
        load = self.parts.admission.load
        load.calls += step
        left = load.per_trunk.get(call.trunk_id, 0) + step
        if left:
            load.per_trunk[call.trunk_id] = left
        else:
            load.per_trunk.pop(call.trunk_id, None)
        self.parts.board.full = self.parts.admission.overload("") == "process"

    def _unconfirmed(self, call: Call, *, rings: bool) -> None:
        """A call of a peer rings, or was confirmed by its ACK, or is over: until then whoever
        sent its INVITE may have forged his address."""
        if call.unconfirmed != rings:
            call.unconfirmed = rings
            self.parts.admission.load.rings(call.trunk_id, +1 if rings else -1)

    # --- media ----------------------------------------------------------------------------------

    def _open_media(self, call: Call, effect: fx.OpenMedia) -> None:
        parts = self.parts
        try:
            stream = call.stream = parts.engine.open(
                call.call_id,
                parts.addresses.bind(effect.remote_ip),
                parts.addresses.advertised(effect.remote_ip),
                lambda event: self._media_event(call, event),
            )
        except NoPorts:
            _log.warning("no_ports", call_id=call.call_id)
            self.drive(call, call.leg.media_refused)
            return
        if call.owner is not None:
            call.owner.media_opened(call)
        self.drive(
            call,
            lambda now: call.leg.media_opened(now, stream.local, lambda: stream.last_packet_at),
        )

    def _apply_media(self, call: Call, effect: fx.ApplyMedia) -> None:
        if call.stream is None:
            return
        call.stream.apply(effect.plan)
        if call.owner is not None and call.leg.state in EARLY:
            call.owner.early_media(call)
        if effect.plan.codec.name != call.codec:
            call.codec = effect.plan.codec.name
            self.phones.codec_known(call)

    def _play_tone(self, call: Call, effect: fx.PlayTone) -> None:
        call.port.play(effect.tone, effect.country)

    def _stop_tone(self, call: Call, _: fx.StopTone) -> None:
        call.port.stop_tone()

    def _close_media(self, call: Call, _: fx.CloseMedia) -> None:
        stream = call.stream
        if stream is None:
            return
        call.stream = None
        call.note(stats=stream.close())
        self._report(call)

    def _media_event(self, call: Call, event: MediaEvent) -> None:
        if isinstance(event, FirstPacket):
            if call.owner is not None and not call.answered:
                call.owner.early_sound(call)
            self.drive(call, call.leg.first_packet)
        elif isinstance(event, Digit):
            if not event.inband:
                self.drive(call, call.leg.dtmf_by_rtp)
            self.digit(call, event.digit, event.duration_ms, relayed=event.relayed)
        else:
            _log.info("rtp_latched", call_id=call.call_id, address=event.address[0])

    def digit(self, call: Call, digit: str, duration_ms: int = 0, *, relayed: bool = False) -> None:
        """The caller pressed a key."""
        if self.pins.asks(call):
            self.pins.digit(call, digit)
        else:
            self.phones.digit(call, digit, duration_ms, relayed=relayed)

    # --- the life of a call ---------------------------------------------------------------------

    def _ringing(self, call: Call, _: fx.LegRinging) -> None:
        if call.owner is not None:
            call.owner.ringing(call)
            return
        if call.plan.dispatch.pin_needed:
            self.drive(call, call.leg.answer)
            return
        room = self.phones.join(call)
        if room is None:
            return
        if self.settings.answer_immediately:
            self.drive(call, call.leg.answer)
        else:
            self.phones.answer_those_heard(room)

    def _answered(self, call: Call, effect: fx.LegAnswered) -> None:
        now = self.parts.clock.now()
        call.answered = True
        call.note(answered_at=now, answer_status=effect.status)
        _log.info("call_answered", call_id=call.call_id, room=call.room_name)
        if call.owner is not None:
            call.owner.answered(call)
        elif call.plan.dispatch.pin_needed and call.participant is None:
            self.pins.start(call)
        else:
            self.phones.bridge(call)

    def _active(self, call: Call, _: fx.LegActive) -> None:
        if call.owner is not None:
            call.owner.active(call)
        else:
            self.phones.status(call, "active")

    def _left(self, call: Call, effect: fx.LegLeft) -> None:
        call.left = True
        self.pins.stop(call)
        self.phones.leave(call, effect.reason)

    def _ended(self, call: Call, effect: fx.LegEnded) -> None:
        if call.ended:
            return
        call.ended = True
        self._count(call, -1)
        self._unconfirmed(call, rings=False)
        changes: dict[str, Any] = {}
        if effect.status is not None:
            changes["answer_status"] = effect.status
        call.note(
            ended_at=self.parts.clock.now(),
            end_reason=effect.reason,
            end_cause=clean(effect.cause),
            ended_by=effect.by,
            **changes,
        )
        _log.info(
            "call_ended",
            call_id=call.call_id,
            room=call.room_name,
            by=effect.by,
            reason=effect.reason,
            status=effect.status,
        )
        if call.owner is not None:
            call.owner.ended(call)
        self._report(call)

    def _report(self, call: Call) -> None:
        """Tell of the end of a call once its media is closed too, so that the counters are in."""
        if not call.ended or call.stream is not None or call.reported:
            return
        call.reported = True
        sid = call.participant.sid if call.participant is not None else ""
        record = call.record
        self.parts.call_records.call_ended(record, None)
        self.parts.sink.call_ended(record, call.room, sid)

    # --- transfers ------------------------------------------------------------------------------

    def _transfer_changed(self, call: Call, effect: fx.TransferChanged) -> None:
        record, transfer_id = effect.record, effect.record.transfer_id
        self.parts.transfers.changed(record)
        if effect.then_send:
            self.parts.call_records.transfer_then(
                record,
                lambda: self.drive(call, lambda now: call.leg.transfer_stored(now, transfer_id)),
                lambda: self.drive(
                    call, lambda now: call.leg.transfer_not_stored(now, transfer_id)
                ),
            )
        else:
            self.parts.call_records.transfer(record)
        if effect.kind is None:
            return
        self.parts.call_metrics.transfer_changed(record, effect.kind)
        room = call.room
        if room is not None and room.name != record.room:  # the caller was moved since
            room = self.parts.rooms.get(record.room)
        self.parts.sink.transfer_changed(record, effect.kind, room)

    def _transfer_answered(self, _: Call, effect: fx.TransferAnswered) -> None:
        self.parts.transfers.answered(effect, self.parts.call_records.once_stored)

    # --- store and log --------------------------------------------------------------------------

    def _store_dialog(self, call: Call, effect: fx.StoreDialog) -> None:
        self._unconfirmed(call, rings=False)
        self.parts.call_records.dialog(effect.record, call.record)

    def _forget_dialog(self, call: Call, _: fx.ForgetDialog) -> None:
        self.parts.call_records.forget_dialog(call.call_id)

    def _note(self, call: Call, effect: fx.Note) -> None:
        _log.info(effect.event, call_id=call.call_id, **dict(effect.fields))
