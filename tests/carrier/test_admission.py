"""Who may call by a trunk: by address, by password, with which number and how."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest
from tests.support.carrier_rig import (
    EXCHANGE,
    LINE,
    ORIGINATION,
    SECOND_LINE,
    TARGET,
    Rig,
    network,
)
from tests.support.sip_messages import request_of

from hookflash.base.ids import Ids
from hookflash.calls.legs.settings import Credential
from hookflash.carrier.admission import Admitted, CustomerAdmission, by_tls_only, srtp_of
from hookflash.carrier.config import NetworkConfig, TrunkConfig, TrunkUser
from hookflash.carrier.manners import CarrierManners
from hookflash.carrier.profile_files import load_profile
from hookflash.carrier.routing import Numbers
from hookflash.sip.digest import DigestServer
from hookflash.sip.flow import Flow
from hookflash.sip.message import Response

SOMEBODY = "+14990000001"
ELSEWHERE = ("198.51.100.7/32",)
HERE = (f"{EXCHANGE[0]}/31",)
RIGHT, WRONG = Credential("me", "secret"), Credential("me", "guessed")


def dialled(
    manners: CarrierManners | None = None,
    *,
    credential: Credential | None = None,
    caller: str = LINE,
    **trunk: Any,
) -> Rig:
    """The exchange has called a telephone."""
    rig = Rig(manners, network(**trunk), credential=credential)
    rig.dial(TARGET, caller)
    rig.advance(3)
    return rig


def why(rig: Rig) -> str:
    return str(rig.fields("call_refused")["why"])


def answer_of(rig: Rig) -> Response:
    """The carrier's last one."""
    return [one for ours, one in rig.wire if ours and isinstance(one, Response)][-1]


# --- whose call it is -------------------------------------------------------------------------


def test_a_carrier_that_asks_nobody() -> None:
    rig = dialled()
    assert rig.statuses("INVITE")[-1] == 200
    assert rig.hear_each_other(LINE, TARGET)


def test_a_trunk_that_lets_nobody_call() -> None:
    rig = dialled(CarrierManners(accounts="required"))
    assert rig.statuses("INVITE") == [403]
    assert why(rig).startswith("the trunk main lets nobody call: give it allowed_addresses, or")
    assert not rig.switch.conversations


@pytest.mark.parametrize("accounts", ["required", "optional"])
def test_an_address_that_is_listed(accounts: Any) -> None:
    manners = CarrierManners(accounts=accounts)
    assert dialled(manners, allowed_addresses=HERE).statuses("INVITE")[-1] == 200
    rig = dialled(manners, allowed_addresses=ELSEWHERE)
    assert rig.statuses("INVITE") == [403]
    assert why(rig).startswith(f"{EXCHANGE[0]} is none of the addresses that may call by the trunk")


def test_a_password_that_is_right() -> None:
    rig = dialled(credential=RIGHT, username="me", password="secret")
    assert rig.statuses("INVITE") == [407, 180, 200]
    told = rig.fields("call_challenged")
    assert told["why"] == "a call wants the password of the trunk main"
    assert rig.hear_each_other(LINE, TARGET)


@pytest.mark.parametrize(
    "credential", [WRONG, Credential("you", "secret"), Credential("x", "")], ids=str
)
def test_a_password_that_is_wrong(credential: Credential) -> None:
    rig = dialled(credential=credential, username="me", password="secret")
    assert rig.statuses("INVITE") == [407, 403]
    assert why(rig).startswith("user or password are not those of the trunk main")
    assert "secret" not in repr(rig.told)
    assert "guessed" not in repr(rig.told)


def test_who_has_no_password() -> None:
    rig = dialled(username="me", password="secret")
    assert rig.statuses("INVITE") == [407]
    assert not rig.switch.conversations


def test_nobody_has_an_empty_name() -> None:
    """An answer to the challenge for the user "" with the password ""."""
    rig = dialled(credential=Credential("", ""), username="me", password="secret")
    assert rig.statuses("INVITE") == [407, 403]


def test_each_of_several_users() -> None:
    users = (TrunkUser("a", "one"), TrunkUser("b", "two"))
    for user, password, last in (("a", "one", 200), ("b", "two", 200), ("b", "one", 403)):
        rig = dialled(credential=Credential(user, password), users=users)
        assert rig.statuses("INVITE")[-1] == last


BOTH: dict[str, Any] = {"username": "me", "password": "secret"}


@pytest.mark.parametrize(
    ("check", "addresses", "credential", "statuses"),
    [
        ("both", HERE, RIGHT, [407, 180, 200]),
        ("both", HERE, WRONG, [407, 403]),
        ("both", ELSEWHERE, RIGHT, [403]),
        ("either", HERE, None, [180, 200]),
        ("either", ELSEWHERE, RIGHT, [407, 180, 200]),
        ("either", ELSEWHERE, WRONG, [407, 403]),
    ],
)
def test_address_and_password(
    check: Any, addresses: tuple[str, ...], credential: Credential | None, statuses: list[int]
) -> None:
    manners = CarrierManners(account_check=check)
    rig = dialled(manners, credential=credential, allowed_addresses=addresses, **BOTH)
    assert rig.statuses("INVITE") == statuses


@pytest.mark.parametrize(
    ("digest", "asked"), [("none", False), ("refer", False), ("calls", True), ("all", True)]
)
def test_what_is_challenged(digest: Any, asked: bool) -> None:
    rig = dialled(CarrierManners(digest=digest), **BOTH)
    assert (rig.statuses("INVITE")[0] == 407) == asked
    rig = Rig(CarrierManners(digest=digest), network(**BOTH))
    rig.call()
    rig.advance(1)
    rig.transfer()
    rig.advance(1)
    assert (407 in rig.statuses("REFER")) == (digest in {"refer", "all"})


def test_status_and_phrase_of_its_own() -> None:
    manners = CarrierManners(accounts="required", forbidden_status=606, forbidden_phrase="Go away")
    rig = dialled(manners)
    answer = answer_of(rig)
    assert (answer.status, answer.reason) == (606, "Go away")


# --- calls of nobody's number -------------------------------------------------------------------


def two_trunks(**second: Any) -> NetworkConfig:
    config = network(numbers=(LINE,))
    other = TrunkConfig("other", (SECOND_LINE,), ORIGINATION)
    return replace(config, trunks=(*config.trunks, replace(other, **second)))


def strange(config: NetworkConfig, credential: Credential | None = None, **manners: Any) -> Rig:
    rig = Rig(CarrierManners(**manners), config, credential=credential)
    rig.dial(TARGET, SOMEBODY)
    rig.advance(3)
    return rig


def test_a_number_of_no_trunk_where_nobody_is_asked() -> None:
    assert strange(two_trunks()).statuses("INVITE")[-1] == 200


@pytest.mark.parametrize("manners", [{}, {"accounts": "required"}])
def test_a_number_of_no_trunk_is_no_way_round_an_account(manners: dict[str, Any]) -> None:
    rig = strange(two_trunks(allowed_addresses=ELSEWHERE), **manners)
    assert rig.statuses("INVITE") == [403]
    if manners:
        assert why(rig).startswith(f"no trunk has the number {SOMEBODY} or the address")


def test_whose_password_it_is_says_whose_call_it_is() -> None:
    rig = strange(two_trunks(**BOTH), RIGHT)
    assert rig.statuses("INVITE") == [407, 180, 200]
    (end,) = [one for one in rig.switch.ends.values() if one.number == SOMEBODY]
    assert getattr(end, "trunk").name == "other"  # noqa: B009  # only one sort of end has it
    assert strange(two_trunks(**BOTH), Credential("you", "x")).statuses("INVITE") == [407, 403]


def test_whose_address_it_is_says_whose_call_it_is() -> None:
    config = two_trunks(allowed_addresses=HERE, origination=None)
    first = replace(config.trunks[0], origination=None, allowed_addresses=ELSEWHERE)
    rig = strange(replace(config, trunks=(first, config.trunks[1])))
    assert rig.statuses("INVITE")[-1] == 200


# --- the caller's number ------------------------------------------------------------------------


def test_another_number_goes_through() -> None:
    rig = dialled(caller=SOMEBODY)
    assert rig.fields("phone_rings") == {"phone": TARGET, "caller": SOMEBODY}


def test_another_number_is_refused() -> None:
    manners = CarrierManners(
        caller_id_rule="refused", caller_id_status=406, caller_id_phrase="No number of yours"
    )
    rig = dialled(manners, caller=SOMEBODY)
    answer = answer_of(rig)
    assert (answer.status, answer.reason) == (406, "No number of yours")
    assert why(rig) == (f"{SOMEBODY} is no number of the trunk main: call with one of its numbers")
    assert dialled(manners, caller=SECOND_LINE).statuses("INVITE")[-1] == 200
    assert dialled(manners, caller=LINE.removeprefix("+")).statuses("INVITE")[-1] == 200


def test_another_number_is_replaced() -> None:
    manners = CarrierManners(caller_id_rule="replaced")
    rig = dialled(manners, caller=SOMEBODY)
    assert rig.fields("phone_rings") == {"phone": TARGET, "caller": LINE}
    assert rig.fields("caller_id_replaced") == {"caller": SOMEBODY, "shown": LINE}
    own = dialled(manners, caller=SECOND_LINE)
    assert own.fields("phone_rings")["caller"] == SECOND_LINE
    assert "caller_id_replaced" not in own.names()
    none = dialled(manners, caller=SOMEBODY, numbers=())
    assert none.fields("phone_rings")["caller"] == SOMEBODY


# --- how it comes ---------------------------------------------------------------------------------


def test_a_trunk_that_is_reached_by_tls_only() -> None:
    manners = CarrierManners(transport="tls")
    rig = dialled(manners)
    assert rig.statuses("INVITE") == [403]
    assert why(rig).startswith("it came by UDP, and calls are taken by TLS only")
    other = replace(manners, transport_status=488, transport_phrase="Secure SIP")
    answer = answer_of(dialled(other))
    assert (answer.status, answer.reason) == (488, "Secure SIP")
    assert dialled(manners, transport="any").statuses("INVITE")[-1] == 200
    assert dialled(transport="tls").statuses("INVITE") == [403]
    secure = Rig(manners)
    secure.transport = "tls"
    secure.dial(TARGET)
    secure.advance(3)
    assert secure.statuses("INVITE")[-1] == 200


@pytest.mark.parametrize(
    ("srtp", "encryption", "status", "words"),
    [
        ("none", "disable", 200, ""),
        ("none", "allow", 200, ""),
        ("none", "require", 488, "it offers SRTP, which is not taken"),
        ("allowed", "disable", 200, ""),
        ("allowed", "allow", 200, ""),
        ("allowed", "require", 200, ""),
        ("required", "disable", 488, "it offers plain sound, and SRTP is a must"),
        ("required", "allow", 200, ""),
        ("required", "require", 200, ""),
    ],
)
def test_encrypted_sound(srtp: Any, encryption: Any, status: int, words: str) -> None:
    for manners, trunk in ((CarrierManners(srtp=srtp), {}), (None, {"srtp": srtp})):
        rig = Rig(manners, network(**trunk))
        rig.encryption = encryption
        rig.dial(TARGET)
        rig.advance(3)
        assert rig.statuses("INVITE")[-1] == status
        if words:
            assert why(rig).startswith(words)


def test_what_a_trunk_says_goes_before_the_profile() -> None:
    (trunk,) = network(srtp="none", transport="any").trunks
    manners = CarrierManners(srtp="required", transport="tls")
    assert (srtp_of(manners, trunk), by_tls_only(manners, trunk)) == ("none", False)
    assert (srtp_of(manners, None), by_tls_only(manners, None)) == ("required", True)


# --- without a switch -----------------------------------------------------------------------------


def test_what_is_no_session_or_ours_to_offer_is_left_to_the_leg() -> None:
    junk = request_of("INVITE", headers=[("Content-Type", "application/sdp")], body=b"v=0")
    numbers = Numbers(NetworkConfig((), ()))
    digest = DigestServer(b"key", Ids(random.Random(1)))
    admission = CustomerAdmission(CarrierManners(srtp="required"), numbers, digest)
    flow = Flow("udp", ("192.0.2.1", 5060), EXCHANGE)
    for request in (junk, request_of("INVITE")):
        assert isinstance(admission.consider(0.0, request, flow), Admitted)


@pytest.mark.parametrize(
    ("profile", "trunk", "refused"),
    [
        ("twilio", {}, "lets nobody call"),
        ("twilio", {"allowed_addresses": ELSEWHERE}, "none of the addresses"),
        ("twilio", {"allowed_addresses": HERE}, ""),
        ("exotel", {"username": "me", "password": "secret"}, "lets nobody call"),
        ("whatsapp", {}, "came by UDP"),
    ],
)
def test_profiles(profile: str, trunk: dict[str, Any], refused: str) -> None:
    rig = dialled(load_profile(profile).manners, **trunk)
    assert (rig.statuses("INVITE")[-1] == 200) == (not refused)
    if refused:
        assert refused in why(rig)


def test_the_texts_of_the_real_ones() -> None:
    for profile, words in (("twilio", "Caller ID is unauthorized"), ("telnyx", "Invalid D35")):
        rig = dialled(load_profile(profile).manners, caller=SOMEBODY, allowed_addresses=HERE)
        answer = answer_of(rig)
        assert answer.status == 403
        assert words in answer.reason


@pytest.mark.parametrize(
    ("trunk", "credential", "encryption", "error"),
    [
        ({}, None, "disable", "403 32200 "),
        (
            {"allowed_addresses": ELSEWHERE},
            None,
            "disable",
            "403 32201 Authentication",
        ),
        (BOTH, WRONG, "disable", "403 32202 Authentication failure - bad user credentials"),
        ({"allowed_addresses": HERE}, None, "require", "488 32207 "),
        ({"allowed_addresses": HERE, "srtp": "required"}, None, "disable", "488 32208 "),
        ({"allowed_addresses": HERE, "transport": "tls"}, None, "disable", "488 32209 Secure SIP"),
    ],
)
def test_the_errors_of_twilio(
    trunk: dict[str, Any], credential: Credential | None, encryption: Any, error: str
) -> None:
    rig = Rig(load_profile("twilio").manners, network(**trunk), credential=credential)
    rig.encryption = encryption
    rig.dial(TARGET)
    answer = answer_of(rig)
    assert f"{answer.status} {answer.header('X-Twilio-Error')}".startswith(error)
