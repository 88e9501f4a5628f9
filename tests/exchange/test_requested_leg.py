"""A leg that an API request has placed: before its call, while keys are pressed, and at its end."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from livekit.protocol.sip import CreateSIPParticipantRequest, SIPOutboundTrunkInfo
from tests.exchange.kit import BODY, CONTACT, SDP, Table
from tests.support.sip_messages import PEER_ADDRESS, response_of

from hookflash.base.errors import ApiError
from hookflash.calls.dial_plan import DTMF_DIGIT, dial_attributes, dial_order, dial_plan
from hookflash.exchange.call import Call
from hookflash.exchange.leg_settings import outbound_settings
from hookflash.exchange.requested_leg import RequestedLeg
from hookflash.ports import DialRequest


class Requested:
    """One call that a request has placed into `lobby`; `settled` is what who waits is told."""

    def __init__(self, table: Table, *, dtmf: str = "") -> None:
        self.table = table
        self.settled: list[ApiError | None] = []
        self.store: list[tuple[Callable[[], None], Callable[[], None]]] = []
        exchange = table.exchange
        trunk = SIPOutboundTrunkInfo(sip_trunk_id="ST_2", address=PEER_ADDRESS[0])
        request = CreateSIPParticipantRequest(
            sip_call_to="200", room_name="lobby", participant_identity="callee", dtmf=dtmf
        )
        order = DialRequest(request, trunk, "100", None, "key", "id")
        what = dial_order(request, trunk, "100", "SCL_1", follow_redirects=False)
        plan = dial_plan(request, trunk, "100", "SCL_1")
        settings = outbound_settings(exchange.parts, exchange.settings, order)
        self.call: Call = exchange.placing.make(what, settings, plan)
        self.call.attributes = dial_attributes(request, trunk, plan, what.sip_call_id)
        exchange.phones.enter(self.call)
        owner = RequestedLeg(
            exchange,
            exchange.phones,
            exchange.keying,
            order,
            store_then=lambda go, not_stored: self.store.append((go, not_stored)),
            settle=self.settle,
        )
        exchange.placing.start(self.call, what, owner)

    def settle(self, error: ApiError | None = None) -> None:
        self.settled.append(error)

    def answer(self) -> None:
        """The callee is found, and answers."""
        self.store.pop()[0]()
        self.table.wire.found()
        (invite,) = self.table.wire.requests("INVITE")
        self.table.receive(response_of(invite.encode(), 200, headers=(CONTACT, BODY), body=SDP))

    def sound(self) -> None:
        """A packet of the callee."""
        self.table.sound_of(self.call)

    @property
    def status(self) -> str:
        participant = self.call.participant
        assert participant is not None
        return participant.attributes["sip.callStatus"]


@pytest.fixture
def table() -> Iterator[Table]:
    table = Table()
    yield table
    table.studio.close()


def test_nobody_is_looked_up_before_the_request_is_stored(table: Table) -> None:
    requested = Requested(table)
    assert table.wire.sought == []
    requested.answer()
    assert requested.settled == [None]
    assert table.exchange.keying.next_deadline() is None


def test_a_request_that_cannot_be_stored_calls_nobody(table: Table) -> None:
    requested = Requested(table)
    requested.store.pop()[1]()
    assert requested.call.ended
    assert table.wire.sought == []
    assert table.wire.sent == []


def test_keys_are_pressed_before_the_room_is_connected(table: Table) -> None:
    requested = Requested(table, dtmf="12")
    requested.answer()
    requested.sound()
    assert requested.status == "automation"
    assert requested.settled == []
    assert table.timer.at == table.clock.now() + 2 * DTMF_DIGIT
    table.timer.ring()
    assert requested.status == "active"
    assert requested.settled == [None]
    assert table.exchange.keying.next_deadline() is None


@pytest.mark.parametrize("dtmf", ["", "12"])
def test_it_is_active_when_who_waits_is_told_though_the_callee_is_silent(
    table: Table, dtmf: str
) -> None:
    requested = Requested(table, dtmf=dtmf)
    requested.answer()
    if dtmf:
        assert (requested.settled, requested.status) == ([], "automation")
        table.timer.ring()
    assert (requested.settled, requested.status) == ([None], "active")


def test_whose_keys_are_pressed_when_he_hangs_up_is_forgotten(table: Table) -> None:
    requested = Requested(table, dtmf="12")
    requested.answer()
    table.exchange.drive(requested.call, lambda now: requested.call.leg.hangup(now, "enough"))
    assert table.exchange.keying.next_deadline() is None
    assert requested.settled == [None]


def test_who_waits_is_told_why_nobody_answered(table: Table) -> None:
    requested = Requested(table)
    requested.store.pop()[0]()
    table.wire.found()
    (invite,) = table.wire.requests("INVITE")
    table.receive(response_of(invite.encode(), 486))
    first = requested.settled[0]
    assert first is not None
    assert first.meta["sip_status_code"] == "486"
