"""The root of all errors, and those that several parts raise or meet.

HookflashError
├── ProtocolError          the peer sent what the protocol forbids; never our bug
│   ├── SipError           a SIP message that cannot be read (carries the answer it deserves)
│   ├── SdpError           a session description that cannot be read or agreed on
│   ├── RtpError           a media packet that cannot be read
│   └── StunError          a STUN message that cannot be read
├── ApiError               a request at our API that is refused (Twirp code and text)
├── ConfigError            a setting that is wrong (key, value, what is allowed)
├── CodecError             a codec whose library is not installed
├── PostFailed             no answer to an HTTP request of ours
└── StoreError             the database cannot be opened, read or trusted

What one module alone raises for those that call it (`api/asgi.py:TooLarge`,
`media/port_pool.py:NoPorts`) is defined there, below this root; a test looks.
"""

from __future__ import annotations

from collections.abc import Mapping


class HookflashError(Exception):
    """Root of what Hookflash raises on purpose."""


class ProtocolError(HookflashError):
    """A peer broke a protocol. Adapters answer or drop it, and count it."""


class SipError(ProtocolError):
    """A SIP message, header or URI that cannot be accepted.

    `status` and `reason` are the answer that a request with this fault deserves (RFC 3261 §21.4;
    RFC 4475). `message` is what could still be read of the message, for building that answer:
    a `hookflash.sip.message.Request`, or None where nothing is left to answer with (a response,
    or a request without the headers that an answer copies).
    """

    def __init__(self, text: str, *, status: int = 400, message: object | None = None) -> None:
        super().__init__(text)
        self.text = text
        self.status = status
        self.message = message


class SdpError(ProtocolError):
    """A session description that cannot be read (400) or agreed on (488).

    `warning` is the Warning code of RFC 3261 §20.43 where one fits (304, 305), else None.
    """

    def __init__(self, text: str, *, status: int = 400, warning: int | None = None) -> None:
        super().__init__(text)
        self.text = text
        self.status = status
        self.warning = warning


class RtpError(ProtocolError):
    """An RTP, RTCP or telephone-event packet that cannot be read."""


class StunError(ProtocolError):
    """A STUN message that cannot be read, or whose FINGERPRINT is wrong."""


class ApiError(HookflashError):
    """A refused API request: Twirp `code`, `msg` exactly as sent, and `meta` (facts §1.3)."""

    def __init__(self, code: str, msg: str, meta: Mapping[str, str] | None = None) -> None:
        super().__init__(f"{code}: {msg}")
        self.code = code
        self.msg = msg
        self.meta = dict(meta or {})


class ConfigError(HookflashError):
    """A wrong setting. `key` is dotted (`sip.rtp_port`); the text says what is `wrong` with it and
    what is allowed."""

    def __init__(
        self, key: str, value: object, allowed: str, *, wrong: str = "is not allowed"
    ) -> None:
        super().__init__(f"{key}: {value!r} {wrong}; allowed: {allowed}")
        self.key = key
        self.value = value
        self.allowed = allowed


class CodecError(HookflashError):
    """A codec cannot be had on this machine. The text says what to install."""


class StoreError(HookflashError):
    """The database cannot be opened, read, written or trusted."""


class PostFailed(HookflashError):  # noqa: N818  # reads as what happened
    """No answer came to an HTTP request of ours; the text says why."""


def forget_frames(error: BaseException | None) -> None:
    """Where it and what it came of were raised, for an error that is kept: the frames of its
    traceback hold what was being worked on, and where that holds the error, all of it stays until
    garbage is searched for. Strangers would leave as many such circles as they like."""
    while error is not None:
        error.__traceback__ = None
        error = error.__context__
