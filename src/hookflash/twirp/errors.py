"""Twirp error codes, their HTTP statuses and bodies (facts §1.3, §1.4)."""

from __future__ import annotations

import json

from ..base.errors import ApiError

STATUS = {
    "canceled": 408,
    "unknown": 500,
    "invalid_argument": 400,
    "malformed": 400,
    "deadline_exceeded": 408,
    "not_found": 404,
    "bad_route": 404,
    "already_exists": 409,
    "permission_denied": 403,
    "unauthenticated": 401,
    "resource_exhausted": 429,
    "failed_precondition": 412,
    "aborted": 409,
    "out_of_range": 400,
    "unimplemented": 501,
    "internal": 500,
    "unavailable": 503,
    "data_loss": 500,
    "dataloss": 500,
}
"""Twirp code → HTTP status. `dataloss` is how the SDKs spell it."""

PREFIX = "twirp error unknown: "
"""What LiveKit puts before the text of an error that came over its internal bus."""

MAX_TEXT = 1_000_000
"""Bytes of `msg`; what is longer is cut."""


def http_status(code: str) -> int:
    """500 for a code that Twirp does not know."""
    return STATUS.get(code, 500)


def prefixed(code: str, text: str, meta: dict[str, str] | None = None) -> ApiError:
    """An error that LiveKit answers with the bus prefix before `text`."""
    return ApiError(code, PREFIX + text, meta)


def bare(text: str) -> str:
    """`text` without the bus prefix, if it has it."""
    return text.removeprefix(PREFIX)


def argument(sentence: str, text: str = "") -> ApiError:
    """Twirp's "invalid argument" helper, which LiveKit calls with a sentence as the argument."""
    return ApiError("invalid_argument", f"{sentence} {text}", {"argument": sentence})


def body(error: ApiError) -> bytes:
    """The JSON body, for protobuf requests too; `meta` only where there is any."""
    text = error.msg
    if len(text) > MAX_TEXT // 4:
        text = text.encode("utf-8", "replace")[:MAX_TEXT].decode("utf-8", "ignore")
    content: dict[str, object] = {"code": error.code, "msg": text}
    if error.meta:
        content["meta"] = error.meta
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
