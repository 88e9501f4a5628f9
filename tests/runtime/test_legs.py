"""Media configuration of trunk and rule (facts §2.2, §4.9)."""

from __future__ import annotations

import pytest
from google.protobuf.duration_pb2 import Duration
from livekit.protocol.sip import (
    SIPCodec,
    SIPInboundTrunkInfo,
    SIPMediaConfig,
    SIPMediaEncryption,
)

from hookflash.runtime.legs import DEFAULT_RINGING, MAX_DURATION, _call_limits, media_settings

DISABLE = SIPMediaEncryption.SIP_MEDIA_ENCRYPT_DISABLE
ALLOW = SIPMediaEncryption.SIP_MEDIA_ENCRYPT_ALLOW
REQUIRE = SIPMediaEncryption.SIP_MEDIA_ENCRYPT_REQUIRE
OURS = ("PCMU", "PCMA", "G722")


def codecs(*names: str, only: bool = False) -> SIPMediaConfig:
    return SIPMediaConfig(codecs=[SIPCodec(name=name) for name in names], only_listed_codecs=only)


def test_without_a_configuration_ours_count() -> None:
    settings = media_settings([(None, DISABLE)], OURS)
    assert settings.codecs == OURS
    assert settings.encryption == "disable"


def test_listed_codecs_come_first_and_unknown_ones_are_passed_over() -> None:
    settings = media_settings([(codecs("g722", "AMR-WB"), DISABLE)], OURS)
    assert settings.codecs == ("G722", "PCMU", "PCMA")


def test_only_listed_codecs_leaves_ours_out() -> None:
    settings = media_settings([(codecs("PCMA", only=True), DISABLE)], OURS)
    assert settings.codecs == ("PCMA",)


def test_an_empty_list_inherits_the_earlier_one_with_its_only() -> None:
    settings = media_settings(
        [(codecs("PCMA", only=True), DISABLE), (SIPMediaConfig(), DISABLE)], OURS
    )
    assert settings.codecs == ("PCMA",)


@pytest.mark.parametrize(
    ("trunk", "rule", "expected"),
    [
        (REQUIRE, DISABLE, "require"),
        (ALLOW, REQUIRE, "require"),
        (REQUIRE, ALLOW, "allow"),
        (DISABLE, DISABLE, "disable"),
    ],
)
def test_the_rule_wins_but_disable_never_overrides(
    trunk: SIPMediaEncryption, rule: SIPMediaEncryption, expected: str
) -> None:
    configs = [
        (SIPMediaConfig(encryption=trunk), DISABLE),
        (SIPMediaConfig(encryption=rule), DISABLE),
    ]
    assert media_settings(configs, OURS).encryption == expected


def test_the_deprecated_field_counts_where_the_new_one_is_unset() -> None:
    assert media_settings([(None, REQUIRE)], OURS).encryption == "require"
    configs = [(SIPMediaConfig(encryption=ALLOW), REQUIRE)]
    assert media_settings(configs, OURS).encryption == "allow"


@pytest.mark.parametrize(
    ("asked", "ringing", "longest"),
    [
        (0, DEFAULT_RINGING, MAX_DURATION),
        (-5, DEFAULT_RINGING, MAX_DURATION),
        (20, 20.0, 20.0),
        (10**6, 1e6, MAX_DURATION),
        (10**15, 1e15, MAX_DURATION),  # more than protobuf's own conversion takes
    ],
)
def test_the_limits_of_a_call_have_defaults_and_an_end(
    asked: int, ringing: float, longest: float
) -> None:
    duration = Duration(seconds=asked)
    trunk = SIPInboundTrunkInfo(ringing_timeout=duration, max_call_duration=duration)
    assert _call_limits(trunk) == (ringing, longest)
