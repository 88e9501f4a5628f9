"""The rows of `python -m scripts.take_out` fit the source and the tests as they are."""

from __future__ import annotations

import re
from functools import cache

from scripts.take_out import ROOT, rows

ROWS = rows()


@cache
def _text(file: str) -> str:
    return (ROOT / file).read_text("utf-8")


@cache
def _functions(file: str) -> frozenset[str]:
    return frozenset(re.findall(r"^(?:async )?def (test_\w+)", _text(file), re.MULTILINE))


def test_each_rule_stands_where_its_row_says_and_nowhere_else() -> None:
    misfits = {
        row.rule: f"{row.file}: {row.take}"
        for row in ROWS
        if row.take == row.put or _text(f"src/hookflash/{row.file}").count(row.take) != 1
    }
    assert misfits == {}


def test_each_rules_test_is_there() -> None:
    named = {row.rule: row.test.partition("::") for row in ROWS}
    lost = {
        rule: "".join(parts)
        for rule, parts in named.items()
        if parts[2].partition("[")[0] not in _functions(parts[0])
    }
    assert lost == {}


def test_no_rule_has_two_rows() -> None:
    names = [row.rule for row in ROWS]
    assert sorted(set(names)) == sorted(names)
