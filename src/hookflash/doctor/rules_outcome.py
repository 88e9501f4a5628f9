"""What it means when a REFER was accepted, and the transfer came to nothing."""

from __future__ import annotations

import re
from typing import Final

from .facts import CaseFacts, is_private
from .rule import Rule


def _caller_left(facts: CaseFacts) -> bool:
    return facts.bye is not None and facts.bye.received


def _we_left(facts: CaseFacts) -> bool:
    return facts.bye is not None and not facts.bye.received


def _rang(facts: CaseFacts) -> bool:
    return any(status in (180, 181, 182, 183) for status in facts.notified)


def _silent(facts: CaseFacts) -> bool:
    """No NOTIFY at all, and nobody hung up."""
    return not facts.notified and facts.bye is None


def _unreachable_contact(facts: CaseFacts) -> bool:
    """We told a peer outside an address that only our own network knows."""
    if facts.request is None or is_private(facts.request.remote[0]):
        return False
    found = re.search(r"@?\[?([0-9a-fA-F.:]+)\]?", facts.asked("Contact").partition("sip:")[2])
    return found is not None and is_private(found[1].rpartition(":")[0] or found[1])


RULES: Final = (
    # --- no outcome came -------------------------------------------------------------------------
    Rule(
        "contact-not-reachable",
        "no report",
        "REFER was accepted, and no NOTIFY came: the peer is told to send them to an address that "
        "only your own network knows",
        "set `sip.nat_1_to_1_ip` to your public address (docs/troubleshooting.md, Behind NAT)",
        "drachtio/drachtio-server#149",
        when=lambda facts: _silent(facts) and _unreachable_contact(facts),
    ),
    Rule(
        "parked-by-freeswitch",
        "no report",
        "REFER was accepted, and no outcome came: FreeSWITCH, which {peer} runs on, reports only "
        "when the target has answered or refused, and never if the caller leaves meanwhile",
        "give `ringing_timeout` more time; treat it as not transferred when the caller is gone",
        "team-telnyx/freeswitch#674",
        peers=("telnyx", "freeswitch", "signalwire"),
        when=lambda facts: _silent(facts) and not _unreachable_contact(facts),
    ),
    Rule(
        "accepted-and-silent",
        "no report",
        "REFER was accepted ({status}), and not one NOTIFY came: the peer does not report",
        "ask the target's side whether the call arrived; ask the provider for NOTIFYs (RFC 3515 "
        "§2.4.4)",
        "jambonz/jambonz-feature-server#217",
        general=True,
        when=_silent,
    ),
    Rule(
        "accepted-and-hung-up",
        "no report",
        "REFER was accepted, no NOTIFY came, and the peer hung up: it has most likely transferred "
        "the caller, and does not say so",
        "nothing, if the target was called; the note `accepted, outcome not reported` marks such "
        "transfers",
        "jambonz/jambonz-feature-server#1428; livekit/sip#190",
        when=lambda facts: not facts.notified and _caller_left(facts),
        gravity="note",
    ),
    Rule(
        "caller-left-while-ringing",
        "no report",
        "the caller hung up while the target's phone rang",
        "nothing; some people do not wait. `play_dialtone` tells them that something happens",
        "livekit/agents-js#2008",
        when=lambda facts: _rang(facts) and _caller_left(facts),
        gravity="note",
    ),
    Rule(
        "caller-left-before-ringing",
        "no report",
        "the caller hung up before the target's phone rang",
        "nothing; where that comes often, the new call takes too long: ask the provider why",
        "livekit/sip#743",
        when=lambda facts: bool(facts.notified) and not _rang(facts) and _caller_left(facts),
    ),
    Rule(
        "we-left-first",
        "no report",
        "Hookflash hung up (the room ended, the participant was removed, or the server stopped) "
        "before the outcome was known",
        "keep the room until the transfer has its verdict: agents must not delete it on the way",
        "livekit/sip#190; livekit/agents#3597",
        when=_we_left,
    ),
    Rule(
        "still-ringing",
        "no report",
        "the target's phone rang, and nobody answered within the time",
        "give `ringing_timeout` more time: it counts from the request; voicemail answers after 20 "
        "to 30 s",
        "livekit/agents#3187; livekit/livekit#4017",
        when=lambda facts: _rang(facts) and facts.bye is None,
    ),
    Rule(
        "only-trying",
        "no report",
        "the peer reported only that it tries; no ringing, no outcome",
        "give `ringing_timeout` more time; else the provider's route to {target} hangs",
        "livekit/livekit#4555",
        when=lambda facts: 100 in facts.notified and not _rang(facts) and facts.bye is None,
    ),
    Rule(
        "reports-nobody-can-read",
        "no report",
        "NOTIFYs came, and none of them has a status line: the outcome cannot be known",
        "tell the provider: the body of NOTIFY has to be message/sipfrag (RFC 3515 §2.4.5)",
        "freeswitch#3059; baresip#3723",
        when=lambda facts: bool(facts.notified) and not any(facts.notified) and facts.bye is None,
    ),
    # --- the subscription ended ------------------------------------------------------------------
    Rule(
        "ended-with-trying",
        "report ended",
        "the peer said 100 Trying and ended its report with that: small telephone systems do, and "
        "hang up if the transfer worked",
        "if the target was called, nothing: with a BYE within 2 s it counts as a success; else ask "
        "for whole reports",
        "livekit/sip#807; asterisk (Altice fork)#74",
        when=lambda facts: facts.notified[-1:] == (100,) and facts.ended in ("-", "noresource"),
        gravity="note",
    ),
    Rule(
        "ended-without-a-word",
        "report ended",
        "the report was ended by a NOTIFY without a status: the outcome is lost",
        "ask the target's side; tell the provider that the last NOTIFY has to have the final "
        "status",
        "freeswitch#3059",
        when=lambda facts: facts.notified[-1:] == (0,) and facts.ended in ("-", "noresource"),
    ),
    Rule(
        "ended-while-ringing",
        "report ended",
        "the report ended while the target's phone rang: the peer does not tell whether it was "
        "answered",
        "ask the target's side; treat it as not known",
        "RFC 3515 §2.4.7",
        when=lambda facts: facts.notified[-1:] > (100,) and facts.ended in ("-", "noresource"),
    ),
    Rule(
        "ended-by-timeout",
        "report ended",
        "the subscription for the outcome expired before there was one",
        "ask the provider for a longer Expires in its NOTIFYs; a SUBSCRIBE of Hookflash did not "
        "help",
        "RFC 6665 §4.1.3",
        when=lambda facts: facts.ended in ("timeout", "deactivated", "probation"),
    ),
    Rule(
        "ended-by-policy",
        "report ended",
        "the peer ended the report on purpose (rejected, giveup or invariant)",
        "the provider does not want to report to you; ask it to",
        "RFC 6665 §4.1.3",
        when=lambda facts: facts.ended in ("rejected", "giveup", "invariant"),
    ),
    # --- the target ------------------------------------------------------------------------------
    Rule(
        "target-busy",
        "target failed",
        "the target is busy ({status} {phrase})",
        "tell the caller; try another target",
        "RFC 3261 §21.4.24",
        statuses=(486, 600),
        general=True,
        gravity="note",
    ),
    Rule(
        "asterisk-target-busy",
        "target failed",
        "the target is busy or not there ({status}), and {peer} took its caller out of this call "
        "all the same: the room hears nobody any more",
        "let the dial plan bring the caller back (docs/transfers.md, Exchanges of your own)",
        "seen with res_pjsip of Asterisk 22",
        peers=("asterisk",),
        statuses=(486, 503),
    ),
    Rule(
        "target-no-answer",
        "target failed",
        "nobody answered at {target} ({status} {phrase})",
        "tell the caller; try another target or later",
        "RFC 3261 §21.4.18",
        statuses=(480, 408, 487),
        general=True,
        gravity="note",
    ),
    Rule(
        "rings-twice-only",
        "target failed",
        "the target's phone rang for {after} s only before {peer} gave up ({status})",
        "ask the provider how long it lets a transferred call ring",
        "community.retellai.com/757",
        statuses=(408, 480, 487),
        when=lambda facts: _rang(facts) and facts.since_request < 12,
    ),
    Rule(
        "target-unknown",
        "target failed",
        "there is no such number: {target} ({status} {phrase})",
        "write it with + and country code; with an exchange, as its dial plan has it",
        "RFC 3261 §21.4.5",
        statuses=(404, 410, 604),
        general=True,
        gravity="note",
    ),
    Rule(
        "target-incomplete",
        "target failed",
        "the number is not whole, or not in the form that is wanted: {target} (484)",
        "write it as +COUNTRYCODE and number, without a leading 0",
        "RFC 3261 §21.4.22",
        statuses=(484, 485),
    ),
    Rule(
        "target-declined",
        "target failed",
        "the target declined ({status} {phrase})",
        "tell the caller; try another target",
        "RFC 3261 §21.6.2",
        statuses=(603,),
        general=True,
        gravity="note",
    ),
    Rule(
        "target-blocks-calls",
        "target failed",
        "the target's side takes the call for unwanted ({status}): its filter, or the person, "
        "rejected it",
        "let calls show a number that is signed (STIR/SHAKEN); ask the provider which caller "
        "number a transfer shows",
        "RFC 8197; RFC 8688",
        statuses=(607, 608),
    ),
    Rule(
        "telnyx-target-not-allowed",
        "target failed",
        "403 for the new call: the outbound voice profile of Telnyx does not allow this "
        "destination",
        "Telnyx portal, Outbound Voice Profiles: allow the country of {target}",
        "Telnyx, external transfers",
        peers=("telnyx",),
        statuses=(403,),
    ),
    Rule(
        "target-forbidden",
        "target failed",
        "{peer} may not call {target} for you (403): the country, the caller's number or your "
        "credit does not allow it",
        "the provider's settings for outbound calls: countries, caller numbers, balance",
        "RFC 3261 §21.4.4",
        statuses=(402, 403),
        general=True,
    ),
    Rule(
        "didww-new-call-password",
        "target failed",
        "{status} for the new call: DIDWW did not accept the credentials of the outbound trunk",
        "DIDWW's portal, outbound trunk: Authentication = Credentials & IP, with your address; the "
        "inbound trunk's Authorization has the same user and password",
        "DIDWW, inbound trunk, advanced signalling",
        peers=("didww",),
        statuses=(401, 407),
    ),
    Rule(
        "new-call-password",
        "target failed",
        "{status} for the new call: {peer} could not show the credentials that are wanted for it",
        "the provider has to put your transfers through a trunk of its own, with its credentials",
        "RFC 3261 §22",
        statuses=(401, 407),
        general=True,
    ),
    Rule(
        "target-codecs",
        "target failed",
        "{target} and the caller have no codec in common ({status})",
        "ask the provider to convert, or to offer PCMU and PCMA",
        "RFC 3261 §21.4.26",
        statuses=(415, 488, 606),
    ),
    Rule(
        "target-route",
        "target failed",
        "the provider's way to {target} failed ({status} {phrase})",
        "try again; if it stays, tell the provider the Call-ID and the time",
        "RFC 3261 §21.5",
        statuses=(500, 502, 503, 504),
        general=True,
    ),
    Rule(
        "target-wants-no-refer",
        "target failed",
        "the peer tried, and reports {status}: it cannot place such a call",
        "transfer to a number or an address that it can call (docs/transfers.md, What providers "
        "want)",
        "RFC 3515 §2.4.4",
        statuses=(400, 405, 416, 420, 481, 501),
        general=True,
    ),
    Rule(
        "target-moved",
        "target failed",
        "the number has moved ({status}), and the peer did not follow it",
        "transfer to the new address",
        "RFC 3261 §21.3",
        statuses=(300, 301, 302, 305, 380),
    ),
)
