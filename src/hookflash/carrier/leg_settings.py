"""What the legs of the carrier are told, as its manners have it. Pure."""

from __future__ import annotations

from typing import Final

from ..calls.legs.settings import ALLOW, ALLOW_REFER, SUPPORTED, Credential, LegSettings
from ..calls.records import CallDirection
from ..sdp.plan import MediaSettings
from ..sip.timers import Timers
from ..sip.uri import Uri
from .admission import ENCRYPTION, srtp_of
from .config import TrunkConfig
from .manners import CarrierManners

PATIENCE: Final = 3600.0
"""Seconds without media after which a carrier ends a call: it is not the one who watches that."""
RINGS: Final = 180.0
"""Seconds for which a call may ring."""


def allow(manners: CarrierManners) -> str:
    """The Allow of this carrier."""
    return ALLOW if manners.refer == "never" else ALLOW_REFER


def extensions(manners: CarrierManners) -> tuple[str, ...]:
    """The option tags that this carrier has besides those of every leg."""
    return ("replaces",) if manners.replaces == "supported" else ()


def supported(manners: CarrierManners) -> str:
    """The Supported of this carrier."""
    return ", ".join((SUPPORTED, *extensions(manners)))


def timers(manners: CarrierManners) -> Timers:
    """How soon this carrier says something again."""
    return Timers(t1=manners.t1 / 1000)


def leg_settings(
    manners: CarrierManners, direction: CallDirection, contact: Uri, trunk: TrunkConfig | None
) -> LegSettings:
    """For a leg to or from the exchange of this trunk."""
    known = None
    if trunk is not None and trunk.username:
        known = Credential(trunk.username, trunk.password)
    return LegSettings(
        contact=contact,
        direction=direction,
        media=MediaSettings(
            codecs=manners.codecs,
            ptime=manners.ptime,
            encryption=ENCRYPTION[srtp_of(manners, trunk)],
        ),
        user_agent=manners.user_agent,
        ringing_timeout=RINGS,
        first_media_timeout=PATIENCE,
        media_timeout=PATIENCE,
        session_expires=manners.session_expires,
        early_media=manners.early_media,
        extensions=extensions(manners),
        accepts_refer=True,
        allow=allow(manners),
        credentials=lambda: known,
    )
