"""SIP messages as text: just enough to write templates and to read answers."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable

Header = tuple[str, str]


def token(prefix: str = "") -> str:
    """Something unique without dashes."""
    return prefix + uuid.uuid4().hex[:12]


class Message:
    """One message as it came: `status` is 0 for a request."""

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        head, _, self.body = raw.partition(b"\r\n\r\n")
        lines = head.decode("utf-8", "surrogateescape").split("\r\n")
        self.start = lines[0]
        self.headers = [
            (name.strip().lower(), value.strip())
            for name, _, value in (line.partition(":") for line in lines[1:])
        ]
        parts = self.start.split(" ", 2)
        self.status = int(parts[1]) if parts[0] == "SIP/2.0" else 0
        self.uri = "" if self.status else parts[1]
        self.reason = parts[2] if self.status and len(parts) > 2 else ""
        number, _, name = self.get("CSeq").partition(" ")
        self.cseq = int(number) if number.isdigit() else -1
        self.method = name.strip() if self.status else parts[0]

    def get(self, name: str, default: str = "") -> str:
        """The first header field of this name."""
        return next((value for key, value in self.headers if key == name.lower()), default)

    def all(self, name: str) -> list[str]:
        """All fields of this name, in order."""
        return [value for key, value in self.headers if key == name.lower()]

    def has(self, name: str) -> bool:
        """Whether there is such a field."""
        return any(key == name.lower() for key, _ in self.headers)

    def tag(self, name: str) -> str:
        """The tag of From or To."""
        found = re.search(r";\s*tag=([^;>\s]+)", self.get(name))
        return found[1] if found else ""

    def tokens(self, name: str) -> set[str]:
        """A comma list as a set."""
        return {part.strip() for value in self.all(name) for part in value.split(",")}

    @property
    def contact(self) -> str:
        """The URI of Contact."""
        found = re.search(r"<([^>]*)>", self.get("Contact"))
        return found[1] if found else self.get("Contact")

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode("utf-8", "replace")

    def sdp(self, prefix: str) -> str:
        """The rest of the first SDP line that starts so; "" if none does."""
        lines = self.text.split("\r\n")
        return next((line[len(prefix) :] for line in lines if line.startswith(prefix)), "")

    def __repr__(self) -> str:
        return f"<{self.start} | {self.get('CSeq')}>"


def build(start: str, headers: Iterable[Header], body: bytes | str = b"") -> bytes:
    """A message with its Content-Length, unless the headers bring one."""
    content = body.encode() if isinstance(body, str) else body
    fields = list(headers)
    if not any(name.lower() in {"content-length", "l"} for name, _ in fields):
        fields.append(("Content-Length", str(len(content))))
    lines = [start, *(f"{name}: {value}" for name, value in fields), "", ""]
    return "\r\n".join(lines).encode("utf-8", "surrogateescape") + content


def reply(request: Message, status: str, headers: Iterable[Header] = (), body: str = "") -> bytes:
    """An answer of ours: `status` is code and phrase; Via, From, To, Call-ID, CSeq are copied."""
    copied = [
        (name, value)
        for name in ("Via", "From", "To", "Call-ID", "CSeq")
        for value in request.all(name)
    ]
    return build(f"SIP/2.0 {status}", [*copied, *headers], body)


def sdp(
    port: int,
    *,
    ip: str = "127.0.0.1",
    codecs: str = "0 101",
    direction: str = "sendrecv",
    version: int = 1,
    extra: Iterable[str] = (),
    profile: str = "RTP/AVP",
) -> str:
    """An audio offer or answer; payload type 101 is telephone-event."""
    family = "IP6" if ":" in ip else "IP4"
    lines = ["v=0", f"o=wire 77 {version} IN {family} {ip}", "s=-", f"c=IN {family} {ip}", "t=0 0"]
    lines.append(f"m=audio {port} {profile} {codecs}")
    if "101" in codecs.split():
        lines += ["a=rtpmap:101 telephone-event/8000", "a=fmtp:101 0-16"]
    lines += [*extra, f"a={direction}"]
    return "\r\n".join(lines) + "\r\n"
