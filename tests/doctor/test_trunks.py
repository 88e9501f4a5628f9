"""What is said of trunks."""

from __future__ import annotations

from typing import Any

import pytest

from hookflash.doctor.trunks import Probe, judge_inbound, judge_outbound
from hookflash.sip.message import Response


def outbound(
    status: int,
    host: str = "sip.example.org",
    *,
    user: bool = False,
    given: bool = False,
    body: str = "",
    **headers: Any,
) -> list[tuple[str, str]]:
    fields = list(headers.items())
    if body:
        fields.append(("Content-Type", "application/sdp"))
    response = Response(status, None, fields, body.encode())
    probe = Probe(response, seconds=0.02, gave_password=given)
    found = judge_outbound("trunk", host, probe, has_user=user)
    return [(one.gravity, one.meaning) for one in found]


@pytest.mark.parametrize(
    ("status", "user", "gravity", "words"),
    [
        (200, False, "ok", "answers OPTIONS (200 OK, 20 ms, Kamailio)"),
        (404, False, "ok", "answers OPTIONS (404 Not Found"),
        (501, False, "ok", "answers OPTIONS (501"),
        (401, False, "warning", "asks for a password"),
        (407, True, "ok", "answers OPTIONS (407"),
        (403, True, "warning", "may not be allowed"),
        (503, True, "warning", "a fault on its side"),
    ],
)
def test_what_the_answer_says(status: int, user: bool, gravity: str, words: str) -> None:
    life, _ = outbound(status, user=user, Server="Kamailio")
    assert life[0] == gravity
    assert words in life[1]


@pytest.mark.parametrize(
    ("status", "gravity", "words"),
    [
        (200, "ok", "answers OPTIONS (200 OK, 20 ms), and takes user and password"),
        (401, "error", "401 Unauthorized to OPTIONS with user and password: they are wrong there"),
        (407, "error", "they are wrong there"),
        (403, "warning", "this address, or user and password, may not be allowed there"),
    ],
)
def test_what_the_answer_says_to_user_and_password(status: int, gravity: str, words: str) -> None:
    life, _ = outbound(status, user=True, given=True)
    assert life[0] == gravity
    assert words in life[1]


@pytest.mark.parametrize(
    ("media", "found"),
    [
        ("m=audio 0 RTP/AVP 18 8 0 101", [("ok", "codecs in common: PCMA, PCMU")]),
        (
            "m=audio 0 RTP/AVP 96 101\r\na=rtpmap:96 AMR/8000\r\na=rtpmap:101 telephone-event/8000",
            [("warning", "no codec in common: it speaks amr")],
        ),
        (
            "m=audio 0 RTP/AVP 18",
            [("warning", "no codec in common: it speaks payload types 18")],
        ),
        ("m=video 0 RTP/AVP 96", []),
        ("m=", []),
    ],
)
def test_what_is_said_of_codecs(media: str, found: list[tuple[str, str]]) -> None:
    body = f"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n{media}\r\n"
    assert outbound(200, body=body)[2:] == found


@pytest.mark.parametrize(
    ("host", "headers", "gravity", "words"),
    [
        ("sip.example.org", {"Allow": "INVITE, REFER"}, "ok", "its Allow has REFER"),
        ("sip.example.org", {"Allow": "INVITE, ACK"}, "warning", "no REFER (ACK, INVITE)"),
        ("sip.example.org", {}, "note", "nothing is said of REFER"),
        ("sip.exotel.com", {"Allow": "REFER"}, "warning", "Exotel has no transfer by REFER"),
    ],
)
def test_what_is_said_of_refer(
    host: str, headers: dict[str, Any], gravity: str, words: str
) -> None:
    _, refer = outbound(200, host, **headers)
    assert refer[0] == gravity
    assert words in refer[1]


@pytest.mark.parametrize(
    ("why", "gravity"),
    [
        ("the name has no address (DNS)", "error"),
        ("no connection by TLS: certificate refused: expired", "error"),
        ("no answer to OPTIONS by UDP in 3 s", "warning"),
    ],
)
def test_no_answer(why: str, gravity: str) -> None:
    (found,) = judge_outbound("trunk", "sip.example.org", Probe(why=why), has_user=False)
    assert (found.gravity, found.meaning) == (gravity, f"sip.example.org: {why}")
    assert ("sip.tls.ca_file" in found.remedy) is ("certificate" in why)


@pytest.mark.parametrize(
    ("addresses", "callers", "user", "rule", "gravities"),
    [
        (["192.0.2.1"], [], "", True, ["ok"]),
        ([], [], "me", True, ["ok"]),
        ([], [], "", True, ["warning"]),
        ([], ["+1"], "", True, ["warning"]),
        (["192.0.2.1"], [], "", False, ["error"]),
        ([], [], "", False, ["error", "warning"]),
    ],
)
def test_inbound_trunks(
    addresses: list[str], callers: list[str], user: str, rule: bool, gravities: list[str]
) -> None:
    found = judge_inbound("trunk", addresses=addresses, callers=callers, user=user, has_rule=rule)
    assert [one.gravity for one in found] == gravities
