"""What a NOTIFY of a refer subscription says, read as leniently as the field needs (RFC 3515,
RFC 6665 §4.1.3, RFC 3420).

Reading only: nothing here raises, and nothing decides what follows.
"""

from __future__ import annotations

from ..base.errors import SipError
from ..base.light import light_dataclass
from ..base.text import clean
from .message import Request
from .multipart import parts
from .refer import Fragment, parse_fragment

MOST_IDS = 16
"""Of a peer's own making that are remembered of one REFER."""
EXPIRED_REASONS = frozenset({"timeout", "deactivated", "probation", "giveup"})
"""Reasons of `terminated` after which a new SUBSCRIBE may still learn the outcome
(RFC 6665 §4.1.3); the other ones say that there is none to learn."""


@light_dataclass(frozen=True, slots=True)
class Notify:
    """One NOTIFY, read."""

    package: str
    """Event package in lower case, "" where there is no Event header."""
    event_id: str | None
    """`id` of the Event header: the CSeq of the REFER (RFC 3515 §2.4.6)."""
    cseq: int
    terminated: bool
    """Subscription-State is `terminated`; missing, `pending` or unknown reads as `active`."""
    reason: str
    """`reason` of Subscription-State in lower case, "" where there is none."""
    fragment: Fragment | None
    """The status line of the body; None where there is none, or none that can be read."""
    unreadable: bool
    """There is a body, and it is no sipfrag."""

    @property
    def unnamed(self) -> bool:
        """A sipfrag without an Event header: of a REFER, if there is one (transfer.md §4)."""
        return not self.package and self.fragment is not None

    @property
    def expired(self) -> bool:
        """The subscription ended for a reason that a new SUBSCRIBE may cure."""
        return self.terminated and self.reason in EXPIRED_REASONS


def read_notify(request: Request) -> Notify:
    """Read a NOTIFY of which Via, Call-ID, CSeq and the tags were checked before, and no more."""
    package, parameters = _split(clean(request.header("Event") or ""))
    state, state_parameters = _split(clean(request.header("Subscription-State") or ""))
    fragment = _fragment(request)
    return Notify(
        package=package,
        event_id=_number(parameters.get("id")),
        cseq=request.cseq.number,
        terminated=state == "terminated",
        reason=state_parameters.get("reason", "").lower(),
        fragment=fragment,
        unreadable=fragment is None and bool(request.body.strip()),
    )


def _fragment(request: Request) -> Fragment | None:
    """The body's, or of a multipart the first part's that has one."""
    fragment = parse_fragment(request.body)
    if fragment is not None or not request.content_type.startswith("multipart/"):
        return fragment
    try:
        whole = parts(request.body, request.header("Content-Type") or "")
    except SipError:
        return None
    found = (parse_fragment(part.body) for part in whole)
    return next((fragment for fragment in found if fragment is not None), None)


def _split(value: str) -> tuple[str, dict[str, str]]:
    """`refer ; id=2 ;x=y` → ("refer", {"id": "2", "x": "y"}); the first of a repeated one wins. A
    blank does for the first semicolon."""
    first, *rest = value.split(";")
    first, *beside = first.split(None, 1) or [""]
    rest = beside + rest
    parameters: dict[str, str] = {}
    for item in rest:
        name, _, text = item.partition("=")
        parameters.setdefault(name.strip().lower(), text.strip().strip('"'))
    return first.lower(), parameters


def _number(text: str | None) -> str | None:
    """An id without leading zeros, so that it compares with a CSeq; other texts as they are."""
    if text is None:
        return None
    return (text.lstrip("0") or "0") if text.isascii() and text.isdigit() else text
