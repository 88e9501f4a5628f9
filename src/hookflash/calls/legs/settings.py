"""What a leg is told when it is made, and the header values that every leg sends alike."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field

from ...base.light import light_dataclass
from ...sdp.plan import MediaSettings
from ...sip.uri import Uri
from ..records import CallDirection

ALLOW = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, PRACK, NOTIFY"
"""Exactly what a leg carries out (calls.md §2)."""

ALLOW_REFER = f"{ALLOW}, REFER"
"""The same of a leg that accepts REFER."""

SUPPORTED = "100rel, timer"
EXTENSIONS = frozenset({"100rel", "timer"})
"""Option tags that a Require may name."""

ACCEPT = "application/sdp"
DTMF_TYPES = ("application/dtmf-relay", "application/dtmf")
ACCEPT_IN_CALL = ", ".join((ACCEPT, *DTMF_TYPES))

MIN_SE = 90
"""Smallest session interval in seconds (RFC 4028 §4)."""

HeaderItems = tuple[tuple[str, str], ...]


@light_dataclass(frozen=True, slots=True)
class Credential:
    """User and password for digest challenges of the peer."""

    username: str
    password: str


def no_credential() -> Credential | None:
    """The provider of a leg that cannot authenticate itself."""
    return None


def same_address(remote_ip: str) -> str:
    """Where we have an address of every family."""
    return remote_ip


@light_dataclass(frozen=True, slots=True)
class LegSettings:
    """Fixed for the life of a leg. Times in seconds."""

    contact: Uri
    """Our Contact; its host is the address that this peer can reach. Of an outbound leg only until
    its target is known."""
    direction: CallDirection = "inbound"
    media: MediaSettings = field(default_factory=MediaSettings)
    media_address: Callable[[str], str] = same_address
    """The IP literal that our SDP will name to a peer at this one, known before there is a port:
    an offer of the other family is refused before the call rings."""
    user_agent: str = "Hookflash"
    answer_headers: HeaderItems = ()
    """The trunk's headers, for the 200."""
    ringing_interval: float = 60.0
    """Between two 180s."""
    ringing_timeout: float = 180.0
    ringing_timeout_status: int = 480
    max_call_duration: float = 86400.0
    first_media_timeout: float = 30.0
    media_timeout: float = 15.0
    session_expires: int = 1800
    """Session interval that we ask for (RFC 4028); 0: only what the peer asks for."""
    allow: str = ""
    """Our Allow, where it is not to say all that the leg carries out."""
    early_media: bool = False
    """An INVITE with an offer gets 183 with our SDP instead of 180, and hears us from then on; not
    where it requires reliable answers."""
    extensions: tuple[str, ...] = ()
    """Option tags besides `EXTENSIONS`, in lower case, that the owner sees to: Supported has them,
    and a Require may name them."""
    accepts_refer: bool = False
    """REFER is the owner's to answer (`ReferReceived`); otherwise it gets 405."""
    credentials: Callable[[], Credential | None] = no_credential
    """Asked when a challenge comes (transfer.md §3 says whose credentials these are)."""
