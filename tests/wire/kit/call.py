"""One call of a telephone: the identifiers of its dialog and the requests within it."""

from __future__ import annotations

from collections.abc import Iterable

from .message import Header, Message, build, sdp, token
from .phone import WITHIN, Phone
from .sound import Sound

ALLOWED = "INVITE, ACK, CANCEL, BYE, OPTIONS, REFER, NOTIFY, SUBSCRIBE, INFO, UPDATE, PRACK"


class Call:
    """A call from `phone` to `number`; nothing is sent before a method says so."""

    def __init__(
        self,
        phone: Phone,
        number: str,
        *,
        caller: str = "",
        from_: str = "",
        to: str = "",
        uri: str = "",
        sound: Sound | None = None,
        call_id: str = "",
        routes: Iterable[str] = (),
    ) -> None:
        self.phone = phone
        host, port = phone.server[:2]
        self.domain = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self.caller = caller or token("c")
        self.call_id = call_id or token("wire-")
        self.from_tag, self.to_tag = token("f"), ""
        self.from_ = from_ or f"<sip:{self.caller}@{phone.host}>"
        self.to = to or f"<sip:{number}@{self.domain}>"
        self.target = uri or f"sip:{number}@{self.domain}"
        self.contact = f"<{phone.uri}>"
        self.cseq = 0
        self.own_sound = sound is None
        self.sound = sound or Sound(phone.ip)
        self.routes = list(routes)
        self.branches: dict[int, str] = {}
        self.up = False
        phone.calls.append(self)

    # --- sending --------------------------------------------------------------------------------

    def message(
        self,
        method: str,
        headers: Iterable[Header] = (),
        body: str = "",
        *,
        cseq: int | None = None,
        branch: str | None = None,
        without: Iterable[str] = (),
    ) -> bytes:
        """A request of this call; the next CSeq unless one is given."""
        number = self._number(method, cseq)
        branch = branch if branch is not None else token("z9hG4bK")
        self.branches[number] = branch
        to = self.to + (f";tag={self.to_tag}" if self.to_tag else "")
        sent_by = f"{self.phone.host}:{self.phone.port}"
        fields: list[Header] = [
            ("Via", f"SIP/2.0/{self.phone.transport} {sent_by};branch={branch};rport"),
            ("Max-Forwards", "70"),
            ("From", f"{self.from_};tag={self.from_tag}"),
            ("To", to),
            ("Call-ID", self.call_id),
            ("CSeq", f"{number} {method}"),
            ("Contact", self.contact),
            ("Allow", ALLOWED),
            *(("Route", route) for route in self.routes),
        ]
        given = list(headers)
        skipped = {name.lower() for name in without} | {name.lower() for name, _ in given}
        skipped -= {"via", "record-route", "route"}
        fields = [(name, value) for name, value in fields if name.lower() not in skipped]
        if body and not any(name.lower() in {"content-type", "c"} for name, _ in given):
            given.append(("Content-Type", "application/sdp"))
        return build(f"{method} {self.target} SIP/2.0", [*fields, *given], body)

    def _number(self, method: str, cseq: int | None) -> int:
        if cseq is not None:
            return cseq
        self.cseq += 1
        return self.cseq

    def send(self, method: str, headers: Iterable[Header] = (), body: str = "") -> int:
        """Send a request with the next CSeq, which is returned."""
        self.phone.send(self.message(method, headers, body))
        return self.cseq

    def sdp(self, **fields: object) -> str:
        """The offer (or answer) of this call's sound."""
        return sdp(self.sound.port, ip=self.phone.ip, **fields)  # type: ignore[arg-type]

    def invite(self, headers: Iterable[Header] = (), body: str | None = None) -> None:
        """INVITE with an offer of PCMU, or with `body`."""
        self.send("INVITE", headers, self.sdp() if body is None else body)

    def ack(self, cseq: int | None = None, body: str = "", branch: str | None = None) -> None:
        """ACK of a 2xx, by default that of the last INVITE."""
        number = self.cseq if cseq is None else cseq
        self.phone.send(self.message("ACK", (), body, cseq=number, branch=branch))

    def cancel(self, cseq: int | None = None) -> None:
        """CANCEL of the INVITE with that CSeq."""
        number = self.cseq if cseq is None else cseq
        branch = self.branches[number]
        self.phone.send(self.message("CANCEL", cseq=number, branch=branch))

    # --- receiving ------------------------------------------------------------------------------

    def answer(
        self,
        status: int = 0,
        method: str = "",
        cseq: int | None = None,
        within: float = WITHIN,
    ) -> Message:
        """The answer to the last request (or the one named); 0: any final one."""
        number = self.cseq if cseq is None else cseq

        def wanted(m: Message) -> bool:
            right = m.status == status if status else m.status >= 200
            mine = m.get("Call-ID") == self.call_id and m.cseq == number
            return right and mine and method in ("", m.method)

        return self.phone.wait(wanted, f"{status or 'final'} of {number} {method}", within)

    def ask(self, method: str, headers: Iterable[Header] = (), body: str = "") -> Message:
        """Send a request in the call and wait for its final answer."""
        self.send(method, headers, body)
        return self.answer(method=method)

    def dial(self, headers: Iterable[Header] = (), body: str | None = None) -> Message:
        """INVITE, wait for the 200, take its dialog. No ACK yet."""
        self.invite(headers, body)
        return self.accepted()

    def accepted(self, within: float = WITHIN) -> Message:
        """Wait for the final answer, which is to be 200, and take its dialog."""
        answer = self.answer(method="INVITE", within=within)
        assert answer.status == 200, f"{answer.start}"
        self._accepted(answer)
        return answer

    def _accepted(self, answer: Message) -> None:
        self.adopt(answer)
        if answer.body:
            self.sound.peer = (answer.sdp("c=").split()[-1], int(answer.sdp("m=audio ").split()[0]))

    def adopt(self, answer: Message) -> None:
        """The dialog that an answer made: tag, target and route set (reversed)."""
        self.to_tag = answer.tag("To")
        self.target = answer.contact or self.target
        routes = [part.strip() for value in answer.all("Record-Route") for part in value.split(",")]
        self.routes = routes[::-1]
        self.up = True

    def connect(self, headers: Iterable[Header] = (), body: str | None = None) -> Message:
        """The whole: INVITE, 200, ACK."""
        answer = self.dial(headers, body)
        self.ack()
        return answer

    def tried(self) -> int:
        """INVITE, its final answer, ACK; the status."""
        self.invite()
        answer = self.answer(method="INVITE")
        if answer.status == 200:
            self._accepted(answer)
            self.ack()
        else:
            self.refused(answer)
        return answer.status

    def adopt_early(self, answer: Message) -> None:
        """The early dialog that a 180 made."""
        self.adopt(answer)
        self.up = False

    def refuse(self) -> Message:
        """Wait for a final answer that refuses the INVITE, and ACK it."""
        answer = self.answer(method="INVITE")
        assert answer.status >= 300, answer.start
        self.refused(answer)
        return answer

    def refused(self, answer: Message) -> None:
        """ACK of an answer that refuses the INVITE."""
        before, self.to_tag = self.to_tag, answer.tag("To")
        self.ack(branch=self.branches[self.cseq])
        self.to_tag = before

    def reinvite(self, body: str | None = None, headers: Iterable[Header] = ()) -> Message:
        """A re-INVITE, its final answer, and the ACK."""
        self.invite(headers, body)
        answer = self.answer(method="INVITE")
        if answer.status >= 300:
            self.ack(branch=self.branches[self.cseq])
        else:
            self.ack()
        return answer

    def request(self, method: str, within: float = WITHIN) -> Message:
        """The exchange's next request in this call."""

        def wanted(m: Message) -> bool:
            return not m.status and m.method == method and m.get("Call-ID") == self.call_id

        return self.phone.wait(wanted, method, within)

    def notify(
        self,
        sipfrag: str | None,
        state: str = "active;expires=60",
        event: str = "refer",
        headers: Iterable[Header] = (),
    ) -> Message:
        """NOTIFY of a REFER's progress; its answer."""
        self.send_notify(sipfrag, state, event, headers)
        return self.answer(method="NOTIFY")

    def send_notify(
        self,
        sipfrag: str | None,
        state: str = "active;expires=60",
        event: str = "refer",
        headers: Iterable[Header] = (),
    ) -> None:
        """The same without waiting."""
        fields: list[Header] = [("Event", event)] if event else []
        if state:
            fields.append(("Subscription-State", state))
        if sipfrag is not None:
            fields.append(("Content-Type", "message/sipfrag;version=2.0"))
        self.send("NOTIFY", [*fields, *headers], sipfrag or "")

    # --- the end --------------------------------------------------------------------------------

    def hang_up(self, headers: Iterable[Header] = ()) -> Message:
        """BYE of ours and its answer."""
        self.up = False
        return self.ask("BYE", headers)

    def ended(self, within: float = WITHIN) -> Message:
        """Wait for the exchange's BYE and answer it."""
        bye = self.request("BYE", within)
        self.phone.reply(bye, "200 OK")
        self.up = False
        return bye

    def leave(self) -> None:
        """At the end of a test: a BYE that nobody waits for."""
        if self.own_sound:
            self.sound.close()
        if self.up and not self.phone.closed:
            self.up = False
            self.send("BYE")
