"""Is each rule of a call and of a transfer held by a test? One after another is taken out of the
source, and the test that holds it must fail.

    python -m scripts.take_out [WORD ...]      only the rows whose rule or file has one of the words

The rows are in `tests/rows/*.toml`; `tests/rows/test_rows.py` keeps them up with the source.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import cache_from_source
from pathlib import Path
from queue import SimpleQueue

ROOT = Path(__file__).resolve().parent.parent
ROWS = ROOT / "tests" / "rows"
WORKERS = 2
WITHIN = 180
"""Seconds for one test: without its rule it may wait in vain."""
_PLUGINS = ("hookflash.pytest_plugin", "pytest_timeout")
_FAILED = 1
"""pytest's exit code for tests that failed; others say that none of them ran."""


@dataclass(frozen=True, slots=True)
class Row:
    """One rule, how it is taken out, and the test that notices."""

    rule: str
    """Section of transfer.md or calls.md, and the words of the rule."""
    file: str
    """Below `src/hookflash`."""
    take: str
    """What stands in the file, once."""
    put: str
    """What stands there instead."""
    test: str
    """Its node id for pytest."""

    def source(self, root: Path = ROOT) -> Path:
        """The file below `root`."""
        return root / "src" / "hookflash" / self.file


def rows(words: Sequence[str] = ()) -> list[Row]:
    """All of them, or those that one of the words names."""
    found = []
    for page in sorted(ROWS.glob("*.toml")):
        for entry in tomllib.loads(page.read_text("utf-8"))["row"]:
            row = Row(**{"put": "", **entry})
            if not words or any(word in f"{row.rule} {row.file}" for word in words):
                found.append(row)
    return found


class Copy:
    """A checkout in which rules are taken out, one at a time."""

    def __init__(self, root: Path) -> None:
        self.root = root
        listed = subprocess.run(
            ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT, capture_output=True, text=True, check=True,
        )  # fmt: skip
        for name in listed.stdout.splitlines():
            if (ROOT / name).is_file():
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / name, root / name)

    def notices(self, row: Row) -> str:
        """Run the row's test without its rule: "" if it fails, else what is wrong."""
        source = row.source(self.root)
        whole = source.read_text("utf-8")
        self._write(source, whole.replace(row.take, row.put))
        try:
            code, printed = self._run(row.test)
        finally:
            self._write(source, whole)
        if code == _FAILED and re.search(r"^\d+ failed", printed, re.MULTILINE):
            return ""
        return "the test passes without the rule" if code == 0 else printed[-2000:]

    def _write(self, source: Path, text: str) -> None:
        source.write_text(text, "utf-8")
        Path(cache_from_source(str(source))).unlink(missing_ok=True)

    def _run(self, test: str) -> tuple[int, str]:
        command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider"]
        command += [word for name in _PLUGINS for word in ("-p", name)] + [test]
        # To look for plugins takes pytest longer than most of these tests.
        environment = {
            **os.environ,
            "PYTHONPATH": str(self.root / "src"),
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        }
        run = subprocess.Popen(
            command, cwd=self.root, env=environment, start_new_session=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        try:
            printed, _ = run.communicate(timeout=WITHIN)
        except subprocess.TimeoutExpired:
            return _FAILED, "1 failed: it took too long"
        finally:
            with suppress(ProcessLookupError):  # a server that a broken test left behind
                os.killpg(run.pid, signal.SIGKILL)
            run.wait()
        return run.returncode, printed


def main(words: Sequence[str]) -> int:
    """Take out each row; 1 if one of them is not noticed."""
    chosen = rows(words)
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(WORKERS) as pool:
        copies: SimpleQueue[Copy] = SimpleQueue()
        for number in range(WORKERS):
            copies.put(Copy(Path(folder) / str(number)))

        def held(row: Row) -> str:
            copy = copies.get()
            try:
                return copy.notices(row)
            finally:
                copies.put(copy)

        unnoticed = 0
        for row, wrong in zip(chosen, pool.map(held, chosen), strict=True):
            print(f"{'NOT NOTICED' if wrong else 'noticed'}  {row.rule}", flush=True)
            if wrong:
                unnoticed += 1
                print(f"    {row.file}, {row.test}\n    {wrong}")
    print(f"{len(chosen) - unnoticed} passed, {unnoticed} failed")
    return 1 if unnoticed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
