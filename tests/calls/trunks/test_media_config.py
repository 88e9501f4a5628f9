from __future__ import annotations

import pytest
from livekit.protocol.sip import (
    SIPCodec,
    SIPInboundTrunkInfo,
    SIPMediaConfig,
    SIPMediaEncryption,
)

from hookflash.base.errors import ApiError
from hookflash.calls.trunks.media_config import check_media, fill_media, seconds

REQUIRE = SIPMediaEncryption.SIP_MEDIA_ENCRYPT_REQUIRE


def with_timeout(value: int, nanos: int = 0) -> SIPMediaConfig:
    media = SIPMediaConfig()
    media.media_timeout.seconds = value
    media.media_timeout.nanos = nanos
    return media


@pytest.mark.parametrize(
    ("media", "text"),
    [
        (SIPMediaConfig(codecs=[SIPCodec(rate=8000)]), "missing codec name"),
        (SIPMediaConfig(codecs=[SIPCodec(name="PC\tMU")]), "invalid codec name"),
        (SIPMediaConfig(codecs=[SIPCodec(name="PCMU/8000")]), "codec name must not contain '/'"),
        (with_timeout(-1), "media_timeout must not be negative"),
        (with_timeout(600, 1), "media_timeout must not exceed 10m0s"),
        (with_timeout(2**62), "media_timeout must not exceed 10m0s"),
    ],
)
def test_bad_media(media: SIPMediaConfig, text: str) -> None:
    with pytest.raises(ApiError) as caught:
        check_media(media)
    assert (caught.value.code, caught.value.msg) == ("invalid_argument", text)


def test_good_media() -> None:
    check_media(SIPMediaConfig(codecs=[SIPCodec(name="PCMU")]))
    check_media(with_timeout(600))
    check_media(with_timeout(0))


def test_the_deprecated_field_and_media_agree_after_filling() -> None:
    trunk = SIPInboundTrunkInfo()
    fill_media(trunk)
    assert trunk.HasField("media")
    assert not trunk.media.HasField("encryption")
    trunk.media_encryption = REQUIRE
    fill_media(trunk)
    assert trunk.media.encryption == REQUIRE
    trunk.media.encryption = SIPMediaEncryption.SIP_MEDIA_ENCRYPT_DISABLE
    fill_media(trunk)
    assert trunk.media_encryption == SIPMediaEncryption.SIP_MEDIA_ENCRYPT_DISABLE


def test_seconds() -> None:
    assert seconds(with_timeout(1, 500_000_000).media_timeout) == 1.5
