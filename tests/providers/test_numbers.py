"""Telephone numbers as countries write them."""

from __future__ import annotations

import subprocess
import sys

import pytest

from hookflash.providers import numbers


def test_separators_go() -> None:
    assert numbers.plain("+1-510.555(01)00") == "+15105550100"


@pytest.mark.parametrize(
    ("number", "region", "told"),
    [
        ("+15105550100", "", "+15105550100"),
        ("+15105550100", "DE", "+15105550100"),
        ("5105550100", "US", "+15105550100"),
        ("15105550100", "US", "+15105550100"),
        ("03012345678", "DE", "+493012345678"),
        ("02079460000", "GB", "+442079460000"),
        ("0116543210", "IT", "+390116543210"),  # where the 0 stays
        ("5105550100", "", ""),
        ("6002", "US", ""),
        ("*67", "US", ""),
        ("5105550100", "XX", ""),
        ("9" * 40, "US", ""),
    ],
)
def test_a_number_as_its_country_dials_it(number: str, region: str, told: str) -> None:
    assert numbers.e164(number, region) == told


@pytest.mark.parametrize(
    ("number", "region"),
    [
        ("+15105550100", "US"),
        ("+442079460000", "GB"),
        ("+493012345678", "DE"),
        ("+80012345678", ""),  # of no country
        ("+999", ""),
        ("15105550100", ""),
        ("", ""),
    ],
)
def test_the_country_of_a_number(number: str, region: str) -> None:
    assert numbers.region_of(number) == region


def test_a_server_without_providers_does_not_pay_for_the_library() -> None:
    """With the first trunk that names one it is there, before any call needs it."""
    code = (
        "import sys, hookflash.server as server\n"
        "from hookflash.adapters.presets import PRESETS\n"
        "from hookflash.providers.trunk_metadata import trunk_provider\n"
        "before = 'phonenumbers' in sys.modules\n"
        'trunk_provider(\'{"hookflash.provider": "twilio"}\', PRESETS)\n'
        "print(before, 'phonenumbers' in sys.modules)\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert ran.stdout == "False True\n"


@pytest.mark.parametrize(
    ("number", "shown"),
    [("+15105550123", "5105550123"), ("+390612345678", "0612345678"), ("100", ""), ("+", "")],
)
def test_numbers_within_their_country(number: str, shown: str) -> None:
    assert numbers.national(number) == shown
