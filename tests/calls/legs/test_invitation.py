"""The INVITE through its attempts; the rows of calls.md §4 are in test_dialing."""

from __future__ import annotations

import random
from dataclasses import replace

from tests.simulation.legs import CONTACT, ORDER

from hookflash.base.ids import Ids
from hookflash.calls.legs.core import LegCore
from hookflash.calls.legs.invitation import Invitation
from hookflash.calls.legs.settings import Credential, LegSettings
from hookflash.sip.message import Response
from hookflash.sip.timers import Timers
from hookflash.sip.uri import Uri


def invitation(**changes: object) -> Invitation:
    settings = LegSettings(
        contact=Uri.parse(CONTACT),
        direction="outbound",
        credentials=lambda: Credential("u", "p"),
    )
    core = LegCore("SCL_x", settings, Ids(random.Random(1)), Timers())
    return Invitation(core, replace(ORDER, **changes))  # type: ignore[arg-type]


def test_attempts_differ_in_their_cseq_only() -> None:
    made = invitation()
    first, second = made.request(b"v=0"), made.request(b"v=0")
    assert (first.cseq.number, second.cseq.number) == (1, 2)
    other = [item for item in second.headers.items() if item[0] != "CSeq"]
    assert other == [item for item in first.headers.items() if item[0] != "CSeq"]


def test_five_challenges_at_most() -> None:
    made = invitation()
    outcome = None
    for count in range(1, 8):
        request = made.request(b"")
        challenge = f'Digest realm="r", nonce="{count}", stale=true'
        answer = Response.reply(request, 401, headers=(("WWW-Authenticate", challenge),))
        outcome = made.revise(0.0, answer)
        if outcome is not None:
            break
    assert count == 6
    assert outcome is not None
    assert outcome.text == "max auth retry attempts reached for SIP invite"


def test_credentials_are_not_sent_to_where_a_redirect_leads() -> None:
    made = invitation(follow_redirects=True)
    request = made.request(b"")
    challenge = (("WWW-Authenticate", 'Digest realm="r", nonce="1"'),)
    assert made.revise(0.0, Response.reply(request, 401, headers=challenge)) is None
    assert made.redirect(Response.reply(request, 302), secure=False) is None  # leads nowhere
    assert "Authorization" in made.request(b"").headers
    moved = Response.reply(request, 302, headers=(("Contact", "<sip:b@other.example>"),))
    assert made.redirect(moved, secure=False) is not None
    assert "Authorization" not in made.request(b"").headers


def test_a_retry_uses_the_nonce_with_the_next_count() -> None:
    made = invitation()
    request = made.request(b"")
    challenge = (("WWW-Authenticate", 'Digest realm="r", nonce="1", qop="auth"'),)
    assert made.revise(0.0, Response.reply(request, 401, headers=challenge)) is None
    counts = [made.request(b"").header("Authorization") or "" for _ in range(2)]
    assert "nc=00000001" in counts[0]
    assert "nc=00000002" in counts[1]


def test_where_a_redirect_leads_may_ask_for_the_same_realm_anew() -> None:
    made = invitation(follow_redirects=True)
    challenge = (("WWW-Authenticate", 'Digest realm="r", nonce="1"'),)
    first = made.request(b"")
    assert made.revise(0.0, Response.reply(first, 401, headers=challenge)) is None
    second = made.request(b"")
    there = (("Contact", "<sip:x@192.0.2.5>"),)
    assert made.redirect(Response.reply(second, 302, headers=there), secure=False) is not None
    third = made.request(b"")
    assert third.header("Authorization") is None
    assert made.revise(0.0, Response.reply(third, 401, headers=challenge)) is None
    assert 'uri="sip:x@192.0.2.5"' in (made.request(b"").header("Authorization") or "")
