"""Two endpoints on a channel that loses, doubles, delays and reorders.

Whatever happens on the way, every request gets exactly one final outcome, every request is seen
once by the other side, and no transaction is left.
"""

from __future__ import annotations

import heapq
import random
from collections import Counter
from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from hookflash.base.ids import Ids
from hookflash.sip.codec import parse
from hookflash.sip.effects import (
    CancelReceived,
    RequestFailed,
    RequestReceived,
    ResponseReceived,
    SendBytes,
    ServerFailed,
    SipEffect,
)
from hookflash.sip.endpoint import Endpoint
from hookflash.sip.flow import Flow
from hookflash.sip.message import Request, Response
from hookflash.sip.timers import Timers

CALLER = ("192.0.2.1", 5060)
CALLEE = ("192.0.2.2", 5060)
RINGING_TIMEOUT = 40.0
LAST_START = 20.0
TIMERS = Timers()
SLOWEST_ANSWER = 100.0
END = LAST_START + SLOWEST_ANSWER + 3 * TIMERS.transaction + TIMERS.t4
"""The last request that comes through, its answer, its ACK or none, linger."""


class World:
    """Both endpoints, both users, and the channel between them."""

    def __init__(self, seed: int, loss: float, reliable: bool) -> None:
        self.random = random.Random(seed)
        self.loss = 0.0 if reliable else loss
        self.reliable = reliable
        self.now = 0.0
        self.queue: list[tuple[float, int, Callable[[], None]]] = []
        self.order = 0
        self.caller = self.endpoint()
        self.callee = self.endpoint()
        self.outcomes: dict[str, list[str]] = {}
        self.seen: Counter[tuple[str, str]] = Counter()
        self.answered: dict[str, Response] = {}
        self.acknowledged: set[str] = set()

    def endpoint(self) -> Endpoint:
        return Endpoint(
            timers=TIMERS,
            ids=Ids(self.random),
            via=lambda flow: flow.local,
            user_agent="test",
        )

    def at(self, when: float, what: Callable[[], None]) -> None:
        self.order += 1
        heapq.heappush(self.queue, (when, self.order, what))

    def run(self) -> None:
        while self.now < END:
            times = [self.caller.next_deadline(), self.callee.next_deadline()]
            due = min((at for at in times if at is not None), default=END)
            if self.queue and self.queue[0][0] <= due:
                self.now, _, what = heapq.heappop(self.queue)
                what()
            else:
                self.now = due
                self.called(self.caller.handle_deadline(due))
                self.heard(self.callee.handle_deadline(due))

    # --- the channel ---

    def carry(self, effect: SendBytes, to_callee: bool) -> None:
        if self.random.random() < self.loss:
            return
        copies = 2 if self.random.random() < self.loss / 2 else 1
        for _ in range(copies):
            # Below T1: a request sent at 31.5 s that took longer would find its server
            # transaction gone (timers J and L), which is RFC 3261's own limit.
            delay = 0.01 if self.reliable else self.random.choice((0.01, 0.2, 0.45))
            self.at(self.now + delay, lambda: self.deliver(effect.data, to_callee))

    def deliver(self, data: bytes, to_callee: bool) -> None:
        flow = self.flow(CALLEE, CALLER) if to_callee else self.flow(CALLER, CALLEE)
        if to_callee:
            self.heard(self.callee.message_received(self.now, parse(data), flow))
        else:
            self.called(self.caller.message_received(self.now, parse(data), flow))

    def flow(self, local: tuple[str, int], remote: tuple[str, int]) -> Flow:
        return Flow("tcp", local, remote, 1) if self.reliable else Flow("udp", local, remote)

    # --- the caller's user ---

    def start(self, method: str, number: int) -> None:
        items = [
            ("Max-Forwards", "70"),
            ("From", "<sip:a@192.0.2.1>;tag=a"),
            ("To", "<sip:b@192.0.2.2>"),
            ("Call-ID", f"call-{number}"),
            ("CSeq", f"1 {method}"),
            ("Contact", "<sip:a@192.0.2.1>"),
        ]
        request = Request(method, "sip:b@192.0.2.2", items)
        key, effects = self.caller.send_request(self.now, request, self.flow(CALLER, CALLEE))
        self.outcomes[key] = []
        if method == "INVITE":
            patience = self.random.choice((0.1, 2.0, RINGING_TIMEOUT))
            self.at(self.now + patience, lambda: self.give_up(key))
        self.called(effects)

    def give_up(self, key: str) -> None:
        if not self.outcomes[key]:
            self.called(self.caller.cancel(self.now, key))

    def called(self, effects: list[SipEffect]) -> None:
        for effect in effects:
            if isinstance(effect, SendBytes):
                self.carry(effect, to_callee=True)
            elif isinstance(effect, RequestFailed):
                self.outcomes[effect.key].append(effect.reason)
            else:
                assert isinstance(effect, ResponseReceived)
                self.got(effect)

    def got(self, effect: ResponseReceived) -> None:
        response = effect.response
        if response.status < 200:
            assert not self.outcomes[effect.key]
            return
        if response.status < 300 and response.cseq.method == "INVITE":
            items = [
                ("Max-Forwards", "70"),
                ("From", response.header("From") or ""),
                ("To", response.header("To") or ""),
                ("Call-ID", response.call_id),
                ("CSeq", "1 ACK"),
            ]
            ack = Request("ACK", "sip:b@192.0.2.2", items)
            self.called(self.caller.send_ack(self.now, ack, effect.flow))
            if self.outcomes[effect.key] == ["200"]:
                return
        self.outcomes[effect.key].append(str(response.status))

    # --- the callee's user ---

    def heard(self, effects: list[SipEffect]) -> None:
        for effect in effects:
            if isinstance(effect, SendBytes):
                self.carry(effect, to_callee=False)
            elif isinstance(effect, RequestReceived):
                self.request(effect)
            elif isinstance(effect, CancelReceived):
                self.answer(effect.key, Response.reply(effect.request, 487, to_tag="b"), "INVITE")
            else:
                assert isinstance(effect, ServerFailed)

    def request(self, effect: RequestReceived) -> None:
        request, key = effect.request, effect.key
        if request.method == "ACK":
            self.acknowledged.add(request.call_id)
            return
        self.seen[request.call_id, request.method] += 1
        status = self.random.choice((200, 200, 404, 603))
        final = Response.reply(request, status, to_tag="b")
        delay = self.random.choice((0.0, 0.3, 3.0))
        if request.method == "INVITE":
            if self.random.random() < 0.5:
                ringing = Response.reply(request, 180, to_tag="b")
                self.heard(self.callee.respond(self.now, key, ringing))
            delay = self.random.choice((0.0, 1.0, 30.0, SLOWEST_ANSWER))
        self.at(self.now + delay, lambda: self.answer(key, final, request.method))

    def answer(self, key: str, response: Response, method: str) -> None:
        if key in self.answered:
            return
        if response.cseq.method == "CANCEL":
            response.headers.set("CSeq", "1 INVITE")
        self.answered[key] = response
        self.repeat(key, response, method, TIMERS.t1, self.now + TIMERS.transaction)

    def repeat(
        self, key: str, response: Response, method: str, interval: float, until: float
    ) -> None:
        """Send it; a 2xx of INVITE again and again until the ACK (RFC 3261 §13.3.1.4)."""
        self.heard(self.callee.respond(self.now, key, response))
        if method != "INVITE" or response.status >= 300:
            return
        if self.now + interval < until and response.call_id not in self.acknowledged:
            wider = min(2 * interval, TIMERS.t2)
            self.at(self.now + interval, lambda: self.repeat(key, response, method, wider, until))


@settings(max_examples=120)
@given(
    seed=st.integers(0, 2**32),
    loss=st.sampled_from((0.0, 0.05, 0.3, 0.6, 1.0)),
    reliable=st.booleans(),
)
def test_every_request_has_one_outcome_and_nothing_is_left(
    seed: int, loss: float, reliable: bool
) -> None:
    world = World(seed, loss, reliable)
    for number in range(12):
        method = world.random.choice(("INVITE", "OPTIONS", "BYE", "REFER"))
        world.at(
            world.random.uniform(0.0, LAST_START),
            lambda method=method, number=number: world.start(method, number),  # type: ignore[misc]
        )
    world.run()
    assert len(world.outcomes) == 12
    for key, outcomes in world.outcomes.items():
        assert len(outcomes) == 1, (key, outcomes)
    assert all(count == 1 for count in world.seen.values())
    if world.loss == 1.0:
        assert all(outcomes == ["timeout"] for outcomes in world.outcomes.values())
    assert world.caller.counts() == (0, 0)
    assert world.callee.counts() == (0, 0)
    assert world.caller.next_deadline() is None
    assert world.callee.next_deadline() is None
