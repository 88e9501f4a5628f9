"""Exit codes, by what Hookflash says and by what a LiveKit says."""

from __future__ import annotations

import json

import pytest

from hookflash.cli.client import RefusedError
from hookflash.cli.outcome import as_dict, exit_code, in_words


def refused(status: int, code: str, msg: str = "why", **meta: str) -> RefusedError:
    body = {"code": code, "msg": f"twirp error unknown: {msg}", "meta": meta}
    return RefusedError(status, json.dumps(body))


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (
            refused(
                *(429, "resource_exhausted"),
                sip_transfer_reason="STR_REJECTED",
                sip_status_code="486",
                sip_status="Busy Here",
            ),
            *(3, "486 Busy Here"),
        ),
        (refused(408, "deadline_exceeded", sip_transfer_reason="STR_RINGING_TIMEOUT"), 4, "why"),
        (refused(409, "aborted", sip_transfer_reason="STR_CALL_ENDED"), 5, "why"),
        (refused(500, "internal", sip_transfer_reason="STR_SUBSCRIPTION_TERMINATED"), 6, "why"),
        (refused(503, "unavailable", sip_transfer_reason="STR_UNSPECIFIED"), 6, "why"),
        (refused(403, "permission_denied", sip_status_code="603"), 3, "603"),
        (refused(408, "deadline_exceeded", sip_status_code="408"), 4, "408"),
        (refused(408, "deadline_exceeded"), 4, "why"),
        (refused(408, "canceled"), 4, "why"),
        (refused(409, "aborted"), 5, "why"),
        (refused(404, "not_found"), 1, "the server answered 404: not_found: why"),
        (RefusedError(500, "broken\n"), 1, "the server answered 500: broken"),
    ],
)
def test_exit_codes_and_words(error: RefusedError, code: int, words: str) -> None:
    assert exit_code(error) == code
    assert in_words(error) == words


def test_an_error_as_json() -> None:
    error = refused(409, "aborted", sip_transfer_id="STR_1")
    assert as_dict(error) == {
        "code": "aborted",
        "msg": "why",
        "http_status": 409,
        "sip_transfer_id": "STR_1",
    }
