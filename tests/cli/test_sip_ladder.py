"""`hookflash ladder` against a real server."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from rich.console import Console
from tests.doctor.test_seen import entry
from tests.support.cli import hookflash
from tests.support.lab import NUMBER, Lab, run

from hookflash.carrier.phone import Behaviour
from hookflash.cli.sip_ladder import print_ladder
from hookflash.doctor.seen import seen_from

CALLER = "+14150000001"


def test_a_call_while_it_is_up_and_its_failed_transfer_by_any_id(tmp_path: Path) -> None:
    async def check(lab: Lab) -> None:
        await lab.ready()
        none = await hookflash(lab, "ladder")
        assert (none.code, none.err) == (1, "hookflash: there was no call yet\n")
        caller = await lab.carrier.phone(CALLER, behaviour=Behaviour(notify=(100, 486)))
        call = await caller.call(NUMBER, proxy=lab.sip)
        (participant,) = await lab.participants()
        call_id = participant.attributes["sip.callID"]
        up = await hookflash(lab, "ladder", call_id)
        assert (up.code, up.err) == (0, "")
        assert "so far: the call is up" in up.out
        head = up.out.splitlines()[1]
        assert head.split() == [f"{caller.address[0]}:{caller.address[1]}", "Hookflash"]
        assert " INVITE " in up.out
        assert " ACK " in up.out
        await hookflash(lab, "transfer", "+15105550100")
        transfer = (await hookflash(lab, "transfers", "--json")).json[0]
        await call.hang_up()
        await lab.events.wait_for("call ended")
        by_transfer = await hookflash(lab, "ladder", transfer["transfer_id"])
        for words in (" REFER to tel:+15105550100 ", " 202 Accepted ", " NOTIFY 486 Busy Here "):
            assert words in by_transfer.out
        record = (await hookflash(lab, "calls", "--ended", "--json")).json[0]
        assert record["call_id"] == call_id
        for arguments in ((), (call_id,), (record["sip_call_id"],)):
            assert (await hookflash(lab, "ladder", *arguments)).out == by_transfer.out
        whole = await hookflash(lab, "ladder", "--full")
        assert "    Refer-To: <tel:+15105550100>\n" in whole.out
        shown = await hookflash(lab, "ladder", "--json")
        assert shown.json["call_id"] == call_id
        assert shown.json["messages"][0]["text"].startswith("INVITE ")
        svg, pcap = tmp_path / "call.svg", tmp_path / "call.pcap"
        wrote = await hookflash(lab, "ladder", "--svg", str(svg), "--pcap", str(pcap))
        assert (wrote.out, wrote.err) == ("", f"wrote {svg}\nwrote {pcap}\n")
        assert ElementTree.parse(svg).getroot().tag.endswith("svg")
        assert pcap.read_bytes()[:4] == b"\xd4\xc3\xb2\xa1"
        bad = await hookflash(lab, "ladder", "--svg", str(tmp_path / "no" / "where.svg"))
        assert bad.code == 1
        assert "cannot be written" in bad.err

    run(check, sip__answer="immediately")


@pytest.mark.parametrize("ident", ["SCL_none", "STR_none", "a@b"])
def test_what_is_not_there_is_said(ident: str) -> None:
    async def check(lab: Lab) -> None:
        ran = await hookflash(lab, "ladder", ident)
        assert ran.code == 1
        assert f" {ident} is stored" in ran.err
        assert "hookflash transfers" in ran.err or "hookflash calls" in ran.err

    run(check)


def test_a_peers_words_do_nothing_to_a_terminal() -> None:
    async def check(lab: Lab) -> None:
        await lab.ready()
        caller = await lab.carrier.phone(CALLER)
        evil = (("Subject", "\x1b[2J [red]x[/red] \u202e"),)
        await caller.call(NUMBER, proxy=lab.sip, headers=evil)
        ran = await hookflash(lab, "ladder", "--full")
        assert "Subject: \\x1b[2J [red]x[/red] \\u202e" in ran.out
        assert "\x1b" not in ran.out

    run(check, sip__answer="immediately")


def drawn(answer: dict[str, Any]) -> str:
    out = io.StringIO()
    print_ladder(Console(file=out, width=100), answer, seen_from(answer["messages"]))
    return out.getvalue()


def test_what_was_dropped_is_told_where_it_was() -> None:
    messages = [entry(f"INFO sip:{number}@b SIP/2.0\r\n\r\n") for number in range(4)]
    answer = {"call_id": "SCL_1", "sip_call_id": "a\x1b@b", "dropped": 70, "messages": messages}
    lines = drawn(answer).splitlines()
    assert lines[0] == "SCL_1  Call-ID a\\x1b@b  (the whole call)"
    assert [" INFO " in line for line in lines[2:]] == [True, True, False, True, True]
    assert "70 messages are not kept here" in lines[4]


def test_a_call_of_which_nothing_went_by() -> None:
    assert drawn({"call_id": "SCL_1", "messages": []}).splitlines()[1] == "no messages"


def test_an_arrow_goes_from_who_sent_it() -> None:
    messages = [entry("INFO sip:a@b SIP/2.0\r\n\r\n"), entry("SIP/2.0 200 OK\r\n\r\n")]
    messages[1]["direction"] = "sent"
    head, there, back = drawn({"call_id": "SCL_1", "messages": messages}).splitlines()[1:]
    assert head.split() == ["[2001:db8::7]:5061", "Hookflash"]
    assert "▶" in there
    assert "◀" not in there
    assert "◀" in back
    assert "▶" not in back


def test_what_is_no_sip_is_drawn_as_text() -> None:
    answer = {"call_id": "SCL_1", "messages": [entry("\x1b[2J [red]x[/red]\r\n\r\n")]}
    assert " \\x1b[2J [red]x[/red] " in drawn(answer).splitlines()[-1]
