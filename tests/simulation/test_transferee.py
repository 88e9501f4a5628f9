"""The simulated transferee, alone on a network with a host that keeps what it gets."""

from __future__ import annotations

from dataclasses import replace
from math import inf
from random import Random

import pytest
from tests.simulation.legs import sdp
from tests.simulation.network import Conditions, Host, Network
from tests.simulation.refer_plans import Arrival, Notification, ReferPlan
from tests.simulation.transferee import Manners, Transferee
from tests.simulation.virtual_timeline import VirtualTimeline
from tests.support.sip_messages import OUR_ADDRESS, PEER_ADDRESS

from hookflash.sip.codec import parse
from hookflash.sip.flow import Flow
from hookflash.sip.message import Request, Response

NOTE = Notification(0.1, b"SIP/2.0 200 OK", "terminated", "refer;id={id}", compact=True)


class Exchange:
    """Answers the INVITE, and asks in the dialog."""

    def __init__(self, plan: ReferPlan, manners: Manners) -> None:
        self.timeline = VirtualTimeline()
        conditions = {ip: Conditions() for ip in (OUR_ADDRESS[0], PEER_ADDRESS[0])}
        self.network = Network(self.timeline, Random(1), conditions)
        self.got: list[Request | Response] = []
        self.network.attach(OUR_ADDRESS[0], Host(self.received, lambda _: None))
        self.peer = Transferee(self.timeline, self.network, Random(2), manners, iter([plan] * 9))
        self.invite: Request | None = None
        self.flow = Flow("udp", OUR_ADDRESS, PEER_ADDRESS)
        self.cseq = 0
        self.peer.call()
        self.timeline.run(self.timeline.now() + 5)

    def received(self, data: bytes, flow: Flow) -> None:
        message = parse(data)
        self.got.append(message)
        if isinstance(message, Response) or message.method == "ACK":
            return
        self.invite = self.invite or message
        headers = [("Contact", "<sip:192.0.2.10>")]
        body = sdp() if message.method == "INVITE" else b""
        reply = Response.reply(message, 200, to_tag="us", headers=headers, body=body)
        self.network.send(reply.encode(), flow)

    def ask(self, method: str, *more: tuple[str, str]) -> list[str]:
        """What comes back within ten seconds."""
        assert self.invite is not None
        self.cseq += 1
        headers = [
            ("Via", f"SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK{self.cseq}"),
            ("Max-Forwards", "70"),
            ("From", f"{self.invite.header('To')};tag=us"),
            ("To", self.invite.header("From") or ""),
            ("Call-ID", self.invite.call_id),
            ("CSeq", f"{self.cseq} {method}"),
            *more,
        ]
        before = len(self.got)
        request = Request(method, "sip:caller@198.51.100.7", headers)
        self.network.send(request.encode(), self.flow)
        self.timeline.run(self.timeline.now() + 10)
        return [line(message) for message in self.got[before:]]

    def lines(self) -> list[str]:
        return [line(message) for message in self.got]


def line(message: Request | Response) -> str:
    if isinstance(message, Response):
        return str(message.status)
    return message.method


def exchange(plan: ReferPlan | None = None, **manners: object) -> Exchange:
    plan = plan or ReferPlan("row", (Arrival(202),), (NOTE,))
    return Exchange(plan, Manners(**manners))  # type: ignore[arg-type]


def test_a_call_and_a_transfer() -> None:
    host = exchange()
    assert host.lines() == ["INVITE", "ACK"]
    assert host.ask("REFER") == ["202", "NOTIFY"]
    notify = host.got[-1]
    assert notify.header("Event") == "refer;id=1"
    assert notify.header("Subscription-State") == "terminated"
    assert host.ask("BYE") == ["200"]
    assert host.ask("OPTIONS") == ["200"]
    host.peer.hang_up()
    assert host.peer.rows == ["row"]
    assert host.timeline.run()
    assert sum(host.peer.endpoint.counts()) == 0


def test_a_retry_goes_on_with_the_plan() -> None:
    host = exchange(ReferPlan("row", (Arrival(491), Arrival(202, trying=True)), (NOTE,), 2.0))
    assert host.ask("REFER") == ["491"]
    assert host.ask("REFER") == ["100", "202", "NOTIFY", "BYE"]
    assert host.peer.rows == ["row"]


@pytest.mark.parametrize(("status", "back"), [(200, ["200", "NOTIFY"]), (481, ["481"]), (0, [])])
def test_subscribe(status: int, back: list[str]) -> None:
    host = exchange(ReferPlan("row", (Arrival(202),), (), None, status, (NOTE,)))
    assert host.ask("SUBSCRIBE", ("Event", "refer;id=2")) == []
    assert host.ask("REFER") == ["202"]
    assert host.ask("SUBSCRIBE", ("Event", "refer;id=2")) == back


def test_each_notify_names_the_refer_that_it_comes_from() -> None:
    late = Notification(15.0, b"SIP/2.0 200 OK", "terminated", "refer;id={id}")
    host = exchange(ReferPlan("row", (Arrival(202),), (late,)))
    assert host.ask("REFER") == ["202"]
    assert host.ask("REFER") == ["202", "NOTIFY"]
    assert host.got[-1].header("Event") == "refer;id=1"
    host.timeline.run(host.timeline.now() + 10)
    assert host.got[-1].header("Event") == "refer;id=2"


def test_a_peer_that_never_writes_an_id() -> None:
    named = Notification(0.0, b"SIP/2.0 100 Trying", "active", "refer;id={id}", compact=True)
    host = exchange(ReferPlan("row", (Arrival(202),), (named,)), writes_ids=False)
    assert host.ask("REFER") == ["202", "NOTIFY"]
    assert host.got[-1].header("Event") == "refer"
    unnamed = replace(named, event=None)
    host = exchange(ReferPlan("row", (Arrival(202),), (unnamed,)), writes_ids=False)
    assert host.ask("REFER") == ["202", "NOTIFY"]
    assert host.got[-1].header("Event") is None


def test_manners() -> None:
    assert exchange(ack_after=inf).lines() == ["INVITE"]
    assert exchange(bye=0).ask("BYE") == []
    assert exchange(options=0).ask("OPTIONS") == []
    assert exchange(deaf_after=1.0).ask("REFER") == []
    offers = ((0.1, "INVITE", "sendonly"), (0.2, "UPDATE", ""))
    assert exchange(offers=offers).lines() == ["INVITE", "ACK", "INVITE", "ACK", "UPDATE"]
    assert exchange(offers=offers[:1], ack_offers=False).lines() == ["INVITE", "ACK", "INVITE"]


def test_by_tcp_it_opens_a_connection_and_another_one_after_a_cut() -> None:
    host = exchange(transport="tcp")
    assert host.lines() == ["INVITE", "ACK"]
    host.network.cut(PEER_ADDRESS[0])
    host.peer.hang_up()
    host.timeline.run(host.timeline.now() + 1)
    assert host.lines()[-1] == "BYE"


def test_it_answers_our_offers() -> None:
    talk = exchange(refresh=200)
    assert talk.ask("UPDATE") == ["200"]
    assert talk.ask("INVITE") == ["100", "200", "200", "200", "200", "200"]  # it gets no ACK
    assert exchange(refresh=405).ask("UPDATE") == ["405"]
    assert exchange(refresh=0).ask("UPDATE") == []
    talk = exchange(refresh=0)
    assert talk.ask("INVITE") == ["100"]
    talk.timeline.run(talk.timeline.now() + 240)
    assert talk.lines()[-1] == "487"
    assert talk.peer.endpoint.counts() == (0, 0)
