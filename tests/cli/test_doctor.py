"""`hookflash doctor` against a real server."""

from __future__ import annotations

import asyncio
import io
from pathlib import Path

import pytest
from rich.console import Console
from tests.support.cli import hookflash, invoke
from tests.support.lab import NUMBER, Lab, run

from hookflash.carrier.phone import Behaviour
from hookflash.cli.doctor import as_json, print_findings
from hookflash.doctor.diagnosis import Finding

CALLER = "+14150000001"


async def transferred(lab: Lab, behaviour: Behaviour) -> str:
    """A caller whose transfer comes to what `behaviour` says; the transfer's id."""
    await lab.ready()
    caller = await lab.carrier.phone(CALLER, behaviour=behaviour)
    await caller.call(NUMBER, proxy=lab.sip)
    await hookflash(lab, "transfer", "+15105550100")
    transfers = (await hookflash(lab, "transfers", "--json")).json
    return str(transfers[0]["transfer_id"])


def test_the_last_failed_transfer_in_plain_words() -> None:
    async def check(lab: Lab) -> None:
        ident = await transferred(lab, Behaviour(refer=603))
        ran = await hookflash(lab, "doctor")
        assert ran.code == 4, ran.out
        assert f"transfer {ident} of sip_{CALLER} to tel:+15105550100" in ran.out
        assert "error    transfer" in ran.out
        assert "603 from the peer to REFER: it does not want to transfer" in ran.out
        assert "to do: ask the provider to enable SIP REFER" in ran.out
        assert " REFER to tel:" not in ran.out
        with_ladder = await hookflash(lab, "doctor", "--ladder")
        assert " REFER to tel:+15105550100 " in with_ladder.out
        told = (await hookflash(lab, "doctor", ident, "--json")).json
        (finding,) = told["findings"]
        assert (told["gravity"], finding["rule"]) == ("error", "refer-declined")
        assert finding["subject"] == f"transfer {ident}"
        assert told["sip"]["messages"]

    run(check, sip__answer="immediately")


def test_a_target_that_is_busy_is_no_fault() -> None:
    async def check(lab: Lab) -> None:
        await transferred(lab, Behaviour(notify=(100, 486)))
        ran = await hookflash(lab, "doctor", "--no-trunks")
        assert ran.code == 0
        assert "note     transfer" in ran.out
        assert "the target is busy (486 Busy Here)" in ran.out

    run(check, sip__answer="immediately")


def test_what_no_rule_fits_is_shown_whole() -> None:
    async def check(lab: Lab) -> None:
        await transferred(lab, Behaviour(refer=499))
        ran = await hookflash(lab, "doctor")
        assert ran.code == 4
        assert "unknown: refer refused with 499" in ran.out
        assert " REFER to tel:+15105550100 " in ran.out

    run(check, sip__answer="immediately")


def test_without_messages_the_record_has_to_do() -> None:
    async def check(lab: Lab) -> None:
        await transferred(lab, Behaviour(refer=405))
        told = (await hookflash(lab, "doctor", "--json")).json
        assert told["findings"][0]["rule"] == "refer-not-known"
        assert told["sip"] is None

    run(check, sip__answer="immediately", sip__keep_messages=0)


def test_the_last_failed_call_where_that_was_later() -> None:
    async def check(lab: Lab) -> None:
        await transferred(lab, Behaviour(refer=603))
        await hookflash(lab, "hangup")
        await lab.events.wait_for("call ended")
        busy = await lab.carrier.phone("+15105550111", behaviour=Behaviour(answer=486))
        address = f"{busy.address[0]}:{busy.address[1]}"
        made = ("trunk", "outbound", "add", "--address", address, "--number", "+15550100")
        await hookflash(lab, *made)
        await hookflash(lab, "call", "+15105550111", "--room", "lobby")
        await lab.events.wait_for("call ended", 2)
        ran = await hookflash(lab, "doctor")
        assert "outbound call SCL_" in ran.out
        assert "the called one is busy (486" in ran.out

    run(check, sip__answer="immediately")


def test_where_nothing_failed_that_is_said() -> None:
    async def check(lab: Lab) -> None:
        ran = await hookflash(lab, "doctor")
        assert ran.code == 0
        assert "none of the last transfers and calls failed" in ran.out
        missing = await hookflash(lab, "doctor", "STR_none")
        assert (missing.code, missing.out) == (1, "")

    run(check)


def test_a_server_that_is_not_there_is_a_finding() -> None:
    ran = invoke("http://127.0.0.1:9", "doctor")
    assert ran.code == 4
    assert "error    the server: no answer from http://127.0.0.1:9" in ran.out


@pytest.mark.parametrize("ident", ["SCL_1", "STR_1"])
def test_but_not_where_one_call_is_asked_about(ident: str) -> None:
    ran = invoke("http://127.0.0.1:9", "doctor", ident)
    assert (ran.code, ran.out) == (1, "")
    assert "no answer from" in ran.err


CONFIG = """
keys: {labkey: a-secret-that-nobody-guesses-9f8e7d6c5b4a}
sip: {listen_ip: 127.0.0.1, allowed_hosts: from_header, keep_messages: 0}
"""


def test_the_settings_and_the_machine(tmp_path: Path) -> None:
    file = tmp_path / "hookflash.yaml"
    file.write_text(CONFIG, encoding="utf-8")

    async def check(lab: Lab) -> None:
        ran = await hookflash(lab, "doctor", "--config", str(file))
        assert ran.code == 4
        head, *_ = [line for line in ran.out.splitlines() if "sip.allowed_hosts" in line]
        assert head.startswith("  error    sip.allowed_hosts: ")
        assert "warning  sip.keep_messages: " in ran.out
        assert "\nThis machine\n" in ran.out
        assert "ok       ports: taken, by the server that answers" in ran.out
        assert "loopback only" in ran.out
        file.write_text("sip: {nope: 1}", encoding="utf-8")
        told = (await hookflash(lab, "doctor", "--json", "--config", str(file))).json
        sections = {one["section"]: one for one in told["findings"]}
        assert sections["The settings"]["gravity"] == "error"
        assert "nope" in sections["The settings"]["meaning"]

    run(check)


def test_a_call_for_which_nothing_could_be_sent() -> None:
    async def check(lab: Lab) -> None:
        closed = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
        port = closed.sockets[0].getsockname()[1]
        closed.close()
        await closed.wait_closed()
        made = ("trunk", "outbound", "add", "--address", f"127.0.0.1:{port}", "--number", "+1")
        await hookflash(lab, *made, "--transport", "tcp")
        await hookflash(lab, "call", "+15105550111", "--room", "lobby")
        ran = await hookflash(lab, "doctor")
        assert ran.code == 4
        assert "no INVITE could be sent, or no messages are kept of it: " in ran.out
        assert "127.0.0.1: no connection by TCP: " in ran.out

    run(check)


def test_the_exit_code_is_that_of_the_gravest_finding() -> None:
    async def check(lab: Lab) -> None:
        await lab.ready()  # with a trunk by which anybody may call
        ran = await hookflash(lab, "doctor")
        assert "warning  inbound trunk " in ran.out
        assert "note     settings: " in ran.out
        assert ran.code == 3
        assert (await hookflash(lab, "doctor", "--no-trunks")).code == 0

    run(check)


def test_programs_get_the_gravest_and_everything() -> None:
    sections = {
        "One": [
            Finding("ok", "a", "fine"),
            Finding("error", "b", "bad", "mend it", "page", "rule"),
        ],
        "Two": [Finding("warning", "c", "odd"), Finding("note", "d", "so")],
    }
    told = as_json(sections, None)
    assert (told["gravity"], told["case"], told["sip"]) == ("error", None, None)
    assert [one["section"] for one in told["findings"]] == ["One", "One", "Two", "Two"]
    assert list(told["findings"][1].values()) == [
        *("One", "error", "b", "bad", "mend it", "page", "rule"),
    ]
    assert as_json({"Two": sections["Two"]}, None)["gravity"] == "warning"
    assert as_json({}, None)["gravity"] == "ok"


def test_what_a_peer_wrote_is_printed_as_text() -> None:
    out = io.StringIO()
    evil = "603 \x1b[2J [red]no[/red]"
    print_findings(Console(file=out, width=80), [Finding("error", "call", evil, evil, evil)])
    shown = "603 \\x1b[2J [red]no[/red]"
    assert out.getvalue().splitlines() == [
        f"  error    call: {shown}",
        f"           to do: {shown}",
        f"           source: {shown}",
    ]
