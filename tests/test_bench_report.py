"""The table of figures in docs/performance.md holds one run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from bench.report import PAGE, Run, row, write_page


def test_the_table_is_of_this_run_alone(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    text = PAGE.read_text("utf-8")
    page.write_text(text, "utf-8")
    run = Run()
    run.rows.append(row("parse", 41.0, 40, 25, unit=" µs"))
    write_page(run, page)
    figures = page.read_text("utf-8").partition("end of figures")[0]
    table = re.findall(r"^\|.*\|$", figures, re.MULTILINE)
    assert table[2:] == ["| parse | ≤ 40 µs | 25 µs | 41.00 µs | no |"]
    assert (
        page.read_text("utf-8").partition("end of figures")[2]
        == text.partition("end of figures")[2]
    )


def test_it_says_when_and_on_what(tmp_path: Path) -> None:
    facts = Run().facts
    assert re.match(
        r"\d{4}-\d\d-\d\d, commit \w+( and changes)?; \d+ × .*GB; Linux .*Python", facts
    )
    page = tmp_path / "page.md"
    page.write_text(PAGE.read_text("utf-8"), "utf-8")
    write_page(Run(facts), page)
    assert page.read_text("utf-8").count(facts) == 1


def test_a_page_without_the_marks_is_left_alone(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("no table", "utf-8")
    with pytest.raises(ValueError, match=re.escape("page.md")):
        write_page(Run("today"), page)
    assert page.read_text("utf-8") == "no table"
