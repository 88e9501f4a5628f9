"""Log lines of what strangers cause."""

from __future__ import annotations

from hookflash.base.line_limit import LINES, SECOND, LineLimit


def test_a_second_has_so_many_lines_and_the_next_tells_of_the_others() -> None:
    limit = LineLimit()
    written = [limit.take(100.0 + number / 1000) for number in range(LINES + 7)]
    assert written == [(True, 0)] * LINES + [(False, 0)] * 7
    assert limit.take(100.0 + SECOND) == (True, 7)
    assert limit.take(100.0 + 3 * SECOND) == (True, 0)
