"""Our INVITE, from its order to the final answer, and what still comes of it later (calls.md §4).

It takes the place that `answering` has in an inbound leg. When the first 2xx has come, the call is
as any other; only repeated 2xx and those of other forks are still met here.
"""

from __future__ import annotations

from ...base.errors import SdpError
from ...base.light import light_dataclass
from ...sdp.plan import LocalMedia
from ...sip.effects import FailureReason
from ...sip.flow import Flow
from ...sip.location import Target, uri_transport
from ...sip.message import Request, Response
from ...sip.routing import Hop
from ...sip.uri import Uri
from ..dial_outcome import (
    DialOutcome,
    broken,
    given_up,
    no_port,
    no_session,
    refused,
    unanswered,
    unreachable,
)
from ..effects import (
    AbandonRequest,
    CancelRequest,
    DialFailed,
    InviteAnswered,
    LegAnswered,
    LegRinging,
    Locate,
    Note,
    OpenMedia,
    Respond,
    SendAck,
    SendRequest,
)
from ..records import Left, Side
from .core import End, LegCore, Phase, SendBye, Step, earlier, reason_of
from .forks import MOST_FORKS, Fork, fork_of, is_reliable
from .invitation import DialOrder, Invitation
from .offers import Offers
from .requester import Purpose, Requester
from .settings import HeaderItems

SILENCE = 4.0
"""Seconds without any response after which the next place is tried."""
CREDENTIALS = ("Authorization", "Proxy-Authorization")
NO_KEYS = frozenset({415, 488, 606})
"""Answers by which an offer may be refused for its keys (calls.md §3)."""
NO_AUDIO = 304
"""Warning of an answer without our audio line."""
OPEN = (Phase.OPENING, Phase.DIALING, Phase.RINGING)


@light_dataclass(frozen=True, slots=True)
class Place:
    """Where an INVITE may go, and the Contact by which that place reaches us."""

    target: Target
    contact: Uri


class Dialing:
    """Calls, and hears what becomes of it, as the client of INVITE transactions."""

    __slots__ = (
        "_body",
        "_core",
        "_earlier",
        "_forks",
        "_heard",
        "_invitation",
        "_invites",
        "_locating",
        "_offers",
        "_parting",
        "_places",
        "_requester",
        "_ring_ends",
        "_session",
        "_silent_until",
        "_token",
        "_unanswered",
        "remembers_until",
    )

    key = ""
    """There is no INVITE of the peer."""

    def __init__(self, core: LegCore, offers: Offers, requester: Requester) -> None:
        self._core = core
        self._offers = offers
        self._requester = requester
        self._invitation: Invitation | None = None
        self._places: list[Place] = []
        self._body = b""
        self._locating = False
        self._invites: dict[int, Request] = {}
        """Attempts by token: those without a final answer, and those with a 2xx."""
        self._unanswered: set[int] = set()
        """Tokens of the former."""
        self._token = 0
        """Of the attempt that counts."""
        self._forks: dict[str, Fork] = {}
        self._earlier: dict[int, dict[str, Fork]] = {}
        """Those of attempts that were answered and made once more, by token."""
        self._session = ""
        """To tag of the fork whose answer applies."""
        self._heard = 0
        """1xx to the attempt that counts."""
        self._parting: HeaderItems = ()
        """What the CANCEL, or the BYE of a 200 that crosses it, is to carry."""
        self._ring_ends: float | None = None
        self._silent_until: float | None = None
        self.remembers_until: float | None = None
        """Until then a 2xx may come again, or another one (RFC 6026, timer M)."""

    @property
    def open(self) -> bool:
        """The call is being made and may be given up."""
        return self._core.phase in OPEN

    @property
    def busy(self) -> bool:
        """An INVITE of ours has no final answer."""
        return bool(self._unanswered)

    @property
    def opening(self) -> bool:
        """A port is asked for; it is the last thing before the INVITE."""
        return self._core.phase is Phase.OPENING

    def owns(self, token: int) -> bool:
        """True for the token of an INVITE of ours."""
        return token in self._invites

    # --- from the owner -------------------------------------------------------------------------

    def start(self, now: float, order: DialOrder) -> list[Step]:
        """Call somebody: first find out where."""
        core = self._core
        self._invitation = Invitation(core, order)
        self._ring_ends = now + core.settings.ringing_timeout
        core.enter(Phase.OPENING)
        return self._locate(order.uri)

    def located(self, now: float, places: list[Place]) -> list[Step]:
        """The answer to `Locate`, in the order in which they are to be tried."""
        if not (self.open and self._locating) or self._invitation is None:
            return []
        self._locating = False
        self._places = list(places)
        if not places:
            return self._failed(unreachable("unresolved", self._invitation.uri.host))
        if self._core.negotiator is None:
            return [OpenMedia(places[0].target.ip)]
        return self._invite(now)

    def media_opened(self, now: float, local: LocalMedia) -> list[Step]:
        """There is a port: call."""
        self._offers.open(local, None)
        self._body = self._offers.make()
        self._core.enter(Phase.DIALING)
        return self._invite(now)

    def media_refused(self) -> list[Step]:
        """No port is free."""
        return self._failed(no_port())

    def answer(self, now: float) -> list[Step]:
        """There is nothing to answer."""
        return []

    def reject(
        self,
        status: int,
        left: Left,
        why: str,
        *,
        reason: str = "",
        headers: HeaderItems = (),
    ) -> list[Step]:
        """Give the call up: CANCEL, as soon as that may be sent (RFC 3261 §9.1), with `headers`;
        where a 200 crosses it they are on the BYE."""
        outcome = broken() if status == 500 else given_up(left, why)
        return self._failed(outcome, cause=reason_of(headers), headers=headers)

    def cancelled(self, by: Request) -> list[Step]:
        """BYE of the peer before its answer."""
        cause = by.header("Reason") or ""
        return self._failed(given_up("canceled", "bye"), by="remote", cause=cause)

    def prack_received(self, now: float, key: str, request: Request) -> list[Step]:
        """We send no reliable 18x."""
        return [Respond(key, self._core.reply(request, 481))]

    # --- responses ------------------------------------------------------------------------------

    def answered(self, now: float, token: int, response: Response, flow: Flow) -> list[Step]:
        """A response to the INVITE with `token`."""
        status = response.status
        if status >= 200:
            self._unanswered.discard(token)
        if 200 <= status < 300:
            return self._accepted(now, token, response, flow)
        if status >= 300:
            del self._invites[token]
        if not self.open or token != self._token:
            return []
        if status < 200:
            return self._provisional(response, flow)
        return self._declined(now, response, flow)

    def failed(self, now: float, token: int, reason: FailureReason, why: str = "") -> list[Step]:
        """The INVITE with `token` gets no final answer; `why` for the API."""
        self._invites.pop(token, None)
        self._unanswered.discard(token)
        if not self.open or token != self._token or self._invitation is None:
            return []
        if reason == "timeout":
            return self._next_place(now, unanswered(self._heard))
        host = self._invitation.uri.host
        return self._next_place(now, unreachable(reason, host, why))

    # --- time -----------------------------------------------------------------------------------

    def next_deadline(self) -> float | None:
        """The end of the ringing, or of our patience with a silent place."""
        return earlier(self._ring_ends, self._silent_until)

    def handle_deadline(self, now: float) -> list[Step]:
        """What is due at `now`."""
        if not self.open:
            return []
        if self._ring_ends is not None and now >= self._ring_ends:
            return self._failed(given_up("unavailable", "no answer"))
        if self._silent_until is not None and now >= self._silent_until:
            return [AbandonRequest(self._token), *self._next_place(now, unanswered(0))]
        return []

    # --- attempts -------------------------------------------------------------------------------

    def _invite(self, now: float) -> list[Step]:
        """The next attempt, to the first of the places left."""
        core, invitation = self._core, self._invitation
        assert invitation is not None
        place = self._places[0]
        core.move_contact(place.contact)
        request = invitation.request(self._body)
        token = self._token = self._requester.new_token()
        self._invites[token] = request
        self._unanswered.add(token)
        self._heard = 0
        self._silent_until = now + SILENCE if len(self._places) > 1 else None
        self._forks.clear()
        core.dialog = None
        core.our_offer = True
        target = place.target
        params = (("transport", target.transport),)
        uri = Uri.sip(None, target.ip, target.port, params)
        return [SendRequest(token, request, Hop(uri, name=invitation.uri.host))]

    def _locate(self, uri: Uri) -> list[Step]:
        self._locating = True
        return [Locate(uri)]

    def _next_place(self, now: float, outcome: DialOutcome) -> list[Step]:
        del self._places[:1]
        if not self._places or self._invitation is None:
            return self._failed(outcome)
        self._invitation.elsewhere()
        return self._invite(now)

    def _failed(
        self,
        outcome: DialOutcome,
        *,
        by: Side = "local",
        cause: str = "",
        headers: HeaderItems = (),
    ) -> list[Step]:
        """It came to nothing: whose status decided that, ended it. The CANCEL is last: what it
        causes is after the end."""
        self._parting = (*self._core.attribute_headers, *headers)
        self._ring_ends = self._silent_until = None
        status = outcome.status
        if status is not None:
            by = "remote"
        steps: list[Step] = [
            DialFailed(outcome),
            End(by, outcome.reason, outcome.left, status, cause),
        ]
        if self._token in self._unanswered:
            steps.append(CancelRequest(self._token, self._parting))
        return steps

    # --- 1xx ------------------------------------------------------------------------------------

    def _provisional(self, response: Response, flow: Flow) -> list[Step]:
        core, status = self._core, response.status
        self._heard += 1
        self._silent_until = None
        if status == 100:
            return []
        steps: list[Step] = [_told(response)]
        tag = response.to_tag
        if tag in self._forks or (tag and len(self._forks) < MOST_FORKS):
            steps += self._early(response, flow)
        if status >= 180 and core.phase is Phase.DIALING:
            core.enter(Phase.RINGING)
            steps.append(LegRinging())
        return steps

    def _early(self, response: Response, flow: Flow) -> list[Step]:
        """An early dialog: PRACK where it is wanted, and early media."""
        core = self._core
        fork = self._fork(response, flow)
        if core.dialog is None:
            core.dialog = fork.dialog
        core.learn_allow(response)
        steps: list[Step] = []
        reliable = is_reliable(response)
        if reliable:
            if not fork.in_order(response):
                return []
            cseq = self._invites[self._token].cseq.number
            rack = (("RAck", f"{fork.rseq} {cseq} INVITE"),)
            steps.append(self._requester.send(Purpose.PRACK, rack, dialog=fork.dialog)[1])
        answer = fork.offer_answered(response, reliable=reliable)
        if answer is not None and not self._take(fork, answer):
            steps += self._offers.apply()
        if fork.settled:
            core.our_offer = False
        return steps

    def _fork(self, response: Response, flow: Flow) -> Fork:
        tag = response.to_tag
        fork = self._forks.get(tag)
        if fork is None:
            fork = fork_of(self._invites[self._token], response, flow)
            self._forks[tag] = fork
        return fork

    def _take(self, fork: Fork, answer: bytes) -> SdpError | None:
        """Agree on the session that this fork answered with; what is wrong with it, or None."""
        negotiator = self._core.negotiator
        assert negotiator is not None
        negotiator.signalling = fork.dialog.peer_address
        try:
            negotiator.accept(answer)
        except SdpError as error:
            # With its traceback it and the frames that hold it, and so the leg, would never part.
            return error.with_traceback(None)
        self._session = fork.dialog.remote_tag
        return None

    # --- 2xx ------------------------------------------------------------------------------------

    def _accepted(self, now: float, token: int, response: Response, flow: Flow) -> list[Step]:
        """A 2xx. The first one wins, the others get ACK and BYE; a repeated one its ACK again."""
        tag = response.to_tag
        forks = self._earlier.get(token, self._forks)
        fork = forks.get(tag)
        if fork is not None and fork.ack is not None:
            return [fork.ack]
        if self.remembers_until is None:
            self.remembers_until = now + self._core.timers.transaction
        wins = self.open and forks is self._forks
        steps: list[Step] = []
        if wins and token != self._token:  # a place that was given up answers after all
            steps.append(CancelRequest(self._token))
            self._forks.clear()
            fork = None
        if fork is None:
            if not wins and len(forks) >= MOST_FORKS:
                return []
            fork = forks[tag] = fork_of(self._invites[token], response, flow)
        else:
            fork.dialog.confirm(response)
            fork.dialog.peer_flow = flow
        fork.ack = self._acknowledge(fork, self._invites[token])
        if not wins:
            bye = self._requester.send(Purpose.BYE, self._parting, dialog=fork.dialog)[1]
            return [fork.ack, bye]
        self._token = token
        return [fork.ack, *self._win(now, fork, response), *steps]

    def _win(self, now: float, fork: Fork, response: Response) -> list[Step]:
        core = self._core
        core.dialog = fork.dialog
        core.learn_allow(response)
        answer = fork.final_answer(response)
        settled = fork.settled and self._session == fork.dialog.remote_tag
        wrong = "" if settled else "no session description"
        if answer is not None and not settled:
            error = self._take(fork, answer)
            if error is not None and error.warning == NO_AUDIO:
                again = self._audio_refused(now, fork, response.status)
                if again:
                    return again
            wrong = "" if error is None else error.text
        self._ring_ends = self._silent_until = None
        core.our_offer = False
        core.enter(Phase.ANSWERED)
        if wrong:
            outcome = no_session(wrong)
            reason = ("Reason", f'SIP;cause=488;text="{_quotable(wrong)}"')
            return [DialFailed(outcome), SendBye(outcome.reason, outcome.left, (reason,))]
        core.timer.answered(now, response)
        return [_told(response), *self._offers.apply(), LegAnswered(response.status)]

    def _audio_refused(self, now: float, fork: Fork, status: int) -> list[Step]:
        """A 2xx with port 0 for our audio, as some refuse a line with keys: it gets BYE, and the
        call is made once more without them. [] if that is no remedy."""
        token, forks = self._token, dict(self._forks)
        again = self._without_keys(now, status)
        if not again:
            return []
        self._earlier[token] = forks
        return [self._requester.send(Purpose.BYE, dialog=fork.dialog)[1], *again]

    def _acknowledge(self, fork: Fork, invite: Request) -> SendAck:
        """With the credentials of its INVITE (RFC 3261 §13.2.2.4)."""
        invitation = self._invitation
        assert invitation is not None
        credentials = [
            (name, value) for name in CREDENTIALS for value in invite.headers.get_all(name)
        ]
        headers = (*invitation.user_agent, *credentials)
        return SendAck(*fork.dialog.make_ack(invite.cseq.number, headers))

    # --- 3xx-6xx --------------------------------------------------------------------------------

    def _declined(self, now: float, response: Response, flow: Flow) -> list[Step]:
        invitation = self._invitation
        assert invitation is not None
        steps: list[Step] = [_told(response)]
        status = response.status
        if status == 503:
            return [*steps, *self._next_place(now, refused(response))]
        if status < 400:
            secure = flow.transport == "tls" or uri_transport(invitation.uri) == "tls"
            target = invitation.redirect(response, secure=secure)
            if target is None:
                return [*steps, *self._failed(refused(response))]
            return [*steps, *self._locate(target)]
        outcome = invitation.revise(now, response)
        if outcome is None:
            return [*steps, *self._invite(now)]
        again = self._without_keys(now, status) if status in NO_KEYS else []
        return [*steps, *(again or self._failed(outcome))]

    def _without_keys(self, now: float, status: int) -> list[Step]:
        """The call once more, if its offer had keys that need not be: a peer that takes them on
        secure lines only refuses the whole (RFC 8643 has it ignore them). [] if not."""
        negotiator = self._core.negotiator
        if negotiator is None or not negotiator.drop_keys():
            return []
        self._body = self._offers.make()
        return [Note("encryption_refused", (("status", status),)), *self._invite(now)]


def _told(response: Response) -> InviteAnswered:
    return InviteAnswered(response.status, tuple(response.headers.items()))


def _quotable(text: str) -> str:
    return text.replace("\\", "").replace('"', "'")
