"""RFC 4028 as calls.md §2 "session timers" wants it: the numbers."""

from __future__ import annotations

import pytest

from hookflash.base.errors import SipError
from hookflash.calls.legs.session_timer import MOST_RAISES, SessionTimer
from hookflash.sip.message import Request, Response

PEER = "peer"
WE = "we"


def request(**headers: str) -> Request:
    items = [(name.replace("_", "-"), value) for name, value in headers.items()]
    return Request("INVITE", "sip:a@b", items)


def response(**headers: str) -> Response:
    items = [(name.replace("_", "-"), value) for name, value in headers.items()]
    return Response(200, None, items)


@pytest.mark.parametrize(
    ("headers", "wanted", "who", "expires"),
    [
        # The peer refreshes if it can …
        ({"Supported": "timer"}, 1800, PEER, "1800;refresher=uac"),
        ({"Supported": "timer", "Session_Expires": "600"}, 1800, PEER, "600;refresher=uac"),
        # … else we do.
        ({}, 1800, WE, "1800;refresher=uas"),
        ({"Session_Expires": "600"}, 1800, WE, "600;refresher=uas"),
        # The peer's own wish stands (RFC 4028 §9).
        (
            {"Supported": "timer", "Session_Expires": "600;refresher=uas"},
            1800,
            WE,
            "600;refresher=uas",
        ),
        ({"Session_Expires": "600;refresher=uac"}, 1800, PEER, "600;refresher=uac"),
        # The smaller interval counts, but never below the peer's Min-SE.
        ({"Supported": "timer", "Session_Expires": "3600"}, 1800, PEER, "1800;refresher=uac"),
        (
            {"Supported": "timer", "Session_Expires": "3600", "Min_SE": "2000"},
            1800,
            PEER,
            "2000;refresher=uac",
        ),
        # Without a wish of ours only the peer's counts.
        ({"Supported": "timer", "Session_Expires": "300"}, 0, PEER, "300;refresher=uac"),
        ({"Session_Expires": "90"}, 1800, WE, "90;refresher=uas"),
    ],
)
def test_who_refreshes_and_how_often(
    headers: dict[str, str], wanted: int, who: str, expires: str
) -> None:
    timer = SessionTimer(wanted)
    invite = request(**headers)
    timer.check(invite)
    given = dict(timer.answer(0.0, invite))
    assert given["Session-Expires"] == expires
    assert given.get("Require") == ("timer" if who is PEER else None)
    assert timer.we_refresh is (who is WE)


def test_no_timer_where_nobody_wants_one() -> None:
    timer = SessionTimer(0)
    assert timer.answer(0.0, request(Supported="timer")) == ()
    assert timer.next_deadline() is None
    assert not timer.expired(1e9)
    timer.refresh_again(1.0)
    timer.refresh_failed(1.0)
    assert timer.next_deadline() is None


def test_below_90_seconds_is_422() -> None:
    timer = SessionTimer(1800)
    with pytest.raises(SipError) as caught:
        timer.check(request(Session_Expires="89"))
    assert caught.value.status == 422
    timer.check(request(Session_Expires="90"))


@pytest.mark.parametrize(
    "headers",
    [{"Session_Expires": "x"}, {"Min_SE": "x"}, {"Min_SE": "-1"}, {"Min_SE": "4294967296"}],
)
def test_unreadable_is_as_if_it_were_not_there(headers: dict[str, str]) -> None:
    timer = SessionTimer(1800)
    timer.check(request(**headers))
    assert timer.answer(0.0, request(**headers)) == SessionTimer(1800).answer(0.0, request())


def test_peer_that_does_not_refresh_gets_bye_before_the_end() -> None:
    """min(32 s, a third) before the end."""
    timer = SessionTimer(1800)
    timer.answer(100.0, request(Supported="timer"))
    assert timer.next_deadline() == 100 + 1800 - 32
    assert not timer.refresh_due(100 + 1800 - 33)
    assert timer.expired(100 + 1800 - 32)
    short = SessionTimer(90)
    short.answer(0.0, request(Supported="timer"))
    assert short.next_deadline() == 60
    short.restart(50.0)
    assert short.next_deadline() == 110


def test_we_refresh_at_half_time() -> None:
    timer = SessionTimer(1800)
    timer.answer(0.0, request())
    assert timer.next_deadline() == 900
    assert not timer.refresh_due(899)
    assert timer.refresh_due(900)
    assert not timer.refresh_due(900)
    assert timer.next_deadline() == 1768
    assert dict(timer.request_headers()) == {"Session-Expires": "1800;refresher=uac"}
    timer.answered(901.0, response())
    assert timer.next_deadline() == 901 + 900


def test_answer_to_our_refresh_decides_anew() -> None:
    timer = SessionTimer(1800)
    timer.answer(0.0, request())
    timer.answered(900.0, response(Session_Expires="1200;refresher=uas"))
    assert not timer.we_refresh
    assert timer.next_deadline() == 900 + 1200 - 32
    timer.answered(1000.0, response(Session_Expires="rubbish"))
    assert timer.next_deadline() == 1000 + 1200 - 32


@pytest.mark.parametrize("seconds", [1, 2, 89])
def test_an_interval_below_90_seconds_is_taken_as_90(seconds: int) -> None:
    """RFC 4028 §5: nobody may grant less. At half of it we would refresh, near its end hang up."""
    timer = SessionTimer(1800)
    timer.ask()
    timer.answered(0.0, response(Session_Expires=f"{seconds};refresher=uac"))
    assert timer.next_deadline() == 45
    assert dict(timer.request_headers()) == {"Session-Expires": "90;refresher=uac"}
    timer.answered(0.0, response(Session_Expires=f"{seconds};refresher=uas"))
    assert timer.next_deadline() == 60


def test_refused_refresh_is_tried_again_in_what_is_left() -> None:
    timer = SessionTimer(1800)
    timer.answer(0.0, request())
    assert timer.refresh_due(900)
    timer.refresh_failed(900.0)
    assert timer.next_deadline() == 900 + 434
    timer.refresh_again(1000.0)
    assert timer.next_deadline() == 1000


def test_422_to_our_refresh_raises_the_interval() -> None:
    timer = SessionTimer(100)
    timer.answer(0.0, request())
    assert not timer.too_small(50.0, response())
    assert not timer.too_small(50.0, response(Min_SE="rubbish"))
    assert not timer.too_small(50.0, response(Min_SE="100"))
    assert timer.too_small(50.0, response(Min_SE="400"))
    assert timer.refresh_due(50.0)
    assert dict(timer.request_headers()) == {
        "Session-Expires": "400;refresher=uac",
        "Min-SE": "400",
    }


def test_a_peer_that_wants_more_each_time_is_followed_five_times() -> None:
    """It would have one INVITE after the other, as fast as it answers."""
    timer = SessionTimer(100)
    timer.ask()
    asked = [timer.too_small(1.0, response(Min_SE=str(200 + number))) for number in range(7)]
    assert asked == [True] * MOST_RAISES + [False] * 2
