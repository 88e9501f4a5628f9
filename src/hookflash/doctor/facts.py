"""What the messages of a call come to: where it stopped, what decided that, and what led there."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from ipaddress import ip_address
from typing import Any, Final, Literal

from ..base.errors import SipError
from ..base.light import light_dataclass
from ..base.text import clean
from ..sip.message import Request, Response
from .peers import TITLES, UNKNOWN_PEER, peer_of
from .seen import SeenMessage

Stage = Literal[
    "refer refused",
    "refer unanswered",
    "target failed",
    "report ended",
    "no report",
    "transferred",
    "call refused",
    "call unanswered",
    "call rang out",
    "we refused",
    "caller gave up",
    "no ACK",
    "call ended",
    "call up",
    "nothing",
]
"""Where it stopped. Of a transfer: REFER answered with an error; not at all; its NOTIFY told of a
failure; the subscription ended first; no outcome came; it succeeded. Of a call of ours: refused; no
answer of any kind; it rang and nobody answered. Of one that came in: refused by us; given up by the
caller. Of any that was answered: its 2xx was never acknowledged; it is over; it goes on."""

FINE: Final[frozenset[Stage]] = frozenset({"transferred", "call up", "nothing"})
_CHALLENGES: Final = (401, 407)


@light_dataclass(frozen=True, slots=True)
class CaseFacts:
    """Of one call, and of the last transfer in it. Times are seconds."""

    stage: Stage
    seen: tuple[SeenMessage, ...] = ()
    outbound: bool = False
    """Whether the call is ours."""
    peer: str = ""
    """A short name of `peers.TITLES`, "" for nobody known."""
    status: int = 0
    """SIP status that decided, of an answer or in a NOTIFY; 0 for none."""
    phrase: str = ""
    decided: SeenMessage | None = None
    """The message that decided: an answer, a NOTIFY, a BYE."""
    request: SeenMessage | None = None
    """The REFER or INVITE that it is about."""
    notified: tuple[int, ...] = ()
    """Statuses that NOTIFYs told, in their order; 0 for one that told none."""
    ended: str = ""
    """The `reason` of the Subscription-State that ended the reports; `-` without one."""
    accepted_before: bool = False
    """An earlier REFER of this call had been accepted."""
    gave_password: bool = False
    """The request was sent with digest credentials."""
    bye: SeenMessage | None = None
    since_request: float = 0.0
    """From the (first) request to what decided, or to the last message."""
    talked: float = 0.0
    """From the 2xx to the BYE."""
    end_reason: str = ""
    """Of the call history."""

    @property
    def title(self) -> str:
        """The peer as people write it."""
        return TITLES.get(self.peer, UNKNOWN_PEER)

    @property
    def target(self) -> str:
        """What Refer-To asked for, or the address of the INVITE."""
        if self.request is None or not isinstance(self.request.message, Request):
            return ""
        if self.request.method == "REFER":
            return self.request.header("Refer-To").strip().strip("<>")
        return clean(self.request.message.uri_text)

    @property
    def scheme(self) -> str:
        """`tel`, `sip` or `sips` of the target."""
        return self.target.partition(":")[0].lower()

    @property
    def host(self) -> str:
        """The host of a sip: target, in lower case; "" for tel:."""
        if self.scheme == "tel":
            return ""
        rest = self.target.partition(":")[2]
        host = re.split(r"[;?>]", rest.rpartition("@")[2])[0]
        return (
            host[1 : host.index("]")] if host[:1] == "[" and "]" in host else host.partition(":")[0]
        ).lower()

    @property
    def at_ip(self) -> bool:
        """Whether the target's host is an IP address."""
        return is_ip(self.host)

    def header(self, name: str) -> str:
        """Of the message that decided."""
        return "" if self.decided is None else self.decided.header(name)

    def asked(self, name: str) -> str:
        """A header of the request that it is about."""
        return "" if self.request is None else self.request.header(name)

    @property
    def allow(self) -> frozenset[str] | None:
        """Methods that the peer says it takes, by its newest Allow; None where it never said."""
        for one in reversed(self.seen):
            if one.received and one.header("Allow") and one.message is not None:
                return one.message.allow
        return None

    @property
    def reason(self) -> str:
        """The Reason header of what decided, or of the BYE."""
        return self.header("Reason") or ("" if self.bye is None else self.bye.header("Reason"))


def is_ip(text: str) -> bool:
    """An IPv4 or IPv6 address."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def is_private(text: str) -> bool:
    """An address that the internet does not route to; False for a name."""
    return is_ip(text) and not ip_address(text).is_global


def read_facts(
    seen: Sequence[SeenMessage],
    record: Mapping[str, Any] | None = None,
    transfer: Mapping[str, Any] | None = None,
) -> CaseFacts:
    """`record`: of the call history, `transfer`: of the transfer that is asked about; either may
    be missing."""
    messages = tuple(seen)
    refers = [one for one in messages if _sent(one, "REFER")]
    if transfer is not None:
        messages = _until_next(messages, refers, str(transfer.get("refer_to") or ""))
        refers = [one for one in refers if one in messages]
    base = {
        "seen": messages,
        "peer": _named_by_trunk(transfer) or peer_of(messages),
        "end_reason": str((record or {}).get("end_reason") or ""),
        "bye": next((one for one in reversed(messages) if _is(one, "BYE")), None),
    }
    if refers:
        return _of_transfer(messages, refers, base)
    return _of_call(messages, base)


def _named_by_trunk(transfer: Mapping[str, Any] | None) -> str:
    """The provider that the trunk of the call names, "" for none."""
    named = str((transfer or {}).get("provider") or "")
    return named if named in TITLES else ""


# --- transfers ----------------------------------------------------------------------------------


def _of_transfer(
    seen: tuple[SeenMessage, ...], refers: list[SeenMessage], base: dict[str, Any]
) -> CaseFacts:
    """Of the last REFER and those that were the same before it (challenged, 491)."""
    last = refers[-1]
    same = [one for one in refers if one.header("Refer-To") == last.header("Refer-To")]
    first = same[0]
    answer = _final(seen, last)
    behind = [one for one in seen if one.at >= first.at and one.received]
    notifies = [one for one in behind if _is(one, "NOTIFY") and not one.again]
    notified = tuple(0 if one.fragment is None else one.fragment.status for one in notifies)
    earlier = [one for one in refers if one.at < first.at]
    base |= {
        "outbound": _is_outbound(seen),
        "request": last,
        "notified": notified,
        "ended": next((_end_of(one) for one in notifies if _end_of(one)), ""),
        "accepted_before": any(
            (found := _final(seen, one)) and found.status < 300 for one in earlier
        ),
        "gave_password": any(_has_password(one) for one in same),
        "since_request": seen[-1].at - first.at,
    }
    decided = next((one for one in notifies if one.fragment and one.fragment.status >= 200), None)
    if decided is not None and decided.fragment is not None:
        status, phrase = decided.fragment.status, clean(decided.fragment.reason)
        base |= {"status": status, "phrase": phrase, "decided": decided}
        base["since_request"] = decided.at - first.at
        return CaseFacts("target failed" if status >= 300 else "transferred", **base)
    if answer is None and not notifies:
        return CaseFacts("refer unanswered", **base)
    if answer is not None and answer.status >= 300 and not notifies:
        base["since_request"] = answer.at - first.at
        return CaseFacts("refer refused", **base, **_of_answer(answer))
    stage: Stage = "report ended" if base["ended"] else "no report"
    return CaseFacts(stage, **base, status=answer.status if answer is not None else 0)


def _until_next(
    seen: tuple[SeenMessage, ...], refers: list[SeenMessage], refer_to: str
) -> tuple[SeenMessage, ...]:
    """Without what came of a later REFER to another target than this."""
    wanted, met = refer_to.strip("<>"), False
    for refer in refers:
        if refer.header("Refer-To").strip("<>") == wanted:
            met = True
        elif met:
            return seen[: seen.index(refer)]
    return seen


def _end_of(notify: SeenMessage) -> str:
    state = notify.header("Subscription-State")
    if not state.strip().lower().startswith("terminated"):
        return ""
    found = re.search(r";\s*reason\s*=\s*([^;\s]+)", state, re.IGNORECASE)
    return found[1].lower() if found else "-"


# --- calls --------------------------------------------------------------------------------------


def _of_call(seen: tuple[SeenMessage, ...], base: dict[str, Any]) -> CaseFacts:
    invites = [one for one in seen if _is(one, "INVITE") and not _to_tag(one)]
    if not invites:
        return CaseFacts("nothing", **base)
    outbound = not invites[0].received
    last = invites[-1]
    answer = _final(seen, last)
    base |= {
        "outbound": outbound,
        "request": last,
        "gave_password": any(_has_password(one) for one in invites),
        "since_request": (seen[-1] if answer is None else answer).at - invites[0].at,
    }
    if answer is not None and answer.status >= 300:
        base |= _of_answer(answer)
        cancels = [one for one in seen if _is(one, "CANCEL")]
        if outbound and answer.status == 487 and cancels:
            return CaseFacts("call rang out", **base)
        if not outbound and answer.status == 487 and cancels:
            return CaseFacts("caller gave up", **base)
        return CaseFacts("call refused" if outbound else "we refused", **base)
    if answer is None:
        if outbound:
            rang = any(100 < one.status < 200 for one in seen)
            return CaseFacts("call rang out" if rang else "call unanswered", **base)
        return CaseFacts("call up", **base)
    return _of_answered(seen, answer, base)


def _of_answered(
    seen: tuple[SeenMessage, ...], answer: SeenMessage, base: dict[str, Any]
) -> CaseFacts:
    bye = base["bye"]
    acked = any(_is(one, "ACK") and one.at >= answer.at for one in seen)
    repeated = sum(one.again and one.data == answer.data for one in seen)
    if not base["outbound"] and not acked and repeated:
        return CaseFacts("no ACK", **base, decided=answer)
    if bye is None:
        return CaseFacts("call up", **base, decided=answer)
    return CaseFacts("call ended", **base, decided=bye, talked=bye.at - answer.at)


# --- messages -----------------------------------------------------------------------------------


def _of_answer(answer: SeenMessage) -> dict[str, Any]:
    assert isinstance(answer.message, Response)
    return {
        "status": answer.status,
        "phrase": clean(answer.message.reason),
        "decided": answer,
    }


def _is(one: SeenMessage, method: str) -> bool:
    return isinstance(one.message, Request) and one.message.method == method


def _sent(one: SeenMessage, method: str) -> bool:
    return not one.received and _is(one, method) and not one.again


def _final(seen: Sequence[SeenMessage], request: SeenMessage) -> SeenMessage | None:
    """The first final answer to this request."""
    wanted = _cseq(request)
    for one in seen:
        if one.received != request.received and one.status >= 200 and _cseq(one) == wanted:
            return one
    return None


def _cseq(one: SeenMessage) -> tuple[int, str] | None:
    try:
        return None if one.message is None else (one.message.cseq.number, one.message.cseq.method)
    except SipError:
        return None


def _to_tag(one: SeenMessage) -> bool:
    try:
        return one.message is not None and one.message.to.tag is not None
    except SipError:
        return False


def _has_password(one: SeenMessage) -> bool:
    return bool(one.header("Authorization") or one.header("Proxy-Authorization"))


def _is_outbound(seen: Sequence[SeenMessage]) -> bool:
    first = next((one for one in seen if _is(one, "INVITE")), None)
    return first is not None and not first.received
