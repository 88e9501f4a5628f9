"""The STUN and TURN servers that clients are told of."""

from __future__ import annotations

import pytest

from hookflash.setting_kinds import TurnServer
from hookflash.signalling.ice_servers import ice_servers


@pytest.mark.parametrize(
    ("host", "protocol", "url"),
    [
        ("turn.example", "udp", "turn:turn.example:3478?transport=udp"),
        ("turn.example", "tcp", "turn:turn.example:3478?transport=tcp"),
        ("turn.example", "tls", "turns:turn.example:3478?transport=tcp"),
        ("2001:db8::1", "udp", "turn:[2001:db8::1]:3478?transport=udp"),
    ],
)
def test_a_relay_has_its_url_and_login(host: str, protocol: str, url: str) -> None:
    relay = TurnServer.model_validate(
        {
            "host": host,
            "port": 3478,
            "protocol": protocol,
            "username": "us",
            "credential": "pw",
        }
    )
    (server,) = ice_servers((), [relay])
    assert (list(server.urls), server.username, server.credential) == ([url], "us", "pw")


def test_stun_servers_are_one_entry_and_none_where_there_are_none() -> None:
    (server,) = ice_servers(["a:3478", "b:3478"], ())
    assert list(server.urls) == ["stun:a:3478", "stun:b:3478"]
    assert ice_servers((), ()) == ()
