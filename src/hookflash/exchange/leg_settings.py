"""What a leg is told when it is made: from settings, trunk, rule and the INVITE's way."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import lru_cache

from livekit.protocol.sip import (
    CreateSIPParticipantRequest,
    SIPInboundTrunkInfo,
    SIPMediaConfig,
    SIPMediaEncryption,
)

from ..calls.admission import CallPlan
from ..calls.legs.settings import Credential, LegSettings
from ..calls.trunks.media_config import seconds
from ..calls.trunks.table import TrunkTable
from ..ports import DialRequest
from ..sdp.plan import CodecName, Encryption, MediaSettings
from ..sip.flow import Flow
from ..sip.location import Target
from ..sip.message import Request
from .host import ExchangeSettings, Parts

_CODECS: dict[str, CodecName] = {"pcmu": "PCMU", "pcma": "PCMA", "g722": "G722", "opus": "opus"}
_ENCRYPTION: dict[int, Encryption] = {
    SIPMediaEncryption.SIP_MEDIA_ENCRYPT_DISABLE: "disable",
    SIPMediaEncryption.SIP_MEDIA_ENCRYPT_ALLOW: "allow",
    SIPMediaEncryption.SIP_MEDIA_ENCRYPT_REQUIRE: "require",
}
_DISABLE = SIPMediaEncryption.SIP_MEDIA_ENCRYPT_DISABLE
DEFAULT_RINGING = 180.0
DEFAULT_MEDIA_TIMEOUT = 15.0
MAX_DURATION = 86400.0


def leg_settings(
    parts: Parts, ours: ExchangeSettings, plan: CallPlan, request: Request, flow: Flow
) -> LegSettings:
    """Settings of an inbound leg."""
    trunk, rule = plan.trunk, plan.dispatch.rule
    medias = []
    if trunk is not None:
        medias.append((trunk.media if trunk.HasField("media") else None, trunk.media_encryption))
    medias.append((rule.media if rule.HasField("media") else None, rule.media_encryption))
    ringing, longest, status = DEFAULT_RINGING, MAX_DURATION, 0
    if isinstance(trunk, SIPInboundTrunkInfo):
        ringing, longest = _call_limits(trunk)
        status = int(getattr(trunk, "ringing_timeout_status", 0) or 0)
    return LegSettings(
        contact=parts.stack.contact(flow),
        direction="inbound",
        media=media_settings(medias, ours),
        media_address=parts.addresses.advertised,
        user_agent=ours.user_agent,
        answer_headers=tuple(sorted(trunk.headers.items())) if trunk is not None else (),
        ringing_timeout=ringing,
        ringing_timeout_status=status if 400 <= status <= 699 else 480,
        max_call_duration=longest,
        media_timeout=_media_timeout(media for media, _ in medias),
        credentials=_credentials(parts.trunks, plan, flow),
    )


def placed_settings(parts: Parts, ours: ExchangeSettings) -> LegSettings:
    """Settings of a leg that calls out, as we have them for everybody; its Contact is chosen when
    its target is known."""
    here = parts.stack.local("udp", "")
    return LegSettings(
        contact=parts.stack.contact_at(Target("udp", *here)),
        direction="outbound",
        media=media_settings([], ours),
        user_agent=ours.user_agent,
    )


def outbound_settings(parts: Parts, ours: ExchangeSettings, order: DialRequest) -> LegSettings:
    """Those of a leg that an API request places."""
    request, trunk = order.request, order.trunk
    medias = [
        (trunk.media if trunk.HasField("media") else None, trunk.media_encryption),
        (request.media if request.HasField("media") else None, request.media_encryption),
    ]
    ringing, longest = _call_limits(request)
    known = None
    if trunk.auth_username and trunk.auth_password:
        known = Credential(trunk.auth_username, trunk.auth_password)
    return replace(
        placed_settings(parts, ours),
        media=media_settings(medias, ours),
        ringing_timeout=ringing,
        max_call_duration=longest,
        media_timeout=_media_timeout(media for media, _ in medias),
        credentials=lambda: known,
    )


def media_settings(
    configs: Sequence[tuple[SIPMediaConfig | None, SIPMediaEncryption]],
    ours: ExchangeSettings,
) -> MediaSettings:
    """Merge media configurations, later ones over earlier ones (facts §2.2, §4.9).

    DISABLE never overrides; an empty codec list inherits the earlier one with its
    only_listed_codecs, which rules out our fallback as well. A codec that we do not have is passed
    over.
    """
    encryption: int = _DISABLE
    listed: list[str] = []
    only = False
    for media, deprecated in configs:
        wanted: int = deprecated
        if media is not None:
            if media.HasField("encryption"):
                wanted = media.encryption
            if media.codecs:
                listed = [codec.name for codec in media.codecs]
                only = media.only_listed_codecs
        encryption = wanted or encryption
    alone = only and bool(listed)
    names = listed if alone else [*listed, *ours.codecs]
    fallback = () if alone else ours.fallback_codecs
    return _media(tuple(names), fallback, ours.missing_codecs, encryption)


@lru_cache(64)
def _media(
    names: tuple[str, ...], fallback: tuple[str, ...], missing: frozenset[str], encryption: int
) -> MediaSettings:
    """One for all calls that have the same."""
    chosen, further = (
        dict.fromkeys(
            _CODECS[name.lower()]
            for name in some
            if name.lower() in _CODECS and _CODECS[name.lower()] not in missing
        )
        for some in (names, fallback)
    )
    return MediaSettings(
        codecs=tuple(chosen), fallback=tuple(further), encryption=_ENCRYPTION[encryption]
    )


def _call_limits(owner: SIPInboundTrunkInfo | CreateSIPParticipantRequest) -> tuple[float, float]:
    """(ringing_timeout, max_call_duration) in seconds; unset or not positive: the default."""
    ringing, longest = seconds(owner.ringing_timeout), seconds(owner.max_call_duration)
    return (
        ringing if ringing > 0 else DEFAULT_RINGING,
        min(longest, MAX_DURATION) if longest > 0 else MAX_DURATION,
    )


def _media_timeout(medias: Iterable[SIPMediaConfig | None]) -> float:
    timeout = 0.0
    for media in medias:
        if media is not None and media.HasField("media_timeout"):
            timeout = seconds(media.media_timeout) or timeout
    return timeout if timeout > 0 else DEFAULT_MEDIA_TIMEOUT


def _credentials(trunks: TrunkTable, plan: CallPlan, flow: Flow) -> Callable[[], Credential | None]:
    """Whose user and password answer a challenge of the peer (transfer.md §3). Looked up when
    it comes: trunks may have changed since the call began."""
    called, peer, trunk = plan.parties.called, flow.remote[0], plan.trunk
    hosts = [peer]
    if plan.authenticated or trunks.names_source(plan.parties.trunk_id, peer):
        hosts.append(plan.caller_host)  # of anybody else it may be forged, to be sent a digest

    def provide() -> Credential | None:
        outbound = trunks.outbound_for(called, hosts)
        if outbound is not None:
            return Credential(outbound.auth_username, outbound.auth_password)
        if trunk is not None and plan.authenticated:
            return Credential(trunk.auth_username, trunk.auth_password)
        return None

    return provide
