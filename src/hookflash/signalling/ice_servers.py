"""The STUN and TURN servers that clients are told of (JoinResponse.ice_servers)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from livekit.protocol.rtc import ICEServer


class Secret(Protocol):
    """A text that is not shown by accident."""

    def get_secret_value(self) -> str: ...


class Relay(Protocol):
    """One TURN server: `setting_kinds.TurnServer`."""

    @property
    def host(self) -> str: ...
    @property
    def port(self) -> int: ...
    @property
    def protocol(self) -> str:
        """`udp`, `tcp` or `tls`: how clients reach it."""
        ...

    @property
    def username(self) -> str: ...
    @property
    def credential(self) -> Secret: ...


class IceSettings(Protocol):
    """What the configuration says of them: `config.RtcSettings`."""

    @property
    def stun_servers(self) -> Sequence[str]: ...
    @property
    def turn_servers(self) -> Sequence[Relay]: ...


def ice_servers(stun: Sequence[str], turn: Iterable[Relay]) -> tuple[ICEServer, ...]:
    """`stun`: `host:port` of each. URLs are those of RFC 7064 and RFC 7065."""
    servers = [ICEServer(urls=[_turn_url(relay)], **_login(relay)) for relay in turn]
    if stun:
        servers.append(ICEServer(urls=[f"stun:{server}" for server in stun]))
    return tuple(servers)


def _turn_url(relay: Relay) -> str:
    scheme = "turns" if relay.protocol == "tls" else "turn"
    transport = "udp" if relay.protocol == "udp" else "tcp"
    host = f"[{relay.host}]" if ":" in relay.host else relay.host
    return f"{scheme}:{host}:{relay.port}?transport={transport}"


def _login(relay: Relay) -> dict[str, str]:
    return {"username": relay.username, "credential": relay.credential.get_secret_value()}
