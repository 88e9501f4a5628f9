"""Re-INVITE and UPDATE of the peer, hold, overlapping offers (calls.md §2, first two rows)."""

from __future__ import annotations

import pytest
from tests.simulation.legs import LegDriver, sdp

from hookflash.calls.effects import (
    ApplyMedia,
    LegEnded,
    LegHeld,
    Respond,
    StoreDialog,
)
from hookflash.calls.legs.core import Phase
from hookflash.sip.uri import Uri

BOTH = pytest.mark.parametrize("method", ["INVITE", "UPDATE"])
T38 = sdp().replace(b"m=audio 4000 RTP/AVP 0 8", b"m=image 4000 udptl t38")


def offer(driver: LegDriver, method: str, body: bytes) -> None:
    """An offer of the peer, with its ACK where one belongs to it."""
    driver.receive(method, body=body)
    if method == "INVITE" and driver.response.status == 200:
        driver.ack()


# --- row "re-INVITE, UPDATE" ---------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize(
    ("theirs", "ours"),
    [("sendonly", b"a=recvonly"), ("inactive", b"a=inactive"), ("recvonly", b"a=sendonly")],
)
def test_hold_is_answered_and_resume_restores(method: str, theirs: str, ours: bytes) -> None:
    driver = LegDriver().established()
    offer(driver, method, sdp(theirs, version=2))
    assert ours in driver.response.body
    plan = driver.last(ApplyMedia).plan
    assert plan.send is (theirs == "recvonly")
    assert plan.receive_audio is (theirs == "sendonly")
    assert driver.all(LegHeld) == [LegHeld(True)]
    assert driver.leg.held
    offer(driver, method, sdp("sendrecv", version=3))
    assert b"a=sendrecv" in driver.response.body
    assert driver.last(ApplyMedia).plan.send
    assert driver.all(LegHeld) == [LegHeld(True), LegHeld(False)]


@BOTH
@pytest.mark.parametrize("direction", ["sendrecv", "sendonly"])
def test_address_zero_is_hold(method: str, direction: str) -> None:
    driver = LegDriver().established()
    offer(driver, method, sdp(direction, address="0.0.0.0", version=2))
    assert b"a=recvonly" in driver.response.body
    plan = driver.last(ApplyMedia).plan
    assert plan.held
    assert plan.remote == ("198.51.100.7", 4000)


@BOTH
def test_media_timeout_is_suspended_on_hold_and_afresh_after_it(method: str) -> None:
    driver = LegDriver().established()
    driver.do(driver.leg.first_packet(driver.now))
    driver.last_packet_at = driver.now
    driver.advance(10)
    offer(driver, method, sdp("sendonly", version=2))
    driver.advance(600)
    assert driver.leg.state is Phase.CONFIRMED
    offer(driver, method, sdp("sendrecv", version=3))
    driver.advance(14.9)
    assert driver.leg.state is Phase.CONFIRMED
    driver.advance(0.2)
    assert driver.last(LegEnded).reason == "media timeout"


def test_call_that_begins_on_hold() -> None:
    driver = LegDriver()
    driver.invite(body=sdp("sendonly"))
    assert not driver.all(LegHeld)
    driver.answer()
    assert driver.all(LegHeld) == [LegHeld(True)]
    driver.ack()
    driver.advance(100)
    assert driver.leg.state is Phase.CONFIRMED


@BOTH
def test_changed_port_and_codec_are_taken(method: str) -> None:
    driver = LegDriver().established()
    offer(driver, method, sdp(port=4400, formats="8", version=2))
    plan = driver.last(ApplyMedia).plan
    assert (plan.remote[1], plan.codec.name) == (4400, "PCMA")
    assert not driver.all(LegHeld)


@BOTH
def test_no_change_is_answered_with_the_same_version(method: str) -> None:
    driver = LegDriver()
    driver.invite()
    driver.answer()
    before = driver.response.body
    driver.ack()
    driver.log.clear()
    offer(driver, method, sdp())
    assert driver.response.body == before
    assert not driver.all(ApplyMedia)


@BOTH
def test_2xx_carries_contact_allow_and_supported(method: str) -> None:
    driver = LegDriver().established()
    driver.leg.set_attribute_headers((("X-Attr", "a"),))
    driver.receive(method, body=sdp())
    for name in ("Contact", "Allow", "Supported"):
        assert driver.response.header(name)
    assert driver.response.header("X-Attr") is None


def test_reinvite_without_sdp_gets_a_full_offer_also_on_hold() -> None:
    driver = LegDriver().established()
    offer(driver, "INVITE", sdp("inactive", formats="8", version=2))
    driver.receive("INVITE")
    assert b"a=sendrecv" in driver.response.body
    assert b"RTP/AVP 8 0 9 " in driver.response.body
    driver.ack(sdp(port=4600, version=3))
    assert driver.last(ApplyMedia).plan.remote[1] == 4600
    assert driver.all(LegHeld) == [LegHeld(True), LegHeld(False)]


@pytest.mark.parametrize("answer", [b"", b"nonsense", T38])
def test_ack_without_an_answer_leaves_the_session_as_it_was(answer: bytes) -> None:
    driver = LegDriver().established()
    driver.receive("INVITE")
    driver.ack(answer)
    assert not driver.all(ApplyMedia)
    assert driver.leg.state is Phase.CONFIRMED
    offer(driver, "INVITE", sdp("sendonly", version=2))
    assert driver.response.status == 200
    assert driver.leg.held


def test_the_agent_of_a_warning_is_host_and_port() -> None:
    """RFC 3261 §20.43: an IPv6 address in brackets."""
    driver = LegDriver().established()
    driver.leg._core.contact = Uri.parse("sip:[2001:db8::1]:5070;transport=udp")
    driver.receive("UPDATE", body=T38)
    assert (driver.response.header("Warning") or "").startswith("304 [2001:db8::1]:5070 ")


@BOTH
@pytest.mark.parametrize(
    ("body", "warning"), [(b"nonsense", None), (T38, "304"), (sdp(formats="3"), "305")]
)
def test_bad_sdp_and_t38_alone_are_488_and_the_call_goes_on(
    method: str, body: bytes, warning: str | None
) -> None:
    driver = LegDriver().established()
    driver.receive(method, body=body)
    assert driver.statuses == [488]
    assert (driver.response.header("Warning") or "")[:3] == (warning or "")
    assert not driver.all(ApplyMedia)
    offer(driver, method, sdp())
    assert driver.statuses[-1] == 200
    assert not driver.all(ApplyMedia)


@BOTH
def test_refused_requests(method: str) -> None:
    driver = LegDriver().established()
    driver.receive(method, (("Require", "gin"),))
    driver.receive(method, body=b"x", content_type="text/plain")
    driver.receive(method, (("Session-Expires", "30"),))
    assert driver.statuses == [420, 415, 422]


@BOTH
def test_without_a_contact_the_target_is_as_it_was(method: str) -> None:
    driver = LegDriver().established()
    dialog = driver.leg.dialog
    assert dialog is not None
    before = dialog.remote_target
    request = driver.request(method)
    request.headers.remove("Contact")
    driver.do(driver.leg.request_received(driver.now, "key", request, driver.flow))
    assert driver.statuses == [200]
    assert dialog.remote_target == before


@BOTH
@pytest.mark.parametrize("contact", ["*", "<>", "rubbish", "<sip:a@b", "sip:a@b?x=y", "tel:1"])
def test_an_unreadable_contact_leaves_the_target_as_it_is(method: str, contact: str) -> None:
    driver = LegDriver().established()
    dialog = driver.leg.dialog
    assert dialog is not None
    before = dialog.remote_target
    driver.receive(method, (("Contact", contact),))
    assert driver.statuses == [200]
    assert dialog.remote_target == before


def test_200_of_a_reinvite_is_repeated_and_then_bye() -> None:
    """Row 200 of §1 holds for every 2xx to INVITE."""
    driver = LegDriver().established()
    driver.do(driver.leg.first_packet(driver.now))
    driver.last_packet_at = driver.now + 60
    driver.receive("INVITE", body=sdp())
    driver.advance(4)
    assert driver.times(Respond) == [0, 0.5, 1.5, 3.5]
    driver.advance(28.1)
    assert driver.sent("BYE")
    assert driver.last(LegEnded).reason == "no ACK"


def test_target_is_refreshed_by_accepted_requests_only() -> None:
    """transfer.md §3: Contact of the last accepted INVITE or UPDATE, never of INFO, OPTIONS."""
    driver = LegDriver().established()
    dialog = driver.leg.dialog
    assert dialog is not None
    moved = (("Contact", "<sip:moved@198.51.100.8>"),)
    for method in ("INFO", "OPTIONS"):
        driver.receive(method, moved)
    driver.receive("UPDATE", moved, b"nonsense")
    assert str(dialog.remote_target) == "sip:caller@198.51.100.7:5060"
    driver.receive("UPDATE", moved)
    assert str(dialog.remote_target) == "sip:moved@198.51.100.8"
    driver.receive("INVITE", (("Contact", "<sip:again@198.51.100.8>"),), sdp())
    assert str(dialog.remote_target) == "sip:again@198.51.100.8"


# --- row "overlapping offers" --------------------------------------------------------------------


@BOTH
def test_offer_while_ours_is_outstanding_is_491(method: str) -> None:
    """Our offer in the 200 of a re-INVITE without SDP waits for its ACK."""
    driver = LegDriver().established()
    driver.receive("INVITE")
    first = driver.invite_cseq
    driver.receive(method, body=sdp())
    assert driver.statuses == [200, 491]
    driver.ack(sdp(), cseq=first)
    driver.receive(method, body=sdp())
    assert driver.statuses[-1] == 200


@BOTH
def test_offer_while_our_first_offer_is_outstanding_is_491(method: str) -> None:
    driver = LegDriver()
    driver.invite(body=b"")
    driver.answer()
    driver.receive(method, body=sdp())
    assert driver.statuses == [180, 200, 491]
    assert not driver.all(StoreDialog)


def test_update_without_sdp_disturbs_no_offer() -> None:
    driver = LegDriver().established()
    driver.receive("INVITE")
    driver.receive("UPDATE")
    assert driver.statuses == [200, 200]
    assert not driver.response.body


@BOTH
def test_offer_while_the_peers_invite_is_unanswered_is_500(method: str) -> None:
    seen = set()
    for seed in range(40):
        driver = LegDriver(seed=seed)
        driver.invite()
        driver.receive(method, body=sdp())
        assert driver.statuses == [180, 500]
        seen.add(int(driver.response.header("Retry-After") or "99"))
    assert min(seen) >= 0
    assert max(seen) <= 10
    assert len(seen) > 3


def test_early_update_before_any_offer_is_500_and_without_sdp_200() -> None:
    driver = LegDriver()
    driver.invite(body=b"")
    driver.receive("UPDATE", body=sdp())
    driver.receive("UPDATE")
    assert driver.statuses == [180, 500, 200]


def test_early_update_after_offer_and_answer_is_answered() -> None:
    """RFC 3311 §5.1: offer in the reliable 180, answer in PRACK, then UPDATE."""
    driver = LegDriver()
    driver.invite((("Require", "100rel"),), b"")
    driver.receive("UPDATE", body=sdp())
    assert driver.statuses[-1] == 491
    rseq = driver.all(Respond)[0].response.header("RSeq")
    driver.receive("PRACK", (("RAck", f"{rseq} 1 INVITE"),), sdp())
    driver.receive("UPDATE", body=sdp(port=4800, version=2))
    assert driver.statuses[-1] == 200
    driver.answer()
    assert driver.last(ApplyMedia).plan.remote[1] == 4800


def test_new_reinvite_replaces_one_whose_ack_was_lost() -> None:
    driver = LegDriver().established()
    driver.receive("INVITE", body=sdp())
    driver.receive("INVITE", body=sdp("sendonly", version=2))
    assert driver.statuses == [200, 200]
    driver.ack()
    driver.advance(40)
    assert driver.leg.state is Phase.CONFIRMED
