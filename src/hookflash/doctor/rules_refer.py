"""What it means when anybody refuses a REFER, or does not answer it."""

from __future__ import annotations

from typing import Final

from .facts import CaseFacts
from .rule import Rule

_NOT_TRUSTED: Final = (401, 407)


def _to_tel(facts: CaseFacts) -> bool:
    return facts.scheme == "tel"


def _knows_refer(facts: CaseFacts) -> bool:
    return facts.allow is not None and "REFER" in facts.allow


def _over_udp(facts: CaseFacts) -> bool:
    return facts.request is None or facts.request.transport == "udp"


RULES: Final = (
    Rule(
        "refer-not-known",
        "refer refused",
        "405 from {peer} to REFER: it does not know that method (its Allow: {allow})",
        "the peer cannot transfer; call the target from the room instead (`hookflash call`)",
        "RFC 3261 §21.4.6",
        statuses=(405,),
        general=True,
        when=lambda facts: not _knows_refer(facts),
    ),
    Rule(
        "refer-stopped-on-the-way",
        "refer refused",
        "405 from {peer} to REFER, though its Allow lists REFER: something between refused it",
        "look at the ladder: whose Server header does the 405 have? A proxy or SBC in between has "
        "to pass "
        "REFER on",
        "livekit/sip#771",
        statuses=(405,),
        general=True,
        when=_knows_refer,
    ),
    Rule(
        "refer-not-implemented",
        "refer refused",
        "501 from {peer} to REFER: transfers are not implemented there",
        "the peer cannot transfer; call the target from the room instead (`hookflash call`)",
        "RFC 3261 §21.5.2",
        statuses=(501,),
        general=True,
    ),
    Rule(
        "refer-declined",
        "refer refused",
        "603 from {peer} to REFER: it does not want to transfer; most often that is a switch at "
        "the provider",
        "ask the provider to enable SIP REFER for the trunk (docs/transfers.md, What providers "
        "want)",
        "RFC 3515 §2.4.2; livekit/sip#234",
        statuses=(603,),
        general=True,
    ),
    Rule(
        "refer-forbidden",
        "refer refused",
        "403 from {peer} to REFER to {target}: transfers, or transfers to this target, are not "
        "allowed",
        "ask the provider which form of target the trunk takes, and whether REFER is enabled",
        "RFC 3261 §21.4.4",
        statuses=(403,),
        general=True,
    ),
    Rule(
        "refer-no-credentials",
        "refer refused",
        "{status} from {peer} to REFER: it wants a password, and Hookflash had none for this call",
        "give it one: an outbound trunk whose number was called, or whose address is the peer's, "
        "with --user "
        "and HOOKFLASH_TRUNK_PASSWORD (docs/transfers.md, Credentials)",
        "RFC 3261 §22; tayler6000/pyVoIP#308, sipsorcery#823",
        statuses=_NOT_TRUSTED,
        general=True,
        when=lambda facts: not facts.gave_password,
    ),
    Rule(
        "refer-wrong-password",
        "refer refused",
        "{status} from {peer} to REFER with credentials: the user or the password is wrong for it",
        "`hookflash trunk outbound edit` with the right --user and HOOKFLASH_TRUNK_PASSWORD",
        "RFC 3261 §22.2",
        statuses=_NOT_TRUSTED,
        general=True,
        when=lambda facts: facts.gave_password,
    ),
    Rule(
        "refer-bad-tel",
        "refer refused",
        "{status} from {peer} to REFER to {target}: it does not understand tel: addresses",
        "transfer to sip:NUMBER@HOST, HOST being the provider's domain",
        "jambonz/jambonz-feature-server#1296; Synthflow, transfers",
        statuses=(400, 416, 485, 488),
        general=True,
        when=_to_tel,
    ),
    Rule(
        "refer-bad-sip",
        "refer refused",
        "{status} from {peer} to REFER to {target}: it does not understand this address",
        "try tel:+NUMBER, or the provider's own domain as host (docs/transfers.md, What providers "
        "want)",
        "baresip#2676, #3404",
        statuses=(400, 416, 485, 488),
        general=True,
        when=lambda facts: not _to_tel(facts),
    ),
    Rule(
        "refer-bad-extension",
        "refer refused",
        "420 from {peer} to REFER: it does not know an extension that was required",
        "look at the ladder: its Unsupported header names the extension; leave a Require header "
        "out of "
        "`headers`",
        "RFC 3261 §21.4.15",
        statuses=(420,),
    ),
    Rule(
        "refer-wants-extension",
        "refer refused",
        "421 from {peer} to REFER: it wants an extension that this REFER did not offer",
        "look at the ladder: its Require header names it; ask the provider for plain RFC 3515",
        "RFC 3261 §21.4.16",
        statuses=(421,),
    ),
    Rule(
        "refer-wants-referrer",
        "refer refused",
        "429 from {peer} to REFER: it wants to know who refers, signed (Referred-By with an S/MIME "
        "token)",
        "Hookflash sends Referred-By without a token; ask the provider to accept that",
        "RFC 3892 §5",
        statuses=(429,),
    ),
    Rule(
        "refer-no-such-target",
        "refer refused",
        "{status} from {peer} to REFER: there is no {target}",
        "check the number; with an exchange of your own, the extension and its context",
        "RFC 3261 §21.4.5",
        statuses=(404, 410, 484, 604),
        general=True,
    ),
    Rule(
        "refer-call-gone",
        "refer refused",
        "481 from {peer} to REFER: it does not know this call any more",
        "the caller was gone already; if that comes often, a proxy in between lost the call "
        "(Record-Route)",
        "RFC 3261 §12.2.1.2",
        statuses=(481,),
    ),
    Rule(
        "refer-glare",
        "refer refused",
        "491 from {peer} to REFER, until the time was over: its own re-INVITE (hold, session "
        "timer) was open",
        "transfer again; do not put the caller on hold right before; give `ringing_timeout` more "
        "time",
        "RFC 3261 §14.1; baresip#2083",
        statuses=(491,),
    ),
    Rule(
        "refer-timeout-behind-proxy",
        "refer refused",
        "408 from {peer} to REFER: a proxy passed it on and got no answer",
        "the provider has to find out what is behind the proxy; try with its direct address",
        "OpenSIPS/opensips-ai-voice-connector#10",
        statuses=(408,),
    ),
    Rule(
        "refer-loop",
        "refer refused",
        "{status} from {peer} to REFER: it goes round in a circle (Max-Forwards, Via)",
        "look for a proxy that sends requests in this call back to Hookflash: its routes, or "
        "Record-Route",
        "siphon-sip#110; RFC 3261 §21.4.21",
        statuses=(482, 483),
    ),
    Rule(
        "refer-too-large",
        "refer refused",
        "{status} from {peer} to REFER: the message is too large for it",
        "send fewer or shorter headers with the transfer, or use TCP for the trunk",
        "RFC 3261 §21.4.11, §18.1.1",
        statuses=(413, 513),
    ),
    Rule(
        "refer-busy-later",
        "refer refused",
        "503 from {peer} to REFER with Retry-After: it is overloaded or in maintenance",
        "try again after that time",
        "RFC 3261 §21.5.4",
        statuses=(503,),
        when=lambda facts: bool(facts.header("Retry-After")),
    ),
    Rule(
        "refer-server-error",
        "refer refused",
        "{status} from {peer} to REFER: a fault on its side",
        "try again; tell the provider the Call-ID and the time",
        "RFC 3261 §21.5",
        statuses=(500, 502, 503, 504),
        general=True,
        when=lambda facts: not facts.header("Retry-After"),
    ),
    Rule(
        "refer-redirected",
        "refer refused",
        "{status} from {peer} to REFER: it wants the REFER elsewhere, which Hookflash does not "
        "follow",
        "ask the provider for a trunk that transfers by itself",
        "RFC 3515 §2.4.2",
        statuses=(300, 301, 302, 305, 380),
    ),
    Rule(
        "refer-unavailable",
        "refer refused",
        "{status} from {peer} to REFER itself: it tried the target before it answered, and failed",
        "take it as the target's answer: busy or not there; try another target",
        "pjsip/pjproject#4050",
        statuses=(480, 486, 487, 600),
        general=True,
        gravity="note",
    ),
    Rule(
        "refer-silence-udp",
        "refer unanswered",
        "no answer to REFER for {after} s over UDP: it, or every answer to it, was lost",
        "the peer's firewall may drop REFER; look whether other requests in the call were answered "
        "(`hookflash ladder`)",
        "RFC 3261 §17.1.2, timer F",
        when=_over_udp,
    ),
    Rule(
        "refer-silence-stream",
        "refer unanswered",
        "no answer to REFER for {after} s over a connection that was up: the peer ignores it",
        "some exchanges ignore REFER over TCP: try UDP for the trunk",
        "OpenSIPS/opensips#3175",
        when=lambda facts: not _over_udp(facts),
    ),
)
