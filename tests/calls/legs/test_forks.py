"""One phone behind our INVITE: reliable 18x and which answer counts (RFC 3262 §4, §5)."""

from __future__ import annotations

import pytest
from tests.support.sip_messages import flow_to, request_of

from hookflash.calls.legs.forks import Fork, fork_of, is_reliable, sdp_of
from hookflash.sip.message import Response

SDP = (("Content-Type", "application/sdp"),)


def response(
    status: int = 183, headers: tuple[tuple[str, str], ...] = (), body: bytes = b""
) -> Response:
    return Response.reply(
        request_of("INVITE"), status, to_tag="peer", headers=(*headers, *SDP), body=body
    )


def fork() -> Fork:
    return fork_of(request_of("INVITE"), response(), flow_to())


def test_it_has_a_dialog_of_its_own() -> None:
    made = fork()
    assert made.dialog.remote_tag == "peer"
    assert made.ack is None


@pytest.mark.parametrize("rseq", ["0", "x", "", "12345678901", "6", "8"])
def test_rseq_that_do_not_count(rseq: str) -> None:
    made = fork()
    made.rseq = 6
    assert not made.in_order(response(headers=(("RSeq", rseq),)))
    assert made.rseq == 6


def test_rseq_begin_anywhere_and_go_up_by_one() -> None:
    made = fork()
    assert [made.in_order(response(headers=(("RSeq", n),))) for n in ("41", "42", "42")] == [
        True,
        True,
        False,
    ]


@pytest.mark.parametrize(
    ("status", "headers", "reliable"),
    [
        (183, (("Require", "100rel"), ("RSeq", "1")), True),
        (183, (("RSeq", "1"),), False),
        (183, (("Require", "100rel"),), False),
        (100, (("Require", "100rel"), ("RSeq", "1")), False),
    ],
)
def test_which_18x_want_a_prack(
    status: int, headers: tuple[tuple[str, str], ...], reliable: bool
) -> None:
    assert is_reliable(response(status, headers)) == reliable


def test_which_answer_counts() -> None:
    made = fork()
    assert made.offer_answered(response(body=b"v=a"), reliable=False) == b"v=a"
    assert made.offer_answered(response(body=b"v=a"), reliable=False) is None
    assert made.final_answer(response(200)) == b"v=a"
    assert made.final_answer(response(200, body=b"v=b")) == b"v=b"
    assert made.offer_answered(response(body=b"v=c"), reliable=True) == b"v=c"
    assert made.offer_answered(response(body=b"v=d"), reliable=True) is None
    assert made.final_answer(response(200, body=b"v=e")) == b"v=c"


def test_an_unreadable_body_is_none() -> None:
    strange = Response(200, headers=(("Content-Type", "text/html"),), body=b"<p>")
    assert sdp_of(strange) is None
