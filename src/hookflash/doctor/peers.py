"""Who the peer of a call is: a provider by its domain, or the software that an exchange runs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from ..sip.message import Request
from .seen import SeenMessage

TITLES: Final[Mapping[str, str]] = {
    "twilio": "Twilio",
    "telnyx": "Telnyx",
    "plivo": "Plivo",
    "didww": "DIDWW",
    "sinch": "Sinch",
    "didlogic": "didlogic",
    "zadarma": "Zadarma",
    "exotel": "Exotel",
    "signalwire": "SignalWire",
    "bandwidth": "Bandwidth",
    "vonage": "Vonage",
    "wavix": "Wavix",
    "whatsapp": "WhatsApp",
    "teams": "Microsoft Teams",
    "azure": "Azure Communication Services",
    "asterisk": "Asterisk",
    "freeswitch": "FreeSWITCH",
    "3cx": "3CX",
    "jambonz": "jambonz",
    "avaya": "Avaya",
}
"""Short name → as people write it."""
UNKNOWN_PEER: Final = "the peer"

_DOMAINS: Final = (
    ("twilio", r"\btwilio\.com\b"),
    ("telnyx", r"\btelnyx\.(?:com|eu)\b"),
    ("plivo", r"\bplivo\.com\b"),
    ("didww", r"\bdidww\.com\b"),
    ("sinch", r"\bsinch\.com\b"),
    ("didlogic", r"\bdidlogic\.(?:net|com)\b"),
    ("zadarma", r"\bzadarma\.com\b"),
    ("exotel", r"\bexotel\.(?:com|in)\b"),
    ("signalwire", r"\bsignalwire\.com\b"),
    ("bandwidth", r"\bbandwidth\.com\b"),
    ("vonage", r"\b(?:vonage|nexmo)\.com\b"),
    ("wavix", r"\bwavix\.(?:com|net)\b"),
    ("whatsapp", r"\b(?:meta\.vc|whatsapp\.com|facebook\.com)\b"),
    ("teams", r"\bpstnhub\.microsoft\.com\b"),
    ("azure", r"\b(?:communication\.azure\.com|skype\.com)\b"),
)
_SOFTWARE: Final = (
    ("twilio", r"\btwilio\b"),
    ("telnyx", r"\btelnyx\b"),
    ("signalwire", r"\bsignalwire\b"),
    ("teams", r"\bmicrosoft\.pstnhub\b"),
    ("jambonz", r"\b(?:jambonz|drachtio)\b"),
    ("3cx", r"\b3cx"),
    ("asterisk", r"\b(?:asterisk|fpbx|freepbx)\b"),
    ("freeswitch", r"\bfreeswitch\b"),
    ("avaya", r"\b(?:avaya|ip office)\b"),
)
_HEADERS: Final = (("twilio", "x-twilio-"), ("telnyx", "x-telnyx-"), ("plivo", "x-plivo-"))
_NAMED_IN: Final = ("From", "To", "Contact", "Via", "Record-Route", "P-Asserted-Identity")


def peer_of(seen: Iterable[SeenMessage]) -> str:
    """Its short name, "" where nothing says who it is. Only INVITEs and their answers are looked
    at: a REFER may name others."""
    hosts, software, names = [], [], []
    for one in seen:
        if one.message is None or one.method != "INVITE":
            continue
        if isinstance(one.message, Request) and not one.received:
            hosts.append(one.message.uri_text)
        if one.received:
            headers = one.message.headers
            hosts += [value for name in _NAMED_IN for value in headers.get_all(name)]
            software += [one.header("User-Agent"), one.header("Server")]
            names += [name.lower() for name, _ in headers.raw()]
    for name, prefix in _HEADERS:
        if any(header.startswith(prefix) for header in names):
            return name
    for table, texts in ((_DOMAINS, hosts), (_SOFTWARE, software)):
        whole = "\n".join(texts)
        for name, pattern in table:
            if re.search(pattern, whole, re.IGNORECASE):
                return name
    return ""
