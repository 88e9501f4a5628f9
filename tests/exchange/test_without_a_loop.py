"""Whole calls through the exchange with no event loop, no socket and no waiting: what legs and
rooms ask for is done on ports that the test holds in its hands."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from livekit.protocol.models import DisconnectReason
from tests.exchange.kit import BODY, CONTACT, SDP, Table
from tests.support.sip_messages import PEER_ADDRESS, response_of

from hookflash.calls.dial_outcome import DialOutcome
from hookflash.calls.effects import ApplyMedia, LegEnded
from hookflash.calls.legs.invitation import DialOrder
from hookflash.calls.pin import ATTEMPTS, SILENCE
from hookflash.calls.transfers.request import TransferRequest
from hookflash.exchange.call import Call, LegOwner
from hookflash.exchange.leg_settings import placed_settings
from hookflash.sip.fields import NameAddr
from hookflash.sip.message import Response
from hookflash.sip.refer import parse_target
from hookflash.sip.uri import Uri


@pytest.fixture
def table() -> Iterator[Table]:
    table = Table()
    yield table
    table.studio.close()


def test_a_call_from_its_invite_to_its_bye(table: Table) -> None:
    call = table.caller()
    assert table.wire.statuses()[-1] == 200
    assert list(table.book.dialogs) == [call.call_id]
    participant = table.rooms.find("lobby", "sip_caller")
    assert participant.attributes["sip.callStatus"] == "ringing"
    pair = table.sound_of(call)
    assert participant.attributes["sip.callStatus"] == "active"
    table.in_dialog("BYE", cseq=2)
    assert participant.left
    assert pair.closed
    assert table.book.dialogs == {}
    (record,) = table.book.calls
    assert (record.ended_by, record.stats.packets_received) == ("remote", 1)
    assert table.told.names[-1] == "call ended"


def test_no_refer_goes_out_before_its_transfer_is_stored(table: Table) -> None:
    call = table.caller()
    request = TransferRequest(
        room="lobby",
        identity="sip_caller",
        target=parse_target("tel:+15105550100"),
        headers=(),
        play_dialtone=False,
        ringing_timeout=30.0,
        wait=None,
        api_key="key",
        request_id="",
        transfer_id="STR_1",
    )
    table.exchange.drive(call, lambda now: call.leg.transfer(now, 7, request))
    assert table.wire.requests("REFER") == []
    stored, _ = table.book.unstored.pop()
    stored()
    (refer,) = table.wire.requests("REFER")
    table.receive(response_of(refer.encode(), 202))
    table.in_dialog(
        "NOTIFY",
        cseq=2,
        headers=(
            CONTACT,
            ("Event", "refer"),
            ("Subscription-State", "terminated;reason=noresource"),
            ("Content-Type", "message/sipfrag"),
        ),
        body=b"SIP/2.0 200 OK\r\n",
    )
    (answer,) = table.tickets.answers
    assert (answer.ticket, answer.error) == (7, None)
    assert table.book.transfers[-1].verdict == "succeeded"
    assert len(table.wire.requests("BYE")) == 1
    assert "transfer ended" in table.told.names


class Owner(LegOwner):
    """Writes down what it is told."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def ringing(self, call: Call) -> None:
        self.heard.append("ringing")

    def answered(self, call: Call) -> None:
        self.heard.append("answered")

    def failed(self, call: Call, outcome: DialOutcome) -> None:
        self.heard.append("failed")

    def ended(self, call: Call) -> None:
        self.heard.append("ended")


def test_a_leg_that_we_place(table: Table) -> None:
    exchange, owner = table.exchange, Owner()
    uri = Uri.sip("200", *PEER_ADDRESS)
    order = DialOrder(uri, uri, NameAddr("", Uri("sip", "100")), "leg@us")
    call = exchange.placing.place(order, placed_settings(exchange.parts, exchange.settings), owner)
    table.wire.found()
    (invite,) = table.wire.requests("INVITE")
    table.receive(response_of(invite.encode(), 183, headers=(CONTACT, BODY), body=SDP))
    table.sound_of(call)
    assert (owner.heard, call.stats().packets_received) == (["ringing"], 1)
    table.receive(response_of(invite.encode(), 200, headers=(CONTACT, BODY), body=SDP))
    assert owner.heard == ["ringing", "answered"]
    assert len(table.wire.requests("ACK")) == 1
    exchange.drive(call, lambda now: call.leg.hangup(now, "enough"))
    assert owner.heard == ["ringing", "answered", "ended"]
    assert len(table.wire.requests("BYE")) == 1


def test_who_presses_no_pin_is_hung_up_after_three_silences() -> None:
    table = Table(pin="1234")
    table.caller()
    for _ in range(ATTEMPTS):
        before = table.clock.now()
        table.timer.ring()
        assert table.clock.now() == before + SILENCE
    assert table.wire.requests("BYE") == []  # the last prompt is played to its end first
    table.studio.tick(500)
    assert len(table.wire.requests("BYE")) == 1
    assert table.told.names == ["call ended"]
    table.studio.close()


def test_an_answer_without_an_ack_is_repeated_and_then_hung_up(table: Table) -> None:
    """RFC 3261 §13.3.1.4."""
    call = table.caller(acknowledges=False)
    table.pass_time(31.0)
    answers = [m for m in table.wire.sent if isinstance(m, Response) and m.status == 200]
    assert len(answers) > 5
    assert table.book.dialogs == {}
    assert table.wire.requests("BYE") == []
    table.pass_time(2.0)
    assert table.wire.requests("BYE") != []
    assert call.ended


def test_what_a_leg_says_after_its_end_changes_nothing(table: Table) -> None:
    call, exchange = table.caller(), table.exchange
    table.sound_of(call)
    plan = call.port.plan
    assert plan is not None
    table.in_dialog("BYE", cseq=2)
    record, load = call.record, exchange.parts.admission.load
    exchange._ended(call, LegEnded("local", "too late", 500))
    assert (call.record, load.calls, len(table.book.calls)) == (record, 0, 1)
    exchange._apply_media(call, ApplyMedia(plan))
    assert call.stream is None


def test_who_has_hung_up_is_not_put_out_of_the_room(
    table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The two cross: his BYE comes while the room tells of his removal."""
    call = table.caller()
    table.in_dialog("BYE", cseq=2)
    assert call.ended
    driven: list[Call] = []
    monkeypatch.setattr(table.exchange, "drive", lambda call, _: driven.append(call))
    table.exchange.phones._put_out(call, DisconnectReason.PARTICIPANT_REMOVED)
    assert driven == []


def test_a_call_without_media_is_bridged_to_nobody(table: Table) -> None:
    call = table.caller()
    room = call.room
    assert room is not None
    stream = call.port
    table.studio.engine.leave(stream)
    call.stream = None
    table.exchange.phones.bridge(call)
    assert table.studio.engine.room_of(stream) is None
    call.stream = stream
    table.exchange.phones.bridge(call)
    assert table.studio.engine.room_of(stream) == room.sid


def test_the_messages_of_a_call_are_handed_over_at_its_end(table: Table) -> None:
    table.caller()
    table.in_dialog("BYE", cseq=2)
    (trace,) = table.book.traces
    lines = [entry[3].split(b"\r\n")[0].split() for entry in trace.entries]
    assert [line[1 if line[0] == b"SIP/2.0" else 0] for line in lines] == [
        *(b"INVITE", b"100", b"180", b"200", b"ACK", b"BYE", b"200")
    ]
    assert not len(table.wire.traces)


def test_what_comes_after_the_end_of_a_call_is_handed_over_with_the_rest(table: Table) -> None:
    call = table.caller()
    table.exchange.drive(call, lambda now: call.leg.hangup(now, "enough"))
    assert (len(table.book.calls), table.book.traces) == (1, [])
    (bye,) = table.wire.requests("BYE")
    table.receive(response_of(bye.encode(), 200))
    (trace,) = table.book.traces
    assert len(table.book.calls) == 1
    assert [entry[3].split()[0] for entry in trace.entries[-2:]] == [b"BYE", b"SIP/2.0"]
    assert not len(table.wire.traces)
