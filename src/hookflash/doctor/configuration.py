"""Settings that are dangerous, or that contradict each other. What is wrong in itself ends the
start of the server already."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from ipaddress import ip_address
from typing import Any, Final

from .diagnosis import Finding
from .facts import is_ip, is_private

Values = Mapping[str, Any]
"""Dotted key → value, as `config.Settings` has them."""

CALL_PORTS: Final = 2
"""Of a call: RTP and RTCP."""


def check_configuration(values: Values) -> list[Finding]:
    """All findings, the gravest first."""
    found = [finding for check in _CHECKS for finding in check(values)]
    order = ("error", "warning", "note", "ok")
    return sorted(found, key=lambda finding: order.index(finding.gravity))


def _public(values: Values) -> bool:
    """Whether others than this machine's programs reach the SIP port."""
    return not ip_address(str(values["sip.listen_ip"])).is_loopback


def _admission(values: Values) -> list[Finding]:
    found = []
    if values["sip.accept_unmatched"] and _public(values):
        found.append(
            Finding(
                "error",
                "sip.accept_unmatched",
                "calls that match no trunk are taken: whoever finds the port may call",
                "sip.accept_unmatched: false, and a trunk for each caller",
            )
        )
    if values["sip.allowed_hosts"] == "from_header":
        found.append(
            Finding(
                "error",
                "sip.allowed_hosts",
                "the host in From decides who may call, and anybody can write it",
                "sip.allowed_hosts: resolve",
            )
        )
    if not values["sip.shield"] and _public(values):
        found.append(
            Finding(
                "warning",
                "sip.shield",
                "scanners and who guesses passwords are answered for ever",
                "sip.shield: true",
            )
        )
    for key in ("max_invites_per_second_per_source", "max_requests_per_second_per_source"):
        if values[f"sip.{key}"] == 0 and _public(values):
            found.append(
                Finding(
                    "warning",
                    f"sip.{key}",
                    "one address may send as much as it likes",
                    f"leave sip.{key} unset",
                )
            )
    return found


def _addresses(values: Values) -> list[Finding]:
    found = []
    public, listen = str(values["sip.nat_1_to_1_ip"]), str(values["sip.listen_ip"])
    if public and values["sip.use_external_ip"]:
        found.append(
            Finding(
                "warning",
                "sip.use_external_ip",
                "sip.nat_1_to_1_ip is set, so STUN is not asked",
                "leave one of the two out",
            )
        )
    if public and is_private(public):
        found.append(
            Finding(
                "warning",
                "sip.nat_1_to_1_ip",
                f"{public} is an address that the internet does not know: peers outside cannot "
                f"reach it",
                "the public address of the router or of this machine",
            )
        )
    if public and ip_address(listen).is_loopback:
        found.append(
            Finding(
                "error",
                "sip.listen_ip",
                f"peers are told {public}, but SIP listens on loopback only",
                "sip.listen_ip: 0.0.0.0, or the address that is forwarded to",
            )
        )
    rtc = str(values["rtc.node_ip"])
    if public and rtc and is_ip(public) and public != rtc:
        found.append(
            Finding(
                "note",
                "rtc.node_ip",
                f"clients are told {rtc}, telephones {public}",
                "the same address for both, unless that is wanted",
            )
        )
    return found


def _ports(values: Values) -> list[Finding]:
    low, high = values["sip.rtp_port"]
    pairs = (int(high) - int(low) + 1) // CALL_PORTS
    most = int(values["sip.max_calls"])
    found = []
    if most > pairs:
        found.append(
            Finding(
                "error",
                "sip.rtp_port",
                f"{low}-{high} has room for {pairs} calls, and sip.max_calls allows {most}",
                "a wider sip.rtp_port, two ports for each call",
            )
        )
    elif pairs < 50 and not values["dev"]:
        found.append(
            Finding("note", "sip.rtp_port", f"{low}-{high} has room for {pairs} calls at once")
        )
    taken = {
        "sip.sip_port": values["sip.sip_port"],
        "sip.tls.port": values["sip.tls.port"],
        "rtc.udp_port": values["rtc.udp_port"],
    }
    for key, port in taken.items():
        if low <= port <= high:
            found.append(
                Finding(
                    "error",
                    key,
                    f"port {port} is within sip.rtp_port ({low}-{high}): a call may not get it",
                    "a port outside of that range",
                )
            )
    return found


def _keeping(values: Values) -> list[Finding]:
    found = []
    if values["calls.keep"] < values["sip.keep_messages"]:
        found.append(
            Finding(
                "note",
                "sip.keep_messages",
                "messages go with their call, and calls.keep is shorter",
                "the same time for both",
            )
        )
    if not values["sip.keep_messages"]:
        found.append(
            Finding(
                "warning",
                "sip.keep_messages",
                "no SIP messages are kept: neither ladder nor doctor can say why a transfer failed",
                "sip.keep_messages: 30d",
            )
        )
    return found


def _secrets(values: Values) -> list[Finding]:
    found = []
    if not values["sip.hide_passwords"] and _public(values):
        found.append(
            Finding(
                "note",
                "sip.hide_passwords",
                "who has a token with sip.admin can read the passwords of trunks",
                "sip.hide_passwords: true, where no program needs them",
            )
        )
    bind = str(values["metrics.bind"]).rpartition(":")[0].strip("[]")
    if bind and is_ip(bind) and not ip_address(bind).is_loopback:
        found.append(
            Finding(
                "warning",
                "metrics.bind",
                f"/metrics listens at {bind}, and asks for no token",
                "metrics.bind: 127.0.0.1:6789, or a firewall",
            )
        )
    return found


_CHECKS: Final[tuple[Callable[[Values], list[Finding]], ...]] = (
    *(_admission, _addresses, _ports, _keeping, _secrets),
)
