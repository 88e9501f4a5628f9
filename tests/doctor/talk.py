"""Exchanges of SIP messages for the doctor, written down message by message."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from hookflash.doctor.facts import CaseFacts, read_facts
from hookflash.doctor.seen import seen_from

OURS, THEIRS = "93.184.216.34:5060", "54.172.60.1:5060"
"""Two addresses of the internet; those of documents count as private."""
HOME = "10.0.0.5"
"""An address that only our own network knows."""
SDP = "v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio 4000 {kind} 0\r\n"


class Talk:
    """One call. `host`: of the peer's addresses; `server`: its User-Agent and Server; `home`: we
    tell an address that the peer cannot reach."""

    def __init__(
        self,
        host: str = "sip.example.org",
        *,
        server: str = "",
        transport: str = "udp",
        home: bool = False,
        srtp: bool = False,
        allow: str = "",
    ) -> None:
        self.entries: list[dict[str, Any]] = []
        self.host, self.server, self.transport, self.allow = host, server, transport, allow
        self.here = HOME if home else OURS.partition(":")[0]
        self.kind = "RTP/SAVP" if srtp else "RTP/AVP"
        self.now = 1700000000.0
        self.outbound = False
        self.number = 0
        self.invite = ""
        self.last: tuple[int, str] = (1, "INVITE")
        self.record: dict[str, Any] = {}

    # --- what is said ---------------------------------------------------------------------------

    def came(self, *, answered: bool = True, acked: bool = True) -> Self:
        """A call that came in."""
        self._say(True, f"INVITE sip:+15550100@{OURS} SIP/2.0", body=self._sdp(THEIRS))
        self.answer(100, "Trying", ours=True)
        self.answer(180, "Ringing", ours=True)
        if answered:
            self.answer(200, "OK", ours=True, body=self._sdp(self.here))
            if acked:
                self._say(True, f"ACK sip:{OURS} SIP/2.0", number=1)
        return self

    def called(self, target: str = "", **headers: str) -> Self:
        """A call of ours: its INVITE."""
        self.outbound = True
        target = target or f"sip:+15105550100@{self.host}"
        self._say(False, f"INVITE {target} SIP/2.0", headers, self._sdp(self.here))
        return self

    def answered(self) -> Self:
        """The peer answers our INVITE, and we acknowledge it."""
        self.answer(200, "OK", body=self._sdp(THEIRS))
        self._say(False, f"ACK sip:{THEIRS} SIP/2.0", number=self.last[0])
        return self

    def refer(self, target: str = "tel:+15105550123", **headers: str) -> Self:
        """Our REFER."""
        more = {"Refer-To": f"<{target}>", "Contact": f"<sip:{self.here}:5060>", **headers}
        self._say(False, f"REFER sip:{THEIRS} SIP/2.0", more)
        return self

    def answer(
        self, status: int, phrase: str = "", *, ours: bool = False, body: str = "", **headers: str
    ) -> Self:
        """To the last request of the other side."""
        self._say(not ours, f"SIP/2.0 {status} {phrase}".rstrip(), headers, body, of=self.last)
        return self

    def notify(self, fragment: str = "", state: str = "active") -> Self:
        """The peer reports, and we say 200."""
        headers = {"Event": "refer", "Subscription-State": state}
        body = f"SIP/2.0 {fragment}\r\n" if fragment else ""
        last = self.last
        self._say(True, f"NOTIFY sip:{OURS} SIP/2.0", headers, body)
        self.answer(200, "OK", ours=True)
        self.last = last
        return self

    def bye(self, *, ours: bool = False, reason: str = "") -> Self:
        """The end."""
        headers = {"Reason": reason} if reason else {}
        self._say(not ours, f"BYE sip:{THEIRS if ours else OURS} SIP/2.0", headers)
        self.answer(200, "OK", ours=not ours)
        return self

    def cancel(self, *, ours: bool) -> Self:
        """The INVITE is given up: CANCEL, 200 and 487."""
        first = "sip:a@b"
        self._say(not ours, f"CANCEL {first} SIP/2.0", number=1)
        self.answer(200, "OK", ours=not ours)
        self.last = (1, "INVITE")
        return self.answer(487, "Request Terminated", ours=not ours)

    def wait(self, seconds: float) -> Self:
        """Nobody says anything."""
        self.now += seconds
        return self

    def again(self, times: int = 1) -> Self:
        """What was said last is repeated."""
        for _ in range(times):
            self.now += 0.5
            self.entries.append({**self.entries[-1], "at": self.now})
        return self

    # --- what comes of it -----------------------------------------------------------------------

    def facts(self, transfer: Mapping[str, Any] | None = None) -> CaseFacts:
        """As the doctor sees it."""
        return read_facts(seen_from(self.entries), self.record, transfer)

    def _sdp(self, address: str) -> str:
        return SDP.format(ip=address.partition(":")[0], kind=self.kind)

    def _say(
        self,
        received: bool,
        start: str,
        headers: Mapping[str, str] | None = None,
        body: str = "",
        *,
        of: tuple[int, str] | None = None,
        number: int = 0,
    ) -> None:
        method = start.partition(" ")[0]
        if of is None:
            if not number:
                self.number += 1
                number = self.number
            self.last = of = (number, method)
        theirs = f"<sip:caller@{self.host}>;tag=a"
        tag = "" if of[1] == "INVITE" and not start.startswith("SIP") else ";tag=b"
        mine = f"<sip:+15550100@{OURS}>{tag}"
        sides = (mine, theirs) if self.outbound == received else (theirs, mine)
        if self.outbound:
            sides = (f"<sip:+15550100@{OURS}>;tag=b", f"<sip:x@{self.host}>{tag}")
        lines = [
            start,
            f"Via: SIP/2.0/UDP {self.here if not received else THEIRS};branch=z9hG4bK{of[0]}",
            *(f"From: {sides[0]}", f"To: {sides[1]}", "Call-ID: 1@h", f"CSeq: {of[0]} {of[1]}"),
        ]
        if received and self.server:
            lines.append(f"{'Server' if start.startswith('SIP') else 'User-Agent'}: {self.server}")
        if received and self.allow:
            lines.append(f"Allow: {self.allow}")
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in (headers or {}).items()]
        self.now += 0.05
        self.entries.append(
            {
                "at": self.now,
                "direction": "received" if received else "sent",
                "transport": self.transport,
                "local": OURS,
                "remote": THEIRS,
                "text": "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]) + body,
            }
        )
