"""What a server imports of the command line: `serve` and nothing else."""

from __future__ import annotations

import subprocess
import sys

from hookflash.cli import app, exits, flags, root, serve, signals

COMMANDS = {module.__name__ for module in (exits, flags, root, serve, signals)}
STARTED = """
import sys

class Stopped:
    def find_spec(self, name, path=None, target=None):
        if name == "hookflash.server":
            print(*[name for name in sys.modules if name.startswith("hookflash.cli.")])
            import numpy, os
            print(len(os.listdir("/proc/self/task")))
            raise KeyboardInterrupt

sys.meta_path.insert(0, Stopped())
sys.argv = ["hookflash", "serve", "--dev"]
from hookflash.cli import main
main()
"""


def test_serve_imports_no_other_command_and_starts_no_threads() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", STARTED], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 130, ran.stderr
    modules, threads = ran.stdout.splitlines()
    assert {root.__name__, serve.__name__} <= set(modules.split()) <= COMMANDS
    assert app.__name__ not in modules
    assert threads == "1"
