"""Tables, JSON and progress, on a terminal and off it."""

from __future__ import annotations

import json
import re

import pytest
from livekit.protocol.sip import SIPInboundTrunkInfo

from hookflash.cli.output import (
    Progress,
    as_dict,
    clock,
    hanging,
    least_width,
    moment,
    print_json,
    print_table,
    say,
)


def test_json_is_one_document_with_names_as_the_api_has_them(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_json([as_dict(SIPInboundTrunkInfo(sip_trunk_id="ST_1", name="Zoë"))])
    out = capsys.readouterr().out
    assert "Zoë" in out
    assert json.loads(out) == [{"sip_trunk_id": "ST_1", "name": "Zoë"}]


def test_json_of_names_that_a_terminal_would_obey(capsys: pytest.CaptureFixture[str]) -> None:
    value = {"name": "Zo\u00eb\x1b[2J\x9b2J\u202e\U000e0041\ud800", "lines": "a\nb"}
    print_json(value)
    out = capsys.readouterr().out
    assert json.loads(out) == value
    assert "Zo\u00eb" in out
    assert out.replace("\n", "").isprintable()


def test_a_table_in_a_pipe_is_not_folded(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("one", "two"), [["a" * 100, "b" * 100]], "nothing")
    head, row = capsys.readouterr().out.splitlines()
    assert head.split() == ["one", "two"]
    assert row.split() == ["a" * 100, "b" * 100]
    print_table(("one",), [], "nothing")
    assert capsys.readouterr().out == "nothing\n"


def test_what_is_wider_than_any_terminal_is_not_folded_either(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_table(("one", "two"), [["a b " * 100, "c"]], "nothing")
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_a_terminal_too_narrow_for_the_words_gets_a_block_for_each_row(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An id over three lines of a column cannot be copied."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "40")
    rows = [["STR_kC5HnJxEauGd", "sip:somebody@192.0.2.1", ""], ["STR_2", "x\x1b", "a note"]]
    print_table(("transfer", "target", "notes"), rows, "nothing")
    assert capsys.readouterr().out == (
        "transfer  STR_kC5HnJxEauGd\n"
        "target    sip:somebody@192.0.2.1\n"
        "\n"
        "transfer  STR_2\n"
        "target    x\\x1b\n"
        "notes     a note\n"
    )
    monkeypatch.setenv("COLUMNS", "50")
    print_table(("transfer", "target", "notes"), rows, "nothing")
    assert "STR_kC5HnJxEauGd  sip:somebody@192.0.2.1" in capsys.readouterr().out


TRANSFERS = ("when", "transfer", "room", "identity", "target", "stages", "verdict", "notes")
ROWS = [
    [
        "2026-02-28 14:03:59",
        *("STR_MA4orVv4GMm4", "lobby", "sip_+14155550100", "tel:+15105550123"),
        "requested +0.0s → sent +0.0s → accepted +0.1s → ringing +0.4s",
        *("succeeded (200)", "the caller's side said BYE before the last NOTIFY"),
    ]
]


@pytest.mark.parametrize("columns", range(80, 260))
def test_no_word_is_broken_at_any_width(
    columns: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", str(columns))
    print_table(TRANSFERS, ROWS, "nothing")
    out = re.sub(r"\x1b\[\d*m", "", capsys.readouterr().out)
    words = set(out.split())
    assert {word for cell in ROWS[0] for word in cell.split()} <= words
    assert max(map(len, out.splitlines())) <= columns or "transfer  STR_" in out
    assert least_width(TRANSFERS, ROWS) <= 125


def test_texts_are_shown_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    """Names come from callers and from other clients: they are neither markup nor commands."""
    name = "[/nothing] [red]x :phone: \x1b[2J"
    print_table(("one", "two"), [[name, "\x07"]], "nothing")
    assert capsys.readouterr().out.splitlines()[1].split("  ")[0] == name.replace("\x1b", r"\x1b")
    say(name)
    assert "\x1b" not in capsys.readouterr().out
    with Progress() as progress:
        progress.say(name)
    assert capsys.readouterr().err == name.replace("\x1b", r"\x1b") + "\n"


def test_progress_off_a_terminal_is_a_line_for_each_change(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with Progress() as progress:
        for text in ("one", "one", "[two]"):
            progress.say(text)
    captured = capsys.readouterr()
    assert captured.err == "one\n[two]\n"
    assert not progress.live
    assert captured.out == ""


def test_progress_on_a_terminal_is_a_line_that_changes(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    with Progress() as progress:
        progress.say("one")
        progress.say("two")
    assert "two" in capsys.readouterr().err
    assert progress.live


@pytest.mark.parametrize(
    ("seconds", "text"), [(-3.0, "0:00"), (59.9, "0:59"), (245, "4:05"), (3723, "1:02:03")]
)
def test_seconds_as_people_read_them(seconds: float, text: str) -> None:
    assert clock(seconds) == text


def test_times_are_utc() -> None:
    assert moment(1772287439.9) == "2026-02-28 14:03:59"


def test_a_text_on_a_terminal_is_broken_between_words_and_commands_are_kept() -> None:
    text = "switch it on, or `hookflash provider twilio setup`, then transfer the caller again"
    assert hanging(text, "to do: ", None) == f"to do: {text}"
    assert hanging(text, "to do: ", 50).splitlines() == [
        "to do: switch it on, or",
        "       `hookflash provider twilio setup`, then",
        "       transfer the caller again",
    ]
    narrow = hanging(text, "to do: ", 30).splitlines()
    assert max(map(len, narrow)) <= 30, "a command that has no room is broken as other words are"
    assert " ".join(line.strip() for line in narrow) == f"to do: {text}"
    assert hanging("sip:+15105550123@example.com", "", 5) == "sip:+15105550123@example.com"
    assert hanging("", "note: ", 50) == "note: "
