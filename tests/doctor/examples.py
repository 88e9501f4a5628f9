"""For each rule of the doctor an exchange that it is about, and no other."""

from __future__ import annotations

from typing import Any

from tests.doctor.talk import Talk

TWILIO, TELNYX, PLIVO = "company.pstn.twilio.com", "sip.telnyx.com", "7.zt.plivo.com"
DIDWW, ASTERISK = "out.didww.com", "Asterisk PBX 22.1.0"
TEL, SIP = "tel:+15105550123", "sip:+15105550123@other.example.com"
BASIC = {"Authorization": 'Digest xxxxxxxx realm="r"xxxxxxxxx'}


def refused(host: str, status: int, phrase: str = "No", target: str = TEL, **headers: Any) -> Talk:
    """A REFER in a call that came in, answered with an error."""
    return Talk(host).came().refer(target, **headers).answer(status, phrase)


def of_software(server: str, status: int, target: str = SIP) -> Talk:
    """The same of an exchange that says what it runs."""
    return Talk(server=server).came().refer(target).answer(status, "No")


def accepted(host: str = "sip.example.org", *, home: bool = False, server: str = "") -> Talk:
    """A REFER that got its 202."""
    return Talk(host, home=home, server=server).came().refer().answer(202, "Accepted")


def failed(fragment: str, host: str = "sip.example.org", *, server: str = "") -> Talk:
    """A transfer whose last NOTIFY told of a failure, after 20 seconds."""
    talk = accepted(host, server=server).notify("100 Trying").notify("180 Ringing").wait(20)
    return talk.notify(fragment, "terminated;reason=noresource")


def dialled(status: int, phrase: str = "No", host: str = "sip.example.org", **headers: Any) -> Talk:
    """A call of ours that is refused."""
    return Talk(host).called().answer(100, "Trying").answer(status, phrase, **headers)


def ours_ended(reason: str) -> Talk:
    """A call that came in, which we end after a minute."""
    return Talk().came().wait(60).bye(ours=True, reason=reason)


PROVIDERS = {
    "twilio-transfer-off": refused(TWILIO, 603, "Decline"),
    "twilio-target-at-ip": refused(TWILIO, 403, "Forbidden", "sip:+15105550123@203.0.113.9"),
    "twilio-sip-only": refused(TWILIO, 403, "Forbidden"),
    "telnyx-no-diversion": refused(TELNYX, 603, "Decline"),
    "telnyx-not-enabled": refused(TELNYX, 603, "Decline", Diversion="<sip:+1@sip.telnyx.com>"),
    "telnyx-foreign-domain": refused(TELNYX, 403, "Forbidden", SIP),
    "telnyx-destination": refused(TELNYX, 403, "Forbidden"),
    "plivo-tel": refused(PLIVO, 403),
    "plivo-foreign-domain": refused(PLIVO, 403, target=SIP),
    "plivo-refused": refused(PLIVO, 501, target="sip:+15105550123@7.zt.plivo.com"),
    "didww-no-password": refused(DIDWW, 407, "Proxy Authentication Required"),
    "own-domain-only": refused(DIDWW, 403),
    "didww-max-transfers": refused(DIDWW, 403, target="sip:15105550123@out.didww.com"),
    "sinch-outbound-rules": refused("trunk.sinch.com", 403),
    "didlogic-ask": refused("sip.nl.didlogic.net", 405),
    "zadarma-ask": refused("sip.zadarma.com", 603),
    "exotel-never": refused("in.voip.exotel.com", 405),
    "signalwire-unknown": refused("company.sip.signalwire.com", 405),
    "bandwidth-bxml": refused("trunk.bandwidth.com", 405),
    "no-word-on-refer": refused("sip.nexmo.com", 501),
    "whatsapp-no-refer": refused("wa.meta.vc", 405),
    "microsoft-no-word": refused("sip.pstnhub.microsoft.com", 603),
    "asterisk-allow-transfer": of_software(ASTERISK, 603),
    "asterisk-tel": of_software(ASTERISK, 400, TEL),
    "asterisk-no-extension": of_software(ASTERISK, 404),
    "asterisk-second-transfer": (
        Talk(server=ASTERISK)
        .came()
        .refer("sip:6001@a.example")
        .answer(202, "Accepted")
        .notify("486 Busy Here", "terminated;reason=noresource")
        .wait(2)
        .refer("sip:6002@a.example")
        .answer(404, "Not Found")
    ),
    "freeswitch-no-extension": of_software("FreeSWITCH-mod_sofia/1.10", 404),
    "avaya-on-public-trunks": of_software("IP Office 11.0", 603),
}

REFER = {
    "refer-not-known": Talk(allow="INVITE, ACK, BYE").came().refer().answer(405, "Not Allowed"),
    "refer-stopped-on-the-way": Talk(allow="INVITE, REFER").came().refer().answer(405, "No"),
    "refer-not-implemented": refused("sip.example.org", 501),
    "refer-declined": refused("sip.example.org", 603),
    "refer-forbidden": refused("sip.example.org", 403),
    "refer-no-credentials": refused("sip.example.org", 401),
    "refer-wrong-password": (
        Talk().came().refer().answer(407, "No").refer(**BASIC).answer(407, "No")
    ),
    "refer-bad-tel": refused("sip.example.org", 416),
    "refer-bad-sip": refused("sip.example.org", 400, target=SIP),
    "refer-bad-extension": refused("sip.example.org", 420),
    "refer-wants-extension": refused("sip.example.org", 421),
    "refer-wants-referrer": refused("sip.example.org", 429),
    "refer-no-such-target": refused("sip.example.org", 404),
    "refer-call-gone": refused("sip.example.org", 481),
    "refer-glare": Talk().came().refer().answer(491, "Pending").refer().answer(491, "Pending"),
    "refer-timeout-behind-proxy": refused("sip.example.org", 408),
    "refer-loop": refused("sip.example.org", 483),
    "refer-too-large": refused("sip.example.org", 513),
    "refer-busy-later": Talk().came().refer().answer(503, "No", Retry_After="30"),
    "refer-server-error": refused("sip.example.org", 503),
    "refer-redirected": refused("sip.example.org", 302),
    "refer-unavailable": refused("sip.example.org", 480),
    "refer-silence-udp": Talk().came().refer().again(3).wait(20).bye(ours=True),
    "refer-silence-stream": Talk(transport="tcp").came().refer().wait(32).bye(ours=True),
}

OUTCOME = {
    "contact-not-reachable": accepted(home=True),
    "parked-by-freeswitch": accepted(TELNYX),
    "accepted-and-silent": accepted(),
    "accepted-and-hung-up": accepted().wait(1).bye(),
    "caller-left-while-ringing": accepted().notify("180 Ringing").wait(9).bye(),
    "caller-left-before-ringing": accepted().notify("100 Trying").wait(3).bye(),
    "we-left-first": accepted().notify("180 Ringing").bye(ours=True),
    "still-ringing": accepted().notify("100 Trying").notify("180 Ringing").wait(25).again(),
    "only-trying": accepted().notify("100 Trying").wait(25).again(),
    "reports-nobody-can-read": accepted().notify().notify(),
    "ended-with-trying": accepted().notify("100 Trying", "terminated;reason=noresource"),
    "ended-without-a-word": accepted().notify("100 Trying").notify(state="terminated"),
    "ended-while-ringing": accepted().notify("180 Ringing", "terminated;reason=noresource"),
    "ended-by-timeout": accepted().notify("100 Trying").notify(state="terminated;reason=timeout"),
    "ended-by-policy": accepted().notify("100 Trying", "terminated; reason=giveup"),
    "target-busy": failed("486 Busy Here"),
    "asterisk-target-busy": failed("486 Busy Here", server=ASTERISK),
    "target-no-answer": failed("480 Temporarily Unavailable"),
    "rings-twice-only": (
        accepted().notify("180 Ringing").wait(8).notify("487 Request Terminated", "terminated")
    ),
    "target-unknown": failed("404 Not Found"),
    "target-incomplete": failed("484 Address Incomplete"),
    "target-declined": failed("603 Decline"),
    "target-blocks-calls": failed("608 Rejected"),
    "telnyx-target-not-allowed": failed("403 Forbidden", TELNYX),
    "target-forbidden": failed("403 Forbidden"),
    "didww-new-call-password": failed("401 Unauthorized", DIDWW),
    "new-call-password": failed("407 Proxy Authentication Required"),
    "target-codecs": failed("488 Not Acceptable Here"),
    "target-route": failed("503 Service Unavailable"),
    "target-wants-no-refer": failed("501 Not Implemented"),
    "target-moved": failed("302 Moved Temporarily"),
}

CALL_PROVIDERS = {
    "twilio-termination": dialled(403, "Forbidden", TWILIO),
    "twilio-no-account": dialled(403, "Forbidden", TWILIO, X_Twilio_Error="32200 a"),
    "twilio-address": dialled(403, "Forbidden", TWILIO, X_Twilio_Error="32201 b"),
    "twilio-password": dialled(403, "Forbidden", TWILIO, X_Twilio_Error="32202 c"),
    "twilio-secure": Talk(TWILIO, srtp=True)
    .called()
    .answer(488, "Secure SIP transport required", X_Twilio_Error="32209 d"),
    "call-caller-number": dialled(403, "Caller Origination Number is Invalid D35", TELNYX),
    "whatsapp-tls": dialled(403, "Forbidden", "wa.meta.vc"),
    "whatsapp-opus": Talk("wa.meta.vc", srtp=True).called().answer(488, "Not Acceptable Here"),
    "telnyx-channel-limit": dialled(403, "User channel limit exceeded D1", TELNYX),
}

CALL = {
    "call-no-credentials": dialled(407),
    "call-wrong-password": Talk().called().answer(401, "No").called(**BASIC).answer(401, "No"),
    "call-forbidden": dialled(403),
    "call-password-refused": Talk().called().answer(407, "No").called(**BASIC).answer(403, "No"),
    "call-number-format": Talk().called("sip:05105550100@sip.example.org").answer(404, "Not Found"),
    "call-no-such-number": dialled(404),
    "call-unallocated": dialled(404, Reason="Q.850;cause=1"),
    "call-busy": dialled(486, "Busy Here"),
    "call-declined": dialled(603, "Decline"),
    "call-unwanted": dialled(607, "Unwanted"),
    "call-identity": dialled(428, "Use Identity Header"),
    "call-not-there": dialled(480, "Temporarily Unavailable"),
    "call-wants-srtp": dialled(488),
    "call-wants-no-srtp": Talk(srtp=True).called().answer(488, "No"),
    "call-media-warning": dialled(488, Warning='305 sip.example.org "No codec"'),
    "call-no-channel": dialled(480, Reason='Q.850;cause=34;text="No circuit"'),
    "call-try-later": dialled(503, Retry_After="60"),
    "call-server-error": dialled(503),
    "call-extension": dialled(420, Unsupported="100rel"),
    "call-redirected": dialled(302),
    "call-merged": dialled(482),
    "call-bad-request": dialled(400, "Bad From"),
    "call-silence": Talk().called().again(6),
    "call-no-answer": (Talk().called().answer(180, "Ringing").wait(30).cancel(ours=True)),
    "no-common-codec": Talk().came(answered=False).answer(488, "No", ours=True),
    "nobody-took-it": Talk().came(answered=False).answer(480, "No", ours=True),
    "own-mistake": Talk().came(answered=False).answer(500, "No", ours=True),
    "no-ports-left": Talk().came(answered=False).answer(503, "No", ours=True),
    "caller-gave-up": Talk().came(answered=False).wait(20).cancel(ours=False),
    "ack-never-came": Talk().came(acked=False).again(6).bye(ours=True),
    "cut-after-32-s": Talk().came().wait(32).bye(),
    "no-sound-our-address": (
        Talk(home=True).came().wait(15).bye(ours=True, reason='SIP;cause=408;text="Media timeout"')
    ),
    "no-sound": ours_ended('SIP;cause=408;text="Media timeout"'),
    "session-timer": ours_ended('SIP;cause=408;text="Session timer expired"'),
    "longest-call": ours_ended('SIP;cause=480;text="Maximum call duration reached"'),
    "ended-by-network": Talk().came().wait(9).bye(reason='Q.850;cause=41;text="Failure"'),
    "ended-for-address": ours_ended('SIP;cause=488;text="No usable SDP in ACK"'),
}

EXAMPLES = {**PROVIDERS, **REFER, **OUTCOME, **CALL_PROVIDERS, **CALL}
FINE = {
    "transferred": accepted().notify("100 Trying").notify("200 OK", "terminated").bye(ours=True),
    "hung up by the caller": Talk().came().wait(60).bye(),
    "hung up by us": Talk().called().answered().wait(60).bye(ours=True, reason="SIP;cause=200"),
    "up": Talk().came(),
}
