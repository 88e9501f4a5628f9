"""Plans of the simulated transferee: all rows come up, and all of them can be carried out."""

from __future__ import annotations

from collections import Counter
from random import Random

from tests.simulation.refer_plans import fragment, refer_plan

ROWS = (
    "outcome late refused gone unanswered silent terminated odd",
    "challenged, 491 BYE handed Refer-Sub:",
)


def test_every_row_comes_up() -> None:
    random = Random(1)
    rows = Counter(refer_plan(random).row.split()[0] for _ in range(2000))
    assert set(rows) == set(" ".join(ROWS).split())
    assert min(rows.values()) > 20


def test_plans_can_be_carried_out() -> None:
    random = Random(2)
    events = set()
    for _ in range(2000):
        plan = refer_plan(random)
        assert plan.attempts
        for note in (*plan.notifications, *plan.resumed):
            assert note.after >= 0
            events.add(note.event)
    assert {"refer", "refer;id={id}", None, "presence"} <= events


def test_status_lines_come_in_all_their_forms() -> None:
    random = Random(3)
    forms = {fragment(random, 486) for _ in range(300)}
    assert {b"SIP/2.0 486 Busy Here\r\n", b"SIP/2.0 486", b"sip/2.0 486\n"} <= forms
