"""Whether a call of a customer is let through: how it came, its trunk's account, its number. Pure.

Digest is `sip.digest`'s, and whether an offer has the encryption that is wanted is `sdp`'s to say:
here is only what a carrier wants of whom.
"""

from __future__ import annotations

from typing import Final

from ..base.errors import SdpError, SipError
from ..base.light import light_dataclass
from ..calls.legs.bodies import session_body
from ..sdp.negotiation import check_offer
from ..sdp.plan import Encryption, MediaSettings
from ..sdp.session import SessionDescription
from ..sip.digest import Accepted, Challenged, Denied, DigestServer, credentials_for
from ..sip.flow import Flow
from ..sip.message import Request
from .config import TrunkConfig, TrunkUser
from .manners import CarrierManners, RefusalCause, Srtp, refusal
from .routing import Numbers, listed

ENCRYPTION: Final[dict[Srtp, Encryption]] = {
    "none": "disable",
    "allowed": "allow",
    "required": "require",
}
"""The words of a carrier, as `sdp` has them."""
_WANTS_SRTP: Final = (
    "it offers plain sound, and SRTP is a must: let the exchange's outbound trunk encrypt "
    "(--encryption require)"
)
_TAKES_NO_SRTP: Final = (
    "it offers SRTP, which is not taken: let the exchange's outbound trunk not encrypt "
    "(--encryption disable)"
)
_NOBODY: Final = TrunkUser("", "")
"""Whom nobody is: judged all the same, so that a name that is known takes no longer."""


@light_dataclass(frozen=True, slots=True)
class Admitted:
    """It may go on."""

    trunk: TrunkConfig | None
    """None: it is nobody's, on a carrier that asks nobody."""
    caller_id: str
    """The number that the called one sees."""


@light_dataclass(frozen=True, slots=True)
class NotAdmitted:
    """It is answered with this."""

    status: int
    phrase: str
    why: str
    """With what to do about it, for people."""
    headers: tuple[tuple[str, str], ...] = ()
    challenge: bool = False
    """It may come again with a password."""


def srtp_of(manners: CarrierManners, trunk: TrunkConfig | None) -> Srtp:
    """What a trunk wants of encrypted sound."""
    return (trunk.srtp if trunk is not None else None) or manners.srtp


def by_tls_only(manners: CarrierManners, trunk: TrunkConfig | None) -> bool:
    """Whether calls of this trunk go and come by TLS only."""
    return ((trunk.transport if trunk is not None else None) or manners.transport) == "tls"


class CustomerAdmission:
    """Decides about each INVITE of a customer that starts a call."""

    def __init__(self, manners: CarrierManners, numbers: Numbers, digest: DigestServer) -> None:
        self._manners = manners
        self._numbers = numbers
        self._digest = digest

    def consider(self, now: float, request: Request, flow: Flow) -> Admitted | NotAdmitted:
        """Whose call it is, or why it is none. `request` has passed `check_request`."""
        caller_id = request.from_.uri.number
        trunk = self._trunk_of(request, flow)
        return (
            self._by_plain_way(trunk, flow)
            or self._unknown(now, request, flow, trunk)
            or self._encryption(request, trunk)
            or self._number(trunk, caller_id)
        )

    def _trunk_of(self, request: Request, flow: Flow) -> TrunkConfig | None:
        """Its trunk by the number that calls, else by the user that it names, else by where it
        comes from."""
        by_number = self._numbers.trunk(request.from_.uri.number)
        if by_number is not None:
            return by_number
        given = self._given(request)
        by_user = [
            trunk
            for trunk in self._numbers.trunks
            if any(user.username in given for user in trunk.callers)
        ]
        return by_user[0] if len(by_user) == 1 else self._numbers.trunk_of(request, flow.remote[0])

    def _by_plain_way(self, trunk: TrunkConfig | None, flow: Flow) -> NotAdmitted | None:
        if flow.transport == "tls" or not by_tls_only(self._manners, trunk):
            return None
        manners = self._manners
        return self._refused(
            "transport",
            *refusal(manners.transport_status, manners.transport_phrase),
            f"it came by {flow.transport.upper()}, and calls are taken by TLS only: call the "
            "address of --tls, with transport tls",
        )

    # --- the account ----------------------------------------------------------------------------

    def _unknown(
        self, now: float, request: Request, flow: Flow, trunk: TrunkConfig | None
    ) -> NotAdmitted | None:
        """Why nobody who may call is known in it."""
        if trunk is None:
            return self._of_no_trunk(now, request, flow)
        manners, source = self._manners, flow.remote[0]
        users, addresses = self._users(trunk), trunk.allowed_addresses
        if not users and not addresses:
            if manners.accounts == "optional":
                return None
            return self._forbidden(
                "account",
                f"the trunk {trunk.name} lets nobody call: give it allowed_addresses, or username "
                "and password (by REST: a list of addresses or of users)",
            )
        known = listed(addresses, source)
        if addresses and not known and (manners.account_check == "both" or not users):
            return self._forbidden(
                "address",
                f"{source} is none of the addresses that may call by the trunk {trunk.name}: add "
                "it to allowed_addresses (by REST: to its list of addresses)",
            )
        if not users or (known and manners.account_check == "either"):
            return None
        return self._password(now, request, source, trunk.name, users)

    def _of_no_trunk(self, now: float, request: Request, flow: Flow) -> NotAdmitted | None:
        trunks, source = self._numbers.trunks, flow.remote[0]
        asked = any(trunk.allowed_addresses or self._users(trunk) for trunk in trunks)
        if self._manners.accounts == "optional" and not asked:
            return None
        if any(self._users(trunk) for trunk in trunks) and not self._given(request):
            return self._challenge(now, source, "a trunk", stale=False)
        return self._forbidden(
            "password" if self._given(request) else "address",
            f"no trunk has the number {request.from_.uri.number} or the address {source}: call "
            "with a number of a trunk",
        )

    def _password(
        self, now: float, request: Request, source: str, name: str, users: tuple[TrunkUser, ...]
    ) -> NotAdmitted | None:
        given, realm = self._given(request), self._manners.domain
        user = next((user for user in users if user.username in given), _NOBODY)
        judged = self._digest.check(now, request, "INVITE", user.username, user.password, realm)
        match judged:
            case Accepted() if user is not _NOBODY:
                return None
            case Challenged():
                return self._challenge(now, source, f"the trunk {name}", stale=judged.stale)
            case Accepted() | Denied():
                return self._forbidden(
                    "password",
                    f"user or password are not those of the trunk {name}: give the exchange's "
                    "outbound trunk its auth_username and auth_password",
                )

    def _challenge(self, now: float, source: str, name: str, *, stale: bool) -> NotAdmitted:
        values = self._digest.challenge(now, self._manners.domain, stale=stale, source=source)
        headers = tuple(("Proxy-Authenticate", value) for value in values)
        why = f"a call wants the password of {name}"
        return NotAdmitted(*refusal(407, ""), why, headers, challenge=True)

    def _users(self, trunk: TrunkConfig) -> tuple[TrunkUser, ...]:
        """Who may call by it with a password, where calls are asked for one."""
        return trunk.callers if self._manners.digest in {"calls", "all"} else ()

    def _given(self, request: Request) -> set[str]:
        """The users that a request names to us."""
        found = credentials_for(request, self._manners.domain)
        return {name for one in found if (name := one.param("username"))}

    # --- what it brings -------------------------------------------------------------------------

    def _encryption(self, request: Request, trunk: TrunkConfig | None) -> NotAdmitted | None:
        """Why its offer is not encrypted as the trunk wants it. Whatever else is wrong with an
        offer is the leg's to say."""
        srtp = srtp_of(self._manners, trunk)
        codecs = self._manners.codecs
        try:
            body = session_body(request)
            if body is None:
                return None  # the offer is ours
            offer = SessionDescription.parse(body)
            check_offer(offer, MediaSettings(codecs=codecs, encryption="allow"))
        except (SipError, SdpError):
            return None
        try:
            check_offer(offer, MediaSettings(codecs=codecs, encryption=ENCRYPTION[srtp]))
        except SdpError as error:
            answer = refusal(error.status, "")
            if srtp == "required":
                return self._refused("srtp-required", *answer, _WANTS_SRTP)
            return self._refused("srtp-refused", *answer, _TAKES_NO_SRTP)
        return None

    def _number(self, trunk: TrunkConfig | None, caller_id: str) -> Admitted | NotAdmitted:
        manners = self._manners
        if trunk is None or manners.caller_id_rule == "any":
            return Admitted(trunk, caller_id)
        owner = self._numbers.trunk(caller_id)
        if owner is not None and owner.name == trunk.name:
            return Admitted(trunk, caller_id)
        if manners.caller_id_rule == "replaced":
            return Admitted(trunk, trunk.numbers[0] if trunk.numbers else caller_id)
        return self._refused(
            "caller-id",
            *refusal(manners.caller_id_status, manners.caller_id_phrase),
            f"{caller_id or 'an anonymous caller'} is no number of the trunk {trunk.name}: call "
            "with one of its numbers",
        )

    def _forbidden(self, cause: RefusalCause, why: str) -> NotAdmitted:
        manners = self._manners
        answer = refusal(manners.forbidden_status, manners.forbidden_phrase)
        return self._refused(cause, *answer, why)

    def _refused(self, cause: RefusalCause, status: int, phrase: str, why: str) -> NotAdmitted:
        name, text = self._manners.error_header, dict(self._manners.error_texts).get(cause)
        return NotAdmitted(status, phrase, why, ((name, text),) if name and text else ())
