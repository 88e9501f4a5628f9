"""What a refusal of our call means at single providers: who may call there, how, and how often."""

from __future__ import annotations

import re
from typing import Final

from .facts import CaseFacts
from .rule import Rule

ACCESS: Final = ("32200", "32201", "32202")
"""Errors of Twilio that say why we may not call."""
SECURE: Final = ("32208", "32209")
"""Those of a trunk that wants SRTP and TLS."""
_CALLER: Final = re.compile(r"caller ?id|caller origination|origination number", re.IGNORECASE)


def names_twilio_error(facts: CaseFacts, codes: tuple[str, ...]) -> bool:
    """Whether the answer says one of these errors of Twilio."""
    return facts.header("X-Twilio-Error").startswith(codes)


def _about_the_caller(facts: CaseFacts) -> bool:
    """The answer names the caller's number: D35 is Telnyx's, the words are Twilio's."""
    return _CALLER.search(facts.phrase) is not None


def _in_clear(facts: CaseFacts) -> bool:
    """Our INVITE went without TLS."""
    return facts.request is not None and facts.request.transport != "tls"


def _without_opus(facts: CaseFacts) -> bool:
    """Our offer has no Opus."""
    return facts.request is not None and b" opus/48000/2" not in facts.request.data


RULES: Final = (
    Rule(
        "twilio-termination",
        "call refused",
        "403 from {peer}: this address is on no IP access list of the trunk, the credentials are "
        "on no list, or the caller number is not yours",
        "Twilio console, the trunk, Termination: add your address or credential list; call with a "
        "number that the trunk has",
        "Twilio trunking API, IpAccessControlLists, CredentialLists",
        peers=("twilio",),
        statuses=(403,),
        when=lambda facts: not names_twilio_error(facts, ACCESS) and not _about_the_caller(facts),
    ),
    Rule(
        "twilio-no-account",
        "call refused",
        "403 from {peer} (error 32200): the trunk has neither an IP access list nor a credential "
        "list, or the account is not active",
        "`hookflash provider twilio setup --allow-ip ADDRESS`, or --user with "
        "HOOKFLASH_TRUNK_PASSWORD",
        "Twilio error 32200",
        peers=("twilio",),
        statuses=(403,),
        when=lambda facts: names_twilio_error(facts, ("32200",)),
    ),
    Rule(
        "twilio-address",
        "call refused",
        "403 from {peer} (error 32201): the address that we call from is on no IP access list of "
        "the trunk",
        "`hookflash provider twilio setup --allow-ip ADDRESS`",
        "Twilio error 32201",
        peers=("twilio",),
        statuses=(403,),
        when=lambda facts: names_twilio_error(facts, ("32201",)),
    ),
    Rule(
        "twilio-password",
        "call refused",
        "403 from {peer} (error 32202): user or password are on no credential list of the trunk",
        "`hookflash trunk outbound edit ST_… --user …` with the right HOOKFLASH_TRUNK_PASSWORD",
        "Twilio error 32202",
        peers=("twilio",),
        statuses=(403,),
        when=lambda facts: names_twilio_error(facts, ("32202",)),
    ),
    Rule(
        "twilio-secure",
        "call refused",
        "488 from {peer} (error 32208 or 32209): the trunk is Secure, and takes TLS with SRTP only",
        "make the trunk anew with --transport tls --encryption require (`hookflash trunk outbound "
        "add`), or switch Secure off there",
        "Twilio errors 32208 and 32209",
        peers=("twilio",),
        statuses=(488,),
        when=lambda facts: names_twilio_error(facts, SECURE),
    ),
    Rule(
        "call-caller-number",
        "call refused",
        "403 from {peer} ({phrase}): the call showed a number that is not yours there, or is not "
        "written as it wants",
        "call with a number of the trunk, as +COUNTRYCODE and number (`hookflash call --from`)",
        "Telnyx docs, Caller ID policy; Synthflow docs, Telephony errors",
        statuses=(403,),
        when=_about_the_caller,
    ),
    Rule(
        "whatsapp-tls",
        "call refused",
        "403 from {peer} to a call that did not come by TLS: WhatsApp takes nothing else",
        "make the trunk anew with --transport tls --encryption require (`hookflash trunk outbound "
        "add`)",
        "Meta docs, WhatsApp Business Calling, SIP",
        peers=("whatsapp",),
        statuses=(403,),
        when=_in_clear,
    ),
    Rule(
        "whatsapp-opus",
        "call refused",
        "{status} from {peer} to an offer without Opus: WhatsApp speaks nothing else",
        "`sip.codecs` with opus in it, and start the server anew",
        "Gupshup docs, WhatsApp Voice by SIP",
        peers=("whatsapp",),
        statuses=(415, 488, 606),
        when=_without_opus,
    ),
    Rule(
        "telnyx-channel-limit",
        "call refused",
        "403 from {peer} ({phrase}): more calls at once than the account or its outbound voice "
        "profile may make",
        "end calls, or ask Telnyx for a higher limit; `sip.max_calls_per_trunk` keeps below it",
        "Telnyx support, SIP response codes, D1",
        peers=("telnyx",),
        statuses=(403,),
        phrase="channel limit",
    ),
)
