"""SIPp: scenarios put together from the fragments in tests/interop/sipp, and its runs.

A scenario is a list of steps; each step is a fragment whose `@name@` are filled in. A fragment is
plain SIPp XML, so that every message that we send to the exchange can be read as it is.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .lab import Lab
from .process import Process, need

FRAGMENTS = Path(__file__).resolve().parent.parent / "sipp"

ENDED = "terminated;reason=noresource"
"""Subscription-State of a final NOTIFY."""


@dataclass(frozen=True, slots=True)
class Step:
    """Fragments that follow each other, and what goes into them."""

    fragments: tuple[str, ...]
    values: tuple[tuple[str, str], ...] = ()

    def xml(self) -> str:
        """The fragments, filled in."""
        text = "".join((FRAGMENTS / f"{name}.xml").read_text("utf-8") for name in self.fragments)
        for name, value in self.values:
            text = text.replace(f"@{name}@", value)
        left = re.search(r"@\w+@", text)
        assert left is None, f"{self.fragments}: {left.group() if left else ''} is not given"
        return text


def step(fragment: str, **values: str | int) -> Step:
    """A step by the name of its fragment."""
    return Step((fragment,), tuple((name, str(value)) for name, value in values.items()))


def dial(media: str = "media_port") -> Step:
    """INVITE to ACK; `media` is SIPp's keyword for the port in the offer."""
    return step("dial", media=media)


def stream(file: Path) -> Step:
    """RTP from a file of PCMU, until the call ends; needs `dial("rtpstream_audio_port")`."""
    return step("stream", file=str(file))


def pause(milliseconds: int) -> Step:
    """The peer takes its time."""
    return step("pause", milliseconds=milliseconds)


def answer(status: str, *headers: str) -> Step:
    """The answer to the REFER that came last, with further header lines."""
    return step("answer", status=status, headers="".join(f"      {line}\n" for line in headers))


def notify(
    cseq: int,
    sipfrag: str,
    *,
    state: str = "active;expires=60",
    event: str = "refer",
    until: str = "notify_ok",
) -> Step:
    r"""A NOTIFY with a sipfrag (`\x0a` in it is a bare LF), and what follows `until` its 200.

    `notify_ok_or_bye`: the BYE that follows may come before that 200, if datagrams are lost.
    """
    sent = step("notify", cseq=cseq, state=state, event=event, body=sipfrag)
    return Step(("notify", until), sent.values)


def exchange_hangs_up(linger: int = 1500, before_answer: Step | None = None) -> tuple[Step, ...]:
    """The BYE comes; retransmissions of it are answered for `linger` milliseconds. What the peer
    sends `before_answer` goes out while SIPp has nothing to wait for: between two messages that it
    sends one after the other, it does not expect any."""
    sent = (before_answer,) if before_answer else ()
    lasts = step("linger", milliseconds=linger)
    return (step("bye_received"), *sent, step("bye_answered"), lasts)


def scenario(name: str, steps: Sequence[Step]) -> str:
    """The XML of a whole scenario."""
    parts = [f'<?xml version="1.0" encoding="UTF-8" ?>\n<scenario name="{name}">\n']
    parts += [one.xml() for one in steps]
    return "".join([*parts, "</scenario>\n"])


class Sipp:
    """One run of SIPp: `calls` callers `<prefix>0001…` that dial `number`."""

    def __init__(self, process: Process, prefix: str) -> None:
        self.process = process
        self._prefix = prefix

    @classmethod
    async def call(
        cls,
        lab: Lab,
        target: str,
        steps: Sequence[Step],
        *,
        name: str,
        number: str,
        prefix: str,
        calls: int = 1,
        rate: int = 20,
        transport: str = "u1",
        lost: int = 0,
        ip: str = "127.0.0.1",
        within: int = 60,
        options: Sequence[str | Path] = (),
    ) -> Sipp:
        """Start it; transport as SIPp's -t (u1, t1, l1)."""
        folder = lab.path(f"sipp-{name}/scenario.xml").parent
        file = folder / "scenario.xml"
        file.write_text(scenario(name, steps), "utf-8")
        port = lab.ports.take(2)
        media = lab.ports.take(4)
        messages, errors = folder / "messages.log", folder / "errors.log"
        command = [
            *(need("sipp"), target, "-sf", file, "-s", number, "-key", "caller", prefix),
            *("-i", ip, "-p", str(port), "-mi", ip, "-mp", str(media), "-t", transport),
            *("-m", str(calls), "-l", str(calls), "-r", str(rate), "-nostdin", "-aa"),
            *("-trace_msg", "-message_file", messages, "-trace_err", "-error_file", errors),
            *("-cid_str", f"%u-{name}@%s", "-timeout", f"{within}s", "-timeout_error"),
            *("-recv_timeout", f"{within * 1000}", "-skip_rlimit"),
            *(("-lost", str(lost)) if lost else ()),
            *options,
        ]
        process = await lab.start(f"sipp {name}", command, cwd=folder, logs=[messages, errors])
        process.shown = 4  # the rest is its full-screen display
        return cls(process, prefix)

    def identity(self, call: int = 1) -> str:
        """The identity that LiveKit's rules give the caller of this call."""
        return f"sip_{self.caller(call)}"

    def caller(self, call: int = 1) -> str:
        """The user of the From header of this call."""
        return f"{self._prefix}{call}"

    def messages(self) -> str:
        """The messages sent and received so far."""
        file = self.process.files[0]
        return file.read_text("utf-8", "replace") if file.exists() else ""

    async def succeed(self, within: float = 60) -> None:
        """Wait until every call has gone as its scenario says."""
        code = await self.process.wait(within)
        assert code == 0, f"{self.process.name} ended with {code}"
