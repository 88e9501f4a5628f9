"""What `make attack` calls harm, and the table of docs/security.md."""

from __future__ import annotations

import json
import random
import re
import socket
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import dns.message
import dns.rdatatype
import pytest
from bench.attack import checks, floods, held, signals, verdict
from bench.attack.cases import ATTACKS
from bench.attack.floods import paced
from bench.attack.names import DOMAIN, MANY, answer_to
from bench.attack.scene import Scene
from bench.attack.verdict import Memory, Outcome, Report, Seen, loud_lines, write_page
from tests.wire.kit.server import Exchange, background, until

from hookflash.webrtc import stun
from hookflash.webrtc.description import read

SEEN = Seen((0.004, 0.9, 0.1), (0.01,), sent=1000, got=995)
MEMORY = Memory(80, 300, 99, 45)
GOOD = Outcome("flood", "as much as goes", SEEN, MEMORY, (Report("9 a second"),))


def test_an_attack_that_does_no_harm() -> None:
    assert GOOD.faults() == []
    assert GOOD.cells() == (
        "`flood`: as much as goes",
        "900 ms",
        "99.50%",
        "+220, +19 MB",
        "yes",
    )
    assert GOOD.line().endswith("(9 a second)  ok")


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"seen": replace(SEEN, answers=(0.1, 1.2, 0.1))}, "a new call waited 1.2 s"),
        ({"seen": replace(SEEN, answers=(0.1, None, 0.1))}, "1 of 3 new calls were not answered"),
        ({"seen": replace(SEEN, answers=(0.1, 0.1))}, "only 2 new calls"),
        ({"seen": replace(SEEN, api=(0.1, None))}, "1 of 2 API requests"),
        ({"seen": replace(SEEN, got=989)}, "98.9% of the RTP"),
        ({"seen": replace(SEEN, sent=0, got=0)}, "0.0% of the RTP"),
        ({"seen": replace(SEEN, ended=2)}, "2 running calls were ended"),
        ({"memory": replace(MEMORY, after=101)}, "21 MB more than before, 45 s later"),
        ({"logged": ("internal_error",)}, "logged: internal_error"),
        ({"reports": (Report("", ("stolen",)),)}, "stolen"),
    ],
)
def test_harm_is_named(change: dict[str, object], fault: str) -> None:
    outcome = replace(GOOD, **change)  # type: ignore[arg-type]
    (found,) = outcome.faults()
    assert found.startswith(fault)
    assert outcome.cells()[-1] == "no"
    assert "FAILED: " + fault in outcome.line()


def test_an_answer_that_never_came_is_no_figure() -> None:
    assert replace(SEEN, answers=(0.1, None)).slowest is None
    assert replace(SEEN, answers=()).slowest is None


def test_lines_of_the_log_that_nobody_should_cause() -> None:
    def line(level: str, event: str) -> str:
        return json.dumps({"level": level, "event": event, "why": "so"})

    text = "\n".join(
        [
            line("info", "call_refused"),
            line("warning", "no_ports"),
            line("error", "no_open_files"),
            line("error", "internal_error"),
            "Traceback (most recent call last):",
            "",
        ]
    )
    assert loud_lines(text, ["no_open_files"]) == [
        "internal_error so",
        "Traceback (most recent call last):",
    ]
    assert loud_lines(text)[0] == "no_open_files so"


def test_each_attack_has_a_name_of_its_own_and_the_quiet_one_is_first() -> None:
    names = [attack.name for attack in ATTACKS]
    assert len(set(names)) == len(names)
    assert not ATTACKS[0].strangers
    assert all(attack.strangers for attack in ATTACKS[1:])


def test_the_table_is_of_one_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    text = verdict.SECURITY.read_text("utf-8")
    copy = tmp_path / "security.md"
    copy.write_text(text, "utf-8")
    monkeypatch.setattr(verdict, "SECURITY", copy)
    write_page("today, here", [GOOD])
    written = copy.read_text("utf-8")
    rows = re.findall(r"^\| .*flood.*\|$", written, re.MULTILINE)
    assert rows == ["| `flood`: as much as goes | 900 ms | 99.50% | +220, +19 MB | yes |"]
    assert "today, here" in written
    assert written.partition("end of attacks")[2] == text.partition("end of attacks")[2]


def test_a_flood_is_paced() -> None:
    count = len(list(paced(1000, 0.2)))
    assert 1 <= count <= 250


@pytest.fixture
def listener(monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """Somebody to attack; the stranger sits at this machine's own address."""
    monkeypatch.setattr(floods, "STRANGER", "127.0.0.1")
    with socket.create_server(("127.0.0.1", 0)) as made:
        made.settimeout(5)
        yield made


def _sent(stream: floods.Stream, octets: int) -> bool:
    return stream.turn() and stream.sent >= octets


def test_a_stream_begins_anew_when_it_is_closed(listener: socket.socket) -> None:
    """Its first words, its piece from the start, and all of that again by another connection."""
    stream = floods.Stream(listener.getsockname(), b"piece", first=b"first ")
    for opened in (1, 2):
        until(partial(_sent, stream, stream.sent + 5), "the piece is sent")
        client, _ = listener.accept()
        client.settimeout(5)
        with client, client.makefile("rb") as read:
            assert read.read(11) == b"first piece"
            assert stream.opened == opened
        until(lambda: stream.turn() and stream._socket is None, "the end is seen")
    stream.close()


def test_a_websocket_says_nothing_before_it_is_answered(listener: socket.socket) -> None:
    stream = floods.Stream(listener.getsockname(), b"piece", first=b"first ", waits=True)
    until(lambda: stream.turn() and not stream._rest, "the first words are sent")
    client, _ = listener.accept()
    client.settimeout(5)
    with client, client.makefile("rb") as read:
        assert read.read(6) == b"first "
        assert not stream.turn()
        assert stream.sent == 0
        client.sendall(b"answer")
        until(partial(_sent, stream, 5), "the piece is sent")
        assert read.read(5) == b"piece"
    stream.close()


def test_checks_and_descriptions_are_good_but_for_what_they_are_to_show() -> None:
    """Else they would be refused for something else."""
    assert stun.parse(checks.check("ours:theirs", "w" * 24)).username == "ours:theirs"
    assert stun.parse(checks.check("ours:theirs")).username == "ours:theirs"
    for sections, least in ((3, 0), (1, signals.BIG - 10)):
        text = signals.offer(1, sections, least).offer.sdp
        assert len(read(text).sections) == sections
        assert least - 50 < len(text) <= signals.BIG


def test_connections_are_held_and_opened_again(listener: socket.socket) -> None:
    scene = Scene(Exchange(Path(), {}), 0, 0, 0)
    holder = held.hold(lambda _: listener.getsockname(), 3, b"begun")
    told = background(lambda: holder(scene, 1.0))
    first = [listener.accept()[0] for _ in range(3)]
    assert [client.recv(5) for client in first] == [b"begun"] * 3
    first[0].close()
    again, _ = listener.accept()
    assert again.recv(5) == b"begun"
    assert told.result(5).note == "4 opened, 3 at once, 0 refused"
    for client in (*first, again):
        client.close()


def answered(name: str, kind: str, seed: int = 1) -> bytes | None:
    """What the name server says."""
    return answer_to(dns.message.make_query(name, kind).to_wire(), random.Random(seed))


def test_a_name_server_that_says_too_much() -> None:
    data = answered(f"_sip._udp.t1.many.{DOMAIN}", "SRV")
    assert data is not None
    assert len(dns.message.from_wire(data).answer[0]) == MANY
    assert len(data) > 30_000


def test_a_name_server_that_leads_in_circles() -> None:
    data = answered(f"t1.loop.{DOMAIN}", "A")
    assert data is not None
    answer = dns.message.from_wire(data).answer
    assert [each.rdtype for each in answer] == [dns.rdatatype.CNAME] * 3
    assert answer[-1][0].target == answer[1].name


def test_a_name_server_that_is_silent() -> None:
    assert answered(f"t1.slow.{DOMAIN}", "A") is None
    assert answer_to(b"\x00" * 5, random.Random(1)) is None


def test_a_name_server_that_lies_in_several_ways() -> None:
    query = dns.message.make_query(f"t1.lies.{DOMAIN}", "A").to_wire()
    chance = random.Random(1)
    told = {answer_to(query, chance) for _ in range(100)}
    assert len(told) == 5
