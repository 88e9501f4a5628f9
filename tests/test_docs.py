"""The documentation against the code: links, names, examples, generated parts."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest
import uvloop
import yaml
from google.protobuf.message import Message
from livekit.protocol.agent import ServerMessage, WorkerMessage
from livekit.protocol.rtc import SignalRequest, SignalResponse
from scripts.make_docs import DOCS, PARTS, filled

from hookflash.config import load
from hookflash.server import Server

ROOT = DOCS.parent
SOURCE = ROOT / "src" / "hookflash"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.glob("*.md")])
CODE = re.compile(r"`([\w/]+\.py)(?::([\w.]+))?`")
STATES = {"works", "partly", "no"}


def _name(path: Path) -> str:
    return path.name


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def fenced(page: Path, language: str) -> list[str]:
    """The blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text_of(page), re.MULTILINE | re.DOTALL)


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub makes of the headings."""
    headings = re.findall(r"^#+ (.+)$", text_of(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def table(page: Path, first: str) -> list[list[str]]:
    """The rows of the table whose heading begins with `first`."""
    lines = text_of(page).splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith(f"| {first} |"))
    rows = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    return rows


@cache
def known_tests() -> frozenset[str]:
    """Every test function that there is."""
    return frozenset(
        name
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^(?:async )?def (test_\w+)", text_of(path), re.MULTILINE)
    )


@cache
def names_in(file: Path) -> frozenset[str]:
    """What a module defines: `f`, `C`, `C.m`, constants."""
    found: set[str] = set()
    for node in ast.parse(text_of(file)).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        if isinstance(node, ast.ClassDef):
            functions = (ast.FunctionDef, ast.AsyncFunctionDef)
            found |= {f"{node.name}.{m.name}" for m in node.body if isinstance(m, functions)}
    return frozenset(found)


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", text_of(page)):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        file = page.parent / name if name else page
        if name == "docs/performance.md" and not file.exists():
            continue  # written by `make bench`
        assert file.exists(), f"{page.name}: {target}"
        assert not anchor or anchor in anchors(file), f"{page.name}: {target}"


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_code_that_is_named_is_there(page: Path) -> None:
    for file, name in CODE.findall(text_of(page)):
        path = next((base / file for base in (SOURCE, ROOT) if (base / file).exists()), None)
        if path is None and "/" not in file:
            continue  # a name alone, such as leg.py beside its folder
        assert path is not None, f"{page.name}: {file}"
        assert not name or name in names_in(path), f"{page.name}: {file}:{name}"


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_tests_that_are_named_are_there(page: Path) -> None:
    named = set(re.findall(r"`(test_\w+)`", text_of(page)))
    assert not named - known_tests(), f"{page.name} names tests that are not there"


@pytest.mark.parametrize("page", PARTS)
def test_generated_parts_are_up_to_date(page: str) -> None:
    text = text_of(DOCS / page)
    assert filled(page, text) == text, "run `make docs`"


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_configurations_load(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A block with keys is a whole configuration; one without shows a section of it."""
    monkeypatch.chdir(tmp_path)
    for block in fenced(page, "yaml"):
        values = yaml.safe_load(block)
        tls = values.get("sip", {}).get("tls", {})
        for number, part in enumerate([tls, *tls.get("certs", [])]):
            for key in part.keys() & {"ca_file", "cert_file", "key_file"}:
                file = tmp_path / f"{number}.{key}"
                file.touch()
                part[key] = str(file)
        file = tmp_path / "hookflash.yaml"
        file.write_text(yaml.safe_dump(values))
        load(file, dev="keys" not in values)


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_python_compiles(page: Path) -> None:
    for block in fenced(page, "python"):
        compile(block, page.name, "exec")


@pytest.mark.parametrize(
    ("page", "first", "column"),
    [
        ("rfc.md", "RFC", 2),
        ("compatibility.md", "service", 2),
        ("compatibility.md", "#", 2),
        ("compatibility.md", "message", 2),
        ("compatibility.md", "of workers", 2),
    ],
)
def test_states_are_shown_by_a_test(page: str, first: str, column: int) -> None:
    rows = table(DOCS / page, first)
    assert len(rows) > 10
    for row in rows:
        assert row[column] in STATES, row
        assert row[-1] or row[column] == "no", f"{row} has no test"


def test_every_method_has_its_row() -> None:
    rows = {(row[0], row[1]) for row in table(DOCS / "compatibility.md", "service")}
    for service, file in (
        ("SIP", "sip_calls.py"),
        ("SIP", "sip_trunks.py"),
        ("SIP", "sip_rules.py"),
        ("RoomService", "room_service.py"),
        ("AgentDispatchService", "dispatch_service.py"),
    ):
        for method in re.findall(r'"(\w+)": Method\(', text_of(SOURCE / "api" / file)):
            assert (service, method) in rows, f"{service}.{method}"


@pytest.mark.parametrize(
    ("first", "message"),
    [
        ("message", SignalRequest),
        ("message", SignalResponse),
        ("of workers", WorkerMessage),
        ("of workers", ServerMessage),
    ],
)
def test_every_field_of_a_message_has_its_row(first: str, message: type[Message]) -> None:
    named = [
        field.strip()
        for row in table(DOCS / "compatibility.md", first)
        if row[0] == message.DESCRIPTOR.name
        for field in row[1].split(",")
    ]
    assert sorted(named) == sorted(field.name for field in message.DESCRIPTOR.fields)


def test_metrics_of_transfers() -> None:
    """The page's names are those of a running server."""

    async def metrics() -> str:
        flags = {"port": 0, "metrics.bind": "", "sip.sip_port": 0, "log.level": "error"}
        flags |= {"rtc.udp_port": 0, "rtc.tcp_port": 0}
        server = Server(load(flags=flags, dev=True))
        await server.start()
        try:
            return server.metrics.page().decode()
        finally:
            await server.stop()

    given = set(
        re.findall(r"^# TYPE (hookflash_transfers\w*)", uvloop.run(metrics()), re.MULTILINE)
    )
    named = set(re.findall(r"^\| `(hookflash_\w+)", text_of(DOCS / "transfers.md"), re.MULTILINE))
    assert named == {name for name in given if not name.endswith("_created")}
