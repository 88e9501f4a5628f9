"""Our side of the simulation, with a peer that does as it should."""

from __future__ import annotations

from math import inf
from random import Random

import pytest
from tests.simulation.evidence import Ask, Facts
from tests.simulation.network import Conditions, Network
from tests.simulation.refer_plans import Arrival, Notification, ReferPlan
from tests.simulation.sim_exchange import PORTS, SimExchange
from tests.simulation.transferee import Manners, Transferee
from tests.simulation.virtual_timeline import VirtualTimeline
from tests.support.sip_messages import OUR_ADDRESS, PEER_ADDRESS

from hookflash.sip.flow import Transport

PLAN = ReferPlan("row", (Arrival(202),), (Notification(1.0, b"SIP/2.0 200 OK", "terminated"),))
USUAL, MANNERS = Facts(), Manners()
ASK = Ask(1, "sip:a@example.com", 30.0)


def exchange(
    plan: ReferPlan = PLAN, facts: Facts = USUAL, manners: Manners = MANNERS, **settings: object
) -> SimExchange:
    """A call that was answered two seconds ago, made by us if the settings say outbound."""
    timeline, random = VirtualTimeline(), Random(1)
    ways = {ip: Conditions() for ip in (OUR_ADDRESS[0], PEER_ADDRESS[0])}
    network = Network(timeline, random, ways)
    made = SimExchange(timeline, network, random, facts, settings, 0.1)
    peer = Transferee(timeline, network, random, manners, iter([plan] * 9))
    if made.settings.direction == "outbound":
        made.call(manners.transport)
    else:
        peer.call()
    timeline.run(1002.0)
    return made


def run(made: SimExchange, seconds: float = 5000.0) -> None:
    made._timeline.run(made._timeline.now() + seconds)


def done(made: SimExchange) -> list[str]:
    """What was asked of us and sent by us."""
    return [f"{seen.kind} {seen.method}".strip() for seen in made.log if seen.kind != "wire"]


def test_a_transfer_and_what_is_left_of_it() -> None:
    made = exchange()
    assert made.ports.free == PORTS - 1
    assert len(made.rooms) == 1
    made.request(ASK)
    run(made)
    assert [record.verdict for record in made.records.values()] == ["succeeded"]
    assert made.told[1].error is None
    assert made.left_why == "transfer"
    assert made.left_at == made.ended_at < inf
    assert (len(made.board), len(made.rooms), made.ports.free) == (0, 0, PORTS)
    assert made.faults == []
    assert done(made) == ["answer", "request", "sent REFER", "sent BYE"]
    made.request(ASK)
    made.shutdown()
    assert len(made.told) == 1


def test_what_the_api_and_the_room_do_is_in_the_log() -> None:
    made = exchange(ReferPlan("row", (Arrival(202),)))
    made.cancel()
    made.request(ASK)
    run(made, 2.0)
    made.cancel()
    made.delete_room()
    made.delete_room()
    run(made)
    assert done(made) == ["answer", "request", "sent REFER", "canceled", "hangup", "sent BYE"]
    assert made.left_why == "hangup"


def test_after_shutdown_nothing_is_received() -> None:
    made = exchange()
    made.request(ASK)
    run(made, 0.5)
    made.shutdown()
    run(made)
    assert [record.verdict for record in made.records.values()] == ["interrupted"]
    assert done(made)[-3:] == ["interrupted", "hangup", "sent BYE"]
    assert len(made.board) == 0


def test_limits_of_the_call_are_hang_ups() -> None:
    made = exchange(facts=Facts(silent_since=1005.0))
    run(made)
    assert made.limits == [(1020.0, False)]
    assert done(made) == ["answer", "sent BYE", "hangup"]
    made = exchange(max_call_duration=10.0)
    run(made)
    assert [pending for _, pending in made.limits] == [False]


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_call_of_ours_is_transferred_too(transport: Transport) -> None:
    made = exchange(manners=Manners(transport, rings=0.5), direction="outbound")
    assert made.ports.free == PORTS - 1
    made.request(ASK)
    run(made)
    assert [record.verdict for record in made.records.values()] == ["succeeded"]
    assert done(made) == ["sent INVITE", "request", "sent REFER", "sent BYE"]
    assert (len(made.board), len(made.rooms), made.ports.free) == (0, 0, PORTS)
    assert made.faults == []


@pytest.mark.parametrize(("allow", "method"), [("", "INVITE"), ("INVITE, UPDATE", "UPDATE")])
def test_a_refer_waits_for_a_refresh_of_ours(allow: str, method: str) -> None:
    manners = Manners(allow=allow, refresh_after=2.0)
    made = exchange(manners=manners, session_expires=90)
    run(made, 44.5)
    made.request(ASK)
    assert done(made) == ["answer", f"sent {method}", "request"]
    run(made)
    assert done(made) == ["answer", f"sent {method}", "request", "sent REFER", "sent BYE"]


def test_a_session_that_nobody_refreshes_is_hung_up() -> None:
    made = exchange(manners=Manners(refresh=0), session_expires=90)
    run(made)
    assert done(made) == ["answer", "sent INVITE", "sent BYE", "hangup"]
    assert len(made.board) == 0
