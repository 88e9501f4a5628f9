"""`make setup` says what it has done, and that nothing is left to do."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def test_a_second_setup_says_that_all_is_there(tmp_path: Path) -> None:
    for name in ("requirements.lock", "pyproject.toml", "Makefile"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts" / "setup.sh").write_text("mkdir -p $1; echo installing\n")
    said = [
        subprocess.run(
            ["make", "-s", "setup"], cwd=tmp_path, capture_output=True, text=True, check=True
        ).stdout.splitlines()
        for _ in range(2)
    ]
    assert said[0] == ["installing", *said[1]]
    assert said[1] == [".venv has all that is needed: .venv/bin/hookflash --help"]
