"""SIPMediaConfig of trunks, rules and requests: checks, and the deprecated field beside it
(facts §2.2)."""

from __future__ import annotations

from typing import TypeVar

from google.protobuf.duration_pb2 import Duration
from livekit.protocol.sip import (
    SIPDispatchRuleInfo,
    SIPInboundTrunkInfo,
    SIPMediaConfig,
    SIPMediaEncryption,
    SIPOutboundTrunkInfo,
)

from ...base.errors import ApiError
from .values import check_enums

DISABLE = SIPMediaEncryption.SIP_MEDIA_ENCRYPT_DISABLE
LONGEST_MEDIA_TIMEOUT = 600.0
_SPACE = frozenset(" \t\r\n")

Owner = TypeVar("Owner", SIPInboundTrunkInfo, SIPOutboundTrunkInfo, SIPDispatchRuleInfo)


def seconds(duration: Duration) -> float:
    """A Duration as seconds; unlike protobuf's own conversion it takes what is out of range."""
    return float(duration.seconds) + duration.nanos / 1e9


def check_media(media: SIPMediaConfig) -> None:
    """Raises ApiError with LiveKit's text."""
    for codec in media.codecs:
        if not codec.name:
            raise _invalid("missing codec name")
        if not _SPACE.isdisjoint(codec.name):
            raise _invalid("invalid codec name")
        if "/" in codec.name:
            raise _invalid("codec name must not contain '/'")
    if media.HasField("media_timeout"):
        timeout = seconds(media.media_timeout)
        if timeout < 0:
            raise _invalid("media_timeout must not be negative")
        if timeout > LONGEST_MEDIA_TIMEOUT:
            raise _invalid("media_timeout must not exceed 10m0s")
    check_enums(media)


def fill_media(owner: Owner) -> None:
    """Make `media` present, and take the deprecated media_encryption over where `media` says
    nothing of it; afterwards both say the same."""
    owner.media.SetInParent()
    if owner.media.HasField("encryption"):
        owner.media_encryption = owner.media.encryption
    elif owner.media_encryption != DISABLE:
        owner.media.encryption = owner.media_encryption


def _invalid(text: str) -> ApiError:
    return ApiError("invalid_argument", text)
