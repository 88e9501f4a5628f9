"""Whether the exchange of a trunk is there, asked by OPTIONS."""

from __future__ import annotations

from tests.support.carrier_rig import ORIGINATION, Rig
from tests.support.sip_messages import OUR_ADDRESS, PEER_ADDRESS, request_of

from hookflash.calls.effects import LegAnswered, Respond
from hookflash.carrier.manners import CarrierManners
from hookflash.carrier.pings import FIRST, TrunkPing
from hookflash.sip.flow import Flow

EVERY = CarrierManners(options_every=60.0)


def started(manners: CarrierManners) -> Rig:
    rig = Rig(manners)
    rig.carrier(rig.switch.start(rig.now))
    return rig


def test_the_exchange_is_asked_again_and_again_and_told_of_once() -> None:
    rig = started(EVERY)
    rig.advance(FIRST + 150)
    asked = rig.sent("OPTIONS")
    assert [one.cseq.number for one in asked] == [1, 2, 3]
    assert len({one.call_id for one in asked}) == 1
    assert asked[0].uri == ORIGINATION
    assert rig.names() == ["exchange_answers"]
    assert rig.fields("exchange_answers") == {"trunk": "main", "status": 200}


def test_calls_go_on_meanwhile() -> None:
    rig = started(EVERY)
    rig.call()
    rig.advance(100)
    assert len(rig.sent("OPTIONS")) == 2
    assert rig.switch.listing()[0]["state"] == "up"


def test_who_does_not_ask_sends_nothing() -> None:
    rig = started(CarrierManners())
    rig.advance(1000)
    assert rig.wire == []


def test_an_exchange_that_is_silent_and_comes_back() -> None:
    rig = Rig(EVERY)
    (trunk,) = rig.switch.numbers.trunks
    ping = TrunkPing(rig.switch, 0.0, trunk, 60.0, "carrier.test", ORIGINATION)
    ping.handle_deadline(FIRST)
    assert ping.request_failed(40.0, 1, "timeout") == [LegAnswered(0)]
    assert ping.request_failed(99.0, 2, "timeout") == []
    assert ping.status == 0
    assert ping.next_deadline() == FIRST + 60
    assert ping.handle_deadline(FIRST + 59) == []


def test_an_exchange_that_does_not_answer_is_told_of() -> None:
    rig = started(EVERY)
    rig.loses = True
    rig.advance(FIRST + 40)
    assert rig.names() == ["exchange_silent"]
    assert rig.fields("exchange_silent") == {"trunk": "main"}
    rig.loses = False
    rig.advance(60)
    assert rig.names() == ["exchange_silent", "exchange_answers"]


def test_nobody_can_talk_in_it() -> None:
    rig = Rig(EVERY)
    (trunk,) = rig.switch.numbers.trunks
    ping = TrunkPing(rig.switch, 0.0, trunk, 60.0, "carrier.test", ORIGINATION)
    flow = Flow("udp", OUR_ADDRESS, PEER_ADDRESS)
    request = request_of("BYE", to_tag=ping.call_id)
    (answer,) = ping.request_received(1.0, "key", request, flow)
    assert isinstance(answer, Respond)
    assert answer.response.status == 481
    assert ping.request_received(1.0, "", request, flow) == []
    assert ping.cancel_received(1.0, "key", request) == []
    assert ping.broken(1.0, due=True) == []
