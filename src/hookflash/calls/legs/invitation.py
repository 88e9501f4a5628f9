"""The INVITE that we send, and what an answer to it makes us change (calls.md §4)."""

from __future__ import annotations

from ...base.errors import SipError
from ...base.light import light_dataclass
from ...sip.dialog import MAX_FORWARDS, request_uri
from ...sip.digest import DigestClient
from ...sip.fields import NameAddr
from ...sip.location import uri_transport
from ...sip.message import Request, Response
from ...sip.uri import Uri
from ..dial_outcome import (
    NO_CHALLENGE,
    NO_CREDENTIALS,
    NOT_ACCEPTED,
    DialOutcome,
    refused,
    unauthorised,
)
from .core import LegCore
from .settings import EXTENSIONS, HeaderItems

MAX_REDIRECTS = 3
_OURS = frozenset({"supported", "k", "session-expires", "x", "min-se", "require", "rseq", "rack"})
"""Headers of a user that would contradict our own."""
_CHALLENGES = ("WWW-Authenticate", "Proxy-Authenticate")


@light_dataclass(frozen=True, slots=True)
class DialOrder:
    """What is to be called, as whom."""

    uri: Uri
    """Request-URI."""
    to: Uri
    """URI of the To."""
    from_: NameAddr
    """Without a tag. A host of "" stands for that of our Contact."""
    sip_call_id: str
    headers: HeaderItems = ()
    """The trunk's and the request's, merged."""
    follow_redirects: bool = False


class Invitation:
    """One INVITE through all its attempts: the same Call-ID and From, the next CSeq."""

    __slots__ = (
        "_core",
        "_cseq",
        "_digest",
        "_extensions",
        "_from",
        "_order",
        "_redirects",
        "_required",
        "uri",
    )

    def __init__(self, core: LegCore, order: DialOrder) -> None:
        self._core = core
        self._order = order
        self.uri = order.uri
        """Where it goes now."""
        self._cseq = 0
        self._from = ""
        self._digest: DigestClient | None = None
        self._extensions = sorted(EXTENSIONS.union(core.settings.extensions))
        self._required: list[str] = []
        self._redirects = 0

    @property
    def user_agent(self) -> HeaderItems:
        """User-Agent, unless the API user gave one of his own."""
        if any(name.lower() == "user-agent" for name, _ in self._order.headers):
            return ()
        return (("User-Agent", self._core.settings.user_agent),)

    def request(self, body: bytes) -> Request:
        """The next attempt, complete but for its Via; `body` is our offer."""
        core, order = self._core, self._order
        self._cseq += 1
        if not self._from:
            self._from = _from_value(order.from_, core.contact, core.call_id)
        items = [
            ("Max-Forwards", MAX_FORWARDS),
            ("From", self._from),
            ("To", f"<{order.to}>"),
            ("Call-ID", order.sip_call_id),
            ("CSeq", f"{self._cseq} INVITE"),
            ("Contact", f"<{core.contact}>"),
            ("Allow", core.allow),
        ]
        if self._extensions:
            items.append(("Supported", ", ".join(self._extensions)))
        if self._required:
            items.append(("Require", ", ".join(self._required)))
        if "timer" in self._extensions:
            items += core.timer.ask()
        items += self.user_agent
        items += [item for item in order.headers if item[0].lower() not in _OURS]
        if self._digest is not None:
            items += self._digest.credentials("INVITE", str(self.uri))
        items.append(("Content-Type", "application/sdp"))
        return Request("INVITE", self.uri, items, body)

    def revise(self, now: float, response: Response) -> DialOutcome | None:
        """A final answer of 300 and more: None if the INVITE is to be sent again, otherwise how
        the call ended."""
        status = response.status
        if status in {401, 407}:
            return self._challenged(response)
        if self._digest is not None:
            self._digest.passed()
        if status == 422 and self._core.timer.too_small(now, response):
            self._core.timer.stop()
            return None
        if status in {420, 421} and self._negotiated(response):
            return None
        return refused(response)

    def elsewhere(self) -> None:
        """The next attempt goes to another server: what the last one challenged us with means
        nothing there, and that one may challenge us in its turn."""
        self._digest = None

    def redirect(self, response: Response, *, secure: bool) -> Uri | None:
        """The URI that a 3xx names, taken as the new target; None if it is not to be followed:
        not wanted, too many, none of SIP, or from TLS to plain (`secure`: we are on TLS)."""
        if not self._order.follow_redirects or self._redirects >= MAX_REDIRECTS:
            return None
        try:
            contacts = response.contacts
        except SipError:
            return None
        for contact in sorted(contacts, key=_preference):
            uri = contact.uri
            if uri.is_sip and not (secure and uri_transport(uri) != "tls"):
                self._redirects += 1
                self.uri = request_uri(uri)
                self.elsewhere()
                return self.uri
        return None

    def _challenged(self, response: Response) -> DialOutcome | None:
        status = response.status
        if not any(name in response.headers for name in _CHALLENGES):
            return unauthorised(status, NO_CHALLENGE)
        if self._digest is None:
            credential = self._core.settings.credentials()
            if credential is None:
                return unauthorised(status, NO_CREDENTIALS)
            self._digest = DigestClient(credential.username, credential.password, self._core.ids)
        if self._digest.challenged(response):
            return None
        if self._digest.refusal in {"too many challenges", "the credentials were not accepted"}:
            return unauthorised(status, NOT_ACCEPTED)
        return unauthorised(status, self._digest.refusal, "internal")

    def _negotiated(self, response: Response) -> bool:
        """420 and 421: leave out, or require, what the peer says; False if that changes nothing
        or is beyond us."""
        if response.status == 420:
            refused_tags = {tag.strip().lower() for tag in response.headers.split("Unsupported")}
            before = len(self._extensions)
            self._extensions = [tag for tag in self._extensions if tag not in refused_tags]
            self._required = [tag for tag in self._required if tag not in refused_tags]
            return len(self._extensions) < before
        wanted = sorted(tag.strip().lower() for tag in response.headers.split("Require"))
        if not wanted or wanted == self._required or not EXTENSIONS.issuperset(wanted):
            return False
        self._required = wanted
        self._extensions = sorted({*self._extensions, *wanted})
        return True


def _preference(contact: NameAddr) -> float:
    """Contacts of a 3xx by falling q (RFC 3261 §20.10); an unreadable q counts as 1."""
    try:
        return -float(contact.param("q") or "1")
    except ValueError:
        return -1.0


def _from_value(address: NameAddr, contact: Uri, tag: str) -> str:
    uri = address.uri if address.uri.host else address.uri._replace(host=contact.host)
    display = address.display.replace("\\", "\\\\").replace('"', '\\"')
    name = f'"{display}" ' if display else ""
    return f"{name}<{uri}>;tag={tag}"
