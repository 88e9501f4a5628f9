"""What `hookflash phone` asks a carrier, over HTTP."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request
from typing import Any, Final

from ..base.errors import HookflashError

WITHIN: Final = 10.0
"""Seconds for an answer of the carrier."""


class PhoneError(HookflashError):
    """The carrier is not there, or does not do what it is asked; the text says why."""


def ask(url: str, method: str, body: object = None) -> dict[str, Any]:
    """What the carrier answers, as JSON; raises PhoneError."""
    found = raw(url, method, body)
    return dict(json.loads(found)) if found else {}


def raw(url: str, method: str, body: object = None) -> bytes:
    """What it answers, as it comes; raises PhoneError."""
    check_address(url)
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"}
    try:
        request = urllib.request.Request(url, data, headers, method=method)  # noqa: S310  # checked
        with urllib.request.urlopen(request, timeout=WITHIN) as answer:  # noqa: S310
            return bytes(answer.read())
    except urllib.error.HTTPError as error:
        raise PhoneError(refusal(error.code, error.read())) from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise no_carrier(url, error) from None


def no_carrier(url: str, error: Exception) -> PhoneError:
    """There was no answer, or none of a carrier."""
    cause = getattr(error, "reason", None) or error
    why = getattr(cause, "strerror", None) or cause
    base = "/".join(url.split("/")[:3])
    return PhoneError(
        f"no carrier at {base} ({why}); `hookflash carrier` runs one, --carrier says where it is"
    )


def check_address(url: str) -> None:
    """Raises PhoneError where it is none of HTTP."""
    if not url.startswith(("http://", "https://")):
        raise PhoneError(f"{url!r} is no address such as http://127.0.0.1:8080")


def refusal(status: int, body: bytes) -> str:
    """Why the carrier refused: its own words, where it has some."""
    try:
        return str(json.loads(body)["error"])
    except (ValueError, KeyError, TypeError):
        return f"the carrier answered {status}"
