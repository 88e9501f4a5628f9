"""Whether an INVITE becomes a call, and which one: limits, trunk, digest, dispatch (calls.md §1).

Pure. The order is calls.md's: what LiveKit would let in unauthenticated is refused here.
"""

from __future__ import annotations

import hashlib
import re
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Literal

from livekit.protocol.sip import SIPInboundTrunkInfo, SIPOutboundTrunkInfo

from ..base.errors import SipError
from ..base.ids import Ids
from ..base.light import light_dataclass
from ..base.text import clean
from ..sip.digest import Accepted, Challenged, Denied, DigestServer, credentials_for
from ..sip.flow import Flow
from ..sip.message import Request, Response
from ..sip.phrases import fault_phrase
from ..sip.salvage import read_address
from .dispatch import CallParties, Placement, dispatch, no_rule_text
from .legs.bodies import session_body
from .legs.core import unsupported
from .legs.settings import ACCEPT
from .limits import GuessLimit, InviteRate, Shield
from .trunks.table import TrunkMatch, TrunkTable

TRIES = 3
"""Wrong credentials in a row before 403."""
TRY_MEMORY = 60.0
"""Seconds for which a refused INVITE is remembered, so that its next try is the same leg."""
MAX_TRIES_KEPT = 5000
RETRY_AFTER = "30"
GUESSES_RETRY_AFTER = "10"
RINGING_SHARE = 4
"""One in so many pairs of ports at most is held by calls of one trunk that ring."""
RESERVED_SHARE = 8
"""One in so many pairs of ports is left by a trunk to the others."""
REALM = "LiveKit"
"""Realm of a trunk that names none (facts §4.4)."""
MOST_IDENTITIES = 8
"""Elements of P-Asserted-Identity that are looked at; RFC 3325 §9.1 lets it have two."""
_PRIVATE = re.compile(r"(?:\A|[;,])[ \t]*+id[ \t]*+(?:[;,]|\Z)", re.IGNORECASE)


@light_dataclass(frozen=True, slots=True)
class AdmissionSettings:
    """Of the `sip` section."""

    accept_unmatched: bool = False
    max_calls: int = 0
    max_calls_per_trunk: int = 0
    port_pairs: int = 0
    """Pairs of RTP ports, of which one trunk gets a share; 0: no matter."""


@light_dataclass(frozen=True, slots=True)
class CallPlan:
    """An admitted call, or one of ours (`dial_plan`). `caller` is "" for an anonymous one."""

    call_id: str
    """SCL_ id, also our tag."""
    trunk: SIPInboundTrunkInfo | SIPOutboundTrunkInfo | None
    parties: CallParties
    caller_host: str
    dispatch: Placement
    authenticated: bool
    """The caller met our digest challenge with the trunk's credentials."""


@light_dataclass(frozen=True, slots=True)
class Refusal:
    """Answer with this, and write this log line. `counts`: towards the shield."""

    response: Response
    event: str
    text: str = ""
    counts: bool = True


@dataclass(slots=True)
class _Try:
    call_id: str
    failures: int = 0
    challenged: bool = False
    expires: float = 0.0


@dataclass(slots=True)
class Load:
    """How many calls there are; the owner of the calls keeps it up to date."""

    calls: int = 0
    per_trunk: dict[str, int] = field(default_factory=dict)
    ringing: dict[str, int] = field(default_factory=dict)
    """Inbound calls of each trunk that its peer has not confirmed by ACK."""
    stopping: bool = False

    def rings(self, trunk_id: str, step: int) -> None:
        """One more, or one less, of `ringing`."""
        left = self.ringing.get(trunk_id, 0) + step
        if left:
            self.ringing[trunk_id] = left
        else:
            self.ringing.pop(trunk_id, None)


class Admission:
    """Decides about each INVITE that starts a call."""

    def __init__(
        self,
        trunks: TrunkTable,
        ids: Ids,
        digest: DigestServer,
        settings: AdmissionSettings,
        *,
        shield: Shield,
        rate: InviteRate,
    ) -> None:
        self._trunks = trunks
        self._ids = ids
        self._digest = digest
        self._settings = settings
        self.shield = shield
        self._rate = rate
        self.guesses = GuessLimit()
        self.load = Load()
        self._tries: OrderedDict[bytes, _Try] = OrderedDict()

    def overload(self, trunk_id: str) -> Literal["", "process", "trunk"]:
        """Which limit a further call of this trunk would break."""
        load, settings = self.load, self._settings
        if load.stopping or 0 < settings.max_calls <= load.calls:
            return "process"
        if trunk_id and 0 < settings.max_calls_per_trunk <= load.per_trunk.get(trunk_id, 0):
            return "trunk"
        return ""

    def consider(self, now: float, request: Request, flow: Flow) -> CallPlan | Refusal:
        """The plan of the call, or its refusal."""
        key = _leg_key(request)
        attempt = self._attempt(now, key)
        outcome = self._decide(now, request, flow, attempt)
        if isinstance(outcome, CallPlan):
            self._tries.pop(key, None)
            if attempt.challenged:
                self.shield.met(flow.remote[0])
        else:
            attempt.expires = now + TRY_MEMORY
            if outcome.counts:
                self.shield.refused(now, flow.remote[0])
        return outcome

    def _decide(
        self, now: float, request: Request, flow: Flow, attempt: _Try
    ) -> CallPlan | Refusal:
        tag = attempt.call_id
        source = flow.remote[0]
        full = self._over_limit(now, request, source, tag)
        if full is not None:
            return full
        unfit = _unfit(request, tag)
        if unfit is not None:
            return unfit
        caller, host = caller_of(request)
        numbers = clean(request.to.uri.number), clean(request.uri.number)
        called = self._trunks.called_number(*numbers)
        caller, match = self._matched(request, caller, called, source, host)
        trunk = match.trunk
        trunk_id = trunk.sip_trunk_id if trunk is not None else ""
        ringing = self.load.ringing.get(trunk_id, 0)
        if self._rate.exceeded_to(now, source, trunk_id, ringing):
            return Refusal(_later(request, tag, "1"), "call_refused_rate", source, counts=False)
        if match.outcome == "several":
            return _refuse(request, 500, tag, "trunk_ambiguous", match.text)
        if trunk is None and not self._settings.accept_unmatched:
            return _refuse(request, 403, tag, "trunk_unmatched", match.text)
        reason = self._trunk_full(trunk_id)
        if reason:
            return _refuse(request, 486, tag, reason, trunk_id, counts=False)
        authenticated = False
        if trunk is not None and _has_credentials(trunk):
            refusal = self._authenticate(now, request, trunk, attempt, source)
            if refusal is not None:
                return refusal
            authenticated = True
        parties = CallParties(trunk_id, caller, called)
        place = dispatch(self._trunks, self._ids, parties)
        if place is None:
            return _refuse(request, 404, tag, "rule_unmatched", no_rule_text(self._trunks, parties))
        return CallPlan(tag, trunk, parties, host, place, authenticated)

    def _matched(
        self, request: Request, caller: str, called: str, source: str, host: str
    ) -> tuple[str, TrunkMatch]:
        """The caller and the trunk. One who shows no number is who P-Asserted-Identity says, if
        the trunk checks the peer's address or will ask for its credentials (calls.md §1)."""
        asserted = "" if caller else asserted_identity(request)
        if asserted:
            match = self._trunks.match(asserted, called, source, host)
            trunk = match.trunk
            if trunk is not None and (
                self._trunks.checks_address(trunk.sip_trunk_id) or _has_credentials(trunk)
            ):
                return asserted, match
        return caller, self._trunks.match(caller, called, source, host)

    def _over_limit(self, now: float, request: Request, source: str, tag: str) -> Refusal | None:
        later = (("Retry-After", RETRY_AFTER),)
        most = self._settings.max_calls
        if self.load.stopping or (most and self.load.calls >= most):
            response = Response.reply(request, 503, to_tag=tag, headers=later)
            return Refusal(response, "call_refused_busy", counts=False)
        if self._rate.exceeded(now, source):
            return Refusal(_later(request, tag, "1"), "call_refused_rate", source, counts=False)
        return None

    def _trunk_full(self, trunk_id: str) -> str:
        """Why a trunk has as many calls as it may have; "" if it has fewer. Calls that only ring
        hold a quarter of the ports at most, all calls of one trunk among several 7/8: whatever
        one does, another one's find a port."""
        load, pairs = self.load, self._settings.port_pairs
        calls = load.per_trunk.get(trunk_id, 0)
        if trunk_id and 0 < self._settings.max_calls_per_trunk <= calls:
            return "trunk_full"
        if pairs and load.ringing.get(trunk_id, 0) >= max(1, pairs // RINGING_SHARE):
            return "trunk_ringing"
        share = max(1, pairs - max(1, pairs // RESERVED_SHARE))
        if pairs and len(self._trunks.inbound) > 1 and calls >= share:
            return "trunk_ports"
        return ""

    def _attempt(self, now: float, key: bytes) -> _Try:
        """The memory of a leg (calls.md §1), by `_leg_key`."""
        tries = self._tries
        while tries and next(iter(tries.values())).expires < now:
            tries.popitem(last=False)
        attempt = tries.get(key)
        if attempt is None:
            attempt = tries[key] = _Try(self._ids.new("SCL_"), expires=now + TRY_MEMORY)
            if len(tries) > MAX_TRIES_KEPT:
                tries.popitem(last=False)
        else:
            attempt.expires = now + TRY_MEMORY
            tries.move_to_end(key)
        return attempt

    def _authenticate(
        self, now: float, request: Request, trunk: SIPInboundTrunkInfo, attempt: _Try, source: str
    ) -> Refusal | None:
        realm, trunk_id = trunk.auth_realm or REALM, trunk.sip_trunk_id
        if not self.guesses.judges(now, trunk_id, source) and credentials_for(request, realm):
            response = _later(request, attempt.call_id, GUESSES_RETRY_AFTER)
            return Refusal(response, "auth_guessed", trunk_id, counts=False)
        outcome = self._digest.check(
            now, request, "INVITE", trunk.auth_username, trunk.auth_password, realm
        )
        if isinstance(outcome, Accepted):
            self.guesses.accepted(now, trunk_id, source)
            return None
        tag = attempt.call_id
        if isinstance(outcome, Denied):
            self._denied(now, trunk_id, outcome, source)
            attempt.failures += 1
            if attempt.failures >= TRIES:
                return _refuse(request, 403, tag, "auth_failed", trunk_id)
        stale = isinstance(outcome, Challenged) and outcome.stale
        challenges = self._digest.challenge(now, realm, stale=stale, source=source)
        response = Response.reply(
            request,
            407,
            to_tag=tag,
            headers=[("Proxy-Authenticate", str(challenge)) for challenge in challenges],
        )
        first, attempt.challenged = not attempt.challenged, True
        return Refusal(response, "auth_challenged", trunk_id, counts=first)

    def _denied(self, now: float, trunk_id: str, outcome: Denied, source: str) -> None:
        """Each wrong password counts, against whoever was given the nonce: nobody is shut out by
        what others send with his address."""
        for given_to in outcome.sources:
            self.guesses.denied(now, trunk_id)
            self.shield.guessed(now, given_to or source)


def _leg_key(request: Request) -> bytes:
    """A leg: Call-ID and From tag, of whatever length."""
    text = f"{request.call_id}\n{request.from_.tag or ''}"
    return hashlib.blake2b(text.encode("utf-8", "surrogateescape"), digest_size=16).digest()


def _later(request: Request, tag: str, seconds: str) -> Response:
    return Response.reply(request, 480, to_tag=tag, headers=(("Retry-After", seconds),))


def _unfit(request: Request, tag: str) -> Refusal | None:
    """What no trunk could help: an extension or a body that we do not understand."""
    lacking = unsupported(request)
    if lacking:
        response = Response.reply(request, 420, to_tag=tag, headers=(("Unsupported", lacking),))
        return Refusal(response, "extension_unsupported", lacking)
    try:
        session_body(request)
    except SipError as error:
        accept = (("Accept", ACCEPT),) if error.status == 415 else ()
        reason = fault_phrase(error.status, error.text)
        response = Response.reply(request, error.status, reason, to_tag=tag, headers=accept)
        return Refusal(response, "body_refused", error.text)
    return None


def _has_credentials(trunk: SIPInboundTrunkInfo) -> bool:
    return bool(trunk.auth_username and trunk.auth_password)


def caller_of(request: Request) -> tuple[str, str]:
    """(user of From, "" for an anonymous caller; host of From)."""
    uri = request.from_.uri
    user = clean(uri.number)
    if user.lower() in {"", "anonymous", "unavailable", "restricted"}:
        user = ""
    if (uri.host or "").lower() == "anonymous.invalid":
        user = ""
    return user, uri.host or ""


def asserted_identity(request: Request) -> str:
    """The user of P-Asserted-Identity (RFC 3325), unless the caller asked for privacy."""
    if any(map(_PRIVATE.search, request.headers.get_all("Privacy"))):
        return ""
    for value in request.headers.split("P-Asserted-Identity")[:MOST_IDENTITIES]:
        try:
            uri = read_address(value).uri
        except SipError:
            continue
        if uri.number:
            return clean(uri.number)
    return ""


def _refuse(
    request: Request, status: int, tag: str, event: str, text: str, *, counts: bool = True
) -> Refusal:
    return Refusal(Response.reply(request, status, to_tag=tag), event, text, counts)
