"""`hookflash ladder` against a real server."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest
from tests.support.cli import hookflash
from tests.support.lab import NUMBER, Lab, run

from hookflash.carrier.phone import Behaviour

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
