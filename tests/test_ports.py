"""Who fits which port; mypy is the judge, this makes it look."""

from __future__ import annotations

import random

from tests.support.manual_clock import ManualClock

from hookflash.adapters.clock import SystemClock
from hookflash.adapters.webhooks import WebhookSender
from hookflash.base.ids import Ids
from hookflash.calls.records import CallRecord
from hookflash.exchange.rooms import RoomListener
from hookflash.ports import EventSink, WorldClock


def test_clocks() -> None:
    clocks: list[WorldClock] = [SystemClock(), ManualClock()]
    assert all(clock.now() <= clock.now() for clock in clocks)
    assert [clock.shift() for clock in clocks] == [0.0, 0.0]


def test_event_sinks() -> None:
    sender = WebhookSender(
        clock=ManualClock(),
        ids=Ids(random.Random(1)),
        urls=(),
        api_key="",
        secret="",
        version="0",
    )
    sink: EventSink = sender
    sink.call_ended(CallRecord("SCL_1", "a@host", "inbound"), None, "")
    listener: RoomListener = sender
    listener.room_events([])
