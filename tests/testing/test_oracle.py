"""The oracle against transfer.md, without anything of the exchange: logs by hand."""

from __future__ import annotations

from math import inf

import pytest

from hookflash.testing.evidence import Ask, Facts, Fate, Judgement, Seen, Told
from hookflash.testing.oracle import Oracle
from hookflash.testing.sip_messages import request_of, response_of

TARGET, OTHER = "sip:a@example.com", "tel:+15550100"
USUAL = Facts()
CHALLENGE = (("WWW-Authenticate", 'Digest realm="r", nonce="n"'),)


class Log:
    """What a call saw, from the answer on; the REFER goes out at 1 s with CSeq 1."""

    def __init__(self, facts: Facts = USUAL, *, ringing: float = 30.0, sent: bool = True) -> None:
        self.facts = facts
        self.seen: list[Seen] = []
        self.requests = 0
        self.tickets = 0
        self.wire(0.0, request_of("INVITE", cseq=1, branch="z9hG4bKinvite").encode())
        self.seen.append(Seen(0.0, "answer"))
        self.wire(0.1, request_of("ACK", cseq=1).encode())
        self.ask(1.0, ringing=ringing)
        if sent:
            self.refer(1.0, 1)

    def wire(self, at: float, data: bytes) -> Log:
        self.seen.append(Seen(at, "wire", data))
        return self

    def ask(self, at: float, target: str = TARGET, ringing: float = 30.0, **more: object) -> Log:
        self.tickets += 1
        ask = Ask(self.tickets, target, ringing, **more)  # type: ignore[arg-type]
        self.seen.append(Seen(at, "request", ask=ask))
        return self

    def refer(self, at: float, cseq: int) -> Log:
        self.seen.append(Seen(at, "refer", cseq=cseq))
        return self

    def does(self, at: float, kind: str) -> Log:
        self.seen.append(Seen(at, kind))  # type: ignore[arg-type]
        return self

    def unconnected(self, at: float, method: str = "REFER") -> Log:
        self.seen.append(Seen(at, "unconnected", cseq=1, method=method))
        return self

    def asked(self, at: float, method: str, *more: tuple[str, str], body: bytes = b"") -> Log:
        self.requests += 1
        branch = f"z9hG4bK{self.requests}"
        cseq = 1 + self.requests
        request = request_of(method, to_tag="us", cseq=cseq, branch=branch, headers=more, body=body)
        return self.wire(at, request.encode())

    def notify(self, at: float, line: str, state: str = "active", event: str = "refer") -> Log:
        headers = (("Event", event), ("Subscription-State", state))
        return self.asked(at, "NOTIFY", *headers, body=line.encode())

    def reply(
        self, at: float, status: int, method: str = "REFER", cseq: int = 1, **more: object
    ) -> Log:
        request = request_of(method, to_tag="us", cseq=cseq).encode()
        return self.wire(at, response_of(request, status, **more).encode())  # type: ignore[arg-type]

    def judge(self) -> Judgement:
        return Oracle(self.facts).judge(self.seen)

    def verdict(self) -> tuple[str, int]:
        return self.judge().fates[0][:2]


def test_success_and_the_end_of_the_call() -> None:
    log = Log().reply(1.1, 202).notify(1.2, "SIP/2.0 100 Trying").notify(2.0, "SIP/2.0 200 OK")
    judged = log.judge()
    assert judged.fates == [Fate("succeeded", 0, False)]
    assert judged.told == {1: Told("succeeded", 0)}
    assert (judged.over_at, judged.faults) == (2.0, [])


@pytest.mark.parametrize(
    ("log", "verdict"),
    [
        (Log().notify(2.0, "SIP/2.0 486"), ("rejected", 486)),
        (Log().reply(1.1, 603), ("refused", 603)),
        (Log().reply(1.1, 202).notify(2.0, "SIP/2.0 202 Accepted"), ("timed out", 0)),
        (Log().notify(2.0, "SIP/2.0 202", "terminated"), ("succeeded", 0)),
        (Log().reply(1.1, 202, headers=[("Refer-Sub", "false")]), ("succeeded", 0)),
        (Log(ringing=40.0), ("unreachable", 0)),
        (Log(ringing=40.0).notify(2.0, ""), ("timed out", 0)),
        (Log().unconnected(2.0), ("unreachable", 0)),
        (Log().reply(1.1, 100).unconnected(2.0), ("timed out", 0)),
        (Log().does(2.0, "cancel"), ("canceled", 0)),
        (Log().does(2.0, "shutdown"), ("interrupted", 0)),
        (Log().does(2.0, "hangup"), ("call ended", 0)),
        (Log().does(2.0, "hangup").notify(2.9, "SIP/2.0 200"), ("succeeded", 0)),
        (Log().does(2.0, "hangup").notify(3.1, "SIP/2.0 200"), ("call ended", 0)),
        (Log().reply(1.1, 481), ("call ended", 481)),
        (Log().reply(1.1, 491), ("refused", 491)),
        (Log().reply(1.1, 491).refer(2.0, 2).reply(2.1, 202, cseq=2), ("timed out", 0)),
        (Log().reply(1.1, 401, headers=CHALLENGE), ("refused", 401)),
        (Log().notify(2.0, "SIP/2.0 180", "terminated"), ("subscription ended", 0)),
        (Log().notify(2.0, "SIP/2.0 100", "terminated").asked(3.9, "BYE"), ("succeeded", 0)),
        (Log().asked(3.0, "BYE").notify(3.9, "SIP/2.0 100", "terminated"), ("succeeded", 0)),
        (Log().notify(2.0, "SIP/2.0 180", "terminated").asked(3.9, "BYE"), ("call ended", 0)),
    ],
)
def test_verdicts(log: Log, verdict: tuple[str, int]) -> None:
    assert log.verdict() == verdict


def test_subscribe_gives_a_subscription_another_chance() -> None:
    log = Log().notify(2.0, "SIP/2.0 100", "terminated;reason=timeout")
    assert log.verdict() == ("timed out", 0)
    log.reply(2.5, 200, "SUBSCRIBE")
    assert log.verdict() == ("timed out", 0)
    log.notify(9.0, "SIP/2.0 486", "terminated")
    assert log.verdict() == ("rejected", 486)
    log = Log().notify(2.0, "SIP/2.0 100", "terminated;reason=timeout")
    assert log.reply(5.0, 481, "SUBSCRIBE").verdict() == ("subscription ended", 0)


def test_a_challenge_is_met_where_there_are_credentials() -> None:
    log = Log(Facts(credentials=True)).reply(1.1, 401, headers=CHALLENGE).refer(1.1, 2)
    assert log.reply(1.2, 202, cseq=2).notify(3.0, "SIP/2.0 200").verdict() == ("succeeded", 0)
    log = Log(Facts(credentials=True)).reply(1.1, 401, headers=CHALLENGE).refer(1.1, 2)
    assert log.reply(1.2, 401, cseq=2, headers=CHALLENGE).verdict() == ("refused", 401)


def test_joiners_others_and_request_ids() -> None:
    log = Log().ask(2.0, ringing=5.0).ask(3.0, OTHER).ask(4.0, wait=1.0, request_id="a")
    log.notify(10.0, "SIP/2.0 486", "terminated").ask(11.0, request_id="a").ask(12.0, "x")
    log.ask(13.0, OTHER, request_id="a")
    assert log.judge().told == {
        1: Told("rejected", 0),
        2: Told("wait over", 0),
        3: Told("invalid_argument", -1),
        4: Told("wait over", 0),
        5: Told("rejected", 0),
        6: Told("invalid_argument", -1),
        7: Told("invalid_argument", -1),
    }


def test_late_success_ends_the_call_and_the_pending_transfer() -> None:
    log = Log(ringing=5.0).reply(1.1, 202).ask(7.0, OTHER).refer(7.0, 2).reply(7.1, 202, cseq=2)
    log.notify(9.0, "SIP/2.0 200", event="refer;id=1").ask(12.0)
    judged = log.judge()
    assert judged.fates == [Fate("timed out", 0, True), Fate("call ended", 0, False)]
    assert judged.told[3] == Told("failed_precondition", -1)
    assert judged.over_at == 9.0
    assert Log(ringing=5.0).notify(187.0, "SIP/2.0 200").judge().fates == [
        Fate("timed out", 0, False)
    ]


def test_a_second_transfer_takes_its_verdict_from_a_watched_refer() -> None:
    log = Log(ringing=5.0).reply(1.1, 202).ask(7.0).notify(9.0, "SIP/2.0 200")
    assert log.judge().fates == [Fate("timed out", 0, True), Fate("succeeded", 0, False)]
    assert Log(ringing=5.0).ask(7.0).refer(7.0, 2).judge().faults == ["a REFER too many at 7.000"]


def test_a_call_that_may_be_dead_is_probed() -> None:
    silent = Facts(silent_since=0.5)
    assert Log(silent).reply(5.0, 408).judge().over_at == 9.0
    assert Log(silent).reply(5.0, 408).reply(6.0, 481, "OPTIONS").judge().over_at == 6.0
    assert Log(silent).reply(5.0, 408).reply(6.0, 401, "OPTIONS").judge().over_at == inf
    assert Log(silent).reply(5.0, 408).unconnected(6.0, "OPTIONS").judge().over_at == 6.0
    assert Log().reply(5.0, 408).judge().over_at == inf


def test_refer_waits_for_the_ack() -> None:
    log = Log(sent=False).asked(1.5, "INVITE").refer(2.0, 1)
    assert log.judge().faults == ["REFER 1 may not go out at 2.000"]
    assert Log(sent=False).asked(1.5, "INVITE").judge().over_at == 33.5
    acked = Log(sent=False).asked(1.5, "INVITE").wire(1.6, request_of("ACK", cseq=2).encode())
    assert acked.refer(2.0, 1).judge().faults == []
