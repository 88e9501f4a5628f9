"""A request for a transfer is data; two targets are the same if their URIs are."""

from __future__ import annotations

from dataclasses import replace

from hookflash.calls.transfers.request import TransferRequest
from hookflash.sip.refer import parse_target


def test_the_exchange_adds_what_only_the_call_knows() -> None:
    target = parse_target("<TEL:+15550100>")
    asked = TransferRequest("lobby", "me", target, (("X-A", "1"),), False, 30.0, None, "key", "r")
    assert (asked.transfer_id, asked.participant_sid, asked.dialtone_country) == ("", "", "ETSI")
    placed = replace(asked, transfer_id="STR_1", participant_sid="PA_1")
    assert placed.target is target
    assert (target.asked, target.refer_to) == ("<TEL:+15550100>", "<tel:+15550100>")
    assert target == parse_target("tel:+15550100")
