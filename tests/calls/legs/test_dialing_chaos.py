"""Calls of ours in which whatever happens in whatever order: an end, and nobody left ringing."""

from __future__ import annotations

import pytest
from tests.calls.legs.test_leg_chaos import BODIES, CHALLENGE, HEADERS, Chaos
from tests.simulation.legs import LegDriver, places, sdp

from hookflash.calls.effects import (
    AbandonRequest,
    CancelRequest,
    CloseMedia,
    DialFailed,
    ForgetDialog,
    LegAnswered,
    LegEnded,
    LegFinished,
    LegLeft,
    OpenMedia,
    SendRequest,
    StoreDialog,
    TransferAnswered,
)

STATUSES = (
    100,
    180,
    183,
    183,
    200,
    200,
    200,
    200,
    200,
    302,
    401,
    407,
    420,
    421,
    422,
    486,
    500,
    503,
)
ANSWERS = (
    *HEADERS[:-1],  # the endpoint drops an unreadable Contact
    (("Require", "100rel"), ("RSeq", "1")),
    (("Require", "100rel"), ("RSeq", "2")),
    (("Min-SE", "3600"), ("Unsupported", "timer"), ("Require", "timer")),
    (("Proxy-Authenticate", CHALLENGE[0][1] + ", stale=true"),),
    (("Contact", "<sip:2@b.example>"),),
)
TAGS = ("peer", "peer", "peer", "two", "three")


class Calling(Chaos):
    """One call of ours; carrier, room, API and time do anything at any moment."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.driver = LegDriver.with_settings(
            direction="outbound",
            session_expires=self.random.choice([0, 90, 1800]),
            max_call_duration=self.random.choice([40.0, 86400.0]),
            ringing_timeout=self.random.choice([10.0, 180.0]),
            credentials=self.driver.settings.credentials,
        )
        self.finals: set[int] = set()
        self.taken: set[tuple[int, str]] = set()
        self.steps = (*self.steps, *(self.invite_answers,) * 3, self.ways_found)

    def run(self) -> LegDriver:
        driver, pick = self.driver, self.random
        hosts = ("198.51.100.7", "198.51.100.8", "198.51.100.9")[: pick.choice((0, 1, 1, 2, 2, 3))]
        driver.places = places(*hosts) if pick.random() < 0.9 else None
        driver.dial(follow_redirects=pick.random() < 0.5)
        for _ in range(pick.randrange(80)):
            if driver.leg.finished:
                break
            pick.choice(self.steps)()
        driver.hangup()
        driver.last_packet_at = None
        for _ in range(60):
            while not driver.leg.finished and (waiting := self.waiting()):
                self.unanswered.append(waiting[0])
                driver.do(driver.leg.request_failed(driver.now, waiting[0].token, "timeout"))
            driver.advance(20)
        return driver

    def ways_found(self) -> None:
        self.driver.do(self.driver.leg.located(self.driver.now, places("198.51.100.7")))

    def waiting(self) -> list[SendRequest]:
        return [sent for sent in super().waiting() if sent.token not in self.finals]

    def invite_answers(self) -> None:
        """An answer to any attempt that may have one: after a 2xx only a 2xx."""
        driver, pick = self.driver, self.random
        first = [sent for sent in driver.sent("INVITE") if sent.request.to.tag is None]
        live = [sent for sent in first if sent in self.waiting() or sent.token in self.finals]
        if not live or driver.leg.finished:
            return
        sent = pick.choice(live)
        status = 200 if sent.token in self.finals else pick.choice(STATUSES)
        tag = pick.choice(TAGS)
        if status == 200:
            self.finals.add(sent.token)
            self.taken.add((sent.token, tag))
        elif status > 200:
            self.unanswered.append(sent)
        before = len(driver.acks())
        headers = CHALLENGE if status == 401 else pick.choice(ANSWERS)
        body = pick.choice((sdp(), sdp(), *BODIES))
        driver.respond(status, headers, body, tag=tag, to=sent)
        assert len(driver.acks()) == before + (status == 200)


@pytest.mark.parametrize("block", range(20))
def test_any_order_of_events(block: int) -> None:
    for seed in range(block * 50, block * 50 + 50):
        chaos = Calling(seed)
        driver = chaos.run()
        assert driver.leg.finished, seed
        assert driver.leg.next_deadline() is None, seed
        assert isinstance(driver.log[-1][1], LegFinished), seed
        ends = [len(driver.all(kind)) for kind in (LegFinished, LegEnded, LegLeft)]
        assert ends == [1, 1, 1], seed
        assert len(driver.all(CloseMedia)) == len(driver.all(OpenMedia)), seed
        assert len(driver.all(DialFailed)) + len(driver.all(LegAnswered)) == 1, seed
        assert len(driver.all(TransferAnswered)) == chaos.tickets, seed
        assert bool(driver.all(StoreDialog)) == bool(driver.all(ForgetDialog)), seed
        stops = {stop.token for stop in driver.all(CancelRequest)}
        stops |= {stop.token for stop in driver.all(AbandonRequest)}
        attempts = [sent for sent in driver.sent("INVITE") if sent.request.to.tag is None]
        cseqs = [sent.request.cseq.number for sent in attempts]
        assert cseqs == list(range(1, len(cseqs) + 1)), seed
        for sent in attempts:
            failed = sent in chaos.unanswered
            assert failed or sent.token in stops or sent.token in chaos.finals, seed
