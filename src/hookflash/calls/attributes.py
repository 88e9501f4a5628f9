"""Attributes of a SIP participant (facts §4.6); headers made of them: `hookflash.calls.headers`.

Headers come as (name, value) pairs in the order of the message.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from livekit.protocol.sip import SIPHeaderOptions

from ..base.light import light_dataclass
from ..base.text import clean

CallStatus = Literal["dialing", "ringing", "automation", "active", "hangup"]

CALL_ID = "sip.callID"
TRUNK_ID = "sip.trunkID"
RULE_ID = "sip.ruleID"
PHONE_NUMBER = "sip.phoneNumber"
HOSTNAME = "sip.hostname"
TRUNK_PHONE_NUMBER = "sip.trunkPhoneNumber"
CALL_STATUS = "sip.callStatus"
CALL_ID_FULL = "sip.callIDFull"
CALL_TAG = "sip.callTag"
HEADER_PREFIX = "sip.h."
CODEC = "hookflash.codec"

PROVIDER_HEADERS = {
    "x-twilio-accountsid": "sip.twilio.accountSid",
    "x-twilio-callsid": "sip.twilio.callSid",
    "x-call_leg_id": "sip.telnyx.callLegID",
    "x-call_session_id": "sip.telnyx.callSessionID",
    "x-amzn-connectcontactid": "sip.amazon.contactId",
    "x-amzn-connectinitialcontactid": "sip.amazon.initialContactId",
    "x-amzn-sourceaccount": "sip.amazon.sourceAccount",
    "x-amzn-sourcearn": "sip.amazon.sourceArn",
    "x-amzn-targetarn": "sip.amazon.targetArn",
    "x-lk-test-id": "lktest.id",
}
"""Headers of providers that always become attributes."""
_X = ("X-", "x-")


@light_dataclass(frozen=True, slots=True)
class SipIdentity:
    """What a leg says of itself in its participant's attributes."""

    call_id: str
    """SCL_ id."""
    trunk_id: str
    rule_id: str
    """"" for an outbound call, which has no rule."""
    phone_number: str
    """The far end's number."""
    hostname: str
    """Host of From; of an outbound call the trunk's address."""
    trunk_phone_number: str
    """Our side's number, the one that matched."""
    sip_call_id: str
    remote_tag: str
    hidden: bool = False


# Looked up once: a protobuf enum looks for each name in its descriptor.
_NO_HEADERS, _ALL_HEADERS = SIPHeaderOptions.SIP_NO_HEADERS, SIPHeaderOptions.SIP_ALL_HEADERS


def sip_attributes(
    who: SipIdentity, status: CallStatus, own: Mapping[str, str] | None = None
) -> dict[str, str]:
    """The attributes at joining; `own` are those of the rule or the request, copied first."""
    attributes = dict(own or {})
    attributes[CALL_ID] = who.call_id
    attributes[TRUNK_ID] = who.trunk_id
    if who.rule_id:
        attributes[RULE_ID] = who.rule_id
    if not who.hidden:
        attributes[PHONE_NUMBER] = who.phone_number
        attributes[HOSTNAME] = who.hostname
        attributes[TRUNK_PHONE_NUMBER] = who.trunk_phone_number
    attributes[CALL_STATUS] = status
    attributes[CALL_ID_FULL] = who.sip_call_id
    if who.remote_tag:
        attributes[CALL_TAG] = who.remote_tag
    return attributes


def header_attributes(
    headers: Iterable[tuple[str, str]],
    include: SIPHeaderOptions = _NO_HEADERS,
    mapping: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Attributes from the headers of an INVITE or of a response: those that `include` asks for
    as `sip.h.<name>`, those of headers_to_attributes, those of known providers. Of a repeated
    header the first counts."""
    headers = list(headers)
    if include == _NO_HEADERS and not mapping and not any(n[:2] in _X for n, _ in headers):
        return {}  # what the providers add has names of their own
    first: dict[str, str] = {}
    for name, value in headers:
        first.setdefault(name.lower(), value)
    attributes: dict[str, str] = {}
    if include != _NO_HEADERS:
        everything = include == _ALL_HEADERS
        for name, value in first.items():
            if everything or name.startswith("x-"):
                attributes[HEADER_PREFIX + name] = clean(value)
    for header, attribute in sorted((mapping or {}).items()):
        found = first.get(header.lower())
        if found is not None and attribute:
            attributes[attribute] = clean(found)
    for header, attribute in PROVIDER_HEADERS.items():
        found = first.get(header)
        if found is not None:
            attributes[attribute] = clean(found)
    return attributes
