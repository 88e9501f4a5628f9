"""SIP status → Twirp error, as LiveKit spells it (facts §1.5, §3.5): code, text, meta, details.

Transfers and outbound calls share this table.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable

from google.protobuf import any_pb2
from google.rpc import status_pb2
from livekit.protocol import sip as proto

PREFIX = "twirp error unknown: "
"""What LiveKit puts before the text of an error from its SIP service (facts §1.4)."""

_BY_CODE: dict[str, Iterable[int]] = {
    "invalid_argument": (
        *(300, 305, 380, 400, 405, 406, 411, 413, 414, 415, 417, 420, 421, 422, 423, 424, 425),
        *(429, 430, 439, 469, 484, 485, 488, 489, 493, 505, 513, 606),
    ),
    "not_found": (301, 302, 404, 410, 481, 604),
    "permission_denied": (401, 402, 403, 433, 470, 603, 607, 608),
    "unauthenticated": (407, 428, 436, 437, 438, 494),
    "deadline_exceeded": (408, 504),
    "failed_precondition": (409, 412, 482, 483, 500, 501, 502, 503),
    "resource_exhausted": (440, 480, 486, 600),
    "out_of_range": (416,),
    "aborted": (487, 491),
}
_CODES = {status: code for code, statuses in _BY_CODE.items() for status in statuses}
_BY_CLASS = {
    3: "invalid_argument",
    4: "invalid_argument",
    5: "failed_precondition",
    6: "invalid_argument",
}
_GRPC_NUMBERS = {
    name: number
    for number, name in enumerate(
        (
            *("ok", "canceled", "unknown", "invalid_argument", "deadline_exceeded", "not_found"),
            *("already_exists", "permission_denied", "resource_exhausted", "failed_precondition"),
            *("aborted", "out_of_range", "unimplemented", "internal", "unavailable", "data_loss"),
            "unauthenticated",
        )
    )
}
_ENUM_NAMES = {number: name for name, number in proto.SIPStatusCode.items()}


def twirp_code(status: int) -> str:
    """The Twirp code of a SIP status that made a request fail; `unknown` for 1xx and 2xx."""
    return _CODES.get(status) or _BY_CLASS.get(status // 100, "unknown")


def enum_name(status: int) -> str:
    """LiveKit's name of a SIP status (`SIP_STATUS_BUSY_HERE`), its digits where it has none."""
    return _ENUM_NAMES.get(status, str(status))


def status_text(status: int, phrase: str) -> str:
    """`sip status: 486: Busy Here`, or `sip status: 486 (BUSY_HERE)` without a phrase."""
    if phrase:
        return f"sip status: {status}: {phrase}"
    return f"sip status: {status} ({enum_name(status).removeprefix('SIP_STATUS_')})"


def status_meta(status: int, phrase: str, code: str, text: str) -> dict[str, str]:
    """The meta keys of a failure that a SIP response caused (facts §1.5).

    `code` is the Twirp code of the error and `text` its message without `PREFIX`; both stand in
    `error_details`, the base64 of a `google.rpc.Status` with one `livekit.SIPStatus`.
    """
    sip_status = proto.SIPStatus(code=status, status=phrase)  # type: ignore[arg-type]
    packed = any_pb2.Any()
    packed.Pack(sip_status)
    details = status_pb2.Status(code=_GRPC_NUMBERS[code], message=text, details=[packed])
    return {
        "sip_status_code": str(status),
        "sip_status": phrase or enum_name(status),
        "error_details": b64encode(details.SerializeToString()).decode("ascii"),
    }
