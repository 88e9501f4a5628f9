"""What became of a call or a transfer, as an exit code."""

from __future__ import annotations

from typing import Final

from .client import RefusedError

EXIT_REFUSED: Final = 3
EXIT_NO_ANSWER: Final = 4
EXIT_CALL_ENDED: Final = 5
EXIT_UNKNOWN: Final = 6

EPILOG: Final = (
    "Exit code: 0 done; 3 the target refused (busy, declined, no such number); 4 nobody answered "
    "in time; 5 the call ended first; 6 no outcome was reported; 1 the request was not possible; "
    "2 wrong usage."
)
_REASONS: Final = {
    "STR_REJECTED": EXIT_REFUSED,
    "STR_RINGING_TIMEOUT": EXIT_NO_ANSWER,
    "STR_CALL_ENDED": EXIT_CALL_ENDED,
}
_CODES: Final = {
    "deadline_exceeded": EXIT_NO_ANSWER,
    "canceled": EXIT_NO_ANSWER,  # what LiveKit answers to a call that nobody took
    "aborted": EXIT_CALL_ENDED,
}
_UNANSWERED: Final = frozenset({"408", "480", "487"})


def exit_code(error: RefusedError) -> int:
    """By Hookflash's reason, or what a LiveKit tells: SIP status and Twirp code."""
    reason = error.meta.get("sip_transfer_reason")
    if reason is not None:
        return _REASONS.get(reason, EXIT_UNKNOWN)
    status = error.meta.get("sip_status_code")
    if status is not None:
        return EXIT_NO_ANSWER if status in _UNANSWERED else EXIT_REFUSED
    return _CODES.get(error.code, 1)


def in_words(error: RefusedError) -> str:
    """`486 Busy Here` where a telephone said so, else what the server wrote."""
    status = error.meta.get("sip_status_code")
    if status is None:
        return str(error) if exit_code(error) == 1 else error.msg
    return f"{status} {error.meta.get('sip_status', '')}".rstrip()


def as_dict(error: RefusedError) -> dict[str, object]:
    """For --json."""
    return {"code": error.code, "msg": error.msg, "http_status": error.status, **error.meta}
