"""The other direction: telephones that the exchange calls, over UDP, TCP and TLS."""

from __future__ import annotations

import select
import socket
import ssl
from collections.abc import Iterable

from .call import Call
from .message import Header, Message, build
from .phone import WITHIN, Phone, split
from .sound import Sound


class Called(Call):
    """A call of the exchange, made of its INVITE; it has the face of a call of our own."""

    def __init__(self, phone: Phone, invite: Message, *, sound: Sound | None = None) -> None:
        super().__init__(
            phone,
            "",
            caller=invite.get("To").partition("sip:")[2].partition("@")[0],
            call_id=invite.get("Call-ID"),
            from_=invite.get("To"),
            to=invite.get("From").partition(";tag=")[0],
            uri=invite.contact,
            sound=sound,
            routes=invite.all("Record-Route"),
        )
        self.invited = invite
        self.to_tag = invite.tag("From")
        self._heard_of(invite)

    def _heard_of(self, message: Message) -> None:
        if message.body:
            self.sound.peer = (
                message.sdp("c=").split()[-1],
                int(message.sdp("m=audio ").split()[0]),
            )

    def say(
        self,
        status: str,
        headers: Iterable[Header] = (),
        body: str = "",
        *,
        tag: str = "",
        invite: Message | None = None,
    ) -> None:
        """Answer the INVITE; `tag` makes another branch of it speak."""
        asked = invite or self.invited
        fields: list[Header] = []
        for name in ("Via", "From", "To", "Call-ID", "CSeq"):
            fields += [(name, value) for value in asked.all(name)]
        whose = tag or self.from_tag
        fields = [(name, f"{v};tag={whose}" if name == "To" else v) for name, v in fields]
        given = list(headers)
        names = {name.lower() for name, _ in given}
        if "contact" not in names:
            fields.append(("Contact", self.contact))
        if body and "content-type" not in names:
            fields.append(("Content-Type", "application/sdp"))
        self.phone.send(build(f"SIP/2.0 {status}", [*fields, *given], body))

    def ring(self, headers: Iterable[Header] = ()) -> None:
        """180."""
        self.say("180 Ringing", headers)

    def accept(self, headers: Iterable[Header] = (), body: str | None = None) -> Message:
        """200 with an answer of PCMU, or with `body`; the exchange's ACK."""
        allow: Header = ("Allow", "INVITE, ACK, CANCEL, BYE, OPTIONS, REFER, NOTIFY, INFO, UPDATE")
        self.say("200 OK", [allow, *headers], self.sdp() if body is None else body)
        ack = self.request("ACK")
        self.up = True
        return ack

    def decline(self, status: str, headers: Iterable[Header] = (), body: str = "") -> Message:
        """A final answer that is none of 2xx; the exchange's ACK."""
        self.say(status, headers, body)
        return self.request("ACK")

    def again(self, within: float = WITHIN) -> Message:
        """The next INVITE of this call: with credentials, say."""
        self.invited = self.request("INVITE", within)
        return self.invited


def called(phone: Phone, within: float = WITHIN, *, sound: Sound | None = None) -> Called:
    """Wait for a call."""

    def fresh(m: Message) -> bool:
        known = {call.call_id for call in phone.calls}
        return m.method == "INVITE" and not m.status and m.get("Call-ID") not in known

    return Called(phone, phone.wait(fresh, "INVITE", within), sound=sound)


class Desk(Phone):
    """A telephone that listens on TCP, or on TLS where a subclass has a `context`; what it sends
    goes by the connection that spoke last."""

    transport = "TCP"
    context: ssl.SSLContext | None = None

    def _open(self) -> socket.socket:
        self.streams: dict[socket.socket, bytes] = {}
        self.last: socket.socket | None = None
        self.refused: list[str] = []
        """Why TLS was not agreed on."""
        return socket.create_server((self.ip, 0), family=self._family)

    def read(self, within: float) -> bool:
        """Take in what comes by any connection within that time."""
        ready, _, _ = select.select([self.socket, *self.streams], [], [], max(within, 0))
        for one in ready:
            if one is self.socket:
                self._accept()
            else:
                self._read_from(one)
        return bool(ready)

    def _accept(self) -> None:
        stream, _ = self.socket.accept()
        if self.context is not None:
            stream.settimeout(5)
            try:
                stream = self.context.wrap_socket(stream, server_side=True)
            except OSError as error:
                self.refused.append(str(error))
                stream.close()
                return
            stream.settimeout(None)
        self.streams[stream] = b""

    def _read_from(self, stream: socket.socket) -> None:
        try:
            data = stream.recv(65535)
            while isinstance(stream, ssl.SSLSocket) and stream.pending():
                data += stream.recv(65535)
        except OSError:
            data = b""
        if not data:
            del self.streams[stream]
            stream.close()
            return
        self.last = stream
        self.streams[stream], messages = split(self.streams[stream] + data)
        for message in messages:
            self._take(message)

    def send(self, data: bytes) -> None:
        """By the connection that spoke last."""
        assert self.last is not None
        self.last.sendall(data)

    def drop(self) -> None:
        """Every connection dies."""
        super().drop()
        for stream in self.streams:
            stream.close()
