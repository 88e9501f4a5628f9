"""Our refreshes of the session (RFC 4028 §10): UPDATE if the peer allows it, else re-INVITE."""

from __future__ import annotations

from ...base.errors import SipError
from ...sdp.plan import Direction
from ...sip.message import Response
from ..effects import SendAck
from .bodies import session_body
from .core import LegCore, Phase, SendBye, Step
from .offers import Offers
from .requester import OFFERING, Pending, Purpose, Requester

DEAD = frozenset({408, 481})
"""Answers after which the dialog is gone (RFC 4028 §10, RFC 3261 §12.2.1.2)."""
NOT_UPDATE = frozenset({405, 501})


class Refreshing:
    """Sends what keeps a session alive, and reads the answers."""

    __slots__ = (
        "_ack",
        "_ack_token",
        "_core",
        "_offers",
        "_requester",
        "_turning",
        "direction",
        "wanted",
    )

    def __init__(self, core: LegCore, offers: Offers, requester: Requester) -> None:
        self._core = core
        self._offers = offers
        self._requester = requester
        self.wanted = False
        """A refresh is due and waits until nothing else is under way."""
        self.direction: Direction | None = None
        """Which way audio is to flow from now on, where that has still to be offered."""
        self._turning = False
        """The one under way offers another direction."""
        self._ack: SendAck | None = None
        self._ack_token = 0

    def start(self) -> list[Step]:
        """Refresh now. The caller has seen to it that no INVITE, UPDATE or REFER is open."""
        core = self._core
        self.wanted = False
        direction, self.direction = self.direction, None
        self._turning = direction is not None
        if direction is not None:
            return self._offer(direction)
        headers = (*core.capabilities(), *core.timer.request_headers())
        if "UPDATE" in core.peer_allow:
            return [self._requester.send(Purpose.UPDATE, headers)[1]]
        assert core.negotiator is not None
        core.our_offer = True
        body = core.negotiator.refresh()
        return [self._requester.send(Purpose.REINVITE, headers, body)[1]]

    def _offer(self, direction: Direction) -> list[Step]:
        core = self._core
        assert core.negotiator is not None
        core.our_offer = True
        timed = core.timer.expires_at() is not None
        headers = (*core.capabilities(), *(core.timer.request_headers() if timed else ()))
        body = core.negotiator.offer(direction=direction)
        return [self._requester.send(Purpose.REINVITE, headers, body)[1]]

    def answered(self, now: float, token: int, pending: Pending, response: Response) -> list[Step]:
        """The final answer to our UPDATE or re-INVITE."""
        core = self._core
        status = response.status
        invite = pending.purpose is Purpose.REINVITE
        steps: list[Step] = []
        if status < 300:
            if invite:
                steps.append(self._acknowledge(token, pending))
                steps += self._take(response)
            core.refresh_target(response)
            core.learn_allow(response)
            core.timer.answered(now, response)
            return steps
        if invite:
            self._offers.take_answer(None)
        if status in DEAD:
            return [self._dead(f"{status} to session refresh")]
        if self._turning:
            pass  # refused: the session stays as it was
        elif status == 491:
            core.timer.refresh_again(now + self._back_off())
        elif status in NOT_UPDATE and not invite:
            core.peer_allow -= {"UPDATE"}
            core.timer.refresh_again(now)
        elif not (status == 422 and core.timer.too_small(now, response)):
            core.timer.refresh_failed(now)
        return steps

    def unanswered(self, pending: Pending) -> list[Step]:
        """No answer at all."""
        if pending.purpose is Purpose.REINVITE:
            self._offers.take_answer(None)
        return [self._dead("no answer to session refresh")]

    def repeated(self, token: int) -> list[Step]:
        """A 2xx to our re-INVITE came once more: so does its ACK (RFC 3261 §13.2.2.4)."""
        return [self._ack] if self._ack is not None and token == self._ack_token else []

    def _take(self, response: Response) -> list[Step]:
        try:
            answer = session_body(response)
        except SipError:
            answer = None
        return self._offers.apply() if self._offers.take_answer(answer) else []

    def _acknowledge(self, token: int, pending: Pending) -> SendAck:
        dialog = self._core.dialog
        assert dialog is not None
        ack, hop = dialog.make_ack(pending.cseq, (("User-Agent", self._core.settings.user_agent),))
        self._ack, self._ack_token = SendAck(ack, hop), token
        return self._ack

    def _back_off(self) -> float:
        """RFC 3261 §14.1: 2.1-4 s for the owner of the Call-ID, else 0-2 s, in steps of 10 ms."""
        core = self._core
        draw = core.ids.random.random()
        if core.settings.direction == "outbound":
            return round(2.1 + 1.9 * draw, 2)
        return round(2.0 * draw, 2)

    def _dead(self, text: str) -> SendBye:
        reason = ("Reason", f'SIP;cause=408;text="{text}"')
        return SendBye(text, "dropped", (reason,))


def may_start(core: LegCore, requester: Requester, *, refer_open: bool) -> bool:
    """True if an INVITE or UPDATE of ours may go out: none is open on either side, no REFER."""
    return (
        core.phase is Phase.CONFIRMED
        and core.unacked is None
        and not refer_open
        and not requester.open(OFFERING)
    )
