"""A cheap caller: one UDP socket, messages from byte templates, no SIP stack.

It knows just enough of the server's messages to hold calls, to carry out REFERs and to hang up.
It resends nothing but ACKs: what gets lost makes a failed call, and counts as one.
"""

from __future__ import annotations

import select
import socket
import time
from collections import deque
from collections.abc import Callable

_SDP = (
    b"v=0\r\no=- 3890000000 3890000000 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\n"
    b"t=0 0\r\nm=audio %05d RTP/AVP 0 8 9 101\r\na=rtcp:%05d\r\na=rtpmap:0 PCMU/8000\r\n"
    b"a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=sendrecv\r\na=ptime:20\r\n"
)
_INVITE = (
    b"INVITE sip:%(called)s@127.0.0.1:%(server)d SIP/2.0\r\n"
    b"Via: SIP/2.0/UDP 127.0.0.1:%(port)d;rport;branch=z9hG4bKPj-%(port)d-invite-%(index)d\r\n"
    b"Max-Forwards: 70\r\n"
    b"From: <sip:%(caller)s@127.0.0.1>;tag=from-%(index)d\r\n"
    b"To: <sip:%(called)s@127.0.0.1>\r\n"
    b"Contact: <sip:%(caller)s@127.0.0.1:%(port)d>\r\n"
    b"Call-ID: b%(index)d@bench-%(port)d\r\nCSeq: 1 INVITE\r\n"
    b"Allow: INVITE, ACK, BYE, CANCEL, UPDATE, INFO, NOTIFY, REFER, OPTIONS\r\n"
    b"Supported: replaces, norefersub\r\nUser-Agent: Bench 1.0\r\n"
    b"Content-Type: application/sdp\r\nContent-Length: %(size)d\r\n\r\n%(sdp)s"
)
_ACK = (
    b"ACK sip:%(called)s@127.0.0.1:%(server)d SIP/2.0\r\n"
    b"Via: SIP/2.0/UDP 127.0.0.1:%(port)d;rport;branch=z9hG4bKPj-%(port)d-invite-%(index)d\r\n"
    b"Max-Forwards: 70\r\n"
    b"From: <sip:%(caller)s@127.0.0.1>;tag=from-%(index)d\r\nTo: %(to)s\r\n"
    b"Call-ID: b%(index)d@bench-%(port)d\r\nCSeq: 1 ACK\r\nContent-Length: 0\r\n\r\n"
)
_IN_DIALOG = (
    b"%(method)s %(target)s SIP/2.0\r\n"
    b"Via: SIP/2.0/UDP 127.0.0.1:%(port)d;rport"
    b";branch=z9hG4bKPj-%(port)d-%(method)s%(cseq)d-%(index)d\r\n"
    b"Max-Forwards: 70\r\nFrom: %(from)s\r\n"
    b"To: %(to)s\r\nCall-ID: %(call_id)s\r\nCSeq: %(cseq)d %(method)s\r\n"
    b"%(more)sContent-Length: %(size)d\r\n\r\n%(body)s"
)
_NOTIFY_MORE = (
    b"Contact: <sip:%s@127.0.0.1:%d>\r\nEvent: refer\r\nSubscription-State: %s\r\n"
    b"Content-Type: message/sipfrag\r\n"
)
_PATIENCE = 0.0005
_TRYING, _OK = b"SIP/2.0 100 Trying\r\n", b"SIP/2.0 200 OK\r\n"


class Call:
    """One call; times are `time.monotonic()`, 0.0 before they come."""

    __slots__ = (
        "answered_at",
        "call_id",
        "called",
        "caller",
        "cseq",
        "gone",
        "index",
        "invited_at",
        "local",
        "refer_at",
        "remote_port",
        "rtp_port",
        "target",
        "to",
    )

    def __init__(self, index: int, caller: str, called: str, rtp_port: int) -> None:
        self.index = index
        self.caller = caller
        self.called = called
        self.rtp_port = rtp_port
        self.cseq = 1
        self.call_id = b""
        self.local = self.to = b""
        """What From and To of our requests are."""
        self.target = b""
        self.remote_port = 0
        self.invited_at = self.answered_at = self.refer_at = 0.0
        self.gone = False


class Http:
    """One kept-alive connection; one request at a time."""

    __slots__ = ("_begin", "_buffer", "_size", "answered", "body", "socket")

    def __init__(self, port: int) -> None:
        self.body = b""
        """Of the last answer."""
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = bytearray()
        self._size = -1
        """Of the answer that is coming, head included; -1 where that is not known yet."""
        self.answered: Callable[[int], None] | None = None

    def read(self) -> None:
        """Gather the answer; tell its status when it is whole."""
        data = self.socket.recv(65536)
        if not data:
            raise RuntimeError("the server closed the HTTP connection")
        self._buffer += data
        if self._size < 0:
            head, found, _ = bytes(self._buffer[:4096]).partition(b"\r\n\r\n")
            if not found:
                return
            length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
            self._begin = len(head) + 4
            self._size = self._begin + length
        if len(self._buffer) < self._size:
            return
        status = int(self._buffer[9:12])
        self.body = bytes(self._buffer[self._begin : self._size])
        del self._buffer[: self._size]
        self._size = -1
        answered, self.answered = self.answered, None
        if answered is not None:
            answered(status)


class Caller:
    """All phones of a measurement. Set `on_answered`, `on_refer`, `on_gone`, then `run_until`."""

    def __init__(self, sip_port: int, http_port: int, connections: int = 0) -> None:
        self._server = ("127.0.0.1", sip_port)
        self._socket = _bound()
        self.port: int = self._socket.getsockname()[1]
        self._sink = _bound()  # RTP and RTCP of calls without phones: never read
        self.sink_port: int = self._sink.getsockname()[1]
        self._poll = select.epoll()
        self._poll.register(self._socket, select.EPOLLIN)
        self._https: dict[int, Http] = {}
        self._idle: deque[Http] = deque()
        self._orders: deque[tuple[bytes, Callable[[int], None]]] = deque()
        for _ in range(connections):
            connection = Http(http_port)
            self._https[connection.socket.fileno()] = connection
            self._poll.register(connection.socket, select.EPOLLIN)
            self._idle.append(connection)
        self.patient = False
        """Look every half millisecond, so that the server's CPU is not that of waking us: a
        process that waits in `poll` is woken by whoever sends to it, at the sender's expense."""
        self.refusal = ""
        """Status and phrase of the refusal that is wanted: no error then."""
        self._indexes = 0
        self.calls: dict[int, Call] = {}
        self._by_id: dict[bytes, Call] = {}
        self.errors: list[str] = []
        self.on_invited: Callable[[Call], None] = lambda call: None
        """A call to us: its `caller` is the number called; it is answered at once."""
        self.on_answered: Callable[[Call], None] = lambda call: None
        self.on_refer: Callable[[Call], None] = lambda call: None
        self.on_gone: Callable[[Call], None] = lambda call: None

    def close(self) -> None:
        """Everything."""
        self._poll.close()
        for connection in self._https.values():
            connection.socket.close()
        self._socket.close()
        self._sink.close()

    def invite(self, caller: str, called: str, rtp_port: int = 0) -> Call:
        """Begin a call; without `rtp_port` its audio goes nowhere."""
        self._indexes += 1
        call = Call(self._indexes, caller, called, rtp_port or self.sink_port)
        call.call_id = b"b%d@bench-%d" % (call.index, self.port)
        call.local = b"<sip:%s@127.0.0.1>;tag=from-%d" % (caller.encode(), call.index)
        self.calls[call.index] = self._by_id[call.call_id] = call
        data = self._render(call)
        call.invited_at = time.monotonic()
        self._socket.sendto(data, self._server)
        return call

    def render(self, caller: str, called: str) -> bytes:
        """An INVITE to be sent by somebody else."""
        return self._render(Call(0, caller, called, self.sink_port))

    def _render(self, call: Call) -> bytes:
        sdp = _SDP % (call.rtp_port, self.sink_port)
        return _INVITE % {
            b"called": call.called.encode(),
            b"caller": call.caller.encode(),
            b"server": self._server[1],
            b"port": self.port,
            b"index": call.index,
            b"size": len(sdp),
            b"sdp": sdp,
        }

    def hang_up(self, call: Call) -> None:
        """BYE; `on_gone` when it is answered."""
        call.cseq += 1
        self._send(call, b"BYE", call.cseq)

    def post(self, request: bytes, answered: Callable[[int], None]) -> None:
        """Send an HTTP request as soon as a connection is idle; `answered(status)`."""
        if not self._idle:
            self._orders.append((request, answered))
            return
        connection = self._idle.popleft()

        def done(status: int) -> None:
            self._idle.append(connection)
            answered(status)
            if self._orders and self._idle:
                self.post(*self._orders.popleft())

        connection.answered = done
        connection.socket.sendall(request)

    def run_until(self, done: Callable[[], bool], timeout: float = 30.0) -> bool:
        """Work until `done()`; False after `timeout` seconds."""
        end = time.monotonic() + timeout
        number = self._socket.fileno()
        while not done():
            left = end - time.monotonic()
            if left <= 0:
                return False
            if self.patient:
                time.sleep(_PATIENCE)
            for ready, _ in self._poll.poll(0 if self.patient else min(left, 0.2)):
                if ready == number:
                    self._readable()
                else:
                    self._https[ready].read()
        return True

    def _readable(self) -> None:
        while True:
            try:
                data = self._socket.recv(65536)
            except BlockingIOError:
                return
            self._received(data, time.monotonic())

    def _received(self, data: bytes, now: float) -> None:
        call = self._by_id.get(_between(data, b"\r\nCall-ID: ", b"\r\n"))
        if data.startswith(b"SIP/2.0 "):
            if call is not None:
                self._response(call, data, now)
            return
        method = data[: data.index(b" ")]
        if method == b"INVITE":
            self._invited(data)
            return
        if method == b"ACK":
            if call is not None and not call.answered_at:
                call.answered_at = now
                self.on_answered(call)
            return
        if method == b"REFER" and call is not None:
            self._answer(data, b"202 Accepted")
            call.refer_at = now
            self._notify(call, b"active;expires=60", _TRYING)
            self.on_refer(call)
            return
        self._answer(data, b"200 OK")
        if method == b"BYE" and call is not None:
            self._gone(call)

    def _invited(self, data: bytes) -> None:
        self._indexes += 1
        number = _between(data, b"INVITE sip:", b"@").decode()
        call = Call(self._indexes, number, "", self.sink_port)
        call.call_id = _between(data, b"\r\nCall-ID: ", b"\r\n")
        call.to = _between(data, b"\r\nFrom: ", b"\r\n")
        call.local = b"%s;tag=to-%d" % (_between(data, b"\r\nTo: ", b"\r\n"), call.index)
        call.target = _between(data, b"\r\nContact: <", b">")
        self.calls[call.index] = self._by_id[call.call_id] = call
        self.on_invited(call)
        sdp = _SDP % (call.rtp_port, self.sink_port)
        self._answer(data, b"200 OK", b";tag=to-%d" % call.index, sdp)

    def _response(self, call: Call, data: bytes, now: float) -> None:
        status = int(data[8:11])
        if status < 200:
            return
        method = _between(data, b"\r\nCSeq: ", b"\r\n").partition(b" ")[2]
        if status >= 300:
            if method == b"INVITE":
                self._acknowledge(call, data)
            line = data.split(b"\r\n", 1)[0].decode()
            if line != f"SIP/2.0 {self.refusal}":
                self.errors.append(line)
            self._gone(call)
        elif method == b"INVITE":
            first = not call.answered_at
            if first:
                call.answered_at = now
                call.to = _between(data, b"\r\nTo: ", b"\r\n")
                call.target = _between(data, b"\r\nContact: <", b">")
                call.remote_port = int(_between(data, b"\r\nm=audio ", b" "))
            self._send(call, b"ACK", 1)
            if first:
                self.on_answered(call)
        elif method == b"BYE":
            self._gone(call)

    def _acknowledge(self, call: Call, refusal: bytes) -> None:
        """The ACK of a refusal belongs to the INVITE's transaction (RFC 3261 §17.1.1.3)."""
        ack = _ACK % {
            b"called": call.called.encode(),
            b"caller": call.caller.encode(),
            b"server": self._server[1],
            b"port": self.port,
            b"index": call.index,
            b"to": _between(refusal, b"\r\nTo: ", b"\r\n"),
        }
        self._socket.sendto(ack, self._server)

    def _gone(self, call: Call) -> None:
        if not call.gone:
            call.gone = True
            del self.calls[call.index], self._by_id[call.call_id]
            self.on_gone(call)

    def wait_answered(self, *calls: Call) -> None:
        """Raises RuntimeError where one of them does not come up."""
        self._must(lambda: all(call.answered_at for call in calls))

    def wait_gone(self, *calls: Call) -> None:
        """Raises RuntimeError where one of them does not end."""
        self._must(lambda: all(call.gone for call in calls))

    def pause(self, seconds: float) -> None:
        """Work that long."""
        self.run_until(lambda: False, seconds)

    def _must(self, done: Callable[[], bool]) -> None:
        if not self.run_until(done, 10):
            raise RuntimeError(f"a call went wrong: {self.errors or 'nothing came'}")

    def accept(self, call: Call) -> None:
        """The new party answered: the last NOTIFY."""
        self._notify(call, b"terminated;reason=noresource", _OK)

    def _notify(self, call: Call, state: bytes, fragment: bytes) -> None:
        call.cseq += 1
        more = _NOTIFY_MORE % (call.caller.encode(), self.port, state)
        self._send(call, b"NOTIFY", call.cseq, more, fragment)

    def _send(
        self, call: Call, method: bytes, cseq: int, more: bytes = b"", body: bytes = b""
    ) -> None:
        data = _IN_DIALOG % {
            b"method": method,
            b"target": call.target,
            b"port": self.port,
            b"cseq": cseq,
            b"index": call.index,
            b"call_id": call.call_id,
            b"from": call.local,
            b"to": call.to,
            b"more": more,
            b"size": len(body),
            b"body": body,
        }
        self._socket.sendto(data, self._server)

    def _answer(self, data: bytes, status: bytes, tag: bytes = b"", sdp: bytes = b"") -> None:
        lines = data.partition(b"\r\n\r\n")[0].split(b"\r\n")
        kept = [line for line in lines[1:] if line.startswith(_ECHOED)]
        if tag:
            kept = [line + tag if line.startswith(b"To:") else line for line in kept]
        answer = b"\r\n".join(
            [
                b"SIP/2.0 " + status,
                *kept,
                b"Contact: <sip:bench@127.0.0.1:%d>" % self.port,
                *([b"Content-Type: application/sdp"] if sdp else []),
                b"Content-Length: %d\r\n\r\n%s" % (len(sdp), sdp),
            ]
        )
        self._socket.sendto(answer, self._server)


_ECHOED = (b"Via:", b"From:", b"To:", b"Call-ID:", b"CSeq:")


def _between(data: bytes, before: bytes, after: bytes) -> bytes:
    start = data.index(before) + len(before)
    return data[start : data.index(after, start)]


def _bound() -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setblocking(False)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * 1024 * 1024)
    sock.bind(("127.0.0.1", 0))
    return sock
