"""What a trunk's metadata says of its provider, and what is none of our business."""

from __future__ import annotations

import json

import pytest

from hookflash.adapters.presets import PRESETS
from hookflash.base.errors import ApiError
from hookflash.providers.trunk_metadata import NO_PRESETS, provider_name, trunk_provider


@pytest.mark.parametrize(
    "metadata",
    [
        '{"hookflash.provider": "twilio"}',
        '{"hookflash": {"provider": "twilio"}, "crm": 7}',
        '{"hookflash.provider": "twilio", "hookflash": {"provider": "plivo"}}',
    ],
)
def test_flat_or_in_an_object(metadata: str) -> None:
    found = trunk_provider(metadata, PRESETS)
    assert found is not None
    assert (found.preset.name, found.domain, found.region) == ("twilio", "", "")


@pytest.mark.parametrize("domain", ["a", "A-b.example", "192.0.2.1:5080", "[::1]", "[::1]:5080"])
def test_domains(domain: str) -> None:
    text = json.dumps({"hookflash": {"provider": "plivo", "domain": domain}})
    found = trunk_provider(text, PRESETS)
    assert found is not None
    assert found.domain == domain


def test_domain_and_region() -> None:
    ours = {"provider": "plivo", "domain": "42.zt.plivo.com"}
    text = json.dumps({"hookflash": ours, "hookflash.region": "us"})
    found = trunk_provider(text, PRESETS)
    assert found is not None
    assert (found.domain, found.region) == ("42.zt.plivo.com", "US")


@pytest.mark.parametrize(
    "metadata",
    [
        "",
        "hookflash.provider=twilio",
        '{"hookflash.provider": "twilio"',
        '["hookflash.provider"]',
        '"hookflash"',
        '{"hookflash": "twilio"}',
        '{"hookflash": {}}',
        '{"provider": "acme"}',
        '{"hookflash.follow_redirects": true}',
        '{"hookflash.provider": ""}',
        '{"hookflash.provider": null}',
        '{"hookflash": ' + "[" * 100_000,
    ],
)
def test_what_is_no_json_or_has_nothing_of_ours_is_no_error(metadata: str) -> None:
    assert trunk_provider(metadata, PRESETS) is None


def test_an_unknown_provider_is_told_the_known_ones() -> None:
    with pytest.raises(ApiError) as caught:
        trunk_provider('{"hookflash.provider": "acme"}', PRESETS)
    assert caught.value.code == "invalid_argument"
    assert caught.value.msg.startswith('unknown hookflash.provider "acme"; known: 3cx, asterisk, ')
    assert "twilio" in caught.value.msg
    with pytest.raises(ApiError):
        trunk_provider('{"hookflash.provider": "twilio"}', NO_PRESETS)


@pytest.mark.parametrize(
    ("metadata", "words"),
    [
        ('{"hookflash.provider": 5}', "hookflash.provider is 5, it is to be a text"),
        ('{"hookflash": {"domain": ["a"]}}', "hookflash.domain is"),
        ('{"hookflash.domain": "a b"}', "a host name such as"),
        ('{"hookflash.domain": "sip:a@b"}', "a host name such as"),
        ('{"hookflash.domain": "::1"}', "a host name such as"),
        ('{"hookflash.domain": "a.example:"}', "a host name such as"),
        ('{"hookflash.region": "USA"}', "a country of two letters"),
    ],
)
def test_a_value_of_ours_that_is_none(metadata: str, words: str) -> None:
    with pytest.raises(ApiError) as caught:
        trunk_provider(metadata, PRESETS)
    assert caught.value.code == "invalid_argument"
    assert words in caught.value.msg


@pytest.mark.parametrize(
    ("metadata", "name"),
    [
        ('{"hookflash.provider": "acme"}', "acme"),
        ('{"hookflash": {"provider": "twilio"}}', "twilio"),
        ('{"hookflash.provider": 5}', ""),
        ('{"hookflash": {}}', ""),
        ("hookflash", ""),
        ("", ""),
    ],
)
def test_the_name_alone(metadata: str, name: str) -> None:
    assert provider_name(metadata) == name
