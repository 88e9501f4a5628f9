"""Whatever happens in whatever order: no exception, one answer each, and an end."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable

import pytest
from tests.simulation.legs import LegDriver, sdp

from hookflash.calls.effects import (
    CloseMedia,
    ForgetDialog,
    LegEnded,
    LegFinished,
    LegLeft,
    LegRinging,
    OpenMedia,
    Respond,
    SendRequest,
    StoreDialog,
    TransferAnswered,
)
from hookflash.calls.legs.settings import Credential
from hookflash.calls.transfers.request import TransferRequest
from hookflash.sip.refer import parse_target

METHODS = (
    *("INVITE", "UPDATE", "NOTIFY") * 3,
    *("INFO", "OPTIONS", "BYE", "PRACK", "REFER", "DANCE"),
)
BODIES = (b"", sdp(), sdp("sendonly"), sdp("inactive", port=4002), sdp(formats="3"), b"rubbish")
FRAGMENTS = (b"SIP/2.0 100 Trying", b"SIP/2.0 180 Ringing", b"SIP/2.0 200 OK", b"SIP/2.0 486", b"")
HEADERS: tuple[tuple[tuple[str, str], ...], ...] = (
    (),
    (("Require", "100rel"),),
    (("Require", "gin"),),
    (("Session-Expires", "90"), ("Supported", "timer")),
    (("Session-Expires", "90;refresher=uas"), ("Allow", "UPDATE")),
    (("RAck", "1 1 INVITE"),),
    (("Event", "refer"), ("Subscription-State", "terminated")),
    (("Event", "refer;id=1"), ("Subscription-State", "active")),
    (("Contact", "<sip:x@198.51.100.8>"),),
    (("Contact", "<sip:"),),
)
CHALLENGE = (("WWW-Authenticate", 'Digest realm="r", nonce="n", qop="auth"'),)


class Chaos:
    """One call in which peer, room, API and time do anything at any moment."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.driver = LegDriver.with_settings(
            session_expires=self.random.choice([0, 90, 1800]),
            max_call_duration=self.random.choice([40.0, 86400.0]),
            credentials=lambda: Credential("u", "p"),
        )
        self.driver.opens_media = self.random.random() < 0.9
        self.asked = 0
        self.tickets = 0
        self.unanswered: list[SendRequest] = []
        self.steps: tuple[Callable[[], None], ...] = (
            self.peer_asks,
            self.peer_asks,
            self.peer_answers,
            self.peer_answers,
            self.time_passes,
            self.time_passes,
            self.owner_acts,
            self.ack,
            self.media,
        )

    def run(self) -> LegDriver:
        driver, pick = self.driver, self.random
        if pick.random() < 0.7:
            driver.opens_media = True
            driver.invite(pick.choice(HEADERS[3:5]), pick.choice(BODIES[:4]))
            driver.answer()
            if pick.random() < 0.9:
                driver.ack(sdp())
        else:
            driver.invite(pick.choice(HEADERS), pick.choice(BODIES))
        for _ in range(pick.randrange(40)):
            if driver.leg.finished:
                break
            pick.choice(self.steps)()
        driver.hangup()
        driver.last_packet_at = None
        for _ in range(60):
            while not driver.leg.finished and (waiting := self.waiting()):
                failed = driver.leg.request_failed(driver.now, waiting[0].token, "timeout")
                self.unanswered.append(waiting[0])
                driver.do(failed)
            driver.advance(20)
        return driver

    def waiting(self) -> list[SendRequest]:
        return [sent for sent in self.driver.all(SendRequest) if sent not in self.unanswered]

    def in_dialog(self) -> list[SendRequest]:
        """Those of `waiting` that are sent within a dialog."""
        return [sent for sent in self.waiting() if sent.request.to.tag is not None]

    def peer_asks(self) -> None:
        pick = self.random
        method = pick.choice(METHODS)
        body = pick.choice(FRAGMENTS if method == "NOTIFY" else BODIES)
        cseq = pick.choice([None, None, None, max(1, self.driver.cseq - 1)])
        self.asked += 1
        self.driver.receive(method, pick.choice(HEADERS), body, cseq=cseq)

    def peer_answers(self) -> None:
        waiting = self.in_dialog()
        if not waiting:
            return
        sent = self.random.choice(waiting)
        status = self.random.choice([100, 200, 200, 202, 401, 408, 422, 481, 486, 491, 500])
        if status >= 200:
            self.unanswered.append(sent)
        headers = CHALLENGE if status == 401 else self.random.choice(HEADERS)
        self.driver.reply(sent, status, headers, self.random.choice(BODIES))

    def time_passes(self) -> None:
        self.driver.advance(self.random.choice([0.1, 0.5, 1.0, 3.0, 16.0, 31.0, 45.0]))

    def ack(self) -> None:
        self.driver.ack(self.random.choice(BODIES))

    def media(self) -> None:
        driver, leg = self.driver, self.driver.leg
        driver.last_packet_at = driver.now + self.random.choice([0.0, 60.0])
        driver.do(leg.first_packet(driver.now))

    def owner_acts(self) -> None:
        driver, leg, now, pick = self.driver, self.driver.leg, self.driver.now, self.random
        what = pick.randrange(10)
        if what < 4:
            driver.answer()
        elif what < 7:
            self.tickets += 1
            number = pick.choice(["1", "2"])
            order = TransferRequest(
                transfer_id=f"STR_{self.tickets}",
                room="r",
                identity="i",
                participant_sid="PA",
                target=parse_target(f"tel:+1555010{number}"),
                headers=(),
                play_dialtone=pick.random() < 0.5,
                ringing_timeout=pick.choice([5.0, 30.0]),
                wait=None,
                api_key="k",
                request_id="",
            )
            driver.do(leg.transfer(now, self.tickets, order))
        elif what == 7:
            driver.do(leg.cancel_transfer(now, f"STR_{self.tickets}"))
        elif what == 8 and pick.random() < 0.3:
            driver.cancel()
        elif pick.random() < 0.3:
            driver.do(leg.reject(now, 480))


@pytest.mark.parametrize("block", range(20))
def test_any_order_of_events(block: int) -> None:
    for seed in range(block * 50, block * 50 + 50):
        chaos = Chaos(seed)
        driver = chaos.run()
        assert driver.leg.finished, seed
        assert driver.leg.next_deadline() is None, seed
        assert isinstance(driver.log[-1][1], LegFinished), seed
        assert len(driver.all(LegFinished)) == len(driver.all(LegEnded)) == 1, seed
        assert len(driver.all(CloseMedia)) == len(driver.all(OpenMedia)), seed
        assert len(driver.all(LegLeft)) == len(driver.all(LegRinging)), seed
        assert bool(driver.all(StoreDialog)) == bool(driver.all(ForgetDialog)), seed
        assert len(driver.all(TransferAnswered)) == chaos.tickets, seed
        finals = Counter(
            answer.key
            for answer in driver.all(Respond)
            if answer.response.status >= 200 and answer.response.cseq.method != "INVITE"
        )
        assert set(finals.values()) <= {1}, seed
        invites = {
            answer.key
            for answer in driver.all(Respond)
            if answer.response.status >= 200 and answer.response.cseq.method == "INVITE"
        }
        assert len(finals) + len(invites) == chaos.asked + 1, seed
