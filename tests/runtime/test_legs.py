"""Media configuration of trunk and rule (facts §2.2, §4.9)."""

from __future__ import annotations

import pytest
from livekit.protocol.sip import SIPCodec, SIPMediaConfig, SIPMediaEncryption

from hookflash.runtime.legs import media_settings

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
