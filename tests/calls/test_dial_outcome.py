"""LiveKit's words for failed calls (facts §5.6, §5.7)."""

from __future__ import annotations

import pytest

from hookflash.calls.dial_outcome import (
    given_up,
    no_port,
    no_session,
    refused,
    unanswered,
    unauthorised,
    unreachable,
)
from hookflash.calls.status import PREFIX
from hookflash.sip.message import Response


def response(
    status: int, headers: tuple[tuple[str, str], ...] = (), body: bytes = b"", reason: str = ""
) -> Response:
    return Response(status, reason or None, headers, body)


@pytest.mark.parametrize(
    ("answer", "code", "text", "phrase"),
    [
        (
            response(486),
            "resource_exhausted",
            "INVITE failed: sip status: 486: Busy Here",
            "Busy Here",
        ),
        (
            response(404, (("X-Twilio-Error", "32100 no"),)),
            "not_found",
            "INVITE failed: sip status: 404: 32100 no",
            "32100 no",
        ),
        (
            response(404, (("X-Twilio-Error", "no\udce9"),)),
            "not_found",
            "INVITE failed: sip status: 404: no\ufffd",
            "no\ufffd",
        ),
        (
            response(480, (("X-Twilio-Error", "32100 no"),), b"gone home"),
            "resource_exhausted",
            "INVITE failed: sip status: 480: gone home",
            "gone home",
        ),
        (
            response(486, (("X-Twilio-Error", "32203 x"),)),
            "resource_exhausted",
            "sip status: 486: Busy Here",
            "Busy Here",
        ),
        (
            response(603, body=b"ignored"),
            "permission_denied",
            "unexpected status from INVITE response: sip status: 603: Decline",
            "Decline",
        ),
    ],
)
def test_refusals(answer: Response, code: str, text: str, phrase: str) -> None:
    outcome = refused(answer)
    error = outcome.error()
    assert (error.code, error.msg) == (code, PREFIX + text)
    assert error.meta["sip_status_code"] == str(answer.status)
    assert error.meta["sip_status"] == phrase
    assert "error_details" in error.meta
    assert outcome.reason == f"refused with {answer.status}"


def test_long_words_are_cut() -> None:
    assert len(refused(response(486, body=b"x" * 5000)).phrase) == 1024


@pytest.mark.parametrize(
    ("status", "reason", "left"),
    [
        (302, "", "dropped"),
        (503, "", "dropped"),
        (503, "CPS limit exceeded", "rejected"),
        (500, "Concurrent Call Limit Exceeded", "rejected"),
        (600, "", "rejected"),
        (408, "", "unavailable"),
    ],
)
def test_what_the_room_sees(status: int, reason: str, left: str) -> None:
    assert refused(response(status, reason=reason)).left == left


def test_failures_without_a_status_have_no_meta() -> None:
    for outcome, code in (
        (given_up("unavailable", "no answer"), "canceled"),
        (unanswered(2), "canceled"),
        (unreachable("unresolved", "h"), "invalid_argument"),
        (unreachable("transport", "h"), "failed_precondition"),
        (no_session("codec"), "failed_precondition"),
        (no_port(), "unavailable"),
        (unauthorised(407, "x"), "failed_precondition"),
    ):
        error = outcome.error()
        assert (error.code, error.meta) == (code, {})
    assert unanswered(2).text == "transaction failed to complete (2 intermediate responses)"
