"""PIN dialogues of answered callers: digits and prompts between leg, audio and dispatch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import assert_never

import structlog

from ..base.ids import Ids
from ..calls.attributes import CALL_STATUS, RULE_ID
from ..calls.dispatch import dispatch
from ..calls.pin import Choose, GiveUp, PinDialog, PinEffect, Play
from ..calls.trunks.table import TrunkTable
from ..ports import Clock, DeadlineTimer, Prompts
from .call import Call
from .host import CallHost
from .phones import PhoneParticipants

_log = structlog.get_logger("calls")


class Pins:
    """Every caller who is being asked for a PIN."""

    def __init__(
        self,
        host: CallHost,
        phones: PhoneParticipants,
        *,
        clock: Clock,
        ids: Ids,
        trunks: TrunkTable,
        alarm: DeadlineTimer,
        prompts: Callable[[], Prompts],
    ) -> None:
        self._host = host
        self._phones = phones
        self._clock = clock
        self._ids = ids
        self._trunks = trunks
        self._alarm = alarm
        self._load_prompts = prompts
        self._prompts: Prompts = {}
        self._asking: dict[Call, PinDialog] = {}

    def start(self, call: Call) -> None:
        """The caller was answered and must give a PIN."""
        dialog = self._asking[call] = PinDialog()
        self._perform(call, dialog.start(self._clock.now()))

    def stop(self, call: Call) -> None:
        """The call is over, or in its room."""
        self._asking.pop(call, None)

    def asks(self, call: Call) -> bool:
        """What the caller presses is a PIN."""
        return call in self._asking

    def digit(self, call: Call, digit: str) -> None:
        """A key was pressed by one who is asked."""
        self._perform(call, self._asking[call].digit(self._clock.now(), digit))

    def next_deadline(self) -> float | None:
        """The earliest silence that counts as an attempt."""
        times = (dialog.next_deadline() for dialog in self._asking.values())
        return min((at for at in times if at is not None), default=None)

    def handle_deadline(self, now: float) -> None:
        """Silence."""
        for call, dialog in list(self._asking.items()):
            self._perform(call, dialog.handle_deadline(now))

    def _perform(self, call: Call, effects: list[PinEffect]) -> None:
        for effect in effects:
            if isinstance(effect, Play):
                self._play(call, effect, then_hang_up=GiveUp() in effects)
            elif isinstance(effect, Choose):
                self._choose(call, effect.pin)
            elif isinstance(effect, GiveUp):
                _log.info("pin_failed", call_id=call.call_id)
                self.stop(call)
            else:
                assert_never(effect)
        self._alarm.arm()

    def _play(self, call: Call, effect: Play, *, then_hang_up: bool) -> None:
        stream = call.port
        if not self._prompts:
            self._prompts = self._load_prompts()
        samples, rate = self._prompts[effect.prompt]
        stream.stop_pcm()
        done = partial(self._hang_up, call) if then_hang_up else None
        stream.play_pcm(samples, done, rate=rate)

    def _hang_up(self, call: Call) -> None:
        self._host.drive(call, lambda now: call.leg.hangup(now, "wrong PIN"))

    def _choose(self, call: Call, pin: str) -> None:
        found = dispatch(self._trunks, self._ids, call.plan.parties, pin)
        self._perform(call, self._asking[call].chosen(self._clock.now(), found is not None))
        if found is None:
            return
        self.stop(call)
        call.plan = replace(call.plan, dispatch=replace(found, pin_needed=False))
        call.note(rule_id=found.rule_id, room=found.room)
        _renamed(call)
        if self._phones.join(call) is not None:
            self._phones.bridge(call)


def _renamed(call: Call) -> None:
    """The PIN chose another rule: its attributes are the caller's."""
    place = call.plan.dispatch
    call.attributes |= place.attributes
    call.attributes[RULE_ID] = place.rule_id
    call.attributes[CALL_STATUS] = "active"
