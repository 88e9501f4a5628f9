"""Checks of trunks and rules, in LiveKit's order and words (facts §2.2).

Differences that are wanted: a user without a password (or the reverse) is refused, and so are
reserved header names, compact forms too, and numbers that an enum does not have.
"""

from __future__ import annotations

from collections.abc import Collection
from math import prod
from typing import TypeVar

from google.protobuf.message import Message
from livekit.protocol.sip import (
    SIPDispatchRuleInfo,
    SIPInboundTrunkInfo,
    SIPOutboundConfig,
    SIPOutboundTrunkInfo,
)

from ...base.counts import check_count
from ...base.errors import ApiError
from ..headers import MAX_HEADERS, TRUNK_RESERVED, check_header_name, check_headers
from .media_config import check_media
from .values import check_enums, distinct

OPEN_TRUNK = (
    "for security, one of the fields must be set: AuthUsername+AuthPassword, AllowedAddresses "
    "or Numbers"
)
HALF_CREDENTIALS = "auth_username and auth_password must be set together"
MOST_COMBINATIONS = 250_000
"""Of the trunks and numbers of one trunk or rule, each of which is kept: they multiply, so a
request of a few kB could hold the process for minutes, and take all of its memory."""


Trunk = TypeVar("Trunk", SIPInboundTrunkInfo, SIPOutboundTrunkInfo)


def check_new_trunk(trunk: Trunk | None) -> Trunk:
    """A trunk to be created; None: the request has none. Raises ApiError."""
    if trunk is None:
        raise invalid("missing trunk")
    if trunk.sip_trunk_id:
        raise invalid("trunk id must not be set")
    check_trunk(trunk)
    return trunk


def check_new_rule(rule: SIPDispatchRuleInfo) -> None:
    """A rule to be created. Raises ApiError."""
    if rule.sip_dispatch_rule_id:
        raise invalid("rule id must not be set")
    check_rule(rule)


def check_trunk(trunk: SIPInboundTrunkInfo | SIPOutboundTrunkInfo) -> None:
    """Raises ApiError with the first fault."""
    if isinstance(trunk, SIPInboundTrunkInfo):
        check_inbound(trunk)
    else:
        check_outbound(trunk)


def check_inbound(trunk: SIPInboundTrunkInfo) -> None:
    """Raises ApiError with the first fault."""
    if not (trunk.auth_username or trunk.auth_password or trunk.allowed_addresses or trunk.numbers):
        raise invalid(OPEN_TRUNK)
    _check_lengths(trunk, "numbers", "allowed_numbers", "allowed_addresses")
    if bool(trunk.auth_username) != bool(trunk.auth_password):
        raise invalid(HALF_CREDENTIALS)
    check_media(trunk.media)
    check_headers(trunk.headers, TRUNK_RESERVED)
    _check_mappings(trunk)
    check_enums(trunk)
    _check_combinations(distinct(trunk.numbers), distinct(trunk.allowed_numbers))


def check_outbound(trunk: SIPOutboundTrunkInfo) -> None:
    """Raises ApiError with the first fault."""
    if not trunk.numbers:
        raise invalid("no trunk numbers specified")
    _check_lengths(trunk, "numbers")
    if not trunk.address:
        raise invalid("no outbound address specified")
    _check_host(trunk.address, "trunk address")
    _check_host(trunk.from_host, "from_host")
    check_headers(trunk.headers, TRUNK_RESERVED)
    _check_mappings(trunk)
    check_media(trunk.media)
    check_enums(trunk)


def check_outbound_config(trunk: SIPOutboundConfig) -> None:
    """The inline trunk of CreateSIPParticipant. Raises ApiError with the first fault."""
    if not trunk.hostname:
        raise invalid("no outbound hostname specified")
    _check_host(trunk.hostname, "trunk hostname")
    _check_host(trunk.from_host, "from_host")
    _check_mappings(trunk)
    check_enums(trunk)


def check_rule(rule: SIPDispatchRuleInfo) -> None:
    """Raises ApiError. A rule of no kind passes here and is refused as a conflict would be."""
    if not rule.HasField("rule"):
        raise invalid("missing rule")
    _check_lengths(rule, "trunk_ids", "inbound_numbers", "numbers")
    check_media(rule.media)
    check_enums(rule)
    _check_combinations(
        frozenset(rule.trunk_ids), distinct(rule.inbound_numbers), distinct(rule.numbers)
    )


def invalid(text: str) -> ApiError:
    """invalid_argument, HTTP 400."""
    return ApiError("invalid_argument", text)


def _check_lengths(request: Message, *names: str) -> None:
    for name in names:
        check_count(name, len(getattr(request, name)), MOST_COMBINATIONS)


def _check_combinations(*lists: Collection[str]) -> None:
    """An empty list is one: "any"."""
    count = prod(max(len(each), 1) for each in lists)
    if count > MOST_COMBINATIONS:
        raise invalid(
            f"too many combinations of trunks and numbers: {count} (max {MOST_COMBINATIONS})"
        )


def _check_host(host: str, what: str) -> None:
    lower = host.lower()
    if "transport=" in lower:
        raise invalid(f"{what} should not contain transport parameter")
    if "@" in host or ";" in host or lower.startswith(("sip:", "sips:")):
        raise invalid(f"{what} should be a hostname or IP, not SIP URI")


def _check_mappings(trunk: SIPInboundTrunkInfo | SIPOutboundTrunkInfo | SIPOutboundConfig) -> None:
    check_count("attributes_to_headers", len(trunk.attributes_to_headers), MAX_HEADERS)
    check_count("headers_to_attributes", len(trunk.headers_to_attributes), MAX_HEADERS)
    for name in trunk.attributes_to_headers.values():
        check_header_name(name)
    for name in trunk.headers_to_attributes:
        check_header_name(name)
