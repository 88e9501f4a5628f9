"""`hookflash demo --profile … --target …` as people run it."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest
from tests.cli.test_demo import run as python
from tests.support.cli import invoke

from hookflash.carrier.config import example_config
from hookflash.carrier.profile_files import load_profile, profile_names
from hookflash.cli.demo_case import HEARD, TARGETS, address_of, network
from hookflash.cli.exits import EXIT_CONFIG


@pytest.fixture(autouse=True)
def _ladders_go_with_the_test(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))


def demo(*arguments: str) -> tuple[str, dict[str, str]]:
    """(all that was shown, the summary: what a line is about → its text)."""
    done = python("-m", "hookflash", "demo", *arguments)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    _, _, page = done.stdout.partition("Summary ═")
    assert len(page.splitlines()) < 30
    wide = [one for one in done.stdout.splitlines() if len(one) > 120]
    assert all(one.startswith("ladder ") for one in wide), wide  # the name of a file is not wrapped
    lines: dict[str, str] = {}
    label = ""
    for line in page.splitlines()[1:]:
        label = line[:14].strip() or label
        lines[label] = f"{lines.get(label, '')} {line[14:]}".strip()
    return done.stdout, lines


def test_a_target_that_is_busy(tmp_path: Path) -> None:
    file = tmp_path / "busy.svg"
    shown, page = demo("--profile", "twilio", "--target", "busy", "--svg", str(file))
    for words in (
        "Twilio Elastic SIP Trunking: an agent and a caller meet in the room demo",
        "caller and agent hear each other",
        "the telephone +15105550124 does not take the call: 486",
        "transfer_sip_participant('demo', 'sip_+14150000001', 'tel:+15105550124')",
    ):
        assert words in shown
    assert page["carrier"].endswith("(twilio), simulated; transfers of the trunk: enable-all")
    assert "sip status: 486: Busy Here" in page["the API"]
    assert page["verdict"].startswith("rejected (requested → sent → accepted")
    assert page["the carrier"] == "called the target, and got 486"
    assert page["the caller"] == "hears the agent; before it was the agent"
    assert page["the agent"] == "hears the caller; before it was the caller"
    assert page["the target"] == "hears nobody, as before"
    assert page["the doctor"] == "the target is busy (486 Busy Here)"
    assert page["ladder"] == str(file)
    picture = ElementTree.parse(file).getroot()
    labels = [one.text for one in picture.iter("{http://www.w3.org/2000/svg}text")]
    for label in (
        "INVITE",
        "REFER to tel:+15105550124",
        "202 Accepted",
        "NOTIFY 486 Busy Here",
        "BYE",
    ):
        assert label in labels


def test_a_menu_puts_the_caller_through() -> None:
    """The ladder is written, and it is said where."""
    shown, page = demo("--target", "menu")
    assert page["carrier"] == "A carrier by the book (plain), simulated"
    assert page["the API"].startswith("STS_TRANSFER_SUCCESSFUL")
    assert page["verdict"].startswith("succeeded")
    assert "puts its caller through to +15105550123" in shown
    assert page["the caller"] == "hears the new party; before it was the agent"
    assert page["the agent"] == "hears nobody; before it was the caller"
    assert Path(page["ladder"]).match("hookflash-demo-*/plain-menu.svg")
    assert Path(page["ladder"]).read_text("utf-8").startswith("<svg")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (
            ("--profile", "twilio", "--transfer-mode", "disable-all"),
            {
                "carrier": "transfers of the trunk: disable-all",
                "verdict": "refused (requested → sent)",
                "the carrier": "refused with 603 Decline: transfer_mode of the trunk is",
                "the doctor": "call transfer is switched off on the trunk",
                "to do": "hookflash provider twilio setup",
            },
        ),
        (
            ("--profile", "strict", "--target", "voicemail"),
            {
                "asked for": "sip:+15105550128@mine.carrier.test",
                "verdict": "succeeded",
                "the caller": "hears the greeting of a voicemail",
                "the target": "hears the caller; before it was nobody",
            },
        ),
        (
            ("--profile", "jambonz", "--target", "answers"),
            {
                "verdict": "accepted); caller and target are connected all the same",
                "the caller": "hears the new party",
            },
        ),
        (
            ("--profile", "national", "--target", "never-answers"),
            {
                "the API": "request timed out",
                "verdict": "timed out",
                "the carrier": "has not decided yet: the target rings",
                "the caller": "hears the agent",
            },
        ),
        (
            ("--profile", "exotel", "--target", "fax"),
            {
                "verdict": "none: there was no transfer",
                "the carrier": "did nothing",
                "the doctor": "no REFER was sent",
                "the caller": "hears the agent",
            },
        ),
        (
            ("--profile", "whatsapp", "--target", "answers"),
            {
                "the API": "405",
                "verdict": "refused (requested → sent)",
                "the caller": "hears the agent; before it was the agent",
            },
        ),
    ],
    ids=["off", "strict", "not-reported", "timed-out", "no-refer", "whatsapp"],
)
def test_the_summary_is_true(arguments: tuple[str, ...], expected: dict[str, str]) -> None:
    _, page = demo(*arguments)
    for label, text in expected.items():
        assert text in page[label], page


@pytest.mark.parametrize(
    ("change", "failure"),
    [
        (
            "Case._heard = heard",
            "succeeded, it says, and the caller hears the agent",
        ),
        ("demo_case.LIMIT = 0.2", "not done after 0.2 s"),
        ("demo_case.written = lambda _, number: '+1999'", "no call_answered number 1"),
    ],
    ids=["untrue", "too-late", "not-connected"],
)
def test_what_does_not_hold_is_a_failure(change: str, failure: str) -> None:
    program = f"""
from hookflash.cli import demo_case
from hookflash.cli.demo_case import Case, run

demo_case.CONNECTED = 1.0

async def heard(self, drain=0.0):
    return {{"the caller": ["the agent"], "the agent": [], "the target": []}}

{change}
raise SystemExit(run("plain", "answers", "enable-all", None, 1))
"""
    done = python("-c", program)
    assert done.returncode == 1, done.stdout + done.stderr
    assert failure in " ".join(done.stdout.partition("FAILED:")[2].split())


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (["--profile", "twillio"], "'twillio' is no profile; allowed: asterisk, "),
        (["--target", "sings"], "--target: 'sings' is not allowed; allowed: one of answers, busy"),
        (["--target", "busy", "--transfer-mode", "on"], "--transfer-mode: 'on' is not allowed"),
        (
            ["--svg", "/nowhere/a.svg"],
            "--svg: '/nowhere/a.svg' is not allowed; allowed: a file that",
        ),
    ],
)
def test_what_is_wrong_is_one_line(arguments: list[str], fault: str) -> None:
    ran = invoke("", "demo", *arguments)
    assert ran.code == EXIT_CONFIG
    assert fault in ran.err
    assert ran.err.count("\n") == 1


def test_each_target_is_a_telephone_of_the_carrier() -> None:
    does = {one.number: "menu" if one.menu else one.does for one in example_config().phones}
    assert {name: does[number] for name, number in TARGETS.items()} == {t: t for t in TARGETS}
    for profile in profile_names():
        manners = load_profile(profile).manners
        found = network(manners, ("127.0.0.1", 5060), "sip-only")
        setting = manners.refer == "trunk-setting"
        assert found.trunks[0].transfer_mode == ("sip-only" if setting else None)
        assert {one.number for one in found.phones} > set(TARGETS.values())
        tones = {one.tone for one in found.phones if one.does == "answers"}
        assert tones <= set(HEARD)


def test_addresses() -> None:
    assert address_of(load_profile("didlogic"), "+1510") == "tel:+1510"  # the preset writes it
    assert address_of(load_profile("plain"), "+1510") == "tel:+1510"
    assert address_of(load_profile("strict"), "+1510") == "sip:+1510@mine.carrier.test"
