"""The oracle against transfer.md, without anything of the exchange: logs by hand."""

from __future__ import annotations

import ast
import sys
from math import inf
from pathlib import Path
from types import ModuleType

import pytest
from tests.simulation import evidence, oracle
from tests.simulation.evidence import Ask, Facts, Judgement, Seen, Told
from tests.simulation.oracle import Oracle
from tests.support.sip_messages import request_of, response_of

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
        self.seen.append(Seen(0.0, "answer", cseq=1))
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
        return self.sends(at, "REFER", cseq)

    def sends(self, at: float, method: str, cseq: int) -> Log:
        self.seen.append(Seen(at, "sent", cseq=cseq, method=method))
        return self

    def does(self, at: float, *kinds: str) -> Log:
        self.seen += [Seen(at, kind) for kind in kinds]  # type: ignore[arg-type]
        return self

    def unconnected(self, at: float, method: str = "REFER", cseq: int = 1) -> Log:
        self.seen.append(Seen(at, "unconnected", cseq=cseq, method=method))
        return self

    def accepts(self, at: float) -> Log:
        """We answer the INVITE that came last."""
        self.seen.append(Seen(at, "answer", cseq=1 + self.requests))
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
        return fates(self.judge())[0][:2]


def fates(judged: Judgement) -> list[tuple[str, int, bool]]:
    return [(fate.verdict, fate.status, fate.late_success) for fate in judged.fates]


def test_success_and_the_end_of_the_call() -> None:
    log = Log().reply(1.1, 202).notify(1.2, "SIP/2.0 100 Trying").notify(2.0, "SIP/2.0 200 OK")
    judged = log.judge()
    assert fates(judged) == [("succeeded", 0, False)]
    assert judged.told == {1: Told("succeeded", 0)}
    assert (judged.over_at, judged.faults) == (2.0, [])


@pytest.mark.parametrize(
    ("log", "verdict"),
    [
        (Log().notify(2.0, "SIP/2.0 486"), ("rejected", 486)),
        (Log().notify(2.0, "SIP/2.0 486").notify(2.1, "SIP/2.0 200"), ("rejected", 486)),
        (Log().reply(1.1, 603), ("refused", 603)),
        (Log().notify(1.05, "SIP/2.0 100").reply(1.1, 603), ("refused", 603)),
        (Log().reply(1.1, 202).notify(2.0, "SIP/2.0 202 Accepted"), ("timed out", 0)),
        (Log().notify(2.0, "SIP/2.0 202", "terminated"), ("succeeded", 0)),
        (Log().reply(1.1, 202, headers=[("Refer-Sub", "false")]), ("succeeded", 0)),
        (Log(ringing=40.0), ("unreachable", 0)),
        (Log(ringing=40.0).notify(2.0, ""), ("timed out", 0)),
        (Log(ringing=40.0).notify(2.0, "").reply(33.5, 486), ("timed out", 0)),
        (Log().unconnected(2.0), ("unreachable", 0)),
        (Log().reply(1.1, 100).unconnected(2.0), ("timed out", 0)),
        (Log().does(2.0, "hangup").unconnected(2.5), ("call ended", 0)),
        (Log().does(2.0, "canceled"), ("canceled", 0)),
        (Log().does(2.0, "interrupted", "hangup"), ("interrupted", 0)),
        (Log().does(2.0, "hangup").does(2.5, "interrupted", "hangup"), ("interrupted", 0)),
        (Log().does(2.0, "hangup"), ("call ended", 0)),
        (Log().does(2.0, "hangup").notify(2.9, "SIP/2.0 200"), ("succeeded", 0)),
        (Log().does(2.0, "hangup").notify(3.1, "SIP/2.0 200"), ("call ended", 0)),
        (Log().reply(1.1, 481), ("call ended", 481)),
        (Log().reply(1.1, 481).notify(1.9, "SIP/2.0 200"), ("succeeded", 0)),
        (Log().does(2.0, "hangup").reply(2.1, 401), ("call ended", 0)),
        (Log().notify(1.05, "").reply(1.1, 491), ("refused", 491)),
        (Log().reply(1.1, 491), ("refused", 491)),
        (Log().reply(1.1, 491).does(2.0, "hangup").notify(2.5, ""), ("call ended", 0)),
        (Log().reply(1.1, 491).refer(2.0, 2).reply(2.1, 202, cseq=2), ("timed out", 0)),
        (Log().reply(1.1, 401, headers=CHALLENGE), ("refused", 401)),
        (Log().notify(2.0, "SIP/2.0 180", "terminated"), ("subscription ended", 0)),
        (Log().notify(2.0, "SIP/2.0 100", "terminated").asked(3.9, "BYE"), ("succeeded", 0)),
        (Log().asked(3.0, "BYE").notify(3.9, "SIP/2.0 100", "terminated"), ("succeeded", 0)),
        (Log().notify(2.0, "SIP/2.0 180", "terminated").asked(3.9, "BYE"), ("call ended", 0)),
        (Log().notify(2.0, "SIP/2.0 100", "terminated").does(3.9, "hangup"), ("call ended", 0)),
    ],
)
def test_verdicts(log: Log, verdict: tuple[str, int]) -> None:
    assert log.verdict() == verdict
    assert log.judge().faults == []


@pytest.mark.parametrize(
    ("log", "at"),
    [
        (Log(sent=False).does(2.0, "hangup"), 2.0),
        (Log().reply(1.1, 491).does(2.0, "hangup"), 2.0),
        (Log().does(2.0, "hangup"), 3.0),
        (Log().does(2.0, "hangup").reply(2.1, 491), 3.0),
        (Log().notify(1.05, "").reply(1.1, 491), 1.1),
        (Log().notify(2.0, "", "terminated"), 4.0),
        (Log(ringing=40.0), 33.0),
    ],
)
def test_when_a_verdict_falls(log: Log, at: float) -> None:
    assert log.judge().fates[0].at == at


def test_a_bye_more_than_two_seconds_later_explains_nothing() -> None:
    log = Log().notify(2.0, "SIP/2.0 100", "terminated;reason=timeout").sends(2.0, "SUBSCRIBE", 2)
    assert log.asked(4.5, "BYE").verdict() == ("call ended", 0)


def test_a_later_1xx_takes_back_the_last_word_and_one_that_was_overtaken_does_not() -> None:
    log = Log().notify(2.0, "SIP/2.0 100", "terminated").notify(2.5, "SIP/2.0 180")
    assert log.asked(3.0, "BYE").verdict() == ("call ended", 0)
    log = Log()
    log.requests = 5
    log.notify(2.0, "SIP/2.0 100", "terminated")
    log.requests = 3
    assert log.notify(2.5, "SIP/2.0 180").asked(3.0, "BYE").verdict() == ("succeeded", 0)


def test_subscribe_gives_a_subscription_another_chance() -> None:
    log = Log().notify(2.0, "SIP/2.0 100", "terminated;reason=timeout")
    log.sends(2.0, "SUBSCRIBE", 2)
    late = Log().notify(2.0, "SIP/2.0 100", "terminated;reason=timeout").ask(2.5, wait=1.0)
    assert late.judge().told[2] == Told("wait over", 0)
    assert log.verdict() == ("subscription ended", 0)
    assert log.judge().fates[0].at == 6.0, "four seconds are enough for an answer"
    log.reply(2.5, 200, "SUBSCRIBE", 2)
    assert log.verdict() == ("timed out", 0)
    log.notify(9.0, "SIP/2.0 486", "terminated")
    assert log.verdict() == ("rejected", 486)
    log = Log().notify(2.0, "SIP/2.0 100", "terminated;reason=timeout").sends(2.0, "SUBSCRIBE", 2)
    log.reply(2.5, 200, "SUBSCRIBE", 2).notify(5.0, "", "terminated;reason=timeout")
    assert log.verdict() == ("subscription ended", 0)
    log = Log().notify(2.0, "SIP/2.0 100", "terminated;reason=timeout").sends(2.0, "SUBSCRIBE", 2)
    log.ask(2.5, wait=1.0).ask(2.6, wait=2.0)
    log.reply(4.0, 481, "SUBSCRIBE", 2)
    assert log.verdict() == ("subscription ended", 0)
    assert [each.word for each in log.judge().told.values()][1:] == [
        "wait over",
        "subscription ended",
    ]


def challenged(*answers: tuple[tuple[str, str], ...]) -> tuple[tuple[str, int], list[str]]:
    """The verdict and the faults where each attempt is answered 401 with these headers, and the
    next one follows at once."""
    log = Log(Facts(credentials=True))
    for number, headers in enumerate(answers, 1):
        log.reply(1.0 + number / 10, 401, cseq=number, headers=headers)
        log.refer(1.0 + number / 10, number + 1)
    return log.verdict(), log.judge().faults


def test_a_challenge_is_met_where_there_are_credentials() -> None:
    unknown = (("WWW-Authenticate", 'Digest realm="r", nonce="n", algorithm=X'),)
    other = (("WWW-Authenticate", 'Digest realm="s", nonce="n"'),)
    stale = (("WWW-Authenticate", 'Digest realm="r", nonce="m", stale=true'),)
    assert challenged(CHALLENGE) == (("timed out", 0), [])
    assert challenged(CHALLENGE, other, stale) == (("timed out", 0), [])
    assert challenged((*unknown, *other)) == (("timed out", 0), [])
    assert challenged(*[stale] * 5) == (("timed out", 0), [])
    for answers in ([CHALLENGE, CHALLENGE], [unknown], [()], [CHALLENGE, other + CHALLENGE]):
        verdict, faults = challenged(*answers)
        assert verdict == ("refused", 401)
        assert len(faults) == 1
    assert challenged(*[stale] * 6)[0] == ("refused", 401)
    again = Log(Facts(credentials=True)).reply(1.1, 401, headers=CHALLENGE).refer(1.1, 2)
    again.reply(1.2, 491, cseq=2).refer(2.0, 3).reply(2.1, 401, cseq=3, headers=CHALLENGE)
    assert again.refer(2.1, 4).verdict() == ("timed out", 0)
    assert again.judge().faults == []
    many = Log(Facts(credentials=True))
    for cseq, status in enumerate((401, 401, 401, 491, 401, 401, 401), 1):
        many.reply(cseq, status, cseq=cseq, headers=stale).refer(cseq, cseq + 1)
    assert many.verdict() == ("refused", 401)
    over = Log(Facts(credentials=True)).reply(1.1, 401, headers=CHALLENGE).does(1.2, "hangup")
    assert len(over.refer(1.3, 2).judge().faults) == 1


def test_joiners_others_and_request_ids() -> None:
    log = Log().ask(2.0, ringing=5.0).ask(3.0, OTHER).ask(4.0, wait=1.0, request_id="a")
    log.notify(10.0, "SIP/2.0 486", "terminated").ask(11.0, request_id="a").ask(12.0, "x")
    log.ask(13.0, OTHER, request_id="a").ask(14.0, request_id="a")
    assert log.judge().told == {
        1: Told("rejected", 0),
        2: Told("wait over", 0),
        3: Told("invalid_argument", -1),
        4: Told("wait over", 0),
        5: Told("rejected", 0),
        6: Told("invalid_argument", -1),
        7: Told("invalid_argument", -1),
        8: Told("rejected", 0),
    }


def test_what_was_told_once_is_told_after_the_call_too() -> None:
    log = Log().ask(2.0, request_id="a").notify(3.0, "SIP/2.0 486").asked(4.0, "BYE")
    assert log.ask(5.0, request_id="a").judge().told[3] == Told("rejected", 0)


def test_only_an_established_call_is_transferred() -> None:
    early = [Seen(0.0, "request", ask=Ask(1, TARGET, 30.0))]
    assert Oracle(USUAL).judge(early).told == {1: Told("failed_precondition", -1)}
    unreported = Log().reply(1.1, 202, headers=[("Refer-Sub", "false")]).ask(2.0)
    assert unreported.judge().told[2] == Told("failed_precondition", -1)
    assert unreported.judge().over_at == 11.1
    assert Log().does(2.0, "hangup").ask(2.5).judge().told[2] == Told("failed_precondition", -1)


def test_late_success_ends_the_call_and_the_pending_transfer() -> None:
    log = Log(ringing=5.0).reply(1.1, 202).ask(7.0, OTHER).refer(7.0, 2).reply(7.1, 202, cseq=2)
    log.notify(9.0, "SIP/2.0 200", event="refer;id=1").ask(12.0)
    judged = log.judge()
    assert fates(judged) == [("timed out", 0, True), ("call ended", 0, False)]
    assert judged.told[3] == Told("failed_precondition", -1)
    assert judged.over_at == 9.0
    for at, late in ((185.9, True), (187.0, False)):
        judged = Log(ringing=5.0).notify(at, "SIP/2.0 200").judge()
        assert fates(judged) == [("timed out", 0, late)]


def test_once_its_subscription_and_the_call_are_over_for_32_s_nothing_is_late_any_more() -> None:
    """The call is forgotten: such a NOTIFY is answered 481."""
    for at, late in ((60.0, True), (60.2, False)):
        log = Log(ringing=5.0).reply(1.1, 202).notify(8.0, "", "terminated;reason=probation")
        judged = log.does(28.1, "hangup").notify(at, "SIP/2.0 200").judge()
        assert fates(judged) == [("timed out", 0, late)]


def test_a_late_outcome_counts_once_and_only_for_who_is_watched() -> None:
    log = Log(ringing=5.0).notify(9.0, "SIP/2.0 486").notify(10.0, "SIP/2.0 200")
    assert fates(log.judge()) == [("timed out", 0, False)]
    log = Log().notify(1.05, "").reply(1.1, 603).notify(2.0, "SIP/2.0 200")
    assert fates(log.judge()) == [("refused", 603, False)]
    assert log.judge().over_at == inf


def test_a_second_transfer_takes_its_verdict_from_a_watched_refer() -> None:
    log = Log(ringing=5.0).reply(1.1, 202).ask(7.0).notify(9.0, "SIP/2.0 200")
    assert fates(log.judge()) == [("timed out", 0, True), ("succeeded", 0, False)]
    log = Log(ringing=5.0).ask(7.0).refer(7.0, 2)
    assert log.judge().faults == ["request 2 may not go out at 7.000"]
    answered = Log(ringing=5.0).notify(2.0, "").reply(7.0, 486)  # changes nothing any more
    assert len(answered.ask(8.0).refer(8.0, 3).judge().faults) == 1
    for at, faults in ((5.9, 1), (6.1, 0)):  # its SUBSCRIBE may be answered, or is too old
        log = Log(ringing=3.0).notify(2.0, "", "terminated;reason=timeout")
        log.sends(2.0, "SUBSCRIBE", 2).ask(at).refer(at, 3)
        assert len(log.judge().faults) == faults


def test_a_refer_of_which_nothing_can_come_is_followed_by_a_new_one() -> None:
    for log in (
        Log(ringing=5.0).notify(6.5, "SIP/2.0 486"),
        Log(ringing=5.0).notify(6.5, "SIP/2.0 180", "terminated"),
        Log(ringing=5.0).notify(6.5, "SIP/2.0 180", "terminated;reason=timeout"),
        Log(ringing=5.0).reply(7.0, 486),
        Log(ringing=5.0).unconnected(2.0),
        Log(ringing=5.0).notify(2.0, "").ask(7.0).reply(8.0, 486),
    ):
        assert log.ask(9.0).refer(9.0, 2).judge().faults == []
    assert Log(ringing=5.0).reply(1.1, 202).ask(187.0).refer(187.0, 2).judge().faults == []


@pytest.mark.parametrize(
    ("event", "pending"),
    [
        ("refer", "timed out"),  # the oldest one that is open
        ("refer;id=1", "timed out"),
        ("refer;id=2", "rejected"),
        ("refer;id=9", "timed out"),
        ("refer;id=x", "timed out"),  # came while there was no other
    ],
)
def test_which_refer_a_notify_is_about(event: str, pending: str) -> None:
    log = Log(ringing=5.0).reply(1.1, 202).notify(2.0, "", event="refer;id=x")
    log.ask(7.0, OTHER).refer(7.0, 2).reply(7.1, 202, cseq=2)
    log.notify(9.0, "SIP/2.0 486", event=event)
    assert [fate.verdict for fate in log.judge().fates] == ["timed out", pending]


def two() -> Log:
    """The first REFER has its outcome, which came too late; the second is accepted."""
    log = Log(ringing=5.0).reply(1.1, 202).notify(2.0, "").ask(7.0, OTHER).refer(7.0, 2)
    return log.reply(7.1, 202, cseq=2).notify(8.0, "SIP/2.0 486", event="refer;id=1")


def test_without_an_id_it_is_about_the_oldest_one_that_is_open() -> None:
    assert fates(two().notify(9.0, "SIP/2.0 486").judge())[1] == ("rejected", 486, False)
    log = two().notify(9.0, "", "terminated", event="refer;id=2").notify(10.0, "SIP/2.0 486")
    assert fates(log.judge())[1] == ("rejected", 486, False)
    log = two().does(9.0, "hangup")
    log.notify(9.5, "", "terminated;reason=timeout", event="refer;id=2")
    assert fates(log.notify(11.0, "SIP/2.0 200").judge())[1] == ("call ended", 0, False)
    log = Log(ringing=5.0).notify(6.5, "SIP/2.0 486").ask(7.0, OTHER).refer(7.0, 2)
    log.reply(7.1, 491, cseq=2).notify(9.0, "SIP/2.0 486")
    assert fates(log.judge())[1] == ("refused", 491, False)


def unnamed() -> Log:
    """The first transfer timed out, the second REFER is accepted, and no NOTIFY has an id."""
    log = Log(ringing=5.0).reply(1.1, 202).notify(2.0, "SIP/2.0 100").ask(7.0, OTHER).refer(7.0, 2)
    return log.reply(7.1, 202, cseq=2).notify(7.2, "SIP/2.0 100")


def test_where_no_notify_ever_had_an_id_it_is_about_the_newest_that_was_accepted() -> None:
    assert fates(unnamed().notify(9.0, "SIP/2.0 486", "terminated").judge()) == [
        ("timed out", 0, False),
        ("rejected", 486, False),
    ]
    log = unnamed().notify(9.0, "SIP/2.0 200", "terminated")
    assert fates(log.judge()) == [("timed out", 0, False), ("succeeded", 0, False)]
    log = unnamed().notify(9.0, "SIP/2.0 486").notify(9.1, "SIP/2.0 200", "terminated")
    assert fates(log.judge())[0] == ("timed out", 0, False), "it repeats itself"
    log = unnamed().notify(9.0, "SIP/2.0 486", "terminated").notify(9.1, "SIP/2.0 200")
    assert fates(log.judge())[0] == ("timed out", 0, True), "nothing more comes of the second"
    log = unnamed().notify(8.0, "SIP/2.0 180", event="refer;id=2").notify(9.0, "SIP/2.0 486")
    assert fates(log.judge())[1] == ("timed out", 0, False), "the peer does write ids"
    early = Log(ringing=5.0).reply(1.1, 202).notify(2.0, "SIP/2.0 100").ask(7.0, OTHER)
    early.refer(7.0, 2).notify(7.1, "SIP/2.0 486", "terminated")
    assert fates(early.judge())[1] == ("timed out", 0, False), "the second is not accepted yet"


def test_an_unknown_id_is_about_none_and_a_known_one_about_its_refer_for_ever() -> None:
    log = Log(ringing=5.0).reply(1.1, 202).ask(7.0, OTHER).refer(7.0, 2).reply(7.1, 202, cseq=2)
    log.notify(9.0, "SIP/2.0 200", event="refer;id=9")
    assert fates(log.judge()) == [("timed out", 0, False), ("timed out", 0, False)]
    log = Log().notify(1.05, "").reply(1.1, 603).ask(7.0, OTHER).refer(7.0, 2)
    log.reply(7.1, 202, cseq=2).notify(9.0, "SIP/2.0 486", event="refer;id=1")
    assert fates(log.judge())[1] == ("timed out", 0, False)


@pytest.mark.parametrize("event", ["refer", "refer;id=1", "refer;id=7"])
def test_a_refused_refer_and_one_that_nobody_has_are_no_choice(event: str) -> None:
    refused = Log().reply(1.1, 486)
    lost = Log().unconnected(1.1)
    for log in (refused, lost):
        log.ask(7.0).refer(7.0, 2).reply(7.1, 202, cseq=2)
        assert log.notify(9.0, "SIP/2.0 486", event=event).judge().fates[1].verdict == (
            "timed out" if log is lost and event == "refer;id=1" else "rejected"
        )
    late = Log().unconnected(1.1).notify(5.0, "SIP/2.0 200", event=event)
    assert fates(late.judge()) == [("unreachable", 0, True)]


def test_a_call_that_may_be_dead_is_probed() -> None:
    silent = Facts(silent_since=0.5)

    def probed() -> Log:
        return Log(silent).reply(5.0, 408).sends(5.0, "OPTIONS", 2)

    assert probed().judge().over_at == 9.0
    assert probed().reply(6.0, 481, "OPTIONS", 2).judge().over_at == 6.0
    assert probed().reply(6.0, 401, "OPTIONS", 2).judge().over_at == inf
    assert probed().reply(9.5, 200, "OPTIONS", 2).judge().over_at == 9.0
    assert probed().unconnected(6.0, "OPTIONS", 2).judge().over_at == 6.0
    assert Log().reply(5.0, 408).judge().over_at == inf
    assert Log(silent).reply(5.0, 486).judge().over_at == inf
    assert Log(silent).unconnected(5.0).judge().over_at == 9.0
    dead = probed().ask(5.1).refer(5.1, 3).reply(5.5, 481, "OPTIONS", 2)
    assert dead.reply(6.0, 408, cseq=3).judge().over_at == 5.5


def test_refer_waits_for_the_ack_and_for_our_own_offers() -> None:
    log = Log(sent=False).asked(1.5, "INVITE").accepts(1.5).refer(2.0, 1)
    assert log.judge().faults == ["request 1 may not go out at 2.000"]
    assert Log(sent=False).asked(1.5, "INVITE").accepts(1.5).judge().over_at == 33.5
    acked = Log(sent=False).asked(1.5, "INVITE").accepts(1.5)
    acked.wire(1.6, request_of("ACK", cseq=2).encode())
    assert acked.refer(2.0, 1).judge().faults == []
    offering = Log(sent=False).sends(0.5, "UPDATE", 1)
    assert len(offering.refer(2.0, 2).judge().faults) == 1
    assert len(Log().sends(2.0, "INVITE", 2).judge().faults) == 1
    assert Log().reply(1.1, 202).sends(2.0, "INVITE", 2).judge().faults == []


def test_nobody_sends_refer_without_a_transfer_or_a_call() -> None:
    for log in (
        Log().reply(1.1, 486).refer(2.0, 2),
        Log(sent=False).does(1.5, "canceled").refer(2.0, 1),
        Log().reply(1.1, 491).does(1.5, "hangup").refer(1.6, 2),
        Log().refer(2.0, 2),
        Log().reply(1.1, 491).notify(1.2, "").refer(2.0, 2),
    ):
        assert len(log.judge().faults) == 1


def test_it_is_short_and_knows_nothing_of_the_exchange() -> None:
    text = Path(oracle.__file__).read_text("utf-8")
    assert len(text.splitlines()) < 150
    assert imported(oracle) == {"math", "evidence"}
    others = {name.partition(".")[0] for name in imported(evidence)} - sys.stdlib_module_names
    assert others == {"sip"}
    assert {"sip.codec", "sip.message"} <= imported(evidence)


def imported(module: ModuleType) -> set[str]:
    """Names of modules, those of ours without the package."""
    found = set()
    for node in ast.walk(ast.parse(Path(module.__file__ or "").read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            module_name = (node.module or "").removeprefix("hookflash.")
            found |= {module_name or alias.name for alias in node.names}
    return found
