"""Answers to the peer's requests that change nothing in the leg (calls.md §2), and DTMF by INFO."""

from __future__ import annotations

from ...sip.message import Request, Response
from ...sip.subscription import read_notify
from ..effects import LegDtmf, Respond
from .core import OVER, LegCore, Step
from .settings import ACCEPT, ACCEPT_IN_CALL, DTMF_TYPES

REFUSED = frozenset({"REFER", "MESSAGE", "SUBSCRIBE", "PUBLISH", "REGISTER"})
"""Known, and not carried out: 405."""

DEFAULT_DTMF_MS = 160
_MAX_DTMF_MS = 5000
_DIGITS = frozenset("0123456789*#abcd")
_BY_NUMBER = {"10": "*", "11": "#", "12": "a", "13": "b", "14": "c", "15": "d"}
"""Event codes of RFC 4733, which some send as the signal."""


def options_received(core: LegCore, key: str, request: Request) -> list[Step]:
    """OPTIONS within a dialog."""
    lacking = core.lacking(request)
    if lacking:
        return [Respond(key, core.reply(request, 420, (("Unsupported", lacking),)))]
    headers = (("Allow", core.allow), ("Accept", ACCEPT), ("Supported", core.supported))
    return [Respond(key, core.reply(request, 200, headers))]


def info_received(core: LegCore, key: str, request: Request, *, deaf: bool) -> list[Step]:
    """INFO: digits, or nothing. `deaf`: digits come by RTP, so those here are heard twice."""
    lacking = core.lacking(request)
    if lacking:
        return [Respond(key, core.reply(request, 420, (("Unsupported", lacking),)))]
    if not request.body:
        return [Respond(key, core.reply(request, 200))]
    if request.content_type not in DTMF_TYPES:
        return [Respond(key, core.reply(request, 415, (("Accept", ACCEPT_IN_CALL),)))]
    digit = read_dtmf(request.content_type, request.body)
    if digit is None:
        return [Respond(key, core.reply(request, 400, reason="Bad DTMF"))]
    steps: list[Step] = [Respond(key, core.reply(request, 200))]
    if not deaf:
        steps.append(digit)
    return steps


def read_dtmf(content_type: str, body: bytes) -> LegDtmf | None:
    """One digit: `Signal=5` and `Duration=160` lines (dtmf-relay), or the bare digit (dtmf)."""
    text = body.decode("ascii", "replace")
    duration = DEFAULT_DTMF_MS
    signal = text
    if content_type == "application/dtmf-relay" or "=" in text:
        fields: dict[str, str] = {}
        for line in text.splitlines():
            name, _, value = line.partition("=")
            fields.setdefault(name.strip().lower(), value.strip())
        signal = fields.get("signal", "")
        given = fields.get("duration", "")
        if given.isascii() and given.isdigit() and len(given) <= 5:
            duration = min(int(given), _MAX_DTMF_MS) or DEFAULT_DTMF_MS
    signal = signal.strip().lower()
    signal = _BY_NUMBER.get(signal, signal)
    return LegDtmf(signal, duration) if signal in _DIGITS else None


def refused(core: LegCore, request: Request) -> Response:
    """405 for what we know and do not do, 501 for what we do not know."""
    status = 405 if request.method in REFUSED else 501
    return core.reply(request, status, (("Allow", core.allow),))


def unwanted_notify(core: LegCore, request: Request) -> Response:
    """A NOTIFY in a dialog without any REFER: 481 for the refer package (transfer.md §4), and for
    a call that is over; 489 for the others."""
    if core.phase in OVER or read_notify(request).package == "refer":
        return core.reply(request, 481)
    return core.reply(request, 489, (("Allow-Events", "refer"),))
