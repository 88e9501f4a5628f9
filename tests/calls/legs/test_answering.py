"""The peer's INVITE until our final answer: calls.md §1 from the row "SDP" to "CANCEL"."""

from __future__ import annotations

import pytest
from tests.simulation.legs import CALL_ID, LOCAL, LegDriver, goes_by_itself, sdp

from hookflash.calls.effects import (
    ApplyMedia,
    CloseMedia,
    LegAnswered,
    LegEnded,
    LegFinished,
    LegLeft,
    LegRinging,
    OpenMedia,
    Respond,
)
from hookflash.calls.legs.core import Phase

RELIABLE = (("Require", "100rel"),)


def rack(driver: LegDriver) -> tuple[tuple[str, str], ...]:
    rseq = driver.response.header("RSeq")
    return (("RAck", f"{rseq} 1 INVITE"),)


def ended(driver: LegDriver) -> LegEnded:
    """The end of a leg that has nothing left to do."""
    assert driver.leg.finished
    assert isinstance(driver.log[-1][1], LegFinished)
    assert driver.leg.next_deadline() is None
    return driver.last(LegEnded)


# --- row "SDP" -----------------------------------------------------------------------------------


def test_offer_is_answered_only_if_a_codec_fits() -> None:
    """Row SDP: no common codec is 488 with Warning 305, and no media is opened."""
    driver = LegDriver()
    driver.invite(body=sdp(formats="3", extra="a=rtpmap:3 GSM/8000"))
    assert driver.statuses == [488]
    assert (driver.response.header("Warning") or "").startswith("305 192.0.2.10:5060 ")
    assert not driver.all(OpenMedia)
    assert not driver.all(LegLeft)
    assert ended(driver).status == 488


def test_a_leg_goes_by_itself_after_a_refused_offer() -> None:
    def play() -> LegDriver:
        driver = LegDriver()
        driver.invite(body=sdp(formats="3", extra="a=rtpmap:3 GSM/8000"))
        assert driver.statuses == [488]
        return driver

    assert goes_by_itself(play)


def test_no_usable_audio_is_488_with_warning_304() -> None:
    """Row SDP: a video line alone."""
    driver = LegDriver()
    driver.invite(body=sdp().replace(b"m=audio 4000 RTP/AVP 0 8", b"m=video 4000 RTP/AVP 31"))
    assert driver.statuses == [488]
    assert (driver.response.header("Warning") or "").startswith("304 ")


def test_unreadable_sdp_is_400() -> None:
    """Row SDP."""
    driver = LegDriver()
    driver.invite(body=b"no session description")
    assert driver.statuses == [400]
    assert ended(driver).by == "local"


def test_every_line_of_the_offer_is_answered_in_the_200() -> None:
    """Row SDP: a video line gets port 0, in its place."""
    driver = LegDriver()
    driver.invite(body=sdp(extra="m=video 5000 RTP/AVP 31"))
    driver.answer()
    lines = [line for line in driver.response.body.split(b"\r\n") if line.startswith(b"m=")]
    assert lines[0].startswith(b"m=audio 10000 ")
    assert lines[1].startswith(b"m=video 0 ")


def test_multipart_offer_with_isup_is_read() -> None:
    """Row SDP: the application/sdp part of a multipart."""
    body = (
        b"--b\r\nContent-Type: application/isup\r\n\r\n\x01\x02\r\n"
        b"--b\r\nContent-Type: application/sdp\r\n\r\n" + sdp() + b"\r\n--b--\r\n"
    )
    driver = LegDriver()
    driver.invite(body=body, content_type="multipart/mixed;boundary=b")
    driver.answer()
    assert driver.statuses == [180, 200]
    assert driver.last(ApplyMedia).plan.remote == ("198.51.100.7", 4000)


def test_body_that_is_no_session_is_415_with_accept() -> None:
    """Row "INVITE arrives": no usable body type."""
    driver = LegDriver()
    driver.invite(body=b"hello", content_type="text/plain")
    assert driver.statuses == [415]
    assert driver.response.header("Accept") == "application/sdp"
    assert ended(driver).status == 415


def test_no_sdp_our_offer_goes_in_the_200_and_the_answer_comes_in_the_ack() -> None:
    """Row SDP, last sentence."""
    driver = LegDriver()
    driver.invite(body=b"")
    driver.answer()
    assert driver.response.content_type == "application/sdp"
    assert b"m=audio 10000 RTP/AVP" in driver.response.body
    assert not driver.all(ApplyMedia)
    driver.ack(sdp(formats="8"))
    assert driver.last(ApplyMedia).plan.codec.name == "PCMA"
    assert driver.leg.state is Phase.CONFIRMED


@pytest.mark.parametrize("body", [b"", b"v=0 rubbish", sdp(formats="3")])
def test_no_usable_answer_in_the_ack_ends_the_call(body: bytes) -> None:
    """Row SDP: without an answer there is no session."""
    driver = LegDriver()
    driver.invite(body=b"")
    driver.answer()
    driver.ack(body)
    (bye,) = driver.sent("BYE")
    assert "488" in (bye.request.header("Reason") or "")
    assert driver.last(LegEnded).reason == "no session description in ACK"


def test_unknown_body_in_the_ack_is_no_answer() -> None:
    """Row SDP: an ACK is never answered, not even with 415."""
    driver = LegDriver()
    driver.invite(body=b"")
    driver.answer()
    driver.ack(b"hello", content_type="text/plain")
    assert driver.sent("BYE")


def test_offer_of_another_address_family_than_the_source() -> None:
    """calls.md §5: c= has the IP family of the peer's SDP."""
    driver = LegDriver()
    driver.opens_media = False
    driver.invite(body=sdp().replace(b"IN IP4 198.51.100.7\r\nt=", b"IN IP6 2001:db8::7\r\nt="))
    driver.answer()
    assert driver.last(OpenMedia).remote_ip == "2001:db8::7"


def test_an_offer_of_a_family_in_which_we_have_no_address_is_488() -> None:
    """Before it rings: which address we have is known without a port."""
    driver = LegDriver.with_settings(media_address=lambda _: "192.0.2.10")
    driver.invite(body=sdp().replace(b"IN IP4 198.51.100.7\r\nt=", b"IN IP6 2001:db8::7\r\nt="))
    assert driver.statuses == [488]
    assert (driver.response.header("Warning") or "").startswith("301 ")
    assert not driver.all(OpenMedia)
    assert ended(driver).status == 488


@pytest.mark.parametrize("own", ["192.0.2.10", "2001:db8::10"])
def test_of_two_families_the_one_in_which_we_have_an_address_is_taken(own: str) -> None:
    driver = LegDriver.with_settings(media_address=lambda _: own)
    driver.opens_media = False
    six = b"m=audio 4000 RTP/AVP 0\r\nc=IN IP6 2001:db8::7\r\n"
    head, line, rest = sdp().partition(b"m=")
    driver.invite(body=head + six + line + rest)
    driver.answer()
    assert driver.last(OpenMedia).remote_ip == ("2001:db8::7" if ":" in own else "198.51.100.7")


def test_port_of_another_family_than_the_offer_is_488() -> None:
    """Where only an address of the other family could be had after all."""
    driver = LegDriver()
    driver.invite(body=sdp().replace(b"IN IP4 198.51.100.7\r\nt=", b"IN IP6 2001:db8::7\r\nt="))
    driver.answer()
    assert driver.statuses == [180, 488]
    assert (driver.response.header("Warning") or "").startswith("301 ")
    assert driver.last(LegLeft).reason == "rejected"
    assert [type(effect) for _, effect in driver.log[-2:]] == [CloseMedia, LegFinished]


def test_source_decides_where_the_family_is_the_same() -> None:
    """A NATed phone's private SDP address says nothing about our own."""
    driver = LegDriver()
    driver.opens_media = False
    driver.invite(body=sdp(address="10.0.0.5"))
    driver.answer()
    assert driver.last(OpenMedia).remote_ip == "198.51.100.7"


def test_hold_from_the_start_uses_the_source() -> None:
    driver = LegDriver()
    driver.opens_media = False
    driver.invite(body=sdp(address="0.0.0.0"))
    driver.answer()
    assert driver.last(OpenMedia).remote_ip == "198.51.100.7"


# --- other refusals of an INVITE -----------------------------------------------------------------


def test_unknown_require_is_420_with_unsupported() -> None:
    """Row "INVITE arrives"; INVITE with Replaces is one of these until attended transfer."""
    driver = LegDriver()
    driver.invite((("Require", "replaces, 100rel, gin"),))
    assert driver.statuses == [420]
    assert driver.response.header("Unsupported") == "gin, replaces"
    assert ended(driver).status == 420


def test_small_session_interval_is_422_with_min_se() -> None:
    """calls.md §2 "session timers"."""
    driver = LegDriver()
    driver.invite((("Session-Expires", "60"), ("Supported", "timer")))
    assert driver.statuses == [422]
    assert driver.response.header("Min-SE") == "90"


def test_an_unreadable_session_interval_costs_no_call() -> None:
    driver = LegDriver()
    driver.invite((("Session-Expires", "soon"),))
    assert driver.statuses == [180]


@pytest.mark.parametrize("contact", ["<tel:+1555>", "<mailto:me@example.com>"])
def test_contact_that_cannot_be_called_is_400(contact: str) -> None:
    driver = LegDriver()
    driver.invite((("Contact", contact),))
    assert driver.statuses == [400]
    assert not driver.all(OpenMedia)
    assert ended(driver).status == 400


# --- row "ring" ----------------------------------------------------------------------------------


def test_180_has_tag_contact_and_record_route() -> None:
    driver = LegDriver()
    driver.invite((("Record-Route", "<sip:p1;lr>"), ("Record-Route", "<sip:p2;lr>")))
    assert driver.statuses == [180]
    assert driver.response.to.tag == CALL_ID
    assert driver.response.header("Contact") == "<sip:192.0.2.10:5060;transport=udp>"
    assert driver.response.headers.get_all("Record-Route") == ["<sip:p1;lr>", "<sip:p2;lr>"]
    assert not driver.response.body
    assert driver.all(LegRinging)


def test_180_is_repeated_every_60_seconds() -> None:
    driver = LegDriver()
    driver.invite()
    driver.advance(125)
    assert driver.times(Respond) == [0, 60, 120]
    assert driver.statuses == [180, 180, 180]
    assert len(driver.all(LegRinging)) == 1


def test_early_media_is_a_183_with_our_sdp() -> None:
    """Only of a leg that gives it, and once there is a port; the 200 has the same SDP."""
    driver = LegDriver.with_settings(early_media=True)
    driver.invite()
    assert driver.statuses == [183]
    early = driver.response.body
    assert b"m=audio" in early
    assert driver.all(ApplyMedia)
    assert driver.all(LegRinging)
    driver.advance(60)
    assert driver.statuses == [183, 183]
    driver.do(driver.leg.answer(driver.now))
    assert driver.statuses == [183, 183, 200]
    assert driver.response.body == early
    assert len(driver.all(ApplyMedia)) == 1


@pytest.mark.parametrize("reliable", [True, False])
def test_no_early_media_without_an_offer_or_by_reliable_answers(reliable: bool) -> None:
    driver = LegDriver.with_settings(early_media=True)
    driver.invite(RELIABLE if reliable else (), body=sdp() if reliable else b"")
    assert driver.statuses == [180]
    assert not driver.response.body
    assert not driver.all(ApplyMedia)


def test_early_media_ends_with_the_call() -> None:
    driver = LegDriver.with_settings(early_media=True)
    driver.invite()
    driver.do(driver.leg.reject(driver.now, 486))
    assert driver.statuses == [183, 486]
    assert driver.all(CloseMedia)


def test_reliable_180_where_the_peer_requires_100rel() -> None:
    """Row ring: RSeq, repeated T1, 2·T1, … until PRACK, then each new 180 has a new RSeq."""
    driver = LegDriver()
    driver.invite(RELIABLE)
    first = driver.response
    assert first.header("Require") == "100rel"
    rseq = int(first.header("RSeq") or "0")
    assert 1 <= rseq < 2**31
    assert not first.body
    driver.advance(4)
    assert driver.times(Respond) == [0, 0.5, 1.5, 3.5]
    driver.receive("PRACK", (("RAck", f"{rseq} 1 INVITE"),))
    assert driver.response.status == 200
    driver.advance(57)
    assert driver.times(Respond)[4:] == [4, 60, 60.5]
    assert driver.response.header("RSeq") == str(rseq + 1)


def test_supported_100rel_alone_is_not_required() -> None:
    driver = LegDriver()
    driver.invite((("Supported", "100rel"),))
    assert driver.response.header("RSeq") is None


def test_reliable_180_of_an_invite_without_sdp_has_our_offer() -> None:
    """Row ring: … and its answer comes in PRACK; the 200 then has no SDP."""
    driver = LegDriver()
    driver.invite(RELIABLE, b"")
    assert b"m=audio 10000" in driver.response.body
    driver.answer()
    assert driver.statuses == [180]
    driver.receive("PRACK", rack(driver), sdp(formats="8"))
    assert driver.statuses == [180, 200, 200]
    assert not driver.response.body
    assert driver.response.cseq.method == "INVITE"
    assert driver.last(ApplyMedia).plan.codec.name == "PCMA"
    driver.ack()
    assert driver.leg.state is Phase.CONFIRMED


def test_200_waits_for_prack_only_if_the_180_had_sdp() -> None:
    driver = LegDriver()
    driver.invite(RELIABLE)
    driver.answer()
    assert driver.statuses == [180, 200]
    driver.advance(0.4)
    assert driver.statuses == [180, 200]


def test_no_prack_in_32_seconds_is_504() -> None:
    driver = LegDriver()
    driver.invite(RELIABLE)
    driver.advance(31.9)
    assert 504 not in driver.statuses
    driver.advance(0.2)
    assert driver.statuses[-1] == 504
    assert ended(driver).reason == "no PRACK"


@pytest.mark.parametrize(
    "value", ["1 1 INVITE", "x", "", "{rseq} 2 INVITE", "{rseq} 1 OPTIONS", "99999999999 1 INVITE"]
)
def test_unmatched_prack_is_481(value: str) -> None:
    driver = LegDriver()
    driver.invite(RELIABLE)
    rseq = driver.response.header("RSeq") or ""
    driver.receive("PRACK", (("RAck", value.format(rseq=rseq)),))
    assert driver.statuses[-1] == 481
    driver.advance(0.5)
    assert driver.statuses[-1] == 180


def test_prack_without_a_reliable_180_is_481() -> None:
    driver = LegDriver()
    driver.invite()
    driver.receive("PRACK", (("RAck", "1 1 INVITE"),))
    assert driver.statuses == [180, 481]
    late = LegDriver().established()
    late.receive("PRACK", (("RAck", "1 1 INVITE"),))
    assert late.statuses == [481]


def test_a_prack_that_the_200_overtook_is_answered_200_once() -> None:
    """RFC 3262 §3: be prepared for it after the final answer too."""
    driver = LegDriver()
    driver.invite(RELIABLE)
    good = rack(driver)
    driver.answer()
    driver.receive("PRACK", (("RAck", "1 1 INVITE"),))
    assert driver.statuses == [180, 200, 481]
    driver.receive("PRACK", good)
    driver.receive("PRACK", good)
    assert driver.statuses[-2:] == [200, 481]
    assert not driver.all(LegEnded)


def test_prack_without_the_answer_it_owes_ends_the_call() -> None:
    driver = LegDriver()
    driver.invite(RELIABLE, b"")
    driver.receive("PRACK", rack(driver))
    assert driver.statuses == [180, 488, 488]
    assert ended(driver).reason == "no usable answer in PRACK"


def test_prack_with_a_strange_body_is_415_and_can_be_tried_again() -> None:
    driver = LegDriver()
    driver.invite(RELIABLE)
    good = rack(driver)
    driver.receive("PRACK", good, b"hello", content_type="text/plain")
    assert driver.statuses[-1] == 415
    driver.receive("PRACK", good)
    assert driver.statuses[-1] == 200


def test_offer_in_a_prack_while_the_invites_offer_is_open_is_500() -> None:
    driver = LegDriver()
    driver.invite(RELIABLE)
    driver.receive("PRACK", rack(driver), sdp(formats="8"))
    assert driver.statuses[-1] == 500
    assert driver.response.header("Retry-After") is not None


def test_offer_in_a_later_prack_is_answered_in_its_200() -> None:
    """RFC 3262 §5: once offer and answer are through, PRACK may bring the next offer."""
    driver = LegDriver()
    driver.invite(RELIABLE, b"")
    driver.receive("PRACK", rack(driver), sdp(formats="8"))
    driver.advance(60)
    assert not driver.response.body
    driver.receive("PRACK", rack(driver), sdp(formats="0"))
    assert driver.response.status == 200
    assert b"RTP/AVP 0" in driver.response.body
    assert not driver.all(ApplyMedia)
    driver.answer()
    assert driver.last(ApplyMedia).plan.codec.name == "PCMU"


# --- rows "room" and "answer" --------------------------------------------------------------------


def test_room_full_is_480() -> None:
    driver = LegDriver()
    driver.invite()
    driver.do(driver.leg.reject(driver.now, 480))
    assert driver.statuses == [180, 480]
    assert driver.last(LegLeft).reason == "rejected"
    assert not driver.all(OpenMedia)
    assert ended(driver).status == 480


def test_rejection_carries_reason_phrase_and_attribute_headers() -> None:
    """Facts §4.6: a final error after the room was joined has the attributes too."""
    driver = LegDriver()
    driver.invite()
    driver.leg.set_attribute_headers((("X-Why", "full"),))
    driver.do(driver.leg.reject(driver.now, 500, "Room Failed"))
    assert driver.response.reason == "Room Failed"
    assert driver.response.header("X-Why") == "full"
    assert ended(driver).reason == "Room Failed"
    assert driver.do(driver.leg.reject(driver.now, 480)) == []


@pytest.mark.parametrize("way", ["hangup", "shutdown"])
def test_a_ringing_call_that_the_api_ends_is_told_why(way: str) -> None:
    """Headers of lk.sip.EndCall on the 480 too."""
    driver = LegDriver()
    driver.invite()
    driver.leg.set_attribute_headers((("X-Attr", "1"),))
    why = (("Reason", "SIP;cause=200"), ("X-Why", "elsewhere"))
    if way == "hangup":
        driver.hangup("ended by RPC", why)
    else:
        driver.do(driver.leg.shutdown(driver.now, why))
    assert driver.response.status == 480
    assert [driver.response.header(name) for name in ("X-Why", "Reason", "X-Attr")] == [
        "elsewhere",
        "SIP;cause=200",
        "1",
    ]
    assert driver.last(LegLeft).reason == "hangup"
    assert ended(driver).cause == "SIP;cause=200"


def test_a_port_is_taken_when_our_sdp_is_to_be_said() -> None:
    """calls.md §3 "port": not while it rings, however long and with whatever in between."""
    driver = LegDriver()
    driver.invite()
    driver.receive("UPDATE")
    driver.receive("UPDATE", body=sdp(formats="8"))
    driver.receive("OPTIONS")
    driver.advance(100)
    assert not driver.all(OpenMedia)
    assert set(driver.statuses) == {180, 200, 500}
    driver.answer()
    assert driver.times(OpenMedia) == [100]
    assert driver.times(LegAnswered) == [100]


@pytest.mark.parametrize("headers", [(), RELIABLE])
@pytest.mark.parametrize("body", [None, b""])
def test_a_port_is_taken_while_it_rings_only_for_a_reliable_offer_of_ours(
    headers: tuple[tuple[str, str], ...], body: bytes | None
) -> None:
    """calls.md §3 "port": a 18x with SDP is one without an offer whose peer requires 100rel."""
    driver = LegDriver()
    driver.invite(headers, body)
    assert driver.statuses == [180]
    assert bool(driver.response.body) is bool(headers and body == b"")
    assert len(driver.all(OpenMedia)) == bool(driver.response.body)


@pytest.mark.parametrize("body", [None, b""])
def test_no_port_is_503_with_retry_after(body: bytes | None) -> None:
    """calls.md §3 "port": all in use when the call is answered."""
    driver = LegDriver()
    driver.opens_media = False
    driver.invite(body=body)
    driver.answer()
    driver.do(driver.leg.media_refused(driver.now))
    assert driver.statuses == [180, 503]
    assert driver.response.header("Retry-After") == "10"
    assert driver.last(LegLeft).reason == "unavailable"
    assert not driver.all(CloseMedia)
    assert ended(driver).status == 503
    assert driver.do(driver.leg.media_refused(driver.now)) == []


def test_no_port_for_an_offer_in_the_180_is_503_at_once() -> None:
    driver = LegDriver()
    driver.opens_media = False
    driver.invite(RELIABLE, b"")
    driver.do(driver.leg.media_refused(driver.now))
    assert driver.statuses == [503]
    assert driver.response.header("Retry-After") == "10"
    assert not driver.all(LegLeft)
    assert ended(driver).status == 503


def test_the_longest_duration_begins_with_the_ringing() -> None:
    """Facts §4.7: in the room, not with the port."""
    driver = LegDriver.with_settings(max_call_duration=100.0)
    driver.invite()
    driver.advance(60)
    driver.answer()
    driver.ack()
    driver.leg.first_packet(driver.now)
    driver.last_packet_at = driver.now + 40
    driver.advance(39.9)
    assert not driver.sent("BYE")
    driver.advance(0.2)
    assert driver.last(LegEnded).reason == "max call duration"


def test_200_has_all_that_calls_md_wants() -> None:
    """Row answer: SDP, Contact, Allow, Supported, Record-Route, trunk and attribute headers."""
    driver = LegDriver.with_settings(answer_headers=(("X-Trunk", "t"),))
    driver.invite((("Record-Route", "<sip:p1;lr>"),))
    driver.leg.set_attribute_headers((("X-Attr", "a"),))
    driver.answer()
    ok = driver.response
    assert ok.status == 200
    assert ok.body.startswith(b"v=0")
    assert ok.content_type == "application/sdp"
    assert ok.header("Contact") == "<sip:192.0.2.10:5060;transport=udp>"
    assert ok.header("Allow") == "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, PRACK, NOTIFY"
    assert ok.header("Supported") == "100rel, timer"
    assert ok.header("Record-Route") == "<sip:p1;lr>"
    assert ok.header("X-Trunk") == "t"
    assert ok.header("X-Attr") == "a"
    assert ok.to.tag == CALL_ID
    assert ok.header("Require") is None
    kinds = [type(effect) for _, effect in driver.log[-3:]]
    assert kinds == [Respond, ApplyMedia, LegAnswered]


def test_the_200_waits_for_a_port() -> None:
    """And a second answer asks for no second one."""
    driver = LegDriver()
    driver.opens_media = False
    driver.invite()
    driver.answer()
    assert driver.answer() == []
    assert driver.statuses == [180]
    assert len(driver.all(OpenMedia)) == 1
    driver.do(driver.leg.media_opened(driver.now, LOCAL, driver.last_packet))
    assert driver.statuses == [180, 200]


def test_an_answer_before_the_180_with_our_offer_waits_for_both() -> None:
    """`sip.answer: immediately`: a port, then 180, and the 200 after PRACK."""
    driver = LegDriver()
    driver.opens_media = False
    driver.invite(RELIABLE, b"")
    driver.answer()
    assert not driver.statuses
    driver.do(driver.leg.media_opened(driver.now, LOCAL, driver.last_packet))
    assert driver.statuses == [180]
    driver.receive("PRACK", rack(driver), sdp(formats="8"))
    assert driver.statuses == [180, 200, 200]
    assert len(driver.all(OpenMedia)) == 1


def test_answering_twice_does_nothing() -> None:
    driver = LegDriver().established()
    assert driver.answer() == []


@pytest.mark.parametrize("status", [480, 486])
def test_ringing_timeout_has_the_trunks_status(status: int) -> None:
    driver = LegDriver.with_settings(ringing_timeout=20.0, ringing_timeout_status=status)
    driver.invite()
    driver.advance(19.9)
    assert driver.statuses == [180]
    driver.advance(0.1)
    assert driver.statuses == [180, status]
    assert ended(driver).reason == "no answer"


def test_ringing_timeout_is_three_minutes_and_480() -> None:
    driver = LegDriver()
    driver.invite()
    driver.advance(179)
    assert set(driver.statuses) == {180}
    driver.advance(1)
    assert driver.statuses[-1] == 480


@pytest.mark.parametrize(("body", "headers"), [(None, ()), (None, RELIABLE), (b"", RELIABLE)])
def test_an_invite_that_expires_is_487(
    body: bytes | None, headers: tuple[tuple[str, str], ...]
) -> None:
    """RFC 3261 §13.3.1: Expires is how long the caller waits for a final answer."""
    driver = LegDriver()
    driver.invite((("Expires", "2"), *headers), body)
    if body == b"":
        driver.answer()  # it waits for the PRACK
    driver.advance(1.9)
    assert set(driver.statuses) == {180}
    driver.advance(0.1)
    assert driver.statuses[-1] == 487
    assert driver.last(LegLeft).reason == "canceled"
    assert (ended(driver).status, ended(driver).reason) == (487, "expired")


@pytest.mark.parametrize("value", ["soon", "-1", "99999999999"])
def test_expires_that_cannot_be_read_is_ignored(value: str) -> None:
    driver = LegDriver.with_settings(ringing_timeout=20.0)
    driver.invite((("Expires", value),))
    driver.advance(19)
    assert set(driver.statuses) == {180}
    driver.advance(1)
    assert driver.statuses[-1] == 480


def test_expires_means_nothing_once_the_call_is_answered() -> None:
    """And nothing in a re-INVITE, which is answered at once."""
    driver = LegDriver()
    driver.invite((("Expires", "2"),))
    driver.answer()
    driver.ack()
    driver.receive("INVITE", (("Expires", "0"),), sdp("sendonly"))
    driver.ack()
    driver.last_packet_at = driver.now + 5
    driver.advance(5)
    assert driver.statuses == [180, 200, 200]
    assert driver.leg.state is Phase.CONFIRMED


# --- row "CANCEL" --------------------------------------------------------------------------------


def test_cancel_gets_487_for_the_invite() -> None:
    driver = LegDriver()
    driver.invite()
    driver.cancel((("Reason", "SIP;cause=200"),))
    assert driver.statuses == [180, 487]
    assert driver.last(LegLeft).reason == "canceled"
    assert not driver.all(OpenMedia)
    end = ended(driver)
    assert (end.by, end.reason, end.status, end.cause) == ("remote", "cancel", 487, "SIP;cause=200")


@pytest.mark.parametrize("method", ["CANCEL", "BYE"])
def test_cancel_or_bye_while_media_is_being_opened(method: str) -> None:
    driver = LegDriver()
    driver.opens_media = False
    driver.invite()
    driver.answer()
    driver.cancel() if method == "CANCEL" else driver.receive("BYE")
    assert driver.statuses[-1] == 487
    assert driver.do(driver.leg.media_refused(driver.now)) == []
    assert [
        type(e) for e in driver.do(driver.leg.media_opened(driver.now, LOCAL, driver.last_packet))
    ] == [CloseMedia]
    assert 200 not in [r.response.status for r in driver.all(Respond) if r.key == "invite"]


def test_cancel_after_the_200_has_no_effect() -> None:
    driver = LegDriver()
    driver.invite()
    driver.answer()
    assert driver.cancel() == []
    driver.ack()
    assert driver.leg.state is Phase.CONFIRMED


def test_bye_in_an_open_invite_gets_200_and_the_invite_487() -> None:
    driver = LegDriver()
    driver.invite()
    driver.receive("BYE")
    answers = [(r.response.cseq.method, r.response.status) for r in driver.all(Respond)]
    assert answers == [("INVITE", 180), ("BYE", 200), ("INVITE", 487)]
    assert ended(driver).reason == "bye"
