"""Session timers (RFC 4028): who refreshes the session, and when an unrefreshed one is dead."""

from __future__ import annotations

from ...base.errors import SipError
from ...sip.fields import MAX_SECONDS, SessionExpires
from ...sip.grammar import scalar
from ...sip.message import Request, Response
from .settings import MIN_SE, HeaderItems

MOST_RAISES = 5
"""422 of one call that are followed."""


class SessionTimer:
    """One session's interval, refresher and deadlines. Times in seconds."""

    __slots__ = (
        "_began",
        "_interval",
        "_min_se",
        "_raises",
        "_refresh_at",
        "_wanted",
        "we_refresh",
    )

    def __init__(self, wanted: int) -> None:
        self._wanted = wanted
        self._interval = 0
        self._min_se = MIN_SE
        self._raises = 0
        self._began: float | None = None
        self._refresh_at: float | None = None
        self.we_refresh = False

    # --- as the one who answers an INVITE or UPDATE ---------------------------------------------

    def check(self, request: Request) -> None:
        """Raises SipError: 422 for a Session-Expires below 90 s (RFC 4028 §6)."""
        asked = _session_expires(request)
        if asked is not None and asked.seconds < MIN_SE:
            raise SipError("Session Interval Too Small", status=422)

    def answer(self, now: float, request: Request) -> HeaderItems:
        """Settle on an interval for `request`, which `check` let pass; restart the time.

        Returns the headers of its 2xx. The peer refreshes if it can: it supports the extension
        and has not asked us to do it. Otherwise we do, also if it never heard of session timers.
        """
        asked = _session_expires(request)
        least = max(MIN_SE, _min_se(request))
        interval = self._wanted
        if asked is not None:
            interval = min(asked.seconds, interval) if interval else asked.seconds
        if interval == 0:
            self.stop()
            return ()
        interval = max(interval, least)
        supported = "timer" in request.supported
        if asked is not None and asked.refresher:
            peer_refreshes = asked.refresher == "uac"
        else:
            peer_refreshes = supported
        self.we_refresh = not peer_refreshes
        self._interval = interval
        self.restart(now)
        role = "uac" if peer_refreshes else "uas"
        expires = ("Session-Expires", f"{interval};refresher={role}")
        return (expires, ("Require", "timer")) if peer_refreshes else (expires,)

    # --- as the one who sends them --------------------------------------------------------------

    def ask(self) -> HeaderItems:
        """For an INVITE of ours: what we want, the peer chooses who refreshes (RFC 4028 §7.1)."""
        self._interval = max(self._wanted, self._min_se) if self._wanted else 0
        if not self._interval:
            return ()
        self.we_refresh = True  # unless the 2xx says otherwise
        headers: HeaderItems = (("Session-Expires", str(self._interval)),)
        if self._min_se > MIN_SE:
            headers += (("Min-SE", str(self._min_se)),)
        return headers

    def request_headers(self) -> HeaderItems:
        """For our refreshing re-INVITE or UPDATE; we keep the role of the refresher."""
        headers: HeaderItems = (("Session-Expires", f"{self._interval};refresher=uac"),)
        if self._min_se > MIN_SE:
            headers += (("Min-SE", str(self._min_se)),)
        return headers

    def answered(self, now: float, response: Response) -> None:
        """Our INVITE or refresh got its 2xx (RFC 4028 §7.2); an unreadable header changes nothing,
        and an interval that may not be is the shortest that may (§5). A peer that does not say a
        word of session timers has its session refreshed by us."""
        granted = _session_expires(response)
        if granted is not None and granted.seconds > 0:
            self._interval = max(granted.seconds, MIN_SE)
            self.we_refresh = granted.refresher != "uas"
        if self._interval:
            self.restart(now)

    def too_small(self, now: float, response: Response) -> bool:
        """Our INVITE or refresh got 422: take the Min-SE. False if that is no reason to try again,
        nor is it for a peer that has wanted more each of `MOST_RAISES` times."""
        least = _min_se(response)
        if least <= self._interval or self._raises >= MOST_RAISES:
            return False
        self._raises += 1
        self._interval = self._min_se = least
        self._wanted = max(self._wanted, least)
        self._refresh_at = now
        return True

    # --- time -----------------------------------------------------------------------------------

    def restart(self, now: float) -> None:
        """The session was refreshed."""
        self._began = now
        self._refresh_at = now + self._interval / 2 if self.we_refresh else None

    def stop(self) -> None:
        """No session timer, or the call is over."""
        self._began = self._refresh_at = None

    def refresh_due(self, now: float) -> bool:
        """True once when we have to refresh."""
        if self._refresh_at is None or now < self._refresh_at:
            return False
        self._refresh_at = None
        return True

    def refresh_again(self, at: float) -> None:
        """Our refresh did not get through; try again then."""
        if self._began is not None:
            self._refresh_at = at

    def refresh_failed(self, now: float) -> None:
        """Our refresh was refused: half of what is left later."""
        end = self.expires_at()
        if end is not None:
            self._refresh_at = now + max((end - now) / 2, 1.0)

    def expires_at(self) -> float | None:
        """When BYE goes out: min(32 s, a third) before the end (RFC 4028 §10)."""
        if self._began is None:
            return None
        return self._began + self._interval - min(32.0, self._interval / 3)

    def next_deadline(self) -> float | None:
        """The refresh or the end, whichever comes first."""
        end = self.expires_at()
        if end is None or self._refresh_at is None:
            return end
        return min(self._refresh_at, end)

    def expired(self, now: float) -> bool:
        """Nobody refreshed the session."""
        end = self.expires_at()
        return end is not None and now >= end


def _session_expires(message: Request | Response) -> SessionExpires | None:
    """None where there is none that can be read: the call is worth more than its timer."""
    try:
        return SessionExpires.parse(message.header("Session-Expires") or "")
    except SipError:
        return None


def _min_se(message: Request | Response) -> int:
    """0 where there is none that can be read."""
    try:
        return scalar((message.header("Min-SE") or "").partition(";")[0], "Min-SE", MAX_SECONDS)
    except SipError:
        return 0
