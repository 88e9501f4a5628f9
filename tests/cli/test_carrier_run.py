"""`hookflash carrier` as people run it."""

from __future__ import annotations

import asyncio
import io
import json
import re
import signal
import socket
import sys
from base64 import b64encode
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import uvloop
from aiohttp import ClientSession
from rich.console import Console
from tests.support.cli import Lines, invoke, running
from tests.support.sip_messages import request_of

from hookflash.audio.tone_bank import rms
from hookflash.carrier.agent import Traced
from hookflash.carrier.config import NetworkConfig, TrunkConfig, example_config
from hookflash.carrier.conversation import Happened
from hookflash.carrier.news import News
from hookflash.carrier.profile_files import load_profile
from hookflash.carrier.speech import word_tones
from hookflash.carrier.wave_files import read_wave, wave_bytes
from hookflash.cli.carrier_run import WORDS, Capture, JsonLines, Screen, follow, introduction
from hookflash.cli.exits import EXIT_CONFIG
from hookflash.sip.codec import parse

SOURCE = Path(__file__).parents[2] / "src" / "hookflash" / "carrier"
TARGET = "+15105550123"


def run(test: Callable[[Lines, asyncio.subprocess.Process], Awaitable[None]], *more: str) -> None:
    """With the carrier as a process of its own, ended by Ctrl-C."""

    async def main() -> None:
        command = (sys.executable, "-W", "error", "-m", "hookflash", "carrier")
        ports = ("--sip", "127.0.0.1:0", "--http", "127.0.0.1:0")
        async with running(*command, *ports, *more) as (child, line):
            await test(line, child)
            child.send_signal(signal.SIGINT)
            assert await child.wait() == 0

    uvloop.run(main())


@pytest.mark.timeout(30)
def test_lines_of_json_and_the_calls_over_http() -> None:
    async def test(line: Lines, _: object) -> None:
        ready = json.loads(await line())
        assert ready["event"] == "ready"
        assert ready["profile"] == "twilio"
        assert re.fullmatch(r"127\.0\.0\.1:\d+", ready["sip"])
        events: list[dict[str, Any]] = []
        while not events or events[-1]["event"] != "call_answered":
            events.append(json.loads(await line()))
        assert [one["event"] for one in events] == [
            *("call_began", "phone_rings", "ringing", "phone_answers", "call_answered"),
        ]
        url = f"http://127.0.0.1:{ready['http']}"
        async with ClientSession() as session:
            while True:
                async with session.get(f"{url}/calls") as answer:
                    assert answer.status == 200
                    (call,) = (await answer.json())["calls"]
                if call["hears"] == {TARGET: [330.0], "+14155550100": [1000.0]}:
                    break
            assert (call["called"], call["state"]) == (TARGET, "up")
            async with session.get(f"{url}/") as answer:
                assert answer.status == 404
            async with session.post(f"{url}/faults", json={"one_way": True}) as answer:
                assert (await answer.json())["faults"] == {"one_way": True}
        told = json.loads(await line())
        assert (told["event"], told["faults"]) == ("faults", "one_way True")

    run(test, "--json", "--profile", "twilio", "--call", TARGET)


@pytest.mark.timeout(30)
def test_telephones_that_speak_and_record(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Files are beside the configuration. A call that is up at Ctrl-C has its recording as well,
    and that there is no voice comes after the first line."""
    monkeypatch.setenv("PATH", str(tmp_path))
    config, said = tmp_path / "carrier.yml", tmp_path / "said.wav"
    said.write_bytes(wave_bytes(word_tones("Hello")))
    config.write_text(
        f"phones: [{{number: '+1510', says: said.wav, calls: '{TARGET}', calls_after: 0}},"
        f" {{number: '{TARGET}', says: Yes please, after: 0.1, records: heard.wav}}]",
        "utf-8",
    )

    async def test(line: Lines, _: object) -> None:
        ready = json.loads(await line())
        assert ready["event"] == "ready"
        assert json.loads(await line())["event"] == "no_voice"
        while json.loads(await line())["event"] != "call_answered":
            pass
        async with ClientSession() as session:
            heard: list[str] = []
            while TARGET not in heard:
                async with session.get(f"http://127.0.0.1:{ready['http']}/calls") as answer:
                    (call,) = (await answer.json())["calls"]
                    heard = call["audible"]

    run(test, "--json", "--config", str(config))
    assert rms(read_wave("", (tmp_path / "heard.wav").read_bytes())) > 100


def test_what_cannot_be_said_is_an_error_of_the_configuration(tmp_path: Path) -> None:
    config = tmp_path / "carrier.yml"
    config.write_text(f"phones: [{{number: '{TARGET}', says: nowhere.wav}}]", "utf-8")
    ran = invoke("", "carrier", "--config", str(config), "--sip", "127.0.0.1:0", "--http", "")
    assert ran.code == EXIT_CONFIG
    assert f"{tmp_path / 'nowhere.wav'}: 'no file' is not allowed; allowed: a WAV file" in ran.err


def test_twilios_rest_is_there_where_the_carrier_is_twilio() -> None:
    account = example_config().account
    basic = b64encode(f"{account.sid}:{account.token}".encode()).decode()

    async def asked(line: Lines) -> tuple[int, Any]:
        port = json.loads(await line())["http"]
        known = {"Authorization": f"Basic {basic}"}
        url = f"http://127.0.0.1:{port}/v1/Trunks"
        async with ClientSession(headers=known) as session, session.get(url) as answer:
            if answer.status != 200:
                return answer.status, None
            (trunk,) = (await answer.json())["trunks"]
            form = {"TransferMode": "enable-all"}
            async with session.post(trunk["url"], data=form) as changed:
                return changed.status, json.loads(await line())

    async def twilio(line: Lines, _: object) -> None:
        status, event = await asked(line)
        assert (status, event["event"], event["trunk"]) == (200, "trunk_set", "example")
        assert event["transfer_mode"] == "enable-all"

    async def plain(line: Lines, _: object) -> None:
        assert (await asked(line))[0] == 404

    run(twilio, "--json", "--profile", "twilio")
    run(plain, "--json", "--profile", "plain")


def test_telnyxs_rest_is_there_where_the_carrier_is_telnyx() -> None:
    known = {"Authorization": f"Bearer {example_config().account.token}"}

    async def telnyx(line: Lines, _: object) -> None:
        port = json.loads(await line())["http"]
        url = f"http://127.0.0.1:{port}/v2/fqdn_connections"
        async with ClientSession(headers=known) as session:
            async with session.get(url) as answer:
                (connection,) = (await answer.json())["data"]
            change = {"connection_name": "example", "active": False}
            async with session.patch(f"{url}/{connection['id']}", json=change) as changed:
                assert changed.status == 200
            async with session.get(f"http://127.0.0.1:{port}/v1/Trunks") as other:
                assert other.status == 404

    run(telnyx, "--json", "--profile", "telnyx")


def test_a_capture_from_the_command(tmp_path: Path) -> None:
    file = tmp_path / "seen.pcap"

    async def test(line: Lines, _: object) -> None:
        seen: list[str] = []
        while "exchange_silent" not in seen and "sip" not in seen:
            seen.append(json.loads(await line())["event"])

    run(test, "--json", "--profile", "teams", "--pcap", str(file))
    assert b"OPTIONS sip:127.0.0.1:5060" in file.read_bytes()


def test_what_people_see() -> None:
    async def test(line: Lines, _: object) -> None:
        lines: list[str] = []
        while not lines or "they are connected" not in lines[-1]:
            lines.append(await line())
        text = "\n".join(lines)
        for words in (
            "A carrier by the book, simulated; SIP at 127.0.0.1:",
            "calls as JSON: GET http://127.0.0.1:",
            "trunk example: +15550000001 → sip:127.0.0.1:5060; it carries out transfers",
            f"telephone {TARGET} (sales): answers after 1 s",
            "telephone +15105550124 (busy line): busy",
            f"+14155550100 calls {TARGET}",
            f"the telephone {TARGET} rings and shows +14155550100",
        ):
            assert words in text

    run(test, "--call", TARGET)


def test_what_was_told_before_is_shown_first() -> None:
    news, shown = News(), io.StringIO()
    request = request_of("OPTIONS")
    at = ("192.0.2.1", 5060), ("127.0.0.1", 5080)
    news.traced(Traced(101.0, *at, request, sent=False))
    news.tell(102.0, Happened("call_ended", (("call", "CA_1"),)))
    follow(JsonLines(Console(file=shown, highlight=False, markup=False, width=500)), news)
    news.tell(103.0, Happened("ringing", (("called", TARGET),)))
    news.traced(Traced(104.0, *at, request, sent=False))
    told = [json.loads(line)["event"] for line in shown.getvalue().splitlines()]
    assert told == ["sip", "call_ended", "ringing", "sip"]


def test_a_message_without_a_way_is_captured_as_a_datagram(tmp_path: Path) -> None:
    file = tmp_path / "seen.pcap"
    with file.open("wb") as out:
        at = ("192.0.2.1", 5060), ("127.0.0.1", 5080)
        lost = request_of("OPTIONS", branch=None, via="nonsense")
        Capture(out).traced(Traced(101.0, *at, lost, sent=False))
    assert b"OPTIONS sip:" in file.read_bytes()


def test_a_capture_has_each_message_when_it_has_gone_by(tmp_path: Path) -> None:
    file = tmp_path / "seen.pcap"
    with file.open("wb") as out:
        capture = Capture(out)
        at = ("192.0.2.1", 5060), ("127.0.0.1", 5080)
        secret = ("Authorization", 'Digest username="me", response="0123456789abcdef"')
        request = parse(request_of("REFER", headers=(secret,)).encode())
        capture.traced(Traced(101.0, *at, request, sent=False))
        assert file.read_bytes().count(b"REFER sip:") == 1
    assert b"0123456789abcdef" not in file.read_bytes()


def test_a_port_that_is_taken() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        place = f"127.0.0.1:{port}"
        sip = invoke("", "carrier", "--sip", place, "--http", "")
        http = invoke("", "carrier", "--sip", "127.0.0.1:0", "--http", place)
    assert sip.code == http.code == EXIT_CONFIG
    assert sip.err.startswith(f"hookflash: cannot listen at {place}: Address already in use; --sip")
    assert http.err.startswith(f"hookflash: http: '{place}' is in use by another program; ")
    assert "--http names another" in http.err
    assert sip.err.count("\n") == http.err.count("\n") == 1


def test_there_are_words_for_everything_that_happens() -> None:
    """And their fields are there."""
    told = {}
    for path in SOURCE.glob("*.py"):
        for name, arguments in re.findall(r"\.tell\(\s*\"(\w+)\"([^;]*?)\)\n", path.read_text()):
            told[name] = set(re.findall(r"(\w+)=", arguments))
    assert set(told) == set(WORDS)
    for name, (words, _) in WORDS.items():
        assert set(re.findall(r"\{(\w+)\}", words)) <= told[name], name


def test_what_comes_from_outside_cannot_write_to_the_terminal() -> None:
    out = io.StringIO()
    screen = Screen(Console(file=out, highlight=False), 100.0)
    fields = (("caller", "+1\x1b[31m[bold]"), ("called", "+2"))
    screen.happened(101.0, Happened("call_began", fields))
    message = request_of("INVITE")
    traced = Traced(101.0, ("192.0.2.1", 5060), ("127.0.0.1", 5080), message, sent=False)
    screen.traced(traced)
    text = out.getvalue()
    assert "\x1b" not in text
    assert "[bold] calls +2" in text
    assert re.search(r"─ INVITE ─+▶", text)


@pytest.mark.parametrize(
    ("profile", "words"),
    [
        ("twilio", "transfers: disable-all"),
        ("exotel", "it carries out no transfer"),
        ("plivo", "it carries out transfers"),
    ],
)
def test_what_a_trunk_does(profile: str, words: str) -> None:
    lines = introduction(load_profile(profile), example_config(), ("::1", 5080), 0)
    assert "SIP at [::1]:5080" in lines[0]
    words = f"; {words}; 127.0.0.1 may call"
    assert any(line.startswith("trunk example") and line.endswith(words) for line in lines)


@pytest.mark.parametrize(
    ("profile", "trunk", "words"),
    [
        ("plain", {}, "anybody may call"),
        ("twilio", {}, "nobody may call"),
        ("twilio", {"username": "me", "password": "secret"}, "me may call"),
        ("plain", {"allowed_addresses": ("192.0.2.0/24",)}, "192.0.2.0/24 may call"),
    ],
)
def test_who_may_call(profile: str, trunk: dict[str, Any], words: str) -> None:
    config = NetworkConfig((TrunkConfig("mine", (), None, **trunk),), ())
    lines = introduction(load_profile(profile), config, ("127.0.0.1", 5080), 0)
    assert lines[-1].endswith(words)
    assert "secret" not in lines[-1]


@pytest.mark.parametrize(
    ("profile", "http", "there"), [("twilio", 8080, 1), ("twilio", 0, 0), ("plain", 8080, 0)]
)
def test_how_twilios_rest_is_reached(profile: str, http: int, there: int) -> None:
    lines = introduction(load_profile(profile), example_config(), ("127.0.0.1", 5080), http)
    account = example_config().account
    export = f"TWILIO_ACCOUNT_SID={account.sid} TWILIO_AUTH_TOKEN={account.token}"
    assert sum(export in line for line in lines) == there
    assert sum("--api http://127.0.0.1:8080" in line for line in lines) == there


@pytest.mark.parametrize(
    ("profile", "http", "there"), [("telnyx", 8080, 1), ("telnyx", 0, 0), ("twilio", 8080, 0)]
)
def test_how_telnyxs_rest_is_reached(profile: str, http: int, there: int) -> None:
    lines = introduction(load_profile(profile), example_config(), ("127.0.0.1", 5080), http)
    export = f"TELNYX_API_KEY={example_config().account.token}"
    command = f"hookflash provider telnyx show --api http://127.0.0.1:{http}"
    assert sum(export in line for line in lines) == there
    assert sum(command in line for line in lines) == there
