"""Media configuration of trunk and rule (facts §2.2, §4.9)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from google.protobuf.duration_pb2 import Duration
from livekit.protocol.sip import (
    SIPCodec,
    SIPDispatchRuleInfo,
    SIPInboundTrunkInfo,
    SIPMediaConfig,
    SIPMediaEncryption,
    SIPOutboundTrunkInfo,
)

from hookflash.calls.admission import CallPlan
from hookflash.calls.dispatch import CallParties, Placement
from hookflash.calls.legs.settings import Credential
from hookflash.calls.trunks.table import TrunkTable
from hookflash.exchange.host import ExchangeSettings
from hookflash.exchange.leg_settings import (
    DEFAULT_RINGING,
    MAX_DURATION,
    _call_limits,
    _credentials,
    media_settings,
)
from hookflash.sip.flow import Flow

DISABLE = SIPMediaEncryption.SIP_MEDIA_ENCRYPT_DISABLE
ALLOW = SIPMediaEncryption.SIP_MEDIA_ENCRYPT_ALLOW
REQUIRE = SIPMediaEncryption.SIP_MEDIA_ENCRYPT_REQUIRE
NAMES = ("PCMU", "PCMA", "G722")
OURS = ExchangeSettings(codecs=NAMES, fallback_codecs=("opus",))


def codecs(*names: str, only: bool = False) -> SIPMediaConfig:
    return SIPMediaConfig(codecs=[SIPCodec(name=name) for name in names], only_listed_codecs=only)


def test_without_a_configuration_ours_count() -> None:
    settings = media_settings([(None, DISABLE)], OURS)
    assert settings.codecs == NAMES
    assert settings.encryption == "disable"


def test_listed_codecs_come_first_and_unknown_ones_are_passed_over() -> None:
    settings = media_settings([(codecs("g722", "AMR-WB"), DISABLE)], OURS)
    assert settings.codecs == ("G722", "PCMU", "PCMA")


def test_only_listed_codecs_leaves_ours_out() -> None:
    settings = media_settings([(codecs("PCMA", only=True), DISABLE)], OURS)
    assert settings.codecs == ("PCMA",)


def test_the_fallback_is_for_who_does_not_say_which_codecs_alone() -> None:
    assert media_settings([(None, DISABLE)], OURS).fallback == ("opus",)
    assert media_settings([(codecs("G722"), DISABLE)], OURS).fallback == ("opus",)
    assert media_settings([(codecs("PCMA", only=True), DISABLE)], OURS).fallback == ()


def test_a_codec_without_its_library_is_passed_over_whoever_lists_it() -> None:
    without = replace(OURS, codecs=("opus", "PCMU"), missing_codecs=frozenset({"opus"}))
    settings = media_settings([(codecs("OPUS", "PCMA"), DISABLE)], without)
    assert (settings.codecs, settings.fallback) == (("PCMA", "PCMU"), ())


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


FLOW = Flow("udp", ("192.0.2.1", 5060), ("198.51.100.7", 5060))
OWN = SIPInboundTrunkInfo(sip_trunk_id="ST_in", auth_username="caller", auth_password="theirs")


def credential(trunks: TrunkTable, *, authenticated: bool = False) -> Credential | None:
    """What answers a challenge of the peer of an inbound call to 100."""
    place = Placement(SIPDispatchRuleInfo(), "SDR_1", False, "r", "sip_1", "Phone 1", False)
    parties = CallParties("ST_in", "+1", "100")
    plan = CallPlan("SCL_1", OWN, parties, "example.com", place, authenticated)
    return _credentials(trunks, plan, FLOW)()


@pytest.mark.parametrize(
    ("number", "address"), [("100", "other.example.com"), ("9", FLOW.remote[0])]
)
def test_a_challenge_is_answered_by_the_outbound_trunk_of_the_number_or_the_peer(
    number: str, address: str
) -> None:
    trunks = TrunkTable()
    trunk = SIPOutboundTrunkInfo(sip_trunk_id="ST_out", numbers=[number], address=address)
    trunk.auth_username, trunk.auth_password = "u", "p"
    trunks.put_outbound(trunk)
    assert credential(trunks) == Credential("u", "p")
    assert credential(trunks, authenticated=True) == Credential("u", "p")


def test_the_host_of_from_counts_only_of_a_caller_who_passed_a_check() -> None:
    """Anybody can write the name of a provider there, and would be sent a digest to try passwords
    on."""
    trunks = TrunkTable()
    trunk = SIPOutboundTrunkInfo(sip_trunk_id="ST_out", numbers=["9"], address="example.com")
    trunk.auth_username, trunk.auth_password = "u", "p"
    trunks.put_outbound(trunk)
    assert credential(trunks) is None
    assert credential(trunks, authenticated=True) == Credential("u", "p")
    by_name = SIPInboundTrunkInfo(sip_trunk_id="ST_in", allowed_addresses=["example.com"])
    trunks.put_inbound(by_name)
    assert credential(trunks) is None
    by_address = SIPInboundTrunkInfo(sip_trunk_id="ST_in", allowed_addresses=["198.51.100.0/24"])
    trunks.put_inbound(by_address)
    assert credential(trunks) == Credential("u", "p")


def test_the_inbound_trunks_own_answer_only_if_this_caller_authenticated_with_them() -> None:
    assert credential(TrunkTable()) is None
    assert credential(TrunkTable(), authenticated=True) == Credential("caller", "theirs")
