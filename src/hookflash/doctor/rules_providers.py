"""What it means when a provider, or a kind of exchange, refuses a REFER."""

from __future__ import annotations

from typing import Final

from .facts import CaseFacts
from .rule import Rule

_SWITCHED_OFF: Final = (403, 405, 488, 501, 603)
_NOT_TRUSTED: Final = (401, 407)


def _to_tel(facts: CaseFacts) -> bool:
    return facts.scheme == "tel"


def _has_diversion(facts: CaseFacts) -> bool:
    return bool(facts.asked("Diversion"))


def _at_telnyx(facts: CaseFacts) -> bool:
    return _to_tel(facts) or facts.host.endswith("telnyx.com")


def _at_plivo(facts: CaseFacts) -> bool:
    return facts.host.endswith(".zt.plivo.com")


_OWN_DOMAINS: Final = {
    "didww": "didww.com",
    "didlogic": "didlogic.net",
    "zadarma": "zadarma.com",
}
"""Providers of which only addresses at their own domain are documented as targets."""


def _elsewhere(facts: CaseFacts) -> bool:
    """403, and the target is not at the provider's domain."""
    own = _OWN_DOMAINS.get(facts.peer, "")
    at_own = facts.host == own or facts.host.endswith(f".{own}")
    return facts.status == 403 and (_to_tel(facts) or not at_own)


RULES: Final = (
    Rule(
        "twilio-transfer-off",
        "refer refused",
        "{status} from {peer} to REFER: call transfer is switched off on the trunk, or not allowed "
        "to "
        "telephone numbers (error 32218, SIP: Transfer not allowed, in Twilio's log)",
        "Twilio console, Elastic SIP Trunking, Manage, Trunks, your trunk, Features: Call Transfer "
        "(SIP "
        "REFER) = Enabled, and tick Enable PSTN Transfer; or `hookflash provider twilio setup`, or "
        "`twilio api trunking v1 trunks update --sid TK… --transfer-mode enable-all`",
        "livekit/sip#234; Twilio error 32218",
        peers=("twilio",),
        statuses=(603,),
    ),
    Rule(
        "twilio-target-at-ip",
        "refer refused",
        "403 from {peer} to REFER: the target's host is an IP address ({host}), which Twilio "
        "refuses",
        "transfer to tel:+NUMBER, or to sip:+NUMBER@YOUR-TRUNK.pstn.twilio.com",
        "jambonz/jambonz-feature-server#1296",
        peers=("twilio",),
        statuses=(403,),
        when=lambda facts: facts.at_ip,
    ),
    Rule(
        "twilio-sip-only",
        "refer refused",
        "403 from {peer} to REFER to {target}: the trunk's transfer mode does not allow this kind "
        "of "
        "target (`sip-only` refuses telephone numbers; `disable-all` everything)",
        "`hookflash provider twilio setup`, `twilio api trunking v1 trunks update --sid TK… "
        "--transfer-mode enable-all`, or Enable PSTN Transfer in the console",
        "Twilio trunking API, TransferMode; error 32218",
        peers=("twilio",),
        statuses=(403,),
        when=lambda facts: not facts.at_ip,
    ),
    Rule(
        "telnyx-no-diversion",
        "refer refused",
        "603 from {peer} to REFER: it had no Diversion header, by which Telnyx finds the call's "
        "number",
        "add `--header 'Diversion=<sip:+YOURNUMBER@sip.telnyx.com>'` to the transfer, or `headers` "
        "in the "
        "API request; YOURNUMBER is the number of yours that was called",
        "Telnyx, external transfers; community.livekit.io/901",
        peers=("telnyx",),
        statuses=(603,),
        when=lambda facts: not _has_diversion(facts),
    ),
    Rule(
        "telnyx-not-enabled",
        "refer refused",
        "603 from {peer} to REFER with a Diversion header: REFER is not enabled for this "
        "connection",
        "ask Telnyx's support to enable REFER for the connection; what else it needs, "
        "`hookflash provider telnyx setup` does",
        "community.livekit.io/901",
        peers=("telnyx",),
        statuses=(603,),
        when=_has_diversion,
    ),
    Rule(
        "telnyx-foreign-domain",
        "refer refused",
        "403 from {peer} to REFER: {host} is not Telnyx's domain; documented are tel: and "
        "addresses at sip.telnyx.com",
        "transfer to tel:+NUMBER, or to sip:+NUMBER@sip.telnyx.com",
        "Telnyx, external transfers",
        peers=("telnyx",),
        statuses=(403,),
        when=lambda facts: not _at_telnyx(facts),
    ),
    Rule(
        "telnyx-destination",
        "refer refused",
        "403 from {peer} to REFER: the outbound voice profile does not allow this destination",
        "Telnyx portal, Outbound Voice Profiles: allow the country of {target}",
        "Telnyx, external transfers",
        peers=("telnyx",),
        statuses=(403,),
        when=_at_telnyx,
    ),
    Rule(
        "plivo-tel",
        "refer refused",
        "{status} from {peer} to REFER: Plivo takes addresses at your trunk's domain only, and no "
        "tel:",
        "transfer to sip:+NUMBER@YOUR-ID.zt.plivo.com",
        "Plivo, SIP REFER pages",
        peers=("plivo",),
        when=_to_tel,
    ),
    Rule(
        "plivo-foreign-domain",
        "refer refused",
        "{status} from {peer} to REFER: {host} is not your trunk's domain; Plivo blocks others",
        "transfer to sip:+NUMBER@YOUR-ID.zt.plivo.com",
        "Plivo, SIP REFER pages",
        peers=("plivo",),
        when=lambda facts: not _to_tel(facts) and not _at_plivo(facts),
    ),
    Rule(
        "plivo-refused",
        "refer refused",
        "{status} from {peer} to REFER to its own domain: this trunk does not take REFER after all "
        "(what is written about Plivo does not agree)",
        "ask Plivo's support whether the trunk takes SIP REFER",
        "Plivo, SIP REFER pages; Vapi's guide to Plivo",
        peers=("plivo",),
        when=_at_plivo,
    ),
    Rule(
        "didww-no-password",
        "refer refused",
        "{status} from {peer} to REFER: DIDWW wants the outbound trunk's user and password for it, "
        "and "
        "Hookflash had none to give",
        "`hookflash trunk outbound add --address out.didww.com --number YOURNUMBER --user …` with "
        "HOOKFLASH_TRUNK_PASSWORD; in DIDWW's portal, inbound trunk, Authorization on",
        "DIDWW, inbound trunk, advanced signalling",
        peers=("didww",),
        statuses=_NOT_TRUSTED,
        when=lambda facts: not facts.gave_password,
    ),
    Rule(
        "own-domain-only",
        "refer refused",
        "403 from {peer} to REFER to {target}: documented are targets at its own domain only",
        "transfer to sip:NUMBER@ITS-DOMAIN; with `--provider` on the trunk Hookflash writes that "
        "by itself (docs/providers.md)",
        "DIDWW, call transfer; Vapi's guides to didlogic and Zadarma",
        peers=tuple(_OWN_DOMAINS),
        statuses=(403,),
        when=_elsewhere,
    ),
    Rule(
        "didww-max-transfers",
        "refer refused",
        "{status} from {peer} to REFER: the inbound trunk allows no transfers",
        "DIDWW's portal, inbound trunk, Advanced signalling: Max transfers at least 1",
        "DIDWW, inbound trunk, advanced signalling",
        peers=("didww",),
        statuses=_SWITCHED_OFF,
        when=lambda facts: not _elsewhere(facts),
    ),
    Rule(
        "sinch-outbound-rules",
        "refer refused",
        "{status} from {peer} to REFER: the new call has to pass the rules for outbound calls of "
        "the trunk",
        "Sinch's dashboard: allow the country and the caller number of {target} for outbound calls",
        "Sinch, elastic SIP trunking, call transfer",
        peers=("sinch",),
        statuses=(403, 603),
    ),
    Rule(
        "didlogic-ask",
        "refer refused",
        "{status} from {peer} to REFER: didlogic switches REFER on for an account when it is asked "
        "to",
        "ask your account manager; transfer to sip:+NUMBER@sip.nl.didlogic.net",
        "Vapi's guide to didlogic",
        peers=("didlogic",),
        statuses=_SWITCHED_OFF,
        when=lambda facts: not _elsewhere(facts),
    ),
    Rule(
        "zadarma-ask",
        "refer refused",
        "{status} from {peer} to REFER: it may have to be enabled for the account",
        "ask Zadarma's support; transfer to sip:+NUMBER@sip.zadarma.com",
        "Vapi's guide to Zadarma",
        peers=("zadarma",),
        statuses=_SWITCHED_OFF,
        when=lambda facts: not _elsewhere(facts),
    ),
    Rule(
        "exotel-never",
        "refer refused",
        "{status} from {peer} to REFER: Exotel cannot transfer over SIP",
        "connect the two numbers by Exotel's own API",
        "community.livekit.io/121",
        peers=("exotel",),
    ),
    Rule(
        "signalwire-unknown",
        "refer refused",
        "{status} from {peer} to REFER: whether SignalWire's trunks take REFER is not documented; "
        "its own "
        "transfers are for SIP legs only",
        "ask SignalWire's support; call the target from the room instead (`hookflash call`)",
        "SignalWire, SWML sip_refer",
        peers=("signalwire",),
        statuses=_SWITCHED_OFF,
    ),
    Rule(
        "bandwidth-bxml",
        "refer refused",
        "{status} from {peer} to REFER: Bandwidth documents REFER only in BXML, for calls to SIP "
        "URIs",
        "transfer by Bandwidth's own API, or call the target from the room (`hookflash call`)",
        "Bandwidth, BXML Refer",
        peers=("bandwidth",),
        statuses=_SWITCHED_OFF,
    ),
    Rule(
        "no-word-on-refer",
        "refer refused",
        "{status} from {peer} to REFER: nothing is documented for or against it there",
        "ask their support; `hookflash doctor` shows what the trunk's Allow says of REFER; call "
        "the target "
        "from the room instead (`hookflash call`)",
        "documents of Vonage and Wavix have no word on it",
        peers=("vonage", "wavix"),
        statuses=_SWITCHED_OFF,
    ),
    Rule(
        "whatsapp-no-refer",
        "refer refused",
        "{status} from {peer} to REFER: calls of WhatsApp are documented without transfers",
        "call the target from the room instead (`hookflash call`)",
        "Meta, WhatsApp Business Calling, SIP",
        peers=("whatsapp",),
    ),
    Rule(
        "microsoft-no-word",
        "refer refused",
        "{status} from {peer} to REFER: documented is only the REFER that Microsoft sends (Teams; "
        "Azure with DirectTransfer), not that it takes one",
        "call the target from the room instead (`hookflash call`)",
        "Microsoft, direct routing of Teams and of Azure Communication Services",
        peers=("azure", "teams"),
        statuses=_SWITCHED_OFF,
    ),
    Rule(
        "asterisk-allow-transfer",
        "refer refused",
        "603 from {peer} to REFER: `allow_transfer` of the endpoint is off",
        "pjsip.conf, the endpoint's section: allow_transfer = yes, then `asterisk -rx 'pjsip "
        "reload'`",
        "Asterisk, res_pjsip_refer",
        peers=("asterisk",),
        statuses=(603,),
    ),
    Rule(
        "asterisk-tel",
        "refer refused",
        "400 from {peer} to REFER to {target}: Asterisk takes sip: only",
        "transfer to sip:EXTENSION@ITS-HOST; `hookflash transfer EXTENSION` writes that by itself",
        "seen with res_pjsip of Asterisk 22",
        peers=("asterisk",),
        statuses=(400,),
        when=_to_tel,
    ),
    Rule(
        "asterisk-no-extension",
        "refer refused",
        "404 from {peer} to REFER: there is no such extension in the context that its transfers go "
        "to",
        "add the extension to the context named by TRANSFER_CONTEXT, or else to the endpoint's "
        "`context`",
        "seen with res_pjsip of Asterisk 22",
        peers=("asterisk",),
        statuses=(404,),
        when=lambda facts: not facts.accepted_before,
    ),
    Rule(
        "asterisk-second-transfer",
        "refer refused",
        "404 from {peer} to a second REFER: with the 202 to the first Asterisk took its caller out "
        "of this "
        "call, though that transfer failed",
        "let the dial plan bring the caller back after a busy target (docs/transfers.md, Exchanges "
        "of your "
        "own)",
        "seen with res_pjsip of Asterisk 22",
        peers=("asterisk",),
        statuses=(404,),
        when=lambda facts: facts.accepted_before,
    ),
    Rule(
        "freeswitch-no-extension",
        "refer refused",
        "404 from {peer} to REFER: no extension of that name in the context that its transfers go "
        "to",
        "add it to the dial plan's context named by `force_transfer_context`, or else to the "
        "call's own",
        "FreeSWITCH, mod_sofia",
        peers=("freeswitch",),
        statuses=(404,),
    ),
    Rule(
        "avaya-on-public-trunks",
        "refer refused",
        "{status} from {peer} to REFER: IP Office takes it on public trunks only for consultative "
        "transfers",
        "let a session border controller handle REFER itself (AudioCodes: Local handling of REFER)",
        "Avaya IP Office, SIP trunks",
        peers=("avaya",),
        statuses=(403, 405, 501, 603),
    ),
)
