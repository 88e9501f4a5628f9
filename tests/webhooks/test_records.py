"""Transfers and calls as LiveKit's messages."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import pytest
from livekit.protocol.sip import SIPTransferReason, SIPTransferStatus

from hookflash.calls.records import AttemptRecord, StageEntry, TransferRecord, Verdict
from hookflash.calls.transfers.transfer import REASONS
from hookflash.webhooks.records import (
    nanoseconds,
    sip_status,
    transfer_info,
    transfer_json,
)

RECORD = TransferRecord("STR_1", "SCL_1", "r", "a", "sip:x@y", "<sip:x@y>", "k", "", 10.0)


@pytest.mark.parametrize("verdict", get_args(Verdict))
def test_every_verdict_has_a_status_and_a_reason(verdict: Verdict) -> None:
    info = transfer_info(replace(RECORD, verdict=verdict, ended_at=12.0))
    succeeded = verdict == "succeeded"
    assert info.transfer_status == (
        SIPTransferStatus.STS_TRANSFER_SUCCESSFUL
        if succeeded
        else SIPTransferStatus.STS_TRANSFER_FAILED
    )
    assert SIPTransferReason.Name(info.reason) == REASONS[verdict]
    assert info.transfer_completed_at_ns == 12_000_000_000


def test_a_pending_transfer_is_ongoing() -> None:
    info = transfer_info(RECORD)
    assert info.transfer_status == SIPTransferStatus.STS_TRANSFER_ONGOING
    assert info.reason == SIPTransferReason.STR_UNSPECIFIED
    assert not info.HasField("transfer_status_code")
    assert "verdict" not in transfer_json(RECORD)


def test_a_transfer_tells_its_attempts() -> None:
    attempt = AttemptRecord("sip:x@y", "refer", (StageEntry("sent", 10.5),), "rejected", 486)
    assert transfer_json(replace(RECORD, attempts=(attempt,)))["attempts"] == [
        {
            "target": "sip:x@y",
            "mode": "refer",
            "stages": [{"stage": "sent", "at": 10.5}],
            "outcome": "rejected",
            "sipStatus": 486,
        }
    ]
    going = AttemptRecord("sip:x@y")
    assert transfer_json(replace(RECORD, attempts=(going,)))["attempts"] == [
        {"target": "sip:x@y", "mode": "refer"}
    ]


def test_nanoseconds_have_no_rounding_dust() -> None:
    assert nanoseconds(1_700_000_000.123456) == 1_700_000_000_123_456_000
    assert nanoseconds(None) == 0


def test_sip_status_of_a_number_without_a_name() -> None:
    status = sip_status(699, "Odd")
    assert status is not None
    assert (status.code, status.status) == (699, "Odd")
    assert sip_status(None) is None
