"""calls.md §1: called number, caller, trunk match, authentication, dispatch rule; §5: limits."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import pytest
from livekit.protocol.sip import (
    SIPDispatchRule,
    SIPDispatchRuleDirect,
    SIPDispatchRuleIndividual,
    SIPDispatchRuleInfo,
    SIPInboundTrunkInfo,
)

from hookflash.base.ids import Ids
from hookflash.calls.admission import (
    MAX_TRIES_KEPT,
    TRY_MEMORY,
    Admission,
    AdmissionSettings,
    CallPlan,
    Refusal,
    asserted_identity,
    caller_of,
)
from hookflash.calls.limits import SHIELD_GUESSES, TRUNK_GUESSES, InviteRate, Shield
from hookflash.calls.trunks.table import TrunkTable
from hookflash.sip.digest import DigestClient, DigestServer
from hookflash.sip.flow import Flow
from hookflash.sip.message import Request

CALLED, CALLER = "+15550000001", "+14150000001"
SOURCE = "198.51.100.7"


class Desk:
    """An admission with one number and one rule, unless told otherwise."""

    def __init__(
        self,
        *,
        trunk: SIPInboundTrunkInfo | None = None,
        rule: bool = True,
        rate: int | None = 0,
        trusted: bool = False,
        **settings: bool | int,
    ) -> None:
        self.ids = Ids(random.Random(1))
        self.trunks = TrunkTable()
        self.trunks.put_inbound(
            trunk or SIPInboundTrunkInfo(sip_trunk_id="ST_1", name="main", numbers=[CALLED])
        )
        if rule:
            self.trunks.put_rule(
                SIPDispatchRuleInfo(
                    sip_dispatch_rule_id="SDR_1",
                    rule=SIPDispatchRule(
                        dispatch_rule_individual=SIPDispatchRuleIndividual(room_prefix="call-")
                    ),
                )
            )
        self.admission = Admission(
            self.trunks,
            self.ids,
            DigestServer(b"k" * 32, self.ids),
            AdmissionSettings(**settings),  # type: ignore[arg-type]
            shield=Shield(lambda _ip: trusted),
            rate=InviteRate(rate, lambda _ip: trusted),
        )

    def consider(
        self, request: Request | None = None, now: float = 100.0, source: str = SOURCE
    ) -> CallPlan | Refusal:
        flow = Flow("udp", ("192.0.2.1", 5060), (source, 5060))
        return self.admission.consider(now, request or invite(), flow)

    def admitted(
        self, request: Request | None = None, now: float = 100.0, source: str = SOURCE
    ) -> CallPlan:
        plan = self.consider(request, now, source)
        assert isinstance(plan, CallPlan), plan
        return plan

    def refused(
        self, request: Request | None = None, now: float = 100.0, source: str = SOURCE
    ) -> Refusal:
        refusal = self.consider(request, now, source)
        assert isinstance(refusal, Refusal), refusal
        return refusal


def invite(
    headers: Sequence[tuple[str, str]] = (),
    *,
    to: str = f"<sip:{CALLED}@192.0.2.1>",
    uri: str = f"sip:{CALLED}@192.0.2.1",
    from_: str = f"<sip:{CALLER}@carrier.example>;tag=them",
    cseq: int = 1,
    call_id: str = "call@peer",
    body: bytes = b"",
) -> Request:
    return Request(
        "INVITE",
        uri,
        [
            ("Via", f"SIP/2.0/UDP {SOURCE};branch=z9hG4bK{cseq}"),
            ("From", from_),
            ("To", to),
            ("Call-ID", call_id),
            ("CSeq", f"{cseq} INVITE"),
            ("Contact", f"<sip:them@{SOURCE}>"),
            *headers,
        ],
        body,
    )


def protected() -> SIPInboundTrunkInfo:
    return SIPInboundTrunkInfo(
        sip_trunk_id="ST_1", numbers=[CALLED], auth_username="bob", auth_password="zanzibar"
    )


def with_credentials(
    refusal: Refusal, password: str = "zanzibar", *, cseq: int = 2, call_id: str = "call@peer"
) -> Request:
    request = invite(cseq=cseq, call_id=call_id)
    client = DigestClient("bob", password, Ids(random.Random(cseq)))
    assert client.challenged(refusal.response)
    for name, value in client.credentials(request.method, request.uri_text):
        request.headers.add(name, value)
    return request


# --- numbers and trunk ------------------------------------------------------------------------


def test_a_call_to_a_trunks_number_is_admitted() -> None:
    plan = Desk().admitted()
    assert plan.trunk is not None
    assert plan.parties.trunk_id == "ST_1"
    assert (plan.parties.caller, plan.parties.called) == (CALLER, CALLED)
    assert plan.dispatch.identity == f"sip_{CALLER}"
    assert not plan.authenticated


def test_numbers_that_are_no_text_can_be_told_to_everybody() -> None:
    bad = "<sip:%ff@h>;tag=them"
    plan = Desk().admitted(invite(from_=bad))
    assert plan.parties.caller == "\ufffd"
    trunk = SIPInboundTrunkInfo(sip_trunk_id="ST_1", allowed_addresses=[SOURCE])
    plan = Desk(trunk=trunk).admitted(invite(to="<sip:%ff@x>", uri="sip:%ff@x"))
    assert plan.parties.called == "\ufffd"
    asserted = ("P-Asserted-Identity", "<sip:%ff@carrier.example>")
    plan = Desk(trunk=trunk).admitted(invite([asserted], from_="<sip:x.example>;tag=them"))
    assert plan.parties.caller == "\ufffd"


def test_a_call_that_no_trunk_matches_is_403_and_the_log_says_which_check_failed() -> None:
    refusal = Desk().refused(invite(to="<sip:+19@192.0.2.1>", uri="sip:+19@192.0.2.1"))
    assert refusal.response.status == 403
    assert "ST_1" in refusal.text
    assert "numbers" in refusal.text


def test_accept_unmatched_restores_livekits_behaviour() -> None:
    desk = Desk(accept_unmatched=True)
    plan = desk.admitted(invite(to="<sip:+19@192.0.2.1>", uri="sip:+19@192.0.2.1"))
    assert plan.trunk is None
    assert plan.parties.trunk_id == ""


def test_several_matching_trunks_are_500_and_the_log_names_both() -> None:
    desk = Desk()
    desk.trunks.put_inbound(
        SIPInboundTrunkInfo(sip_trunk_id="ST_2", numbers=[CALLED], allowed_numbers=[CALLER])
    )
    refusal = desk.refused()
    assert refusal.response.status == 500
    assert "ST_1" in refusal.text
    assert "ST_2" in refusal.text


def test_the_request_uri_user_counts_when_nothing_names_the_to_user() -> None:
    plan = Desk().admitted(invite(to="<sip:pilot@192.0.2.1>"))
    assert plan.parties.called == CALLED


def test_a_tel_request_uri_counts_when_nothing_names_the_to_user() -> None:
    plan = Desk().admitted(invite(to="<sip:pilot@192.0.2.1>", uri=f"tel:{CALLED}"))
    assert plan.parties.called == CALLED


def test_no_rule_is_404_never_silence() -> None:
    refusal = Desk(rule=False).refused()
    assert refusal.response.status == 404
    assert "there is none" in refusal.text


def test_the_rules_kind_decides_the_room() -> None:
    desk = Desk(rule=False)
    desk.trunks.put_rule(
        SIPDispatchRuleInfo(
            sip_dispatch_rule_id="SDR_2",
            rule=SIPDispatchRule(dispatch_rule_direct=SIPDispatchRuleDirect(room_name="lobby")),
        )
    )
    assert desk.admitted().dispatch.room == "lobby"


# --- the caller -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "from_",
    [
        "<sip:anonymous@anonymous.invalid>;tag=a",
        "<sip:Anonymous@carrier.example>;tag=a",
        "<sip:carrier.example>;tag=a",
        "<sip:+1@anonymous.invalid>;tag=a",
    ],
)
def test_an_anonymous_caller_has_no_number(from_: str) -> None:
    assert caller_of(invite(from_=from_))[0] == ""


def test_an_asserted_identity_counts_only_from_a_peer_that_passed_a_check() -> None:
    request = invite(
        [("P-Asserted-Identity", '"A" <sip:+1999@carrier.example>')],
        from_="<sip:anonymous@anonymous.invalid>;tag=a",
    )
    assert Desk().admitted(request).parties.caller == ""
    trusted = SIPInboundTrunkInfo(sip_trunk_id="ST_1", numbers=[CALLED], allowed_addresses=[SOURCE])
    assert Desk(trunk=trusted).admitted(request).parties.caller == "+1999"


def anonymous(**trunk: Any) -> Desk:
    return Desk(trunk=SIPInboundTrunkInfo(sip_trunk_id="ST_1", numbers=[CALLED], **trunk))


ASSERTED = invite(
    [("P-Asserted-Identity", "<sip:+1999@carrier.example>")],
    from_="<sip:anonymous@anonymous.invalid>;tag=a",
)


def test_addresses_that_nobody_can_fail_are_no_check() -> None:
    """Entries that are no addresses are passed over (facts §4.3): then everybody passes."""
    assert anonymous(allowed_addresses=["sip://x", ""]).admitted(ASSERTED).parties.caller == ""


def test_an_asserted_identity_is_the_caller_for_allowed_numbers_too() -> None:
    trusted = anonymous(allowed_addresses=[SOURCE], allowed_numbers=["1 999"])
    assert trusted.admitted(ASSERTED).parties.caller == "+1999"
    other = anonymous(allowed_addresses=[SOURCE], allowed_numbers=["+1998"])
    assert other.refused(ASSERTED).response.status == 403
    stranger = anonymous(allowed_numbers=["+1999"])
    assert stranger.refused(ASSERTED).response.status == 403


@pytest.mark.parametrize(
    ("value", "number"),
    [
        ("sip:+1999@x", "+1999"),
        ('"A, <B>" <sip:+1999@x>', "+1999"),
        ('"A" <sip:x>, <tel:+1999>', "+1999"),
        ("<sip:+1999;cpc=ordinary@x;user=phone>", "+1999"),
        (r'"Bob\" <sip:+1999@x>', "+1999"),
        ('""Unknown"" <sip:+1999@x>, <tel:+1998>', "+1999"),
        ("Doe, John <sip:+1999@x>", "+1999"),
        ("x, " * 7 + "<sip:+1999@x>", "+1999"),
        ("x, " * 8 + "<sip:+1999@x>", ""),
    ],
)
def test_forms_of_an_asserted_identity(value: str, number: str) -> None:
    assert asserted_identity(invite([("P-Asserted-Identity", value)])) == number


def test_privacy_id_hides_the_asserted_identity() -> None:
    asserted = ("P-Asserted-Identity", "<tel:+1999>")
    assert asserted_identity(invite([asserted])) == "+1999"
    assert asserted_identity(invite([asserted, ("Privacy", "user; id")])) == ""
    assert asserted_identity(invite([asserted, ("Privacy", "none"), ("Privacy", "ID")])) == ""
    assert asserted_identity(invite([asserted, ("Privacy", "header ,\tid;critical")])) == ""
    assert asserted_identity(invite([asserted, ("Privacy", "idle;x id")])) == "+1999"
    assert asserted_identity(invite([("P-Asserted-Identity", "nonsense")])) == ""


def test_an_anonymous_call_is_dispatched_as_a_hidden_one() -> None:
    plan = Desk().admitted(invite(from_="<sip:anonymous@anonymous.invalid>;tag=a"))
    assert plan.dispatch.hidden
    assert plan.dispatch.identity.startswith("sip_")


# --- authentication ---------------------------------------------------------------------------


def test_a_trunk_with_user_and_password_challenges() -> None:
    refusal = Desk(trunk=protected()).refused()
    assert refusal.response.status == 407
    challenge = refusal.response.header("Proxy-Authenticate") or ""
    assert 'qop="auth"' in challenge
    assert 'realm="LiveKit"' in challenge
    assert "opaque=" in challenge


def test_the_same_leg_is_tried_again_with_credentials() -> None:
    desk = Desk(trunk=protected())
    first = desk.refused()
    plan = desk.admitted(with_credentials(first), now=101.0)
    assert plan.authenticated
    assert first.response.to.tag == plan.call_id


def test_wrong_credentials_are_407_again_and_403_after_three_tries() -> None:
    desk = Desk(trunk=protected())
    refusal = desk.refused()
    seen = []
    for number in range(2, 5):
        refusal = desk.refused(with_credentials(refusal, "wrong", cseq=number), now=100.0 + number)
        seen.append(refusal.response.status)
        if refusal.response.status == 407:
            assert "stale" not in (refusal.response.header("Proxy-Authenticate") or "")
    assert seen == [407, 407, 403]


def test_an_old_nonce_is_stale_and_no_failed_try() -> None:
    desk = Desk(trunk=protected())
    first = desk.refused()
    again = desk.refused(with_credentials(first), now=100.0 + 301)
    assert again.response.status == 407
    assert "stale=true" in (again.response.header("Proxy-Authenticate") or "").lower()


def test_a_refused_leg_is_forgotten_after_a_minute() -> None:
    desk = Desk(trunk=protected())
    first = desk.refused()
    later = desk.refused(invite(cseq=2), now=100.0 + TRY_MEMORY + 1)
    assert first.response.to.tag != later.response.to.tag


# --- what no trunk could help -----------------------------------------------------------------


def test_an_unknown_extension_is_420_with_unsupported() -> None:
    refusal = Desk().refused(invite([("Require", "nothingSupportsThis, 100rel")]))
    assert refusal.response.status == 420
    assert refusal.response.header("Unsupported") == "nothingsupportsthis"


def test_an_unknown_body_is_415_with_accept() -> None:
    request = invite([("Content-Type", "application/unknown")], body=b"x")
    refusal = Desk().refused(request)
    assert refusal.response.status == 415
    assert refusal.response.header("Accept") == "application/sdp"


# --- limits -----------------------------------------------------------------------------------


def test_a_full_process_is_503_with_retry_after() -> None:
    desk = Desk(max_calls=2)
    desk.admission.load.calls = 2
    refusal = desk.refused()
    assert refusal.response.status == 503
    assert refusal.response.header("Retry-After")
    desk.admission.load.calls = 1
    desk.admitted()


def test_a_stopping_process_is_503() -> None:
    desk = Desk()
    desk.admission.load.stopping = True
    assert desk.refused().response.status == 503


def test_a_full_trunk_is_486() -> None:
    desk = Desk(max_calls_per_trunk=1)
    desk.admission.load.per_trunk["ST_1"] = 1
    assert desk.refused().response.status == 486


def test_too_many_invites_of_one_source_are_480_with_retry_after() -> None:
    desk = Desk(rate=1)
    desk.admitted()
    refusal = desk.refused(invite(call_id="other"))
    assert refusal.response.status == 480
    assert refusal.response.header("Retry-After")


def test_a_flood_from_a_named_address_harms_one_trunk() -> None:
    desk = Desk(rate=None, trusted=True)
    desk.trunks.put_inbound(SIPInboundTrunkInfo(sip_trunk_id="ST_2", numbers=["+19"]))
    for number in range(InviteRate.NAMED):
        desk.admitted(invite(call_id=f"c{number}"))
    desk.admission.load.ringing["ST_1"] = InviteRate.UNCONFIRMED
    refusal = desk.refused()
    assert (refusal.response.status, refusal.event) == (480, "call_refused_rate")
    assert refusal.response.header("Retry-After")
    desk.admitted(invite(to="<sip:+19@h>", uri="sip:+19@h"))


def test_refusals_count_towards_the_shield_and_a_met_challenge_does_not() -> None:
    desk = Desk()
    for number in range(20):
        desk.refused(invite(call_id=f"c{number}", to="<sip:+19@h>", uri="sip:+19@h"))
    assert desk.admission.shield.drops(100.0, SOURCE)
    desk = Desk(trunk=protected())
    for number in range(40):
        request = invite(call_id=f"c{number}")
        refusal = desk.refused(request)
        answer = with_credentials(refusal)
        answer.headers.set("Call-ID", f"c{number}")
        desk.admitted(answer)
    assert not desk.admission.shield.drops(100.0, SOURCE)


# --- guessing passwords -------------------------------------------------------------------------


@pytest.mark.parametrize("trusted", [False, True])
def test_wrong_passwords_count_across_call_ids(trusted: bool) -> None:
    """One INVITE a guess, each with the nonce of one challenge, from whatever address."""
    desk = Desk(trunk=protected(), trusted=trusted)
    first = desk.refused()
    statuses = [
        desk.refused(with_credentials(first, f"guess {i}", call_id=f"g{i}")).response.status
        for i in range(SHIELD_GUESSES)
    ]
    assert set(statuses) == {407}
    assert desk.admission.shield.drops(100.0, SOURCE)
    assert desk.admission.guesses.wrong == SHIELD_GUESSES


def test_credentials_for_an_old_or_unknown_nonce_do_not_count() -> None:
    desk = Desk(trunk=protected(), trusted=True)
    first = desk.refused()
    foreign = Desk(trunk=protected())
    foreign.admission._digest._key = b"another"
    for i in range(SHIELD_GUESSES * 2):
        desk.refused(with_credentials(first, call_id=f"old{i}"), now=500.0)
        desk.refused(with_credentials(foreign.refused(), call_id=f"foreign{i}"), now=500.0)
    assert not desk.admission.shield.drops(500.0, SOURCE)
    assert desk.admission.guesses.wrong == 0


def test_nobody_is_shut_out_by_wrong_passwords_sent_in_his_name() -> None:
    """Whoever forges the address of a carrier has no nonce that was given to it."""
    desk, forger = Desk(trunk=protected()), "203.0.113.9"
    challenge = desk.refused(source=forger)
    for i in range(SHIELD_GUESSES):
        desk.refused(with_credentials(challenge, "x", call_id=f"g{i}"))
    assert not desk.admission.shield.drops(100.0, SOURCE)
    assert desk.admission.shield.drops(100.0, forger)


def guess_from_everywhere(desk: Desk) -> None:
    for i in range(TRUNK_GUESSES):
        source = f"203.0.113.{i}"
        challenge = desk.refused(invite(call_id=f"g{i}"), source=source)
        desk.refused(with_credentials(challenge, "x", call_id=f"g{i}"), source=source)


def test_a_guess_from_many_sources_has_a_bound_for_the_trunk() -> None:
    desk = Desk(trunk=protected())
    guess_from_everywhere(desk)
    challenge = desk.refused()
    assert challenge.response.status == 407
    for password in ("wrong", "zanzibar"):
        refusal = desk.refused(with_credentials(challenge, password))
        assert refusal.response.status == 480
        assert refusal.response.header("Retry-After")
        assert not refusal.counts
    assert desk.admission.guesses.wrong == TRUNK_GUESSES
    assert desk.admitted(with_credentials(challenge), now=161.0).authenticated


def test_an_address_that_showed_the_right_password_is_judged_still() -> None:
    desk = Desk(trunk=protected())
    desk.admitted(with_credentials(desk.refused()))
    guess_from_everywhere(desk)
    challenge = desk.refused(invite(call_id="again"))
    assert desk.admitted(with_credentials(challenge, call_id="again")).authenticated
    wrong = desk.refused(with_credentials(challenge, "x", call_id="other"))
    assert wrong.response.status == 407


def test_what_is_remembered_of_refused_legs_is_bounded_however_long_their_names() -> None:
    desk = Desk()
    for i in range(MAX_TRIES_KEPT + 10):
        desk.refused(invite(call_id=f"{i}@{'x' * 5000}", to="<sip:+19@h>", uri="sip:+19@h"))
    tries = desk.admission._tries
    assert len(tries) == MAX_TRIES_KEPT
    assert {len(key) for key in tries} == {16}


# --- ports --------------------------------------------------------------------------------------


def test_ringing_calls_of_one_trunk_are_a_quarter_of_the_ports() -> None:
    desk = Desk(port_pairs=8)
    desk.trunks.put_inbound(SIPInboundTrunkInfo(sip_trunk_id="ST_2", numbers=["+19"]))
    load = desk.admission.load
    for _ in range(2):
        desk.admitted()
        load.rings("ST_1", +1)
    refusal = desk.refused()
    assert (refusal.response.status, refusal.event) == (486, "trunk_ringing")
    assert not refusal.counts
    desk.admitted(invite(to="<sip:+19@h>", uri="sip:+19@h"))
    load.rings("ST_1", -1)
    desk.admitted()
    load.rings("ST_1", -1)
    assert not load.ringing


def test_calls_without_a_trunk_have_their_quarter() -> None:
    desk = Desk(port_pairs=3, accept_unmatched=True)
    desk.admission.load.rings("", +1)
    assert desk.refused(invite(to="<sip:+19@h>", uri="sip:+19@h")).event == "trunk_ringing"
    desk.admitted()


def test_one_trunk_leaves_ports_to_the_others() -> None:
    desk = Desk(port_pairs=8)
    desk.admission.load.per_trunk["ST_1"] = 7
    desk.admitted()
    desk.trunks.put_inbound(SIPInboundTrunkInfo(sip_trunk_id="ST_2", numbers=["+19"]))
    refusal = desk.refused()
    assert (refusal.response.status, refusal.event) == (486, "trunk_ports")
    desk.admission.load.per_trunk["ST_1"] = 6
    desk.admitted()
