"""The rows of `python -m scripts.take_out` fit the source and the tests as they are."""

from __future__ import annotations

import re
from functools import cache

import pytest
from scripts.take_out import ROOT, Row, rows

ROWS = rows()


@cache
def _functions(file: str) -> frozenset[str]:
    text = (ROOT / file).read_text("utf-8")
    return frozenset(re.findall(r"^(?:async )?def (test_\w+)", text, re.MULTILINE))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.rule)
def test_the_rule_stands_where_its_row_says(row: Row) -> None:
    assert row.source().read_text("utf-8").count(row.take) == 1, f"{row.file}: {row.take}"
    assert row.take != row.put


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.rule)
def test_its_test_is_there(row: Row) -> None:
    file, _, name = row.test.partition("::")
    assert name.partition("[")[0] in _functions(file)


def test_no_rule_has_two_rows() -> None:
    names = [row.rule for row in ROWS]
    assert sorted(set(names)) == sorted(names)
