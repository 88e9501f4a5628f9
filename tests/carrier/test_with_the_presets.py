"""What we send to a provider (its preset) against what that carrier takes (its profile)."""

from __future__ import annotations

import pytest
from tests.support.carrier_matrix import FORMS, form_cell, transferred
from tests.support.carrier_rig import CALLER, LINE, TARGET

from hookflash.adapters.presets import load_preset, preset_names
from hookflash.base.errors import ApiError
from hookflash.carrier.manners import CarrierManners
from hookflash.carrier.profile_files import load_profile, profile_names
from hookflash.providers.preset import Preset
from hookflash.providers.refer_to import ReferPlace, refer_target, with_wanted_headers
from hookflash.sip.refer import parse_target

BOTH = [name for name in profile_names() if name in preset_names()]
TEL, TELNYX, TWILIO = FORMS


def preset_of(name: str) -> Preset:
    found = load_preset(name)
    assert found is not None
    return found


def place_of(manners: CarrierManners) -> ReferPlace:
    """A trunk at this carrier, with a domain of its own below the carrier's."""
    own = f"mine.{manners.domain}"
    return ReferPlace(addresses=(own,), peer=own, ours=LINE)


def test_providers_with_both() -> None:
    assert len(BOTH) >= 16
    assert {"twilio", "telnyx", "plivo", "didww", "sinch", "signalwire", "teams"} <= set(BOTH)


@pytest.mark.parametrize("asked", [f"tel:{TARGET}", "tel:5105550123", "tel:+1-510-555-0123"])
@pytest.mark.parametrize("name", [name for name in BOTH if preset_of(name).value("refer") != "no"])
def test_what_the_preset_writes_the_profile_takes(name: str, asked: str) -> None:
    preset, manners = preset_of(name), load_profile(name).manners
    place = place_of(manners)
    written = refer_target(preset, parse_target(asked), place).uri
    rig = transferred(manners, written, list(with_wanted_headers(preset, place, ())))
    if manners.refer == "never":
        assert preset.value("refer") == "unknown"
        assert rig.statuses("REFER") == [manners.refused_status]
        return
    assert rig.statuses("REFER")[-1] == 202, rig.fields("refer_refused")
    if preset.value("number") not in {"as_dialled", "unknown"} or asked.startswith("tel:+"):
        assert rig.hear_each_other(CALLER, TARGET), written


def test_where_nobody_transfers_nothing_is_sent() -> None:
    for name in BOTH:
        preset, manners = preset_of(name), load_profile(name).manners
        if preset.value("refer") == "no":
            assert manners.refer == "never"
            with pytest.raises(ApiError, match="knows no REFER"):
                refer_target(preset, parse_target(TEL), place_of(manners))


@pytest.mark.parametrize("name", BOTH)
def test_preset_and_profile_say_the_same(name: str) -> None:
    preset, manners = preset_of(name), load_profile(name).manners
    never, setting = manners.refer == "never", manners.refer == "trunk-setting"
    known = {"no": never, "switch": setting, "ask": setting, "yes": not never}
    assert known.get(preset.value("refer"), True)
    if never:
        return
    forms = {"tel": "tel", "own_domain": "own-domain", "foreign_sip": "foreign-sip"}
    for key, form in {**forms, "ip_address": "ip"}.items():
        if preset.facts[key].known:
            assert (preset.value(key) == "yes") == (form in manners.target_forms), key
    if preset.facts["notify"].known:
        assert preset.value("notify") == manners.notify
    if preset.facts["digest"].known:
        assert (preset.value("digest") == "yes") == (manners.digest == "all")
    if preset.facts["hangs_up"].known:
        assert (preset.value("hangs_up") == "provider") == (manners.hang_up_after == 0)
    assert set(preset.headers) == set(manners.headers_required)
    if preset.facts["domain"].known:
        domain = preset.value("domain").removeprefix("*.")
        assert " " in domain or domain == manners.domain or domain.endswith(f".{manners.domain}")


@pytest.mark.parametrize(
    ("target", "taken_by", "refused_by", "rule", "words"),
    [
        (TEL, "twilio", "plivo", "plivo-tel", "no tel:"),
        (TELNYX, "telnyx", "plivo", "plivo-foreign-domain", "sip.telnyx.com is not your"),
        (TWILIO, "twilio", "telnyx", "telnyx-foreign-domain", "my-livekit-demo.pstn.twilio.com is"),
    ],
)
def test_the_three_forms_of_a_target(
    target: str, taken_by: str, refused_by: str, rule: str, words: str
) -> None:
    taken, refused = form_cell(taken_by, target), form_cell(refused_by, target)
    assert taken.answer == "OK"
    assert taken.rig.sent("NOTIFY")
    assert (taken.finding.gravity, taken.finding.rule) == ("ok", "")
    assert refused.verdict == "refused"
    assert refused.finding.rule == rule
    assert words in refused.finding.meaning
    assert "transfer to" in refused.finding.remedy


@pytest.mark.parametrize("target", FORMS)
@pytest.mark.parametrize("name", profile_names())
def test_a_form_is_taken_or_the_doctor_knows_why_not(name: str, target: str) -> None:
    one = form_cell(name, target)
    if one.verdict == "refused":
        assert one.finding.rule, one.finding
        assert "unknown" not in one.finding.meaning
    else:
        assert one.rig.statuses("REFER")[-1] == 202
