"""The page at the end of one transfer of the demo."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hookflash.carrier.conversation import Happened
from hookflash.carrier.profile_files import load_profile
from hookflash.cli.demo_summary import WIDTH, ShownTransfer, summary
from hookflash.doctor.diagnosis import Finding


def page(target: str = "busy", **facts: Any) -> dict[str, str]:
    one = ShownTransfer(load_profile("twilio"), target, "+1510", **facts)
    lines = summary(one)
    assert max(map(len, lines)) <= WIDTH
    found: dict[str, str] = {}
    label = ""
    for line in lines[1:]:
        label = line[:14].strip() or label
        found[label] = f"{found.get(label, '')} {line[14:]}".strip()
    return found


def happened(name: str, **fields: object) -> Happened:
    return Happened(name, tuple(fields.items()))


RECORD = {"verdict": "aborted", "stages": [{"stage": "requested"}, {"stage": "sent"}]}


def test_nothing_was_sent() -> None:
    found = page(svg=Path("a.svg"))
    assert found["verdict"] == "none: there was no transfer"
    assert found["the carrier"] == "did nothing"
    assert found["the doctor"].startswith("no REFER was sent")
    assert "to do" not in found


def test_the_target_is_ringing_still() -> None:
    found = page(record={**RECORD, "verdict": "timed out"})
    assert found["verdict"] == "timed out (requested → sent)"
    assert found["the carrier"] == "has not decided yet: the target rings"


def test_a_carrier_that_did_not_report_it() -> None:
    found = page(record=RECORD, transferred=True, carrier=happened("transferred"))
    assert "aborted (requested → sent); caller and target are connected" in found["verdict"]
    assert found["the carrier"] == "connected caller and target"


def test_a_menu_that_put_the_caller_through_hears_nobody_itself() -> None:
    joined = {"record": RECORD, "transferred": True, "carrier": happened("transferred")}
    found = page("menu", after={"the caller": ["the new party"], "the target": []}, **joined)
    assert found["the carrier"] == (
        "connected caller and target, whose menu put the caller through to the new party (key 1)"
    )
    assert found["the target"] == "hears nobody, as before"
    stays = page("menu", after={"the caller": ["the menu"]}, **joined)
    assert stays["the carrier"] == "connected caller and target"


def test_a_success_that_was_guessed() -> None:
    found = page(
        record={**RECORD, "verdict": "succeeded"}, carrier=happened("transfer_failed", status=486)
    )
    assert "succeeded (requested → sent); caller and target are not connected" in found["verdict"]
    assert found["the carrier"] == "called the target, and got 486"


def test_long_words_of_the_doctor_are_wrapped() -> None:
    finding = Finding("error", "transfer", "it is so " * 30, "do this " * 30)
    found = page(
        record=RECORD,
        finding=finding,
        carrier=happened("refer_refused", status=603, phrase="Decline", why="it is off\x1b"),
        before={"the caller": ["the agent"]},
        after={"the caller": ["the new party", "the beep"], "the target": []},
    )
    assert found["the doctor"] == ("it is so " * 30).strip()
    assert found["to do"] == ("do this " * 30).strip()
    assert found["the carrier"].startswith("refused with 603 Decline: it is off")
    assert "\x1b" not in found["the carrier"]
    assert found["the caller"] == "hears the new party and the beep; before it was the agent"
    assert found["the target"] == "hears nobody, as before"
