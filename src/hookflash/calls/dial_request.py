"""Checks of CreateSIPParticipant, in LiveKit's order and words (facts §5.2)."""

from __future__ import annotations

import re

from livekit.protocol.sip import CreateSIPParticipantRequest

from .headers import TRUNK_RESERVED, check_headers
from .trunks.media_config import check_media
from .trunks.validation import check_outbound_config, invalid
from .trunks.values import check_enums

MAX_DISPLAY_NAME = 128
MAX_OVERRIDE = 256

_TOKEN = re.compile(r"[0-9A-Za-z\-.!%*_+`'~]")
_GO_STRING = re.compile(
    r'(?:[^"\\\n]|\\(?:[abfnrtv\\"]|[0-3][0-7]{2}|x[0-9A-Fa-f]{2}'
    r"|u(?![dD][89A-Fa-f])[0-9A-Fa-f]{4}|U00(?:0[0-9A-Fa-f]|10)[0-9A-Fa-f]{4}))*"
)
"""What may stand between the quotes of a Go string literal."""

_ALPHA_2 = """
AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR
BS BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ
EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW
GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY
KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV
MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY
QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG
TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM
ZW
"""
COUNTRIES = frozenset(_ALPHA_2.split())
"""ISO 3166-1 alpha-2."""


def check_dial(request: CreateSIPParticipantRequest) -> None:
    """Raises ApiError with the first fault; that the trunk exists is checked afterwards."""
    inline = request.HasField("trunk")
    if not (request.sip_trunk_id or inline or request.sip_number):
        raise invalid("missing sip trunk id and sip number")
    if inline:
        check_outbound_config(request.trunk)
    if not request.sip_call_to:
        raise invalid("missing sip callee number")
    if "@" in request.sip_call_to:
        raise invalid("SipCallTo should be a phone number or SIP user, not a full SIP URI")
    _check_override(request.to_user_override)
    if not request.room_name:
        raise invalid("missing room name")
    if request.HasField("display_name"):
        _check_display_name(request.display_name)
    if request.HasField("destination"):
        _check_destination(request)
    check_headers(request.headers, TRUNK_RESERVED)
    check_media(request.media)
    check_enums(request)


def _check_override(user: str) -> None:
    if len(user) > MAX_OVERRIDE:
        raise invalid(f"ToUserOverride too long (max {MAX_OVERRIDE} characters)")
    if "@" in user:
        raise invalid("ToUserOverride should be a phone number or SIP user, not a full SIP URI")
    for character in user:
        if _TOKEN.fullmatch(character) is None:
            raise invalid(
                f"ToUserOverride contains invalid characters: char {ord(character)} not allowed"
            )


def _check_display_name(name: str) -> None:
    if len(name.encode()) > MAX_DISPLAY_NAME:
        raise invalid(f"DisplayName too long (max {MAX_DISPLAY_NAME} characters)")
    if _GO_STRING.fullmatch(name) is None:
        raise invalid("DisplayName must be a valid quoted string: invalid syntax")


def _check_destination(request: CreateSIPParticipantRequest) -> None:
    place = request.destination
    if place.city and not (place.country or place.region):
        raise invalid("if city is specified, country or region must also be specified")
    if place.country and place.country not in COUNTRIES:
        raise invalid(
            "country must be a valid ISO 3166-1 alpha-2 code (2-letter like 'US', 'IN', 'UK')"
        )
