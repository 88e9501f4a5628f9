"""The methods that a phone participant answers (LiveKit's participant RPC, facts §4.6)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any, Final

from ..base.errors import ApiError
from ..calls.headers import check_headers
from ..calls.status import PREFIX

GET_REMOTE_HEADERS: Final = "lk.sip.GetRemoteHeaders"
END_CALL: Final = "lk.sip.EndCall"
MAX_PAYLOAD: Final = 15 * 1024
"""Bytes of a request's payload."""
_HIDDEN: Final = frozenset(
    (
        "route",
        "record-route",
        "via",
        "supported",
        "accept",
        "allow",
        "allow-events",
        "content-type",
        "content-length",
        "content-encoding",
        "content-disposition",
        "cseq",
        "event",
        "expires",
        "session-expires",
        "min-se",
        "max-forwards",
    )
)
"""About the way and the transport, not about the caller."""

# LiveKit's own words for its built-in RPC errors.
UNSUPPORTED: Final = "Method not supported at destination"


def unsupported_method() -> ApiError:
    """The participant has no such method (RPC error 1400)."""
    return ApiError("invalid_argument", PREFIX + UNSUPPORTED)


def not_connected() -> ApiError:
    """The participant is no phone: nothing carries a message to it (RPC error 1403)."""
    return ApiError("unimplemented", PREFIX + "RPC not supported by server")


def arguments(payload: str) -> dict[str, Any]:
    """The JSON object of a request; "" counts as an empty one.

    Raises:
        ApiError: invalid_argument; it is too long, or no JSON object.
    """
    if len(payload.encode("utf-8", "replace")) > MAX_PAYLOAD:
        raise ApiError("invalid_argument", PREFIX + "Request payload too large")
    try:
        found = json.loads(payload or "{}")
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise ApiError("invalid_argument", PREFIX + "payload is not a JSON object")
    return found


def remote_headers(headers: Iterable[tuple[str, str]], wanted: dict[str, Any]) -> str:
    """The answer to GetRemoteHeaders: `include` (all if empty) without `exclude`, names in any
    case. Of headers of the same name the last one."""
    only, without = _names(wanted, "include"), _names(wanted, "exclude") | _HIDDEN
    found = {
        name: value
        for name, value in headers
        if name.lower() not in without and (not only or name.lower() in only)
    }
    return json.dumps({"headers": found})


def bye_headers(wanted: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    """The `headers` of EndCall, checked and sorted.

    Raises:
        ApiError: invalid_argument; headers that cannot be sent.
    """
    headers = wanted.get("headers") or {}
    if not isinstance(headers, dict) or not all(isinstance(v, str) for v in headers.values()):
        raise ApiError("invalid_argument", PREFIX + "headers must be an object of texts")
    check_headers(headers)
    return tuple(sorted(headers.items()))


def _names(wanted: dict[str, Any], key: str) -> frozenset[str]:
    listed: Sequence[object] = wanted.get(key) or ()
    if not isinstance(listed, list | tuple) or not all(isinstance(name, str) for name in listed):
        raise ApiError("invalid_argument", f"{PREFIX}{key} must be a list of names")
    return frozenset(str(name).lower() for name in listed)
