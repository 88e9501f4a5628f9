"""The profiles that come with the package."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest
import yaml

from hookflash.base.errors import ConfigError
from hookflash.carrier.profile_files import load_profile, profile_names

NAMES = profile_names()


@pytest.mark.parametrize("name", NAMES)
def test_a_profile_says_where_each_trait_is_known_from(name: str) -> None:
    profile = load_profile(name)
    assert profile.name == name
    assert profile.traits
    for trait in profile.traits:
        assert trait.assumed or re.search(r"\b(19|20)\d\d\b", trait.source), trait


@pytest.mark.parametrize("name", NAMES)
def test_a_profile_says_whether_it_takes_attended_transfers(name: str) -> None:
    """By default a carrier does; a real one only if somebody has said or assumed so."""
    assert "replaces" in [trait.name for trait in load_profile(name).traits]


@pytest.mark.parametrize("name", NAMES)
def test_a_trait_is_a_line(name: str) -> None:
    text = files("hookflash.carrier").joinpath(f"profiles/{name}.yaml").read_text()
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    assert len(lines) == len(yaml.safe_load(text))
    assert text.startswith("# "), "a profile begins with what is peculiar to it"


def test_there_is_none_of_that_name() -> None:
    with pytest.raises(ConfigError, match=r"--profile: 'twillio' is no profile; .*\btwilio\b"):
        load_profile("twillio")


def test_the_manners_of_twilio() -> None:
    manners = load_profile("twilio").manners
    assert (manners.refer, manners.transfer_mode) == ("trunk-setting", "disable-all")
    assert (manners.refused_status, manners.target_status) == (603, 403)
    assert "ip" not in manners.target_forms
    assert manners.hang_up_after == 32.0
