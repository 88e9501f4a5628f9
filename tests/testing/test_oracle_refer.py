"""One REFER of the oracle."""

from __future__ import annotations

from math import inf

from hookflash.testing.evidence import Challenge, Notified
from hookflash.testing.oracle_refer import Refer, select


def refer(*ids: int, accepted: bool = True) -> Refer:
    made = Refer("sip:a@example.com")
    for cseq in ids:
        made.again = True
        assert made.sent(0.0, cseq) == ""
    made.accepted = accepted
    return made


def test_an_attempt_needs_a_reason() -> None:
    made = refer(1)
    assert made.fails_at == 32.0
    assert made.sent(5.0, 2) == "a REFER too many"


def test_challenges() -> None:
    known, unknown = Challenge("a", True, False), Challenge("a", False, False)
    assert refer(1).challenged([unknown, known])
    assert not refer(1).challenged([unknown])
    assert not refer(1).challenged([])
    assert not refer(1).challenged([known, Challenge("b", False, False)])
    made = refer(1)
    assert [made.challenged([known]), made.challenged([known])] == [True, False]
    stale = Challenge("a", True, True)
    made = refer(1)
    assert [made.challenged([stale]) for _ in range(6)] == [True] * 5 + [False]
    made = refer(1)
    assert made.challenged([known])
    made.waiting = True
    made.sent(1.0, 2)
    assert made.challenged([known])


def test_news() -> None:
    made = refer(1, accepted=False)
    assert made.notified(1.0, Notified(5, "", 180, False, False), -1) == 0
    assert made.accepted
    assert made.notified(2.0, Notified(6, "", 100, True, False), -1) == 0
    assert (made.ended, made.handed) == (2.0, 2.0)
    assert made.notified(2.5, Notified(4, "", 180, False, False), -1) == 0
    assert made.handed == 2.0
    assert made.notified(2.6, Notified(3, "", 486, False, False), -1) == 486
    assert made.notified(2.7, Notified(7, "", 200, False, False), -1) == 0


def test_one_subscribe() -> None:
    made = refer(1)
    made.ended = 1.0
    made.subscribes(1.0)
    assert made.asking == 33.0
    made.subscribed(200)
    assert (made.asking, made.ended) == (inf, inf)
    made.subscribes(5.0)
    assert made.asking == inf


def test_which_refer_is_meant() -> None:
    first, second, lost = refer(1, 2), refer(3), refer(4, accepted=False)
    lost.undelivered = True
    assert select([first], "9", []) is first
    assert select([first, second], "9", [second]) is first
    assert select([first, second], "2", []) is first
    assert select([first, second], "3", []) is second
    assert select([first, second], "8", [second]) is None
    assert select([first, second], "", [second]) is second
    assert select([first, lost], "", []) is first
    assert select([lost, first, second], "", [lost, second]) is second
    assert select([], "", []) is None
