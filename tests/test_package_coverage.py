"""The gate of coverage: lines and branches, package by package."""

from __future__ import annotations

from typing import Any

import pytest
from scripts.package_coverage import main, missing, packages


def report(*files: tuple[str, int, int, int, int], branches: bool = True) -> dict[str, Any]:
    """As `coverage json` writes it: file, lines run, all lines, branches run, all branches."""
    return {
        "meta": {"branch_coverage": branches},
        "files": {
            name: {
                "summary": {
                    "covered_lines": lines,
                    "num_statements": all_lines,
                    "covered_branches": taken,
                    "num_branches": all_branches,
                },
                "missing_lines": list(range(1, 1 + all_lines - lines)),
                "missing_branches": [[7, 9 + n] for n in range(all_branches - taken)],
            }
            for name, lines, all_lines, taken, all_branches in files
        },
    }


def test_a_large_package_does_not_hide_a_small_one(capsys: pytest.CaptureFixture[str]) -> None:
    good = ("src/hookflash/sip/uri.py", 10_000, 10_000, 5000, 5000)
    assert main(report(good)) == 0
    assert main(report(good, ("src/hookflash/twirp/codec.py", 97, 100, 50, 50))) == 1
    printed = capsys.readouterr().out
    assert "src/hookflash/twirp/codec.py: 1, 2, 3\n" in printed
    assert "uri.py" not in printed


def test_lines_do_not_hide_branches(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(report(("a/b.py", 10_000, 10_000, 97, 100))) == 1
    assert "a/b.py: 7->9, 7->10, 7->11\n" in capsys.readouterr().out
    assert main(report(("a/b.py", 98, 100, 98, 100))) == 0
    assert main(report(("a/b.py", 97, 100, 0, 0))) == 1


def test_a_subpackage_is_a_package_and_the_files_of_one_are_added() -> None:
    files = [("a/b.py", 1, 2, 0, 0), ("a/c.py", 3, 3, 1, 4), ("a/d/e.py", 1, 1, 0, 0)]
    found = packages(report(*files))
    assert list(found) == ["a", "a/d"]
    lines, branches = found["a"]
    assert (lines.run, lines.all, branches.run, branches.all) == (4, 5, 1, 4)
    assert found["a/d"][1].percent == 100
    assert list(missing(report(*files), "a/d")) == []


def test_without_branches_there_is_nothing_to_say() -> None:
    with pytest.raises(ValueError, match="branches"):
        main(report(("a/b.py", 1, 1, 0, 0), branches=False))
