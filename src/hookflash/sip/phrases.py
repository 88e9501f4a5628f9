"""Status codes and their default phrases (RFC 3261 §21 and the registry of response codes)."""

from __future__ import annotations

import re

from ..base.text import clean

_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f]")

PHRASES = {
    100: "Trying",
    180: "Ringing",
    181: "Call Is Being Forwarded",
    182: "Queued",
    183: "Session Progress",
    199: "Early Dialog Terminated",
    200: "OK",
    202: "Accepted",
    204: "No Notification",
    300: "Multiple Choices",
    301: "Moved Permanently",
    302: "Moved Temporarily",
    305: "Use Proxy",
    380: "Alternative Service",
    400: "Bad Request",
    401: "Unauthorized",
    402: "Payment Required",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    406: "Not Acceptable",
    407: "Proxy Authentication Required",
    408: "Request Timeout",
    410: "Gone",
    412: "Conditional Request Failed",
    413: "Request Entity Too Large",
    414: "Request-URI Too Long",
    415: "Unsupported Media Type",
    416: "Unsupported URI Scheme",
    417: "Unknown Resource-Priority",
    420: "Bad Extension",
    421: "Extension Required",
    422: "Session Interval Too Small",
    423: "Interval Too Brief",
    424: "Bad Location Information",
    425: "Bad Alert Message",
    428: "Use Identity Header",
    429: "Provide Referrer Identity",
    430: "Flow Failed",
    433: "Anonymity Disallowed",
    436: "Bad Identity-Info",
    437: "Unsupported Certificate",
    438: "Invalid Identity Header",
    439: "First Hop Lacks Outbound Support",
    440: "Max-Breadth Exceeded",
    469: "Bad Info Package",
    470: "Consent Needed",
    480: "Temporarily Unavailable",
    481: "Call/Transaction Does Not Exist",
    482: "Loop Detected",
    483: "Too Many Hops",
    484: "Address Incomplete",
    485: "Ambiguous",
    486: "Busy Here",
    487: "Request Terminated",
    488: "Not Acceptable Here",
    489: "Bad Event",
    491: "Request Pending",
    493: "Undecipherable",
    494: "Security Agreement Required",
    500: "Server Internal Error",
    501: "Not Implemented",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Server Time-out",
    505: "Version Not Supported",
    513: "Message Too Large",
    555: "Push Notification Service Not Supported",
    580: "Precondition Failure",
    600: "Busy Everywhere",
    603: "Decline",
    604: "Does Not Exist Anywhere",
    606: "Not Acceptable",
    607: "Unwanted",
    608: "Rejected",
}

_CLASSES = ("Progress", "Success", "Redirection", "Client Error", "Server Error", "Global Failure")


def reason_phrase(status: int) -> str:
    """The default phrase of a status; for an unknown one, the name of its class."""
    phrase = PHRASES.get(status)
    if phrase is None:
        phrase = _CLASSES[status // 100 - 1] if 100 <= status <= 699 else "Unknown"
    return phrase


def told_phrase(text: str) -> str:
    """A peer's reason phrase, of a status line or a sipfrag, fit to be told: what is no UTF-8 is
    replaced, and control characters are left out, which the terminal that shows it would obey."""
    return _CONTROL.sub("", clean(text))


def fault_phrase(status: int, text: str) -> str | None:
    """The reason phrase of an answer to something malformed: a 400 names the fault, which may
    quote the peer; None: the others have their own."""
    if status != 400:
        return None
    return "".join(c if c.isprintable() else "?" for c in text)[:100] or None
