"""In-dialog requests of ours: CSeq, route and digest retries (transfer.md §3)."""

from __future__ import annotations

from enum import auto

from ...base.light import LightEnum
from ...sip.dialog import Dialog
from ...sip.digest import DigestClient
from ...sip.message import Request, Response
from ..effects import SendRequest
from .core import OVER, LegCore
from .settings import HeaderItems


class Purpose(LightEnum):
    """Why a request was sent: decides who is told of its outcome."""

    BYE = auto()
    REFER = auto()
    SUBSCRIBE = auto()
    PROBE = auto()
    """OPTIONS: is the dialog still alive?"""
    REINVITE = auto()
    UPDATE = auto()
    PRACK = auto()
    NOTIFY = auto()
    """How it goes with a REFER of the peer."""


OFFERING = frozenset({Purpose.REINVITE, Purpose.UPDATE})
"""Requests that a REFER waits for (transfer.md §3)."""

_METHODS = {
    Purpose.BYE: "BYE",
    Purpose.REFER: "REFER",
    Purpose.SUBSCRIBE: "SUBSCRIBE",
    Purpose.PROBE: "OPTIONS",
    Purpose.REINVITE: "INVITE",
    Purpose.UPDATE: "UPDATE",
    Purpose.PRACK: "PRACK",
    Purpose.NOTIFY: "NOTIFY",
}


class Pending:
    """One request of ours and its retries after challenges."""

    __slots__ = ("body", "dialog", "digest", "headers", "purpose", "request", "transfer_id")

    def __init__(
        self,
        purpose: Purpose,
        headers: HeaderItems,
        body: bytes,
        transfer_id: str,
        dialog: Dialog,
    ) -> None:
        self.purpose = purpose
        self.headers = headers
        self.body = body
        self.transfer_id = transfer_id
        """Of REFER and SUBSCRIBE, else ""."""
        self.dialog = dialog
        self.request: Request | None = None
        """As it went out last."""
        self.digest: DigestClient | None = None

    @property
    def cseq(self) -> int:
        """Of the last attempt."""
        assert self.request is not None
        return self.request.cseq.number


class Requester:
    """Sends requests in the leg's dialog and knows which of them are unanswered."""

    __slots__ = ("_core", "_pending", "_token")

    def __init__(self, core: LegCore) -> None:
        self._core = core
        self._pending: dict[int, Pending] = {}
        self._token = 0

    def send(
        self,
        purpose: Purpose,
        headers: HeaderItems = (),
        body: bytes = b"",
        transfer_id: str = "",
        dialog: Dialog | None = None,
    ) -> tuple[Pending, SendRequest]:
        """A new request with the next CSeq, in the leg's dialog or in another one of its INVITE
        (forks). The dialog must exist."""
        dialog = dialog or self._core.dialog
        assert dialog is not None
        pending = Pending(purpose, headers, body, transfer_id, dialog)
        return pending, self._send(pending)

    def new_token(self) -> int:
        """For a request that is sent elsewhere: the INVITE that makes the dialog."""
        self._token += 1
        return self._token

    def again(self, pending: Pending, response: Response) -> SendRequest | None:
        """Answer the challenge in `response`; None where it cannot be answered (`meet`)."""
        return self.repeat(pending) if self.meet(pending, response) else None

    def meet(self, pending: Pending, response: Response) -> bool:
        """Take the challenge in `response`; False where it cannot be answered.

        The rules are those of `DigestClient`: known algorithms, all realms of one answer
        together, each realm once unless stale, five challenges at most.
        """
        over = self._core.phase in OVER and pending.purpose in OFFERING
        if response.status not in {401, 407} or over:
            return False
        if pending.digest is None:
            credential = self._core.settings.credentials()
            if credential is None:
                return False
            pending.digest = DigestClient(credential.username, credential.password, self._core.ids)
        return pending.digest.challenged(response)

    def repeat(self, pending: Pending) -> SendRequest:
        """The same request with the next CSeq, on the way and to the target of now, with
        credentials for every realm that was met."""
        return self._send(pending)

    def answered(self, token: int, response: Response) -> Pending | None:
        """The request that `response` answers finally; None for 1xx and unknown tokens."""
        return None if response.status < 200 else self._pending.pop(token, None)

    def failed(self, token: int) -> Pending | None:
        """The request that will get no answer; None for unknown tokens."""
        return self._pending.pop(token, None)

    def open(self, purposes: frozenset[Purpose]) -> bool:
        """True while a request of one of `purposes` is unanswered."""
        return bool(self._pending) and any(
            pending.purpose in purposes for pending in self._pending.values()
        )

    @property
    def idle(self) -> bool:
        """No request is unanswered."""
        return not self._pending

    def _send(self, pending: Pending) -> SendRequest:
        sipfrag = pending.purpose is Purpose.NOTIFY
        content_type = "message/sipfrag;version=2.0" if sipfrag else "application/sdp"
        request, hop = pending.dialog.make_request(
            _METHODS[pending.purpose],
            (*self._user_agent(pending.headers), *pending.headers),
            pending.body,
            content_type if pending.body else None,
        )
        if pending.digest is not None:
            for name, value in pending.digest.credentials(request.method, request.uri_text):
                request.headers.add(name, value)
        pending.request = request
        token = self.new_token()
        self._pending[token] = pending
        return SendRequest(token, request, hop)

    def _user_agent(self, headers: HeaderItems) -> HeaderItems:
        """User-Agent, unless the API user gave one of his own."""
        if any(name.lower() == "user-agent" for name, _ in headers):
            return ()
        return (("User-Agent", self._core.settings.user_agent),)
