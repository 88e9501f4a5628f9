"""Settings that are dangerous, or that contradict each other."""

from __future__ import annotations

from typing import Any

import pytest

from hookflash.cli.settings import by_key
from hookflash.config import load
from hookflash.doctor.configuration import check_configuration

SAFE = {
    **{"keys": {"k": "a-secret-that-nobody-guesses-9f8e7d6c5b4a"}, "sip.hide_passwords": True},
    **{"sip.listen_ip": "192.0.2.10", "bind_addresses": ["192.0.2.10"]},
}


def values(**changes: Any) -> dict[str, Any]:
    flags = {**SAFE, **{key.replace("__", "."): value for key, value in changes.items()}}
    return by_key(load(flags=flags).model_dump())


@pytest.fixture(autouse=True)
def _own_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOOKFLASH_KEYS", '{"k": "a-secret-that-nobody-guesses-9f8e7d6c5b4a"}')


def test_settings_with_nothing_to_say_about() -> None:
    assert check_configuration(values()) == []


@pytest.mark.parametrize(
    ("changes", "subject", "gravity"),
    [
        ({"sip__accept_unmatched": True}, "sip.accept_unmatched", "error"),
        ({"sip__allowed_hosts": "from_header"}, "sip.allowed_hosts", "error"),
        ({"sip__shield": False}, "sip.shield", "warning"),
        (
            {"sip__max_invites_per_second_per_source": 0},
            *("sip.max_invites_per_second_per_source", "warning"),
        ),
        (
            {"sip__max_requests_per_second_per_source": 0},
            *("sip.max_requests_per_second_per_source", "warning"),
        ),
        (
            {"sip__nat_1_to_1_ip": "93.184.216.34", "sip__use_external_ip": True},
            *("sip.use_external_ip", "warning"),
        ),
        ({"sip__nat_1_to_1_ip": "10.0.0.1"}, "sip.nat_1_to_1_ip", "warning"),
        (
            {"sip__nat_1_to_1_ip": "93.184.216.34", "sip__listen_ip": "127.0.0.1"},
            *("sip.listen_ip", "error"),
        ),
        (
            {"sip__nat_1_to_1_ip": "93.184.216.34", "rtc__node_ip": "93.184.216.35"},
            *("rtc.node_ip", "note"),
        ),
        ({"sip__rtp_port": "10000-10199", "sip__max_calls": 101}, "sip.rtp_port", "error"),
        ({"sip__rtp_port": "10000-10019"}, "sip.rtp_port", "note"),
        ({"sip__sip_port": 15060}, "sip.sip_port", "error"),
        ({"rtc__udp_port": 10000}, "rtc.udp_port", "error"),
        ({"sip__tls__port": 20000}, "sip.tls.port", "error"),
        ({"calls__keep": "10d"}, "sip.keep_messages", "note"),
        ({"sip__keep_messages": 0}, "sip.keep_messages", "warning"),
        ({"sip__hide_passwords": False}, "sip.hide_passwords", "note"),
        ({"metrics__bind": "0.0.0.0:6789"}, "metrics.bind", "warning"),
    ],
)
def test_one_thing_is_found(changes: dict[str, Any], subject: str, gravity: str) -> None:
    (finding,) = check_configuration(values(**changes))
    assert (finding.subject, finding.gravity) == (subject, gravity)
    assert finding.meaning


def test_the_gravest_is_told_first_and_loopback_is_no_danger() -> None:
    found = check_configuration(values(sip__allowed_hosts="from_header", calls__keep="1d"))
    assert [finding.gravity for finding in found] == ["error", "note"]
    alone = values(sip__listen_ip="127.0.0.1", sip__accept_unmatched=True, sip__shield=False)
    assert check_configuration(alone) == []
