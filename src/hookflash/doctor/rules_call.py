"""What it means when a call is refused, rings out, or ends as it should not."""

from __future__ import annotations

import re
from typing import Final

from .facts import CaseFacts, is_private
from .rule import Rule
from .rules_call_providers import SECURE, names_twilio_error

_NUMBER: Final = re.compile(r"sips?:\+[1-9][0-9]{6,14}@", re.IGNORECASE)


def _is_e164(facts: CaseFacts) -> bool:
    return _NUMBER.match(facts.target) is not None


def _told_privately(facts: CaseFacts) -> bool:
    """Our 2xx or INVITE gave a peer outside a private address for the sound."""
    for one in facts.seen:
        found = None if one.received else re.search(rb"(?m)^c=IN IP[46] ([0-9a-fA-F.:]+)", one.data)
        if found is not None and not is_private(one.remote[0]):
            return is_private(found[1].decode())
    return False


def _srtp(facts: CaseFacts) -> bool:
    """Our offer wants SRTP."""
    return facts.request is not None and b"RTP/SAVP" in facts.request.data


def _may_refuse_srtp(facts: CaseFacts) -> bool:
    """Our offer wants it, and the peer is nobody who wants it too."""
    return _srtp(facts) and facts.peer != "whatsapp" and not names_twilio_error(facts, SECURE)


def _said_nothing(facts: CaseFacts) -> bool:
    return not facts.reason


def _theirs(facts: CaseFacts) -> bool:
    return facts.bye is not None and facts.bye.received


RULES: Final = (
    # --- our INVITE was refused ------------------------------------------------------------------
    Rule(
        "call-no-credentials",
        "call refused",
        "{status} from {peer}: it wants a user and a password, and the trunk has none",
        "`hookflash trunk outbound edit ST_… --user …` with HOOKFLASH_TRUNK_PASSWORD",
        "RFC 3261 §22",
        statuses=(401, 407),
        when=lambda facts: not facts.gave_password,
    ),
    Rule(
        "call-wrong-password",
        "call refused",
        "{status} from {peer}: user or password of the trunk is wrong",
        "`hookflash trunk outbound edit ST_… --user …` with the right HOOKFLASH_TRUNK_PASSWORD",
        "RFC 3261 §22.2",
        statuses=(401, 407),
        when=lambda facts: facts.gave_password,
    ),
    Rule(
        "call-forbidden",
        "call refused",
        "403 from {peer}: this call is not allowed (address, caller number, country or credit)",
        "the provider's settings: allowed addresses of yours, caller numbers, countries, balance",
        "RFC 3261 §21.4.4",
        statuses=(402, 403),
        general=True,
        when=lambda facts: not facts.gave_password,
    ),
    Rule(
        "call-password-refused",
        "call refused",
        "403 from {peer} to a call with user and password: they are wrong, or this call is not "
        "allowed (caller number, country or credit)",
        "`hookflash trunk outbound edit ST_… --user …` with the right HOOKFLASH_TRUNK_PASSWORD; "
        "then the provider's settings",
        "RFC 3261 §22.2; Twilio, SIP authentication",
        statuses=(402, 403),
        general=True,
        when=lambda facts: facts.gave_password,
    ),
    Rule(
        "call-number-format",
        "call refused",
        "{status} from {peer}: it does not know {target}, which is not written as +COUNTRYCODE and "
        "number",
        "call +COUNTRYCODE and number, as most providers want it",
        "RFC 3261 §21.4.5",
        statuses=(404, 484, 604),
        when=lambda facts: not _is_e164(facts),
    ),
    Rule(
        "call-no-such-number",
        "call refused",
        "{status} from {peer}: there is no {target}",
        "check the number; some providers want it without the +",
        "RFC 3261 §21.4.5",
        statuses=(404, 410, 604),
        when=lambda facts: _is_e164(facts) and not re.search(r"cause=1\b", facts.reason),
        gravity="note",
    ),
    Rule(
        "call-unallocated",
        "call refused",
        "{status} from {peer} with Q.850 cause 1: nobody has the number {target}",
        "check the number",
        "ITU-T Q.850, RFC 3326",
        statuses=(404, 410, 604),
        reason=r"q\.850.*cause=1\b",
        when=_is_e164,
        gravity="note",
    ),
    Rule(
        "call-busy",
        "call refused",
        "the called one is busy ({status} {phrase})",
        "call again later",
        "RFC 3261 §21.4.24",
        statuses=(486, 600),
        gravity="note",
    ),
    Rule(
        "call-declined",
        "call refused",
        "the called one declined ({status} {phrase})",
        "nothing",
        "RFC 3261 §21.6.2",
        statuses=(603,),
        gravity="note",
    ),
    Rule(
        "call-unwanted",
        "call refused",
        "the call was taken for unwanted ({status}), by a filter or a person",
        "call with a number that the provider signs (STIR/SHAKEN, attestation A)",
        "RFC 8197; RFC 8688",
        statuses=(607, 608),
    ),
    Rule(
        "call-identity",
        "call refused",
        "{status} from {peer}: the caller number is not signed as it wants (STIR/SHAKEN)",
        "call with a number of the provider's own",
        "RFC 8224 §6.2.2",
        statuses=(428, 436, 437, 438),
    ),
    Rule(
        "call-not-there",
        "call refused",
        "the phone is switched off, or nobody answered ({status} {phrase})",
        "call again later",
        "RFC 3261 §21.4.18",
        statuses=(408, 480),
        general=True,
        gravity="note",
    ),
    Rule(
        "call-wants-srtp",
        "call refused",
        "{status} from {peer} to an offer of plain RTP: it may want encrypted media",
        "make the trunk anew with --encryption require (`hookflash trunk outbound add`), or ask "
        "for its "
        "codecs",
        "Twilio trunking API, Secure; RFC 3261 §21.4.26",
        statuses=(415, 488, 606),
        general=True,
        when=lambda facts: not _srtp(facts),
    ),
    Rule(
        "call-wants-no-srtp",
        "call refused",
        "{status} from {peer} to an offer of SRTP: it does not take encrypted media",
        "make the trunk anew with --encryption disable (`hookflash trunk outbound add`)",
        "RFC 3261 §21.4.26; RFC 4568",
        statuses=(415, 488, 606),
        when=_may_refuse_srtp,
    ),
    Rule(
        "call-media-warning",
        "call refused",
        "{status} from {peer}, which says why: {warning}",
        "`sip.codecs` and the trunk's encryption, as the warning says",
        "RFC 3261 §20.43",
        statuses=(415, 488, 606),
        warning=r"^30[0-9]",
        when=lambda facts: not _srtp(facts),
    ),
    Rule(
        "call-no-channel",
        "call refused",
        "{status} from {peer}, Q.850 cause 34 or 42: no channel is free, or too many calls at once",
        "ask the provider for more channels, or call less at once (`sip.max_calls_per_trunk`)",
        "ITU-T Q.850, RFC 3326",
        statuses=(480, 486, 500, 502, 503, 504, 603),
        reason=r"cause=(34|42)\b",
    ),
    Rule(
        "call-try-later",
        "call refused",
        "503 from {peer} with Retry-After: it is overloaded or in maintenance",
        "call again after that time",
        "RFC 3261 §21.5.4",
        statuses=(503,),
        when=lambda facts: bool(facts.header("Retry-After")),
    ),
    Rule(
        "call-server-error",
        "call refused",
        "{status} from {peer}: a fault on its side, or no way to the number",
        "try again; tell the provider the Call-ID and the time",
        "RFC 3261 §21.5",
        statuses=(500, 502, 503, 504),
        general=True,
        when=lambda facts: not facts.header("Retry-After"),
    ),
    Rule(
        "call-extension",
        "call refused",
        "{status} from {peer}: it does not take an extension that the call requires, or wants "
        "another",
        "look at its Unsupported or Require header in the ladder",
        "RFC 3261 §21.4.15",
        statuses=(420, 421),
    ),
    Rule(
        "call-redirected",
        "call refused",
        "{status} from {peer}: the number is to be called elsewhere",
        "`sip.follow_redirects: true` follows it",
        "RFC 3261 §21.3",
        statuses=(300, 301, 302, 305, 380),
    ),
    Rule(
        "call-merged",
        "call refused",
        "482 from {peer}: the same INVITE reached it twice, by two ways",
        "look for two proxies, or two addresses of one, on the trunk's way",
        "livekit/sip#626",
        statuses=(482,),
    ),
    Rule(
        "call-bad-request",
        "call refused",
        "400 from {peer}: it takes the INVITE for malformed ({phrase})",
        "look at its phrase and Warning; headers of the trunk or the request may be the cause",
        "RFC 3261 §21.4.1",
        statuses=(400,),
    ),
    # --- our INVITE had no answer ----------------------------------------------------------------
    Rule(
        "call-silence",
        "call unanswered",
        "no answer of any kind to our INVITE for {after} s: nobody is at {host}, or a firewall "
        "drops it",
        "check address and transport of the trunk; `hookflash doctor` asks it by OPTIONS",
        "RFC 3261 §17.1.1.2, timer B",
    ),
    Rule(
        "call-no-answer",
        "call rang out",
        "it rang for {after} s, and nobody answered in the time that the request gave",
        "give `ringing_timeout` (`--timeout`) more time",
        "livekit/livekit#3831",
        gravity="note",
    ),
    # --- a call that came in ---------------------------------------------------------------------
    Rule(
        "no-common-codec",
        "we refused",
        "488: the caller offers no codec that Hookflash may take, or encryption that the trunk "
        "does not have",
        "`sip.codecs`; the inbound trunk's --encryption; the offer is in the ladder (`hookflash "
        "ladder --full`)",
        "RFC 3264 §6",
        statuses=(488,),
        when=lambda facts: not facts.outbound,
    ),
    Rule(
        "nobody-took-it",
        "we refused",
        "480: the call was ended before anybody in the room took it",
        "is an agent there? `hookflash agents` shows it; `sip.answer: immediately` answers without "
        "one",
        "docs/troubleshooting.md, A caller hears ringing and no agent",
        statuses=(480,),
    ),
    Rule(
        "own-mistake",
        "we refused",
        "500: a mistake of Hookflash ended the call",
        "the log has `internal_error` with this call's id; please report it",
        "docs/architecture.md",
        statuses=(500,),
    ),
    Rule(
        "no-ports-left",
        "we refused",
        "503: there was no port for the sound",
        "a wider `sip.rtp_port` range",
        "docs/configuration.md",
        statuses=(503,),
    ),
    Rule(
        "caller-gave-up",
        "caller gave up",
        "the caller hung up after {after} s of ringing",
        "with `sip.answer: subscribed` it rings until somebody listens: is an agent there? "
        "(`hookflash agents`)",
        "docs/troubleshooting.md, A caller hears ringing and no agent",
        gravity="note",
    ),
    # --- an answered call ------------------------------------------------------------------------
    Rule(
        "ack-never-came",
        "no ACK",
        "our 200 was never acknowledged: it does not reach the caller, or his ACK does not reach "
        "us",
        "set `sip.nat_1_to_1_ip` to your public address, and open `sip.sip_port` to the peer "
        "(docs/troubleshooting.md)",
        "RFC 3261 §13.3.1.4",
    ),
    Rule(
        "cut-after-32-s",
        "call ended",
        "the peer hung up half a minute after the answer: it waited for an ACK or a message that "
        "never reached it",
        "look in the ladder for a 200 that comes again: then our ACK is lost; `sip.nat_1_to_1_ip`, "
        "Record-Route of proxies",
        "RFC 3261 §13.3.1.4, 64*T1",
        when=lambda facts: _theirs(facts) and _said_nothing(facts) and 30.5 < facts.talked < 33.5,
    ),
    Rule(
        "no-sound-our-address",
        "call ended",
        "no sound came for so long that the call was ended; and the peer is outside, but was told "
        "a private address of ours",
        "set `sip.nat_1_to_1_ip` to your public address, and forward `sip.rtp_port`",
        "RFC 4566 §5.7; docs/troubleshooting.md, Behind NAT",
        reason="media timeout",
        when=_told_privately,
    ),
    Rule(
        "no-sound",
        "call ended",
        "no sound of the peer came for so long that the call was ended (media timeout)",
        "open `sip.rtp_port` (UDP) in the firewall; `hookflash calls --ended --json` has "
        "packets_received: "
        "0 means that none came",
        "docs/troubleshooting.md, A caller hears nothing",
        reason="media timeout",
        when=lambda facts: not _told_privately(facts),
    ),
    Rule(
        "session-timer",
        "call ended",
        "the peer did not answer the refresh of the session in time (session timer)",
        "the peer, or a proxy, was gone; look for re-INVITEs without an answer in the ladder",
        "RFC 4028 §10",
        reason="session timer",
    ),
    Rule(
        "longest-call",
        "call ended",
        "the call reached `max_call_duration`",
        "a longer one in the trunk or the request, if that is not wanted",
        "LiveKit, max_call_duration",
        reason="maximum call duration",
        gravity="note",
    ),
    Rule(
        "ended-by-network",
        "call ended",
        "the network ended the call: {reason}",
        "tell the provider the Call-ID and the time",
        "ITU-T Q.850, RFC 3326",
        reason=r"q\.850.*cause=(27|31|38|41|42|47|102|111|127)\b",
    ),
    Rule(
        "ended-for-address",
        "call ended",
        "the call had ended before it was answered properly: no usable description in the ACK",
        "the offer and the answer are in the ladder (`hookflash ladder --full`)",
        "RFC 3264 §5",
        reason="no usable sdp",
    ),
)
