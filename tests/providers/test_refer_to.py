"""carrier.md §3, the Refer-To builder: what was asked for, and what each provider is told."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hookflash.adapters.presets import load_preset, preset_names
from hookflash.base.errors import ApiError
from hookflash.providers.preset import Fact, Preset
from hookflash.providers.refer_to import ReferPlace, refer_target, with_wanted_headers
from hookflash.sip.refer import parse_target

ASKED = "tel:+15105550100"
US = ReferPlace(ours="+14155550199", peer="192.0.2.7")
PLIVO = replace(US, addresses=("sip.other.example", "42.zt.plivo.com"))


def preset(name: str, **changes: str) -> Preset:
    found = load_preset(name)
    assert found is not None
    return replace(found, facts={**found.facts, **{k: Fact(v) for k, v in changes.items()}})


def told(name: str, asked: str, place: ReferPlace = US, **changes: str) -> str:
    target = refer_target(preset(name, **changes), parse_target(asked), place)
    assert target.asked == asked
    return target.uri


def refused(name: str, asked: str, place: ReferPlace = US, **changes: str) -> ApiError:
    with pytest.raises(ApiError) as caught:
        told(name, asked, place, **changes)
    return caught.value


@pytest.mark.parametrize(
    ("name", "place", "sent"),
    [
        ("twilio", US, "tel:+15105550100"),
        ("telnyx", US, "sip:+15105550100@sip.telnyx.com"),
        ("plivo", PLIVO, "sip:+15105550100@42.zt.plivo.com"),
        ("didww", US, "sip:15105550100@out.didww.com"),
        ("didlogic", US, "sip:+15105550100@sip.nl.didlogic.net"),
        ("zadarma", US, "sip:+15105550100@sip.zadarma.com"),
        ("sinch", replace(US, domain="acme.example"), "sip:+15105550100@acme.example"),
        ("asterisk", US, "sip:+15105550100@192.0.2.7"),
        ("asterisk", replace(US, peer="2001:db8::7"), "sip:+15105550100@[2001:db8::7]"),
        ("vonage", US, ASKED),
    ],
)  # fmt: skip
def test_each_provider_is_told_a_number_in_its_own_way(
    name: str, place: ReferPlace, sent: str
) -> None:
    assert told(name, ASKED, place) == sent


@pytest.mark.parametrize("name", [n for n in preset_names() if n != "exotel"])
def test_every_preset_can_be_asked_for_a_number(name: str) -> None:
    assert "5105550100" in told(name, ASKED, replace(US, domain="sip.acme.example"))


def test_a_provider_without_refer_refuses_at_once_and_says_what_can_be_done() -> None:
    error = refused("exotel", ASKED)
    assert error.code == "failed_precondition"
    assert error.msg.startswith("exotel knows no REFER, so it cannot transfer; connect the caller")
    bare = Preset("acme", "Acme", {"refer": Fact("no")})
    with pytest.raises(ApiError, match=r"acme knows no REFER, so it cannot transfer$"):
        refer_target(bare, parse_target(ASKED), US)


def test_the_domain_is_the_trunks_where_it_says_one() -> None:
    place = replace(PLIVO, domain="7.zt.plivo.com")
    assert told("plivo", ASKED, place) == "sip:+15105550100@7.zt.plivo.com"
    assert told("telnyx", ASKED, replace(US, domain="10.0.0.9")) == "sip:+15105550100@10.0.0.9"


def test_the_domain_may_have_a_port() -> None:
    pbx = replace(US, domain="pbx.example:5080")
    assert told("asterisk", "tel:6002", pbx) == "sip:6002@pbx.example:5080"
    plivo = replace(US, domain="[2001:db8::7]:5080")
    assert told("plivo", ASKED, plivo) == "sip:+15105550100@[2001:db8::7]:5080"
    assert told("plivo", "sip:alice@[2001:db8::7]", plivo) == "sip:alice@[2001:db8::7]"
    at = replace(US, domain="PBX.example:5080")
    assert told("plivo", "sip:alice@pbx.example:5080", at) == "sip:alice@pbx.example:5080"


def test_a_regional_host_of_an_outbound_trunk_counts_and_a_strange_one_does_not() -> None:
    place = replace(US, addresses=("203.0.113.5", "fra.eu.out.didww.com"))
    assert told("didww", ASKED, place) == "sip:15105550100@fra.eu.out.didww.com"
    assert told("didww", ASKED, replace(US, addresses=("evilout.didww.com.example",))) == (
        "sip:15105550100@out.didww.com"
    )


def test_without_a_domain_the_text_says_where_to_write_it() -> None:
    error = refused("plivo", ASKED)
    assert error.code == "failed_precondition"
    assert "its own domain (*.zt.plivo.com)" in error.msg
    assert "hookflash.domain" in error.msg
    assert refused("sinch", ASKED).code == "failed_precondition"


@pytest.mark.parametrize(
    ("asked", "place", "sent"),
    [
        ("tel:5105550100", US, "tel:+15105550100"),
        ("tel:(510)555-0100", replace(US, region="US"), "tel:+15105550100"),
        ("tel:030-12345678", replace(US, region="DE"), "tel:+493012345678"),
        ("tel:02079460000", ReferPlace(ours="+441632960000"), "tel:+442079460000"),
        ("tel:5105550100;phone-context=+1", ReferPlace(), "tel:+15105550100"),
        ("tel:5105550100;phone-context=example.com", US, "tel:+15105550100"),
        ("TEL:+1-510-555-0100", ReferPlace(), "tel:+15105550100"),
        ("<tel:+15105550100>", ReferPlace(), "tel:+15105550100"),
    ],
)
def test_a_national_number_gets_the_country_of_the_trunk(
    asked: str, place: ReferPlace, sent: str
) -> None:
    assert told("twilio", asked, place) == sent


def test_a_number_of_no_country_or_no_number_at_all() -> None:
    error = refused("twilio", "tel:5105550100", ReferPlace())
    assert error.code == "invalid_argument"
    assert "5105550100, which is of no known country: write it with +" in error.msg
    assert "6002, which is no telephone number of US" in refused("twilio", "tel:6002").msg
    assert "of no known country" in refused("twilio", "tel:*67", ReferPlace()).msg


@pytest.mark.parametrize("parameter", ["ext=12", "postd=1p2", "isub=9"])
def test_an_extension_is_kept_where_the_provider_dials_it(parameter: str) -> None:
    asked = f"{ASKED};{parameter}"
    assert told("twilio", asked, extensions="yes") == asked
    assert told("plivo", asked, PLIVO, extensions="yes") == (
        f"sip:+15105550100;{parameter}@42.zt.plivo.com"
    )


@pytest.mark.parametrize("parameter", ["ext=12", "postd=1p2", "isub=9"])
def test_an_extension_that_would_be_lost_is_refused(parameter: str) -> None:
    error = refused("twilio", f"{ASKED};{parameter}")
    assert error.code == "invalid_argument"
    assert f"the extension ;{parameter} would be lost, since twilio is not known to" in error.msg
    assert "asterisk takes none" in refused("asterisk", f"{ASKED};{parameter}").msg
    address = f"sip:+15105550100;{parameter}@42.zt.plivo.com"
    assert "would be lost" in refused("plivo", address, PLIVO).msg
    elsewhere = f"sip:+15105550100;{parameter}@pbx.example.com"
    assert "would be lost" in refused("plivo", elsewhere, PLIVO).msg


def test_other_parameters_of_a_number_stay_in_tel_and_fit_into_no_sip_address() -> None:
    assert told("twilio", f"{ASKED};cic=+1234;npdi") == f"{ASKED};cic=+1234;npdi"
    assert "cic of a tel: address" in refused("telnyx", f"{ASKED};cic=+1234").msg


@pytest.mark.parametrize(
    ("name", "asked", "place", "sent"),
    [
        ("didww", "sip:+15105550100@out.didww.com", US, "sip:15105550100@out.didww.com"),
        ("didww", "sip:+1-510-555-0100@fra.eu.out.didww.com", US,
         "sip:15105550100@fra.eu.out.didww.com"),
        ("didww", "sip:15105550100@out.didww.com", US, "sip:15105550100@out.didww.com"),
        ("didww", "sips:+15105550100@OUT.didww.com:5061;transport=tcp?Subject=x", US,
         "sips:15105550100@OUT.didww.com:5061;transport=tcp?Subject=x"),
        ("twilio", "sip:+15105550100@acme.pstn.twilio.com", US,
         "sip:+15105550100@acme.pstn.twilio.com"),
        ("didww", "sip:+15105550100@[::1]", replace(US, domain="[::1]"), "sip:15105550100@[::1]"),
        ("telnyx", "sip:alice@sip.telnyx.com", US, "sip:alice@sip.telnyx.com"),
        ("asterisk", "sip:+1-510@192.0.2.7", US, "sip:+1-510@192.0.2.7"),
    ],
)  # fmt: skip
def test_an_address_of_the_provider_keeps_all_but_the_spelling_of_its_number(
    name: str, asked: str, place: ReferPlace, sent: str
) -> None:
    assert told(name, asked, place) == sent


def test_an_address_elsewhere_goes_as_it_is_where_the_provider_may_take_it() -> None:
    for name in ("twilio", "sinch", "telnyx", "asterisk"):
        assert told(name, "sip:+15105550100@pbx.example.com") == "sip:+15105550100@pbx.example.com"


@pytest.mark.parametrize(
    ("name", "asked", "place", "sent"),
    [
        ("plivo", "sip:+15105550100@sip.telnyx.com", PLIVO, "sip:+15105550100@42.zt.plivo.com"),
        ("didww", "sip:+15105550100@sip.telnyx.com;user=phone", US,
         "sip:15105550100@out.didww.com"),
        ("twilio", "sip:+15105550100@192.0.2.1", US, "tel:+15105550100"),
        ("twilio", "sip:+15105550100@[2001:db8::1]:5070", US, "tel:+15105550100"),
    ],
)  # fmt: skip
def test_a_number_at_a_host_that_is_refused_is_the_same_telephone(
    name: str, asked: str, place: ReferPlace, sent: str
) -> None:
    assert told(name, asked, place) == sent


@pytest.mark.parametrize(
    ("name", "asked", "words"),
    [
        ("plivo", "sip:alice@example.com", "only numbers and addresses at 42.zt.plivo.com"),
        ("plivo", "sip:5105550100@example.com", "addresses at example.com"),
        ("plivo", "sip:+15105550100@example.com?Subject=x", "addresses at example.com"),
        ("plivo", "sip:+15105550100@example.com;transport=tcp", "addresses at example.com"),
        ("twilio", "sip:alice@192.0.2.1", "addresses at 192.0.2.1, only numbers and addresses at"),
    ],
)
def test_anything_else_at_a_host_that_is_refused_is_refused_here(
    name: str, asked: str, words: str
) -> None:
    error = refused(name, asked, PLIVO)
    assert error.code == "invalid_argument"
    assert words in error.msg


def test_an_exchange_is_told_what_its_dial_plan_is_to_dial() -> None:
    assert told("asterisk", "tel:6002") == "sip:6002@192.0.2.7"
    assert told("asterisk", "tel:*98#") == "sip:*98%23@192.0.2.7"
    assert told("asterisk", "tel:60-02", replace(US, addresses=("pbx.acme.example",))) == (
        "sip:6002@pbx.acme.example"
    )


def test_telnyx_gets_its_diversion_with_our_number() -> None:
    headers = with_wanted_headers(preset("telnyx"), US, [("X-Reason", "billing")])
    assert headers == (
        ("X-Reason", "billing"),
        ("Diversion", "<sip:+14155550199@sip.telnyx.com>"),
    )
    national = replace(US, ours="(415) 555-0199", region="US")
    assert with_wanted_headers(preset("telnyx"), national, ()) == headers[1:]


def test_a_header_that_is_given_stays_as_it_is() -> None:
    given = (("diversion", "<sip:+1999@example.com>"),)
    assert with_wanted_headers(preset("telnyx"), US, given) == given


def test_without_a_number_of_ours_there_is_none_to_name() -> None:
    assert with_wanted_headers(preset("telnyx"), ReferPlace(ours="agent"), ()) == ()
    assert with_wanted_headers(preset("twilio"), US, ()) == ()
