"""From CreateSIPParticipant to the call that it asks for: URIs, identity, headers (facts §5.3).

The request is checked (`dial_request`) and its trunk found; what is refused here is what LiveKit
refuses in its SIP service, hence the prefix of the texts.
"""

from __future__ import annotations

import hashlib
import json

from livekit.protocol.sip import (
    CreateSIPParticipantRequest,
    SIPDispatchRuleInfo,
    SIPHeaderOptions,
    SIPOutboundTrunkInfo,
    SIPTransport,
    SIPUri,
)

from ..base.errors import ApiError, SipError
from ..base.text import clean
from ..sip.fields import NameAddr
from ..sip.uri import Uri, escape_user
from .admission import CallPlan
from .attributes import SipIdentity, sip_attributes
from .dispatch import NOWHERE, CallParties, Placement
from .legs.invitation import DialOrder
from .status import PREFIX
from .trunks.table import host_of

FOLLOW_REDIRECTS = "hookflash.follow_redirects"
"""Key in the JSON of a trunk's metadata."""
DTMF_DIGIT = 0.5
"""Seconds of a digit of the `dtmf` string with its pause, and of a `w`."""

_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_PAIRS = tuple(first + second for first in _BASE62 for second in _BASE62)
_TRANSPORTS: dict[int, str] = {
    SIPTransport.SIP_TRANSPORT_UDP: "udp",
    SIPTransport.SIP_TRANSPORT_TCP: "tcp",
    SIPTransport.SIP_TRANSPORT_TLS: "tls",
}
_DTMF = frozenset("0123456789*#ABCDabcdwW")


def sip_call_id(call_id: str) -> str:
    """The SIP Call-ID of a call of ours: base 62 of SHA-1 of the SCL_ id, as LiveKit's."""
    digest = hashlib.sha1(call_id.encode(), usedforsecurity=False).digest()
    number = int.from_bytes(digest, "big")
    text = ""
    while number:
        number, pair = divmod(number, 62 * 62)
        text = _PAIRS[pair] + text
    return text.lstrip("0")


def dial_order(
    request: CreateSIPParticipantRequest,
    trunk: SIPOutboundTrunkInfo,
    number: str,
    call_id: str,
    *,
    follow_redirects: bool = False,
) -> DialOrder:
    """What the leg is told. Raises ApiError: invalid_argument where a URI cannot be built."""
    to_user = request.to_user_override or request.sip_call_to
    follow_redirects = follow_redirects or _follows(trunk.metadata)
    return DialOrder(
        uri=_request_uri(request, trunk),
        to=_address(to_user, trunk, "invalid To header"),
        from_=_from(request, trunk, number),
        sip_call_id=sip_call_id(call_id),
        headers=tuple(sorted({**trunk.headers, **request.headers}.items())),
        follow_redirects=follow_redirects,
    )


def dial_plan(
    request: CreateSIPParticipantRequest, trunk: SIPOutboundTrunkInfo, number: str, call_id: str
) -> CallPlan:
    """Where the called one goes: room and identity are the request's. `number` is ours."""
    callee = request.sip_call_to
    place = Placement(
        rule=SIPDispatchRuleInfo(
            attributes=request.participant_attributes, metadata=request.participant_metadata
        ),
        rule_id="",
        pin_needed=False,
        room=request.room_name,
        identity=request.participant_identity or f"sip_{callee}",
        name=request.participant_name,
        hidden=request.hide_phone_number,
    )
    parties = CallParties(trunk.sip_trunk_id, shown_number(number, trunk), callee)
    return CallPlan(call_id, trunk, parties, host_of(trunk.address), place, authenticated=False)


def roomless_plan(order: DialOrder, call_id: str) -> CallPlan:
    """A call that is in no room and of no trunk: its numbers are those of the order."""
    parties = CallParties("", clean(order.from_.uri.number), clean(order.to.number))
    return CallPlan(call_id, None, parties, order.uri.host, NOWHERE, authenticated=False)


def dial_attributes(
    request: CreateSIPParticipantRequest,
    trunk: SIPOutboundTrunkInfo,
    plan: CallPlan,
    own_id: str,
) -> dict[str, str]:
    """The attributes with which the called one joins, before anything rings. `own_id`: our SIP
    Call-ID, as in the order."""
    who = SipIdentity(
        call_id=plan.call_id,
        trunk_id=plan.parties.trunk_id,
        rule_id="",
        phone_number=plan.parties.called,
        hostname=trunk.address,
        trunk_phone_number=plan.parties.caller,
        sip_call_id=own_id,
        remote_tag="",
        hidden=plan.dispatch.hidden,
    )
    return sip_attributes(who, "dialing", request.participant_attributes)


def header_options(
    request: CreateSIPParticipantRequest, trunk: SIPOutboundTrunkInfo
) -> SIPHeaderOptions:
    """Which headers of the answer become attributes; the request's wish comes first."""
    return request.include_headers or trunk.include_headers


def dtmf_digits(text: str) -> str:
    """The keys of a `dtmf` string that can be pressed, and its pauses."""
    return "".join(key for key in text if key in _DTMF).replace("W", "w")


def shown_number(number: str, trunk: SIPOutboundTrunkInfo) -> str:
    """Our number as the trunk wants it: Twilio wants a plus."""
    twilio = host_of(trunk.address).lower().endswith("twilio.com")
    return f"+{number}" if twilio and not number.startswith("+") else number


def _request_uri(request: CreateSIPParticipantRequest, trunk: SIPOutboundTrunkInfo) -> Uri:
    what = "invalid request URI"
    if _has(request, "sip_to_header"):
        raise _invalid("invalid To header: cannot use both CallTo and SipToHeader")
    if not _has(request, "sip_request_uri"):
        return _address(request.sip_call_to, trunk, what)
    wanted = request.sip_request_uri
    if wanted.raw:
        return _sip_uri(wanted.raw, what)
    return _of_values(wanted.values, what)


def _from(
    request: CreateSIPParticipantRequest, trunk: SIPOutboundTrunkInfo, number: str
) -> NameAddr:
    number = shown_number(number, trunk)
    display = request.display_name if request.HasField("display_name") else number
    what = "invalid From header"
    if _has(request, "sip_from_header"):
        wanted = request.sip_from_header
        uri = _sip_uri(wanted.raw, what) if wanted.raw else _of_values(wanted.values, what)
        return NameAddr(_spoken(wanted.display_name, what), uri)
    name = _spoken(_plain(display), what)
    suffix = _transport_suffix(trunk.transport)
    if trunk.from_host:
        return NameAddr(
            name, _sip_uri(f"sip:{escape_user(number)}@{trunk.from_host}{suffix}", what)
        )
    params = ((("transport", suffix.partition("=")[2]),)) if suffix else ()
    return NameAddr(name, Uri("sip", escape_user(number), params=params))


def _spoken(display: str, what: str) -> str:
    """A display name, unless it has what no quoted string has (RFC 3261 §25.1)."""
    for character in display:
        if (character < " " and character != "\t") or character == "\x7f":
            raise _invalid(f"{what}: display name: char {ord(character)} not allowed")
    return display


def _plain(display: str) -> str:
    """A display name as it stands between quotes (quoted-pairs resolved)."""
    if "\\" not in display:
        return display
    out, escaped = [], False
    for character in display:
        escaped = character == "\\" and not escaped
        if not escaped:
            out.append(character)
    return "".join(out)


def _address(user: str, trunk: SIPOutboundTrunkInfo, what: str) -> Uri:
    suffix = _transport_suffix(trunk.transport)
    return _sip_uri(f"sip:{escape_user(user)}@{trunk.address}{suffix}", what)


def _transport_suffix(transport: int) -> str:
    name = _TRANSPORTS.get(transport)
    return f";transport={name}" if name else ""


def _of_values(values: SIPUri, what: str) -> Uri:
    host = values.host or values.ip
    if not host:
        raise _invalid(f"{what}: address must be set")
    host = f"[{host}]" if ":" in host and not host.startswith("[") else host
    user = f"{escape_user(values.user)}@" if values.user else ""
    port = f":{values.port}" if values.port else ""
    return _sip_uri(f"sip:{user}{host}{port}{_transport_suffix(values.transport)}", what)


def _sip_uri(text: str, what: str) -> Uri:
    try:
        uri = Uri.parse(text)
    except SipError as error:
        raise _invalid(f"{what}: {error.text}") from None
    if not uri.is_sip or not uri.host:
        raise _invalid(f"{what}: not a SIP URI")
    return uri


def _has(request: CreateSIPParticipantRequest, name: str) -> bool:
    """Fields of newer protocols: older ones lack them."""
    return name in request.DESCRIPTOR.fields_by_name and request.HasField(name)


def _follows(metadata: str) -> bool:
    if FOLLOW_REDIRECTS not in metadata:
        return False
    try:
        content = json.loads(metadata)
    except ValueError:
        return False
    return isinstance(content, dict) and content.get(FOLLOW_REDIRECTS) is True


def _invalid(text: str) -> ApiError:
    return ApiError("invalid_argument", PREFIX + text)
