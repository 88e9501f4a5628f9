"""The answer of each verdict (transfer.md §1), byte for byte as recorded."""

from __future__ import annotations

import json
from base64 import b64decode
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from google.rpc import status_pb2
from livekit.protocol import sip as proto

from hookflash.calls.records import TransferRecord, Verdict
from hookflash.calls.transfers import answers
from hookflash.calls.transfers.transfer import REASONS

RECORDED = {
    entry["name"]: entry["answer"]
    for entry in json.loads(
        (Path(__file__).parents[2] / "data" / "transfer-answers.json").read_text(encoding="utf-8")
    )
}
BASE = TransferRecord(
    transfer_id="STR_1",
    call_id="SCL_1",
    room="room",
    identity="me",
    target="tel:+1",
    refer_to="<tel:+1>",
    api_key="key",
    request_id="",
    created_at=1.0,
)


def decided(verdict: Verdict, error: str, status: int | None = None, phrase: str = "") -> Any:
    record = replace(BASE, verdict=verdict, error=error, sip_status=status, sip_reason=phrase)
    error_answer = answers.failure(record)
    assert error_answer is not None
    return error_answer


@pytest.mark.parametrize(
    ("name", "status", "phrase"),
    [
        ("refer_603", 603, "Decline"),
        ("refer_407", 407, "Proxy Authentication Required"),
        ("refer_302", 302, "Moved Temporarily"),
        ("refer_500", 500, "Server Internal Error"),
        ("refer_no_phrase", 603, ""),
        ("notify_486", 486, "Busy Here"),
        ("notify_503", 503, "Service Unavailable"),
        ("notify_404", 404, "Not Found"),
        ("notify_480", 480, "Temporarily Unavailable"),
    ],
)
def test_sip_failures_are_answered_as_recorded(name: str, status: int, phrase: str) -> None:
    if name.startswith("refer"):
        error = decided("refused", answers.refused_text(status, phrase), status, phrase)
    else:
        error = decided("rejected", answers.rejected_text(status, phrase), status, phrase)
    wanted = RECORDED[name]
    assert (error.code, error.msg) == (wanted["code"], wanted["msg"])
    assert error.meta == wanted["meta"] | {
        "sip_transfer_id": "STR_1",
        "sip_transfer_reason": "STR_REJECTED",
    }


def test_a_timeout_is_answered_as_recorded_with_id_and_reason() -> None:
    error = decided("timed out", answers.TIMED_OUT, 180, "Ringing")
    wanted = RECORDED["timeout"]
    assert (error.code, error.msg) == (wanted["code"], wanted["msg"])
    assert error.meta == {
        "sip_transfer_id": "STR_1",
        "sip_transfer_reason": "STR_RINGING_TIMEOUT",
    }


def test_a_challenge_that_cannot_be_answered_says_so_and_keeps_its_details() -> None:
    phrase = "Proxy Authentication Required"
    text = answers.refused_text(407, phrase, "no credentials")
    error = decided("refused", text, 407, phrase)
    wanted = RECORDED["refer_407"]
    assert error.msg == wanted["msg"] + " (no credentials)"
    assert error.meta["error_details"] == wanted["meta"]["error_details"]


@pytest.mark.parametrize(
    ("verdict", "text", "code"),
    [
        ("call ended", answers.CALL_ENDED, "aborted"),
        ("canceled", answers.CANCELED, "canceled"),
        ("unreachable", answers.unreachable_text("timeout", 0), "canceled"),
        ("unreachable", answers.NOT_CONNECTED, "unavailable"),
        ("unreachable", answers.NOT_FOUND, "unavailable"),
        ("interrupted", answers.INTERRUPTED, "unavailable"),
        ("subscription ended", answers.subscription_ended_text("noresource", 100), "internal"),
    ],
)
def test_verdicts_without_a_sip_status(verdict: Verdict, text: str, code: str) -> None:
    error = decided(verdict, text, 202, "Accepted")
    assert (error.code, error.msg) == (code, "twirp error unknown: " + text)
    assert error.meta == {
        "sip_transfer_id": "STR_1",
        "sip_transfer_reason": REASONS[verdict],
    }


def test_a_481_that_decided_nothing_is_not_told() -> None:
    """The ringing timeout came within the second of grace after it."""
    error = decided("timed out", answers.TIMED_OUT, 481, "Gone")
    assert "sip_status_code" not in error.meta


def test_texts_are_livekits() -> None:
    assert answers.CALL_ENDED == "call ended before transfer completed"
    assert answers.unreachable_text("timeout", 0) == (
        "transaction failed to complete (0 intermediate responses)"
    )
    assert answers.subscription_ended_text("noresource", 100) == (
        "call transfer failed: REFER subscription terminated without a final status "
        '(reason "noresource", last status 100)'
    )


def test_call_ended_by_a_481_carries_it() -> None:
    error = decided("call ended", answers.CALL_ENDED, 481, "Call/Transaction Does Not Exist")
    assert error.code == "aborted"
    assert error.meta["sip_status_code"] == "481"
    assert error.meta["sip_status"] == "Call/Transaction Does Not Exist"
    details = status_pb2.Status.FromString(b64decode(error.meta["error_details"]))
    assert (details.code, details.message) == (10, answers.CALL_ENDED)


def test_an_interruption_found_in_the_store_has_its_text() -> None:
    assert decided("interrupted", "").msg == "twirp error unknown: service shutting down"


def test_success_has_no_error_and_leaves_sip_status_unset() -> None:
    record = replace(BASE, verdict="succeeded", sip_status=200, sip_reason="OK")
    assert answers.failure(record) is None
    response = answers.success(record)
    assert response.transfer_id == "STR_1"
    assert response.status == proto.SIPTransferStatus.STS_TRANSFER_SUCCESSFUL
    assert response.reason == proto.SIPTransferReason.STR_COMPLETED
    assert not response.HasField("sip_status")


def test_no_verdict_is_no_failure() -> None:
    assert answers.failure(BASE) is None


def test_refusals_before_a_transfer_exists_name_none() -> None:
    assert (answers.elsewhere().code, answers.elsewhere().msg) == (
        "invalid_argument",
        "twirp error unknown: call already being transferred elsewhere",
    )
    assert (answers.not_established().code, answers.not_established().msg) == (
        "failed_precondition",
        "twirp error unknown: can't transfer non established call",
    )
    assert answers.hung_up().code == "failed_precondition"
    assert answers.other_target().code == "invalid_argument"
    for error in (
        answers.elsewhere(),
        answers.not_established(),
        answers.hung_up(),
        answers.other_target(),
    ):
        assert error.meta == {}


def test_a_wait_of_ones_own_has_the_id_and_no_reason() -> None:
    error = answers.wait_over("STR_9")
    assert (error.code, error.msg) == (
        "deadline_exceeded",
        "twirp error unknown: request timed out",
    )
    assert error.meta == {"sip_transfer_id": "STR_9"}
