"""Is every package covered by the tests? Lines and branches are judged apart, and each package for
itself, so that no file can hide behind others.

    python -m scripts.package_coverage coverage.json      what `coverage json` wrote
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

LEAST = 98.0
"""Per cent, of lines and of branches."""


@dataclass(slots=True)
class Covered:
    """How much there is of a package's lines or branches, and how much of it was run."""

    run: int = 0
    all: int = 0

    @property
    def percent(self) -> float:
        """100 where there is nothing to run."""
        return 100 * self.run / self.all if self.all else 100.0


def packages(report: Mapping[str, Any]) -> dict[str, tuple[Covered, Covered]]:
    """Folder of the source → its lines and its branches. `report`: the JSON of coverage.

    Raises:
        ValueError: branches were not measured.
    """
    if not report["meta"]["branch_coverage"]:
        raise ValueError("branches were not measured")
    found: dict[str, tuple[Covered, Covered]] = {}
    for file, entry in sorted(report["files"].items()):
        lines, branches = found.setdefault(str(PurePath(file).parent), (Covered(), Covered()))
        summary = entry["summary"]
        lines.run += summary["covered_lines"]
        lines.all += summary["num_statements"]
        branches.run += summary["covered_branches"]
        branches.all += summary["num_branches"]
    return found


def missing(report: Mapping[str, Any], package: str) -> Iterator[str]:
    """What was not run in a package, file by file."""
    for file, entry in sorted(report["files"].items()):
        if str(PurePath(file).parent) != package:
            continue
        lines = [str(number) for number in entry["missing_lines"]]
        steps = [f"{start}->{end}" for start, end in entry["missing_branches"]]
        if lines or steps:
            yield f"{file}: {', '.join([*lines, *steps])}"


def main(report: Mapping[str, Any]) -> int:
    """Print each package; 1 if one of them has too little, after what it lacks."""
    code = 0
    for package, (lines, branches) in packages(report).items():
        enough = lines.percent >= LEAST and branches.percent >= LEAST
        print(f"{package:32}  lines {lines.percent:6.2f} %  branches {branches.percent:6.2f} %")
        if not enough:
            code = 1
            print(f"    less than {LEAST:g} % of lines or of branches; not run:")
            for text in missing(report, package):
                print(f"    {text}")
    return code


if __name__ == "__main__":
    sys.exit(main(json.loads(Path(sys.argv[1]).read_text("utf-8"))))
