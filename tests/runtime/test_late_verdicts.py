"""What a NOTIFY says after the verdict, also of a caller who was moved since (transfer.md §4)."""

from __future__ import annotations

import gc
from typing import Literal

import pytest
from livekit import api
from tests.support.lab import NUMBER, Lab, run

from hookflash.calls.records import TransferRecord
from hookflash.carrier.accepted_refer import OVER
from hookflash.carrier.call import CarrierCall
from hookflash.carrier.phone import Behaviour
from hookflash.media.phone_port import PhonePort
from hookflash.rooms.room import Room

from .test_dial_requests import duration

CALLER = "+14150000001"
IDENTITY = f"sip_{CALLER}"
Kind = Literal["started", "updated", "ended"]


async def timed_out(lab: Lab) -> CarrierCall:
    """A caller whose transfer was accepted, and of which nothing was heard in time."""
    await lab.ready()
    caller = await lab.carrier.phone(CALLER, behaviour=Behaviour(notify=()))
    call = await caller.call(NUMBER, proxy=lab.sip)
    with pytest.raises(api.TwirpError):
        await lab.transfer(IDENTITY, "tel:+15105550100", ringing_timeout=duration(1))
    return call


async def notify(call: CarrierCall, status: int) -> None:
    refer = await call.received("REFER")
    body = f"SIP/2.0 {status} Late\r\n".encode()
    answer = await call.notify(f"refer;id={refer.cseq.number}", OVER, body)
    assert answer.status == 200


def test_a_late_failure_is_only_written_down() -> None:
    async def check(lab: Lab) -> None:
        call = await timed_out(lab)
        told = len(lab.events.transfers)
        await notify(call, 486)
        stored = await lab.server.store.transfer(lab.events.transfers[0][1].transfer_id)
        assert stored is not None
        assert "486" in stored.notes[-1]
        assert len(lab.events.transfers) == told

    run(check, sip__answer="immediately")


def test_a_late_success_of_a_caller_who_was_moved_is_told_of_the_first_room() -> None:
    async def check(lab: Lab) -> None:
        call = await timed_out(lab)
        rooms: list[str | None] = []
        take = lab.events.transfer_changed

        def noted(record: TransferRecord, kind: Kind, room: Room | None) -> None:
            rooms.append(room.name if room is not None else None)
            take(record, kind, room)

        lab.events.transfer_changed = noted  # type: ignore[method-assign]
        await lab.api.room.create_room(api.CreateRoomRequest(name="office"))
        await lab.api.room.move_participant(
            api.MoveParticipantRequest(room="lobby", identity=IDENTITY, destination_room="office")
        )
        count = lab.events.names.count("transfer updated")
        await notify(call, 200)
        await lab.events.wait_for("transfer updated", count + 1)
        _, record = lab.events.transfers[-1]
        assert record.late_success
        assert record.room == "lobby"
        assert rooms[-1] in {"lobby", None}, "never the room where the caller is now"

    run(check, sip__answer="immediately")


def test_who_waits_for_a_late_notify_keeps_no_port() -> None:
    async def check(lab: Lab) -> None:
        gc.collect()  # those of other tests
        call = await timed_out(lab)
        (live,) = lab.server.exchange.calls.values()
        assert any(isinstance(each, PhonePort) for each in gc.get_objects())
        await call.hang_up()
        await lab.events.wait_for("call ended")
        assert lab.server.exchange.calls[live.call_id] is live, "for a NOTIFY that comes late"
        assert not any(isinstance(each, PhonePort) for each in gc.get_objects())

    run(check, sip__answer="immediately")
