"""Early dialogs of an INVITE of ours: one for each To tag that answers (RFC 3261 §12.1.2)."""

from __future__ import annotations

from typing import Final

from ...base.errors import SipError
from ...sip.dialog import Dialog
from ...sip.flow import Flow
from ...sip.message import Request, Response
from ..effects import SendAck
from .bodies import session_body

MOST_FORKS: Final = 32
"""Of one INVITE: each is remembered, and gets requests of ours, whoever its Record-Route names. Of
those that come later only the 2xx that wins counts."""


class Fork:
    """What one of the phones behind our INVITE has said."""

    __slots__ = ("ack", "answer", "dialog", "rseq", "settled")

    def __init__(self, dialog: Dialog) -> None:
        self.dialog = dialog
        self.rseq = 0
        """Of the last reliable 18x."""
        self.answer: bytes | None = None
        """Its answer to our offer, from a 18x."""
        self.settled = False
        """That 18x was reliable: the answer stands, whatever the 2xx says (RFC 3262 §5)."""
        self.ack: SendAck | None = None
        """Of its 2xx, once that came."""

    def in_order(self, response: Response) -> bool:
        """Note the RSeq of a reliable 18x; False where it came before, or before its turn
        (RFC 3262 §4): it gets no PRACK and means nothing."""
        text = (response.header("RSeq") or "").strip()
        if not (text.isascii() and text.isdigit() and len(text) <= 10):
            return False
        number = int(text)
        if number == 0 or (self.rseq and number != self.rseq + 1):
            return False
        self.rseq = number
        return True

    def offer_answered(self, response: Response, *, reliable: bool) -> bytes | None:
        """The answer that a 18x brings, if it is news."""
        sdp = sdp_of(response)
        if sdp is None or self.settled:
            return None
        changed = sdp != self.answer
        self.answer, self.settled = sdp, reliable
        return sdp if changed else None

    def final_answer(self, response: Response) -> bytes | None:
        """The answer that counts when the 2xx comes."""
        if self.settled:
            return self.answer
        return sdp_of(response) or self.answer


def fork_of(request: Request, response: Response, flow: Flow) -> Fork:
    """A new one, by its first response with a tag."""
    return Fork(Dialog.uac(request, response, flow=flow))


def is_reliable(response: Response) -> bool:
    """A 18x that wants a PRACK (RFC 3262 §3)."""
    return response.status > 100 and "100rel" in response.require and "RSeq" in response.headers


def sdp_of(response: Response) -> bytes | None:
    """The session description of a response; one that we cannot read counts as none."""
    try:
        return session_body(response)
    except SipError:
        return None
