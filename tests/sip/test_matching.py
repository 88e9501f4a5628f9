"""Keys of server transactions (RFC 3261 §17.2.3) and of merged requests (§8.2.2.2)."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.sip_messages import request_of

from hookflash.base.errors import SipError
from hookflash.sip.matching import is_rfc2543, merge_key, server_key


def test_branch_sent_by_and_method_are_the_key() -> None:
    key = server_key(request_of("INVITE"))
    assert key == ("z9hG4bKpeer1", "198.51.100.7:5060", "INVITE")
    assert not is_rfc2543(key)
    assert server_key(request_of("ACK", call_id="other")) == key
    assert server_key(request_of("CANCEL")) != key
    via = "SIP/2.0/UDP Host.Example;branch=z9hG4bKpeer1"
    lower = "SIP/2.0/UDP host.example;branch=z9hG4bKpeer1"
    assert server_key(request_of("BYE", via=via)) == server_key(request_of("BYE", via=lower))


@pytest.mark.parametrize("branch", [None, "1", "z9hG4bK", "Z9HG4BKx"])
@pytest.mark.parametrize(
    "change",
    [
        {"uri": "sip:other@192.0.2.10"},
        {"from_tag": "x"},
        {"call_id": "x"},
        {"cseq": 2},
        {"via": "SIP/2.0/UDP elsewhere"},
        {"via": "SIP/2.0/TCP 198.51.100.7:5060"},
    ],
)
def test_without_cookie_everything_counts(branch: str | None, change: dict[str, Any]) -> None:
    key = server_key(request_of("INVITE", branch=branch))
    assert is_rfc2543(key)
    assert server_key(request_of("INVITE", branch=branch)) == key
    assert server_key(request_of("ACK", branch=branch, to_tag="t")) == key
    assert server_key(request_of("INVITE", branch=branch, **change)) != key


def test_unreadable_vias_have_no_key() -> None:
    request = request_of("INVITE")
    request.headers.set("Via", "x")
    with pytest.raises(SipError):
        server_key(request)


def test_copies_of_a_request_share_their_merge_key() -> None:
    first = merge_key(request_of("INVITE"))
    assert merge_key(request_of("INVITE", branch="z9hG4bKother")) == first
    assert merge_key(request_of("INVITE", cseq=2)) != first
    assert merge_key(request_of("OPTIONS")) != first
