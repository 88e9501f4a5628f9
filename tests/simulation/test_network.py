"""The network loses, doubles, delays and reorders datagrams, and only delays streams."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from tests.simulation.network import Conditions, Host, Network
from tests.simulation.virtual_timeline import VirtualTimeline

from hookflash.sip.flow import Flow

HERE, THERE = ("192.0.2.1", 5060), ("192.0.2.2", 5060)
UDP = Flow("udp", HERE, THERE)
TCP = Flow("tcp", HERE, THERE)


class Ends:
    """Both hosts on one network."""

    def __init__(self, conditions: Conditions, seed: int = 1) -> None:
        self.timeline = VirtualTimeline(0.0)
        ways = {HERE[0]: Conditions(), THERE[0]: conditions}
        self.network = Network(self.timeline, Random(seed), ways)
        self.got: list[tuple[float, bytes, Flow]] = []
        self.failed: list[tuple[str, Flow]] = []
        for address in (HERE, THERE):
            self.network.attach(address[0], Host(self.received, self.host_failed(address[0])))

    def received(self, data: bytes, flow: Flow) -> None:
        self.got.append((self.timeline.now(), data, flow))

    def host_failed(self, ip: str) -> Callable[[Flow], None]:
        return lambda flow: self.failed.append((ip, flow))

    def send(self, count: int, flow: Flow = UDP) -> list[bytes]:
        for number in range(count):
            self.network.send(b"%d" % number, flow)
        self.timeline.run()
        return [data for _, data, _ in self.got]


def test_a_good_way_delivers_once_and_turns_the_flow_around() -> None:
    ends = Ends(Conditions(delay=(0.2, 0.3)))
    assert ends.send(1) == [b"0"]
    at, _, flow = ends.got[0]
    assert 0.2 <= at <= 0.3
    assert flow == Flow("udp", THERE, HERE)
    assert [each.to for each in ends.network.delivered] == [THERE[0]]
    assert ends.network.sent[0].arrivals == [at]


def test_loss_duplication_and_reordering_have_their_shares() -> None:
    ends = Ends(Conditions(loss=0.3, duplication=0.2, straggling=0.2))
    got = ends.send(2000)
    assert 1300 < len(set(got)) < 1500
    assert 200 < len(got) - len(set(got)) < 360
    numbers = [int(data) for data in got]
    assert numbers != sorted(numbers)
    assert sum(not sent.arrivals for sent in ends.network.sent) == 2000 - len(set(got))


def test_it_is_the_same_for_the_same_seed() -> None:
    bad = Conditions(loss=0.5, duplication=0.5, straggling=0.5)
    first, second, other = Ends(bad), Ends(bad), Ends(bad, seed=2)
    assert first.send(50) == second.send(50)
    assert first.got == second.got
    assert other.send(50) != first.send(0)


def test_a_stream_keeps_everything_in_order() -> None:
    ends = Ends(Conditions(loss=0.9, duplication=0.9, delay=(0.0, 5.0), straggling=0.9))
    flow = ends.network.connect(TCP)
    assert ends.send(200, flow) == [b"%d" % number for number in range(200)]


def test_a_connection_is_opened_where_there_is_none() -> None:
    ends = Ends(Conditions())
    assert ends.send(1, TCP) == [b"0"]
    flow = ends.got[0][2]
    assert flow.connection
    assert ends.network.is_open(flow)
    assert ends.network.is_open(UDP)
    assert not ends.network.is_open(TCP)


def test_a_cut_tells_both_ends_and_leaves_one_that_refuses() -> None:
    ends = Ends(Conditions())
    flow = ends.network.connect(TCP)
    ends.network.cut(THERE[0])
    assert {ip for ip, _ in ends.failed} == {HERE[0], THERE[0]}
    assert not ends.network.is_open(flow)
    ends.failed.clear()
    assert ends.send(1, TCP) == []
    assert ends.failed == [(HERE[0], TCP)]
    ends.network.send(b"back", Flow("tcp", THERE, HERE))
    ends.timeline.run()
    assert ends.got[-1][1] == b"back"
