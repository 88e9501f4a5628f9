"""A lab looks at the log of its exchange."""

from __future__ import annotations

import pytest
import structlog
from tests.support.lab import Lab, run


async def mistake(_: Lab) -> None:
    try:
        raise KeyError("a mistake")
    except KeyError:
        structlog.get_logger("calls").exception("internal_error", call_id="SCL_1")


async def nothing(_: Lab) -> None:
    pass


def test_an_error_that_no_test_ordered_fails_it_and_is_shown() -> None:
    with pytest.raises(AssertionError, match=r"SCL_1[^$]*KeyError: 'a mistake'"):
        run(mistake)


def test_one_that_is_ordered_must_come() -> None:
    run(mistake, errors=("internal_error",))
    with pytest.raises(AssertionError, match="not in the log: internal_error"):
        run(nothing, errors=("internal_error",))


def test_lines_of_level_info_can_be_looked_at() -> None:
    async def check(lab: Lab) -> None:
        structlog.get_logger("calls").info("call_incoming", call_id="SCL_1")
        (line,) = lab.logged("call_incoming")
        assert line["call_id"] == "SCL_1"

    run(check)
