"""The rules of the house that no other tool checks."""

from __future__ import annotations

import ast
import tomllib
from importlib.metadata import packages_distributions
from itertools import chain
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "hookflash"
SIMULATION = ROOT / "tests" / "simulation"
MODULES = sorted(path for path in SOURCE.rglob("*.py") if path.name != "__init__.py")
SIMULATED = sorted(path for path in SIMULATION.glob("*.py") if not path.name.startswith("test_"))
"""The simulation is no test itself: it is held to the rules of the source."""
MAX_FILE = 500
MAX_FUNCTION = 60


def _name(path: Path) -> str:
    return str(path.relative_to(SOURCE if path.is_relative_to(SOURCE) else ROOT))


@pytest.mark.parametrize("path", [*sorted(SOURCE.rglob("*.py")), *SIMULATED], ids=_name)
def test_files_and_functions_are_short(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count("\n") <= MAX_FILE, f"{path.name} has more than {MAX_FILE} lines"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            assert length <= MAX_FUNCTION, f"{path.name}: {node.name} has {length} lines"


def test_no_mutable_module_state() -> None:
    """Module-level lists, dicts and sets must be constants by name (upper case)."""
    for path in [*MODULES, *SIMULATED]:
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if not isinstance(node, ast.Assign | ast.AnnAssign):
                continue
            value = node.value
            if not isinstance(value, ast.List | ast.Dict | ast.Set | ast.ListComp | ast.DictComp):
                continue
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:
                if isinstance(target, ast.Name) and not target.id.startswith("__"):
                    assert target.id.isupper(), f"{_name(path)}: {target.id} is mutable state"


def test_tests_do_not_sleep() -> None:
    """Tests wait for the thing, never for the clock."""
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                owner = node.func.value
                if node.func.attr == "sleep" and isinstance(owner, ast.Name):
                    assert owner.id not in {"asyncio", "time"}, f"{path.name}:{node.lineno} sleeps"


TYPE_ONLY = {
    "audio/codecs.py",  # PyAV is heavy: imported when a codec is first made
    "base/light.py",  # two faces of one decorator
    "runtime/rtc/ports.py",  # OpenSSL and libsrtp: imported when the first client comes
}
"""Modules that may import for types alone."""


def test_imports_are_plain() -> None:
    found = {
        _name(path)
        for path in [*MODULES, *SIMULATED]
        if "\nif TYPE_CHECKING:" in path.read_text(encoding="utf-8")
    }
    assert found == TYPE_ONLY


WAITING = {"asyncio", "socket"}
MAX_LOOPLESS = 0.1
"""The part of `runtime/` that may do without an event loop: such files belong below the line of the
layers, where they are tested without one."""


def imported(path: Path) -> set[str]:
    """The packages of other people that a file imports."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add((node.module or "").partition(".")[0])
    return found


def test_what_needs_no_loop_is_not_in_the_runtime() -> None:
    lines = {
        path: path.read_text(encoding="utf-8").count("\n")
        for path in (SOURCE / "runtime").rglob("*.py")
    }
    loopless = {_name(path): n for path, n in lines.items() if not imported(path) & WAITING}
    assert sum(loopless.values()) < MAX_LOOPLESS * sum(lines.values()), loopless


def test_nothing_is_installed_that_nothing_imports() -> None:
    names = set().union(*(imported(path) for path in SOURCE.rglob("*.py")))
    providers = packages_distributions()
    used = {canonicalize_name(one) for name in names for one in providers.get(name, (name,))}
    used |= {
        canonicalize_name(name) for name in ("httptools", "websockets")
    }  # by uvicorn, whose parsers of them we name
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    optional = [list_ for name, list_ in project["optional-dependencies"].items() if name != "dev"]
    wanted = {
        canonicalize_name(Requirement(line).name)
        for line in [*project["dependencies"], *chain.from_iterable(optional)]
    }
    assert wanted - used == set()


def test_a_dependency_is_named_once() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    names = [canonicalize_name(Requirement(line).name) for line in project["dependencies"]]
    assert sorted(names) == sorted(set(names))


def test_one_name_is_one_thing() -> None:
    """No two classes of the source have one name."""
    places: dict[str, list[str]] = {}
    for path in [*MODULES, *SIMULATED]:
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef):
                places.setdefault(node.name, []).append(_name(path))
    assert {name: found for name, found in places.items() if len(found) > 1} == {}
