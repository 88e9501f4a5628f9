"""An outbound call, row by row (calls.md §4), in virtual time."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.simulation.legs import LOCAL, TRANSFER, LegDriver, goes_by_itself, places, sdp

from hookflash.base.errors import ApiError
from hookflash.calls.effects import (
    AbandonRequest,
    ApplyMedia,
    CancelRequest,
    CloseMedia,
    DialFailed,
    InviteAnswered,
    LegActive,
    LegAnswered,
    LegEnded,
    LegFinished,
    LegHeld,
    LegLeft,
    LegRinging,
    Locate,
    OpenMedia,
    Respond,
    SendAck,
    SendRequest,
    StoreDialog,
    TransferAnswered,
)
from hookflash.calls.legs.core import Phase
from hookflash.calls.legs.forks import MOST_FORKS
from hookflash.calls.legs.settings import Credential
from hookflash.sip.effects import FailureReason
from hookflash.sip.fields import NameAddr
from hookflash.sip.flow import Flow
from hookflash.sip.location import Target
from hookflash.sip.uri import Uri

RELIABLE = (("Require", "100rel"), ("RSeq", "7"))
CHALLENGE = (("Proxy-Authenticate", 'Digest realm="c", nonce="n", qop="auth", algorithm=MD5'),)


def caller(**changes: object) -> LegDriver:
    return LegDriver.with_settings(direction="outbound", **changes)


def dialing(**changes: object) -> LegDriver:
    driver = caller(**changes)
    driver.dial()
    return driver


def failure(driver: LegDriver) -> str:
    (failed,) = driver.all(DialFailed)
    return f"{failed.outcome.code}: {failed.outcome.text}"


def fail(driver: LegDriver, sent: SendRequest, reason: FailureReason) -> None:
    driver.do(driver.leg.request_failed(driver.now, sent.token, reason))


# --- the INVITE ----------------------------------------------------------------------------------


def test_the_invite() -> None:
    """Facts §5.5, and what calls.md adds: extensions, a session timer."""
    driver = caller(session_expires=1800)
    driver.dial(headers=(("X-A", "1"), ("X-B", "2"), ("Session-Expires", "5")))
    (located, opened, sent) = [effect for _, effect in driver.log]
    assert located == Locate(Uri.parse("sip:+15550100@carrier.example"))
    assert opened == OpenMedia("198.51.100.7")
    assert isinstance(sent, SendRequest)
    assert sent.request.method == "INVITE"
    assert sent.request.headers.items()[:-1] == [
        ("Max-Forwards", "70"),
        ("From", '"+15550199" <sip:+15550199@192.0.2.10>;tag=SCL_driven'),
        ("To", "<sip:+15550100@carrier.example>"),
        ("Call-ID", "call-1"),
        ("CSeq", "1 INVITE"),
        ("Contact", "<sip:192.0.2.10:5060;transport=udp>"),
        ("Allow", "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, PRACK, NOTIFY"),
        ("Supported", "100rel, timer"),
        ("Session-Expires", "1800"),
        ("User-Agent", "Hookflash"),
        ("X-A", "1"),
        ("X-B", "2"),
    ]
    assert b"m=audio 10000 RTP/AVP" in sent.request.body
    assert str(sent.hop.uri) == "sip:198.51.100.7:5060;transport=udp"
    assert sent.hop.name == "carrier.example"
    assert driver.leg.state is Phase.DIALING


def test_a_users_own_user_agent_and_from_stand() -> None:
    driver = caller()
    driver.dial(
        headers=(("user-agent", "mine"),),
        from_=NameAddr('A "B"', Uri.parse("sip:1@from.example")),
    )
    invite = driver.sent("INVITE")[0].request
    assert invite.headers.get_all("User-Agent") == ["mine"]
    assert invite.header("From") == '"A \\"B\\"" <sip:1@from.example>;tag=SCL_driven'
    driver.respond(200, body=sdp())
    assert driver.acks()[0].request.header("User-Agent") is None


def test_it_rings_and_is_answered() -> None:
    driver = dialing()
    driver.respond(100)
    assert not driver.all(InviteAnswered)
    driver.respond(180, (("X-Ring", "1"),))
    assert driver.last(InviteAnswered).status == 180
    assert ("X-Ring", "1") in driver.last(InviteAnswered).headers
    driver.respond(183)
    assert len(driver.all(LegRinging)) == 1
    driver.respond(200, body=sdp())
    (ack,) = driver.acks()
    assert str(ack.request.uri) == "sip:caller@198.51.100.7:5060"
    assert ack.request.header("CSeq") == "1 ACK"
    kinds = [type(effect) for _, effect in driver.log][-5:]
    assert kinds == [SendAck, InviteAnswered, ApplyMedia, LegAnswered, StoreDialog]
    assert driver.leg.state is Phase.CONFIRMED
    driver.advance(1)
    assert driver.all(LegActive)
    driver.receive("BYE")
    assert driver.statuses == [200]
    assert driver.last(LegLeft).reason == "hangup"
    assert driver.last(LegEnded).by == "remote"
    assert driver.all(CloseMedia)


def test_an_established_call_is_hung_up_by_bye() -> None:
    driver = caller().established()
    driver.hangup("room closed")
    (bye,) = driver.sent("BYE")
    assert bye.request.header("CSeq") == "2 BYE"
    assert bye.request.header("To") == "<sip:+15550100@carrier.example>;tag=peer"
    driver.reply(bye, 200)
    assert not driver.leg.finished  # another 200 may come
    driver.advance(33)
    assert driver.all(LegFinished)


def test_the_route_is_the_reversed_record_route() -> None:
    routes = (("Record-Route", "<sip:a.example;lr>"), ("Record-Route", "<sip:b.example;lr>"))
    driver = dialing()
    driver.respond(200, routes, sdp())
    assert driver.acks()[0].request.headers.get_all("Route") == [
        "<sip:b.example;lr>",
        "<sip:a.example;lr>",
    ]


# --- places (RFC 3263) ---------------------------------------------------------------------------


def test_the_next_place_after_four_seconds_of_silence() -> None:
    driver = caller()
    driver.places = places("198.51.100.7", "198.51.100.8")
    driver.dial()
    driver.advance(3.9)
    assert not driver.all(AbandonRequest)
    driver.advance(0.1)
    first, second = driver.sent("INVITE")
    assert driver.all(AbandonRequest) == [AbandonRequest(first.token)]
    assert second.hop.uri.host == "198.51.100.8"
    assert second.request.header("CSeq") == "2 INVITE"
    assert second.request.call_id == first.request.call_id
    driver.advance(10)  # it is the last one: no more patience than timer B
    assert len(driver.sent("INVITE")) == 2
    fail(driver, first, "timeout")
    fail(driver, second, "timeout")
    assert failure(driver) == (
        "canceled: transaction failed to complete (0 intermediate responses)"
    )
    assert driver.last(LegLeft).reason == "unavailable"
    assert driver.leg.finished


def test_any_response_keeps_a_place() -> None:
    driver = caller()
    driver.places = places("198.51.100.7", "198.51.100.8")
    driver.dial()
    driver.respond(100)
    driver.advance(10)
    assert len(driver.sent("INVITE")) == 1


def test_503_and_a_dead_connection_lead_to_the_next_place() -> None:
    driver = caller()
    driver.places = places("198.51.100.7", "198.51.100.8", "198.51.100.9")
    driver.dial()
    driver.respond(503)
    fail(driver, driver.sent("INVITE")[1], "transport")
    hosts = [sent.hop.uri.host for sent in driver.sent("INVITE")]
    assert hosts == ["198.51.100.7", "198.51.100.8", "198.51.100.9"]
    driver.respond(503)
    assert failure(driver) == (
        "failed_precondition: unexpected status from INVITE response: "
        "sip status: 503: Service Unavailable"
    )
    assert driver.last(LegLeft).reason == "dropped"
    assert (driver.last(LegEnded).status, driver.last(LegEnded).by) == (503, "remote")


def test_no_place_at_all() -> None:
    driver = caller()
    driver.places = []
    driver.dial()
    assert failure(driver) == "invalid_argument: lookup carrier.example: no such host"
    assert driver.last(LegEnded).reason == "address not found"
    assert driver.leg.finished
    assert not driver.all(OpenMedia)


def test_a_connection_that_cannot_be_opened() -> None:
    driver = dialing()
    fail(driver, driver.sent("INVITE")[0], "transport")
    assert failure(driver) == "failed_precondition: connection to carrier.example failed"


def test_why_a_connection_could_not_be_opened() -> None:
    driver = dialing()
    token = driver.sent("INVITE")[0].token
    driver.do(driver.leg.request_failed(driver.now, token, "transport", "timed out"))
    text = "failed_precondition: connection to carrier.example failed: timed out"
    assert failure(driver) == text


def test_a_place_that_was_given_up_answers_after_all() -> None:
    """It wins, and the INVITE to the next place is cancelled."""
    driver = caller()
    driver.places = places("198.51.100.7", "198.51.100.8")
    driver.dial()
    driver.advance(4)
    first, second = driver.sent("INVITE")
    driver.respond(180, to=first)
    assert not driver.all(LegRinging)
    driver.respond(200, body=sdp(), to=first)
    assert driver.leg.state is Phase.CONFIRMED
    assert driver.all(CancelRequest) == [CancelRequest(second.token)]
    assert driver.acks()[0].request.header("CSeq") == "1 ACK"
    driver.respond(487, to=second)
    assert driver.leg.state is Phase.CONFIRMED
    driver.respond(200, body=sdp(), to=first)
    assert len(driver.acks()) == 2


def test_each_place_is_told_its_own_contact() -> None:
    driver = caller()
    first, second = places("198.51.100.7", "198.51.100.8")
    tcp = Target("tcp", "198.51.100.8", 5070)
    driver.places = [first, replace(second, target=tcp, contact=Uri.parse("sip:203.0.113.1"))]
    driver.dial()
    driver.respond(503)
    one, two = driver.sent("INVITE")
    assert str(two.hop.uri) == "sip:198.51.100.8:5070;transport=tcp"
    assert two.request.header("Contact") == "<sip:203.0.113.1>"
    assert two.request.header("From") == one.request.header("From")


def test_no_free_port() -> None:
    driver = caller()
    driver.opens_media = False
    driver.dial()
    driver.do(driver.leg.media_refused(driver.now))
    assert failure(driver) == "unavailable: no media port"
    assert driver.leg.finished
    assert driver.do(driver.leg.media_opened(driver.now, LOCAL, driver.last_packet)) == [
        CloseMedia()
    ]


# --- early media, PRACK --------------------------------------------------------------------------


def test_early_media_is_heard() -> None:
    driver = dialing()
    driver.respond(183, body=sdp("sendonly"))
    plan = driver.last(ApplyMedia).plan
    assert plan.remote == ("198.51.100.7", 4000)
    assert not driver.all(LegHeld)
    assert not driver.all(LegAnswered)
    driver.respond(200, body=sdp(port=5000))
    assert driver.last(ApplyMedia).plan.remote == ("198.51.100.7", 5000)
    assert not driver.all(SendRequest)[1:]


def test_a_call_that_is_answered_on_hold_says_so() -> None:
    driver = dialing()
    driver.respond(183, body=sdp("sendonly"))
    driver.respond(200, body=sdp("sendonly"))
    assert len(driver.all(ApplyMedia)) == 1
    assert driver.last(LegHeld).held


def test_reliable_18x_get_a_prack_each_once_in_their_order() -> None:
    driver = dialing()
    driver.respond(183, RELIABLE)
    (prack,) = driver.sent("PRACK")
    assert prack.request.header("RAck") == "7 1 INVITE"
    assert prack.request.header("CSeq") == "2 PRACK"
    driver.respond(183, RELIABLE)
    driver.respond(180, (("Require", "100rel"), ("RSeq", "9")))
    driver.respond(180, (("Require", "100rel"), ("RSeq", "x")))
    assert len(driver.sent("PRACK")) == 1
    driver.respond(180, (("Require", "100rel"), ("RSeq", "8")))
    assert driver.sent("PRACK")[1].request.header("RAck") == "8 1 INVITE"
    driver.reply(prack, 200)
    driver.reply(driver.sent("PRACK")[1], 481)
    driver.respond(200, body=sdp())
    assert driver.acks()[0].request.header("CSeq") == "1 ACK"
    driver.hangup()
    assert driver.sent("BYE")[0].request.header("CSeq") == "4 BYE"


def test_prack_answers_a_challenge() -> None:
    driver = dialing(credentials=lambda: Credential("u", "p"))
    driver.respond(183, RELIABLE)
    driver.reply(driver.sent("PRACK")[0], 407, CHALLENGE)
    assert "Proxy-Authorization" in driver.sent("PRACK")[1].request.headers


def test_a_200_without_sdp_uses_the_reliable_answer() -> None:
    driver = dialing()
    driver.respond(183, RELIABLE, sdp(port=4100))
    driver.respond(200)
    assert driver.last(ApplyMedia).plan.remote[1] == 4100
    assert driver.leg.state is Phase.CONFIRMED


def test_sdp_in_the_200_beats_an_unreliable_18x_but_no_reliable_one() -> None:
    driver = dialing()
    driver.respond(183, body=sdp(port=4100))
    driver.respond(200, body=sdp(port=4200))
    assert [apply.plan.remote[1] for apply in driver.all(ApplyMedia)] == [4100, 4200]
    driver = dialing()
    driver.respond(183, RELIABLE, sdp(port=4100))
    driver.respond(180, body=sdp(port=4150))
    driver.respond(200, body=sdp(port=4200))
    assert [apply.plan.remote[1] for apply in driver.all(ApplyMedia)] == [4100]


def test_a_200_without_any_sdp_is_acknowledged_and_hung_up() -> None:
    driver = dialing()
    driver.respond(200)
    assert len(driver.acks()) == 1
    (bye,) = driver.sent("BYE")
    assert bye.request.header("Reason") == 'SIP;cause=488;text="no session description"'
    assert failure(driver) == "failed_precondition: no session description"
    assert driver.last(LegLeft).reason == "rejected"
    assert not driver.all(LegAnswered)


def test_a_200_with_another_codec_is_acknowledged_and_hung_up() -> None:
    driver = dialing()
    driver.respond(183, body=b"garbage")
    driver.respond(200, body=sdp(formats="99"))
    assert failure(driver) == "failed_precondition: no codec of our offer in the answer"
    assert len(driver.sent("BYE")) == 1


@pytest.mark.parametrize("answer", [sdp(formats="99"), b"garbage"])
def test_a_leg_goes_by_itself_after_an_answer_that_is_of_no_use(answer: bytes) -> None:
    def play() -> LegDriver:
        driver = dialing()
        driver.respond(200, body=answer)
        assert len(driver.sent("BYE")) == 1
        return driver

    assert goes_by_itself(play)


def test_update_and_bye_before_the_answer() -> None:
    """An offer of the peer waits until ours is answered; BYE ends the call."""
    driver = dialing()
    driver.respond(183, body=sdp())
    driver.receive("UPDATE", body=sdp(version=2))
    assert driver.statuses == [491]
    driver.receive("INVITE", body=sdp(version=2))
    driver.receive("PRACK", (("RAck", "1 1 INVITE"),))
    assert driver.statuses == [491, 500, 481]
    driver.respond(183, RELIABLE, sdp())
    driver.receive("UPDATE", body=sdp(version=3, port=4500))
    assert driver.statuses[-1] == 200
    assert driver.last(ApplyMedia).plan.remote[1] == 4500
    driver.receive("BYE", (("Reason", "x"),))
    assert driver.statuses[-1] == 200
    assert driver.last(LegEnded) == LegEnded("remote", "bye", None, "x")
    assert driver.all(CancelRequest)


# --- forking -------------------------------------------------------------------------------------


def test_the_first_200_wins_and_the_others_get_ack_and_bye() -> None:
    driver = dialing()
    driver.respond(180, tag="one")
    driver.respond(183, body=sdp(port=4100), tag="two")
    driver.respond(200, body=sdp(port=4200), tag="two")
    assert driver.leg.dialog is not None
    assert driver.leg.dialog.remote_tag == "two"
    driver.respond(200, body=sdp(), tag="one")
    driver.respond(200, body=sdp(), tag="three")
    tags = [ack.request.to.tag for ack in driver.acks()]
    assert tags == ["two", "one", "three"]
    assert [bye.request.to.tag for bye in driver.sent("BYE")] == ["one", "three"]
    assert driver.leg.state is Phase.CONFIRMED
    for bye in driver.sent("BYE"):
        driver.reply(bye, 200)
    assert driver.leg.state is Phase.CONFIRMED
    assert len(driver.all(LegAnswered)) == 1


def test_a_repeated_200_gets_its_ack_again() -> None:
    driver = dialing()
    driver.respond(200, body=sdp())
    driver.respond(200, body=sdp())
    driver.respond(200, body=sdp(), tag="lost")
    driver.respond(200, body=sdp(), tag="lost")
    first, again, lost, lost_again = driver.acks()
    assert first is again
    assert lost is lost_again
    assert len(driver.sent("BYE")) == 1


def test_another_forks_200_while_the_first_was_settled() -> None:
    driver = dialing()
    driver.respond(183, RELIABLE, sdp(port=4100), tag="one")
    driver.respond(183, body=sdp(port=4200), tag="two")
    driver.respond(200, tag="one")
    assert [apply.plan.remote[1] for apply in driver.all(ApplyMedia)] == [4100, 4200, 4100]


def test_so_many_forks_are_remembered() -> None:
    """A carrier decides how many there are, and by their Record-Route where our requests go."""
    driver = dialing()
    for number in range(3 * MOST_FORKS):
        driver.respond(183, RELIABLE, sdp(port=4100), tag=f"early{number}")
    assert len(driver.sent("PRACK")) == MOST_FORKS
    driver.respond(200, body=sdp(), tag="one more")
    assert driver.leg.state is Phase.CONFIRMED
    for number in range(3 * MOST_FORKS):
        driver.respond(200, body=sdp(), tag=f"late{number}")
    assert len(driver.acks()) == 1
    driver.respond(200, body=sdp(), tag="early0")
    assert len(driver.sent("BYE")) == 1


# --- challenges and refusals that can be met -----------------------------------------------------


def test_digest() -> None:
    """Its `uri` is the Request-URI, also where the To names somebody else."""
    driver = caller(credentials=lambda: Credential("u", "p"))
    driver.dial(to=Uri.parse("sip:somebody@else.example"))
    driver.respond(407, CHALLENGE)
    first, second = driver.sent("INVITE")
    header = second.request.header("Proxy-Authorization") or ""
    assert 'uri="sip:+15550100@carrier.example"' in header
    assert second.request.cseq.number == 2
    assert second.request.body == first.request.body
    driver.respond(200, body=sdp())
    assert driver.acks()[0].request.header("Proxy-Authorization") == header
    assert driver.acks()[0].request.cseq.number == 2


def test_digest_with_stale_and_both_kinds() -> None:
    driver = dialing(credentials=lambda: Credential("u", "p"))
    server = ("WWW-Authenticate", 'Digest realm="s", nonce="m", algorithm=SHA-256')
    driver.respond(401, (server,))
    driver.respond(407, CHALLENGE)
    last = driver.sent("INVITE")[-1].request
    assert "Authorization" in last.headers
    assert "Proxy-Authorization" in last.headers
    driver.respond(407, ((CHALLENGE[0][0], CHALLENGE[0][1] + ", stale=true"),))
    assert len(driver.sent("INVITE")) == 4


@pytest.mark.parametrize(
    ("headers", "known", "text"),
    [
        (
            CHALLENGE,
            False,
            "failed_precondition: sip server required auth, but no username or password was "
            "provided",
        ),
        ((), True, "failed_precondition: no auth header in sip invite response"),
        ((("Proxy-Authenticate", "Basic x"),), True, "internal: no digest challenge"),
    ],
)
def test_challenges_that_cannot_be_met(
    headers: tuple[tuple[str, str], ...], known: bool, text: str
) -> None:
    driver = dialing(credentials=lambda: Credential("u", "p") if known else None)
    driver.respond(407, headers)
    assert failure(driver) == text
    assert driver.last(LegLeft).reason == "rejected"
    assert (driver.last(LegEnded).status, driver.last(LegEnded).by) == (407, "remote")
    assert driver.last(DialFailed).outcome.error().meta == {}


def test_each_place_may_challenge_for_itself() -> None:
    """It gets no credentials of the place before; the ACK has those of its own INVITE."""
    driver = caller(credentials=lambda: Credential("u", "p"))
    driver.places = places("198.51.100.7", "198.51.100.8")
    driver.dial()
    driver.respond(407, CHALLENGE)
    driver.respond(503)
    assert "Proxy-Authorization" not in driver.sent("INVITE")[-1].request.headers
    driver.respond(407, ((CHALLENGE[0][0], CHALLENGE[0][1].replace('"n"', '"other"')),))
    last = driver.sent("INVITE")[-1].request
    assert 'nonce="other"' in (last.header("Proxy-Authorization") or "")
    driver.respond(200, body=sdp())
    ack = driver.acks()[0].request
    assert ack.header("Proxy-Authorization") == last.header("Proxy-Authorization")


def test_wrong_credentials() -> None:
    driver = dialing(credentials=lambda: Credential("u", "p"))
    driver.respond(401, (("WWW-Authenticate", CHALLENGE[0][1]),))
    driver.respond(401, (("WWW-Authenticate", CHALLENGE[0][1]),))
    assert failure(driver) == "failed_precondition: max auth retry attempts reached for SIP invite"


def test_422_is_met_with_the_min_se() -> None:
    driver = dialing(session_expires=1800)
    driver.respond(422, (("Min-SE", "3600"),))
    again = driver.sent("INVITE")[1].request
    assert again.header("Session-Expires") == "3600"
    assert again.header("Min-SE") == "3600"
    driver.respond(422, (("Min-SE", "3600"),))
    assert failure(driver).startswith("invalid_argument: unexpected status")


def test_421_and_420() -> None:
    driver = dialing(session_expires=1800)
    driver.respond(421, (("Require", "100rel"),))
    assert driver.sent("INVITE")[1].request.header("Require") == "100rel"
    driver.respond(420, (("Unsupported", "timer, 100rel"),))
    bare = driver.sent("INVITE")[2].request
    assert not {"Require", "Supported", "Session-Expires"} & set(dict(bare.headers.items()))
    driver.respond(420, (("Unsupported", "timer"),))
    assert failure(driver).startswith("invalid_argument: unexpected status")


@pytest.mark.parametrize("wanted", ["sec-agree", ""])
def test_421_for_what_we_lack(wanted: str) -> None:
    driver = dialing()
    driver.respond(421, (("Require", wanted),) if wanted else ())
    assert failure(driver).startswith("invalid_argument: unexpected status")


# --- redirects -----------------------------------------------------------------------------------


def test_redirects_are_not_followed_unless_wanted() -> None:
    driver = dialing()
    driver.respond(302, (("Contact", "<sip:2@b.example>"),))
    assert failure(driver) == (
        "not_found: unexpected status from INVITE response: sip status: 302: Moved Temporarily"
    )


def test_redirects_are_followed_three_times() -> None:
    driver = caller()
    driver.dial(follow_redirects=True)
    contact = "<tel:+1>, <sip:3@c.example>;q=0.5, <sip:2@b.example;x=1?a=b>;q=bad"
    driver.respond(302, (("Contact", contact),))
    again = driver.sent("INVITE")[1]
    assert str(again.request.uri) == "sip:2@b.example;x=1"
    assert driver.all(Locate)[1].uri == again.request.uri
    assert again.request.header("To") == "<sip:+15550100@carrier.example>"
    assert len(driver.all(OpenMedia)) == 1
    for _ in range(3):
        driver.respond(301, (("Contact", "<sip:4@d.example>"),))
    assert len(driver.sent("INVITE")) == 4
    assert driver.last(LegEnded).status == 301


@pytest.mark.parametrize("contact", ["<sip:", "<tel:+1>", ""])
def test_redirects_to_nowhere(contact: str) -> None:
    driver = caller()
    driver.dial(follow_redirects=True)
    driver.respond(302, (("Contact", contact),) if contact else ())
    assert driver.last(LegEnded).status == 302


@pytest.mark.parametrize(
    ("contact", "followed"),
    [("<sip:2@b>", False), ("<sips:2@b>", True), ("<sip:2@b;transport=tls>", True)],
)
def test_redirects_never_leave_tls(contact: str, followed: bool) -> None:
    driver = caller()
    driver.flow = Flow("tls", ("192.0.2.10", 5061), ("198.51.100.7", 5061), 1)
    driver.dial(follow_redirects=True)
    driver.respond(302, (("Contact", contact),))
    assert len(driver.sent("INVITE")) == 1 + followed


def test_given_up_while_a_redirect_is_looked_up() -> None:
    driver = caller()
    driver.dial(follow_redirects=True)
    driver.places = None
    driver.respond(302, (("Contact", "<sip:2@b.example>"),))
    driver.hangup()
    assert not driver.all(CancelRequest)
    assert driver.leg.finished
    assert driver.do(driver.leg.located(driver.now, places("198.51.100.8"))) == []


# --- giving up -----------------------------------------------------------------------------------


def test_ringing_timeout() -> None:
    driver = dialing(ringing_timeout=20)
    driver.leg.set_attribute_headers((("X-Why", "1"),))
    driver.respond(180)
    driver.advance(19.9)
    assert not driver.all(CancelRequest)
    driver.advance(0.1)
    sent = driver.sent("INVITE")[0]
    assert driver.all(CancelRequest) == [CancelRequest(sent.token, (("X-Why", "1"),))]
    assert failure(driver) == "canceled: sip request timed out"
    assert driver.last(LegLeft).reason == "unavailable"
    assert (driver.last(LegEnded).reason, driver.last(LegEnded).by) == ("no answer", "local")
    assert not driver.leg.finished
    driver.respond(487)
    assert driver.leg.finished


def test_nobody_says_anything_until_timer_b() -> None:
    driver = dialing(ringing_timeout=180)
    driver.advance(32)
    fail(driver, driver.sent("INVITE")[0], "timeout")
    assert failure(driver) == "canceled: transaction failed to complete (0 intermediate responses)"


def test_cancel_that_crosses_the_200() -> None:
    driver = dialing()
    driver.respond(180)
    driver.hangup("removed from the room")
    assert driver.last(LegLeft).reason == "hangup"
    driver.respond(200, body=sdp())
    assert len(driver.acks()) == 1
    (bye,) = driver.sent("BYE")
    assert not driver.all(LegAnswered)
    driver.reply(bye, 200)
    driver.respond(200, body=sdp())
    assert len(driver.acks()) == 2
    assert not driver.leg.finished
    driver.advance(33)
    assert driver.leg.finished


@pytest.mark.parametrize("way", ["hangup", "shutdown"])
def test_a_call_that_still_rings_is_ended_with_the_headers_of_the_api(way: str) -> None:
    """On the CANCEL beside those of attributes_to_headers; desk phones read its Reason."""
    driver = dialing()
    driver.leg.set_attribute_headers((("X-Attr", "1"),))
    driver.respond(180)
    why = (("Reason", "SIP;cause=200"), ("X-Why", "elsewhere"))
    if way == "hangup":
        driver.hangup("ended by RPC", why)
    else:
        driver.do(driver.leg.shutdown(driver.now, why))
    assert driver.last(CancelRequest).headers == (("X-Attr", "1"), *why)
    assert driver.last(LegEnded).cause == "SIP;cause=200"


def test_they_are_on_the_bye_where_a_200_crosses_the_cancel() -> None:
    driver = dialing()
    driver.respond(180)
    driver.hangup("ended by RPC", (("X-Why", "elsewhere"),))
    driver.respond(200, body=sdp())
    driver.respond(200, body=sdp(), tag="other")
    byes = driver.sent("BYE")
    assert [bye.request.header("X-Why") for bye in byes] == ["elsewhere", "elsewhere"]


def test_a_fork_that_lost_is_told_nothing_of_the_one_that_won() -> None:
    driver = dialing()
    driver.leg.set_attribute_headers((("X-Attr", "1"),))
    driver.respond(200, body=sdp())
    driver.respond(200, body=sdp(), tag="other")
    assert driver.sent("BYE")[0].request.header("X-Attr") is None


def test_cancel_that_nobody_answers() -> None:
    driver = dialing()
    driver.hangup()
    assert driver.hangup() == []
    assert driver.do(driver.leg.reject(driver.now, 480)) == []
    fail(driver, driver.sent("INVITE")[0], "timeout")
    assert driver.leg.finished


def test_the_longest_duration_counts_from_the_room() -> None:
    driver = dialing(max_call_duration=10)
    driver.respond(180)
    driver.advance(10)
    assert driver.all(CancelRequest)
    assert driver.last(LegEnded).reason == "max call duration"


@pytest.mark.parametrize(
    ("status", "left"),
    [
        *((400, "rejected"), (404, "unavailable"), (408, "unavailable"), (480, "unavailable")),
        *((486, "rejected"), (488, "rejected"), (500, "dropped"), (603, "rejected")),
    ],
)
def test_refusals(status: int, left: str) -> None:
    driver = dialing()
    driver.respond(180)
    driver.respond(status)
    assert driver.last(LegLeft).reason == left
    assert driver.last(LegEnded).status == status
    assert driver.last(DialFailed).outcome.error().meta["sip_status_code"] == str(status)
    assert driver.all(CloseMedia)
    assert driver.leg.finished
    assert not driver.all(CancelRequest)


# --- the call ------------------------------------------------------------------------------------


def test_a_peer_that_refreshes_the_session() -> None:
    driver = dialing(session_expires=1800)
    driver.respond(200, (("Session-Expires", "600;refresher=uas"), ("Require", "timer")), sdp())
    driver.last_packet_at = 1e9
    driver.advance(567)
    assert not driver.sent("BYE")
    driver.advance(2)
    assert driver.last(LegEnded).reason == "session timer"


def test_a_session_without_timer_is_refreshed_by_us() -> None:
    driver = dialing(session_expires=1800)
    driver.respond(200, (("Allow", "INVITE, UPDATE"),), sdp())
    driver.last_packet_at = 1e9
    driver.advance(901)
    (update,) = driver.sent("UPDATE")
    assert update.request.header("Session-Expires") == "1800;refresher=uac"


def test_no_session_timer_where_none_is_wanted() -> None:
    driver = dialing()
    assert "Session-Expires" not in driver.sent("INVITE")[0].request.headers
    driver.respond(200, body=sdp())
    driver.last_packet_at = 1e9
    driver.advance(3000)
    assert driver.leg.state is Phase.CONFIRMED


def test_a_ringing_call_cannot_be_transferred() -> None:
    driver = dialing()
    driver.respond(180)
    driver.do(driver.leg.transfer(driver.now, 1, TRANSFER))
    error = driver.last(TransferAnswered).error
    assert isinstance(error, ApiError)
    assert error.code == "failed_precondition"


def test_a_stranger_in_the_dialog() -> None:
    driver = caller().established()
    driver.receive("INFO", from_tag="other")
    assert driver.last(Respond).response.status == 481


def test_answering_and_locating_mean_nothing_at_the_wrong_time() -> None:
    driver = caller().established()
    assert driver.answer() == []
    assert driver.do(driver.leg.located(driver.now, places("198.51.100.8"))) == []
    inbound = LegDriver()
    inbound.invite()
    assert inbound.do(inbound.leg.located(inbound.now, places("198.51.100.8"))) == []
