"""What a simulated transferee does with one REFER: drawn by chance, row by row of transfer.md."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random

from hookflash.base.light import light_dataclass

HeaderItems = tuple[tuple[str, str], ...]


@light_dataclass(frozen=True, slots=True)
class Arrival:
    """How one arrival of a REFER (not a retransmission) is answered."""

    status: int
    """0: never."""
    after: float = 0.0
    """Seconds from its arrival to the final answer."""
    trying: bool = False
    """100 at once."""
    headers: HeaderItems = ()


@light_dataclass(frozen=True, slots=True)
class Notification:
    """One NOTIFY."""

    after: float
    """Seconds from the arrival of the last REFER of the plan, or of the SUBSCRIBE."""
    body: bytes
    state: str | None = "active;expires=60"
    event: str | None = "refer"
    """`{id}`: the CSeq of an attempt."""
    compact: bool = False


@light_dataclass(frozen=True, slots=True)
class ReferPlan:
    """Everything that a transferee does because of one REFER."""

    row: str
    """Where it comes from, for the trace."""
    attempts: tuple[Arrival, ...]
    """One for each time that it comes; the last for all further ones."""
    notifications: tuple[Notification, ...] = ()
    bye_after: float | None = None
    subscribe: int = 481
    """The answer to SUBSCRIBE; 0: none."""
    resumed: tuple[Notification, ...] = ()
    """What follows a SUBSCRIBE that was accepted."""


_PHRASES = {100: "Trying", 180: "Ringing", 183: "Session Progress", 200: "OK", 486: "Busy Here"}
_EVENTS = ("refer", "refer;id={id}", "Refer ; ID={id}", "refer;x=y", "refer;id=9{id}", None)
_EXPIRED = ("timeout", "deactivated", "probation", "giveup")
_UNUSUAL_EXPIRY = "Terminated ; Reason=Timeout"
_REFUSALS = (300, 302, 400, 403, 404, 405, 410, 416, 420, 480, 482, 485, 500, 502, 503, 603, 604)
_FAILURES = (302, 401, 403, 404, 408, 480, 481, 486, 487, 488, 491, 500, 503, 600, 603)


def fragment(random: Random, status: int) -> bytes:
    """A sipfrag as they come: with and without phrase, CRLF, more lines, in any case."""
    phrase = random.choice((_PHRASES.get(status, "Whatever"), _PHRASES.get(status, ""), ""))
    version = random.choice(("SIP/2.0", "SIP/2.0", "SIP/2.0", "sip/2.0"))
    line = f"{version} {status} {phrase}".rstrip() if phrase else f"{version} {status}"
    end = random.choice(("\r\n", "\r\n", "\n", ""))
    more = random.choice(("", "", "", "To: <sip:x@example.com>\r\n")) if end else ""
    return f"{line}{end}{more}".encode()


def _garbage(random: Random) -> bytes:
    return random.choice((b"", b"\r\n", b"Trying", b"SIP/2.0 abc", b"HTTP/1.1 200 OK", b"SIP/2.0"))


def _active(random: Random) -> str | None:
    return random.choice(
        ("active;expires=60", "active", "pending", "Active ;expires=1", None, "active;expires=0")
    )


def _ended(random: Random) -> str:
    return random.choice(("terminated;reason=noresource", "terminated", "TERMINATED;reason=x"))


def _accepted(random: Random) -> Arrival:
    status = random.choice((202, 202, 202, 200, 204))
    after = random.choice((0.0, 0.0, 0.01, random.uniform(0.01, 2.0)))
    return Arrival(status, after, trying=random.random() < 0.2)


def _progress(random: Random) -> list[Notification]:
    """Zero to three NOTIFYs without an outcome."""
    at = random.choice((0.0, random.uniform(0.0, 0.3)))
    notes = []
    for status in random.choice(((), (100,), (100, 180), (100, 183, 180), (180,))):
        body = fragment(random, status) if random.random() < 0.9 else _garbage(random)
        notes.append(Notification(at, body, _active(random)))
        at += random.choice((0.0, 0.02, random.uniform(0.0, 3.0)))
    return notes


def _outcome(random: Random, status: int, at: float) -> list[Notification]:
    """A final NOTIFY, its subscription ended with it or by another one after it."""
    final = fragment(random, status)
    if random.random() < 0.75:
        return [Notification(at, final, _ended(random))]
    gap = random.choice((0.0, random.uniform(0.0, 1.0)))
    if status == 202:
        return [Notification(at, final, _ended(random))]
    return [
        Notification(at, final, _active(random)),
        Notification(at + gap, random.choice((final, b"")), _ended(random)),
    ]


def _final(random: Random, success: bool, latest: float = 12.0) -> ReferPlan:
    """A REFER carried out, with an outcome."""
    notes = _progress(random)
    start = notes[-1].after if notes else 0.0
    status = random.choice((200, 200, 200, 202, 299) if success else _FAILURES)
    at = start + random.choice((0.0, 0.01, random.uniform(0.0, 2.0), random.uniform(0.0, latest)))
    notes += _outcome(random, status, at)
    bye = at + random.uniform(-1.0, 2.0) if random.random() < 0.2 else None
    return ReferPlan("outcome", (_accepted(random),), tuple(notes), bye)


def succeeds(random: Random) -> ReferPlan:
    """2xx."""
    return _final(random, success=True)


def fails(random: Random) -> ReferPlan:
    """3xx-6xx by NOTIFY."""
    return _final(random, success=False)


def late(random: Random) -> ReferPlan:
    """An outcome after the ringing timeout, or in the last second before its watch ends."""
    at = random.choice((random.uniform(10.0, 60.0), random.uniform(60.0, 240.0)))
    notes = [*_progress(random), *_outcome(random, random.choice((200, 200, 486)), at)]
    return ReferPlan("late", (_accepted(random),), tuple(notes))


def refused(random: Random) -> ReferPlan:
    """An error answer to the REFER itself, some with NOTIFYs before it."""
    after = random.choice((0.0, 0.0, random.uniform(0.0, 5.0)))
    attempt = Arrival(random.choice(_REFUSALS), after, trying=random.random() < 0.3)
    notes = _progress(random) if random.random() < 0.15 else []
    return ReferPlan("refused", (attempt,), tuple(notes))


def gone(random: Random) -> ReferPlan:
    """481, or 408: does the peer still know the call?"""
    status = random.choice((481, 408, 408))
    notes: list[Notification] = []
    if random.random() < 0.3:
        notes = _outcome(random, random.choice((200, 486)), random.uniform(0.0, 1.5))
    return ReferPlan("gone", (Arrival(status, random.uniform(0.0, 1.0)),), tuple(notes))


def unanswered(random: Random) -> ReferPlan:
    """Nothing, or too late, or NOTIFYs alone."""
    attempt = Arrival(0, trying=random.random() < 0.3)
    if random.random() < 0.3:
        attempt = Arrival(random.choice((202, 486)), random.uniform(5.0, 40.0))
    plan = random.choice((succeeds, fails, late))(random)
    notes = plan.notifications if random.random() < 0.5 else ()
    return ReferPlan("unanswered", (attempt,), notes)


def silent(random: Random) -> ReferPlan:
    """2xx and no NOTIFY; perhaps it hangs up."""
    bye = random.choice((None, None, random.uniform(0.0, 10.0)))
    return ReferPlan("silent", (_accepted(random),), (), bye)


def unreported(random: Random) -> ReferPlan:
    """`Refer-Sub: false`, and a peer that hangs up, or not, or notifies nevertheless."""
    value = random.choice(("false", "False ;x=y"))
    attempt = replace(_accepted(random), headers=(("Refer-Sub", value),))
    notes = succeeds(random).notifications if random.random() < 0.3 else ()
    bye = random.choice((None, random.uniform(0.0, 15.0)))
    return ReferPlan("Refer-Sub: false", (attempt,), notes, bye)


def terminated(random: Random) -> ReferPlan:
    """Terminated without an outcome: with or without a BYE, a late outcome, a SUBSCRIBE."""
    notes = _progress(random)
    at = (notes[-1].after if notes else 0.0) + random.uniform(0.0, 3.0)
    state = _ended(random)
    if random.random() < 0.5:
        state = f"terminated;reason={random.choice(_EXPIRED)}"
        state = _UNUSUAL_EXPIRY if random.random() < 0.1 else state
    body = random.choice((b"", fragment(random, 100), fragment(random, 180), b"rubbish"))
    overtaken = random.random() < 0.2
    if overtaken:
        notes += [Notification(at, fragment(random, random.choice((200, 486))), "active")]
    notes.append(Notification(at, body, state))
    bye = at + random.uniform(-0.5, 3.0) if random.random() < 0.3 else None
    resumed = tuple(random.choice((succeeds, fails, silent))(random).notifications)
    answer = random.choice((200, 202, 200, 403, 481, 489, 0))
    return ReferPlan("terminated", (_accepted(random),), tuple(notes), bye, answer, resumed)


def handed_over(random: Random) -> ReferPlan:
    """A small PBX: one NOTIFY 100 with `terminated`, and BYE; some say 180 before it."""
    at = random.choice((0.0, random.uniform(0.0, 2.0)))
    notes = [Notification(at, fragment(random, 100), _ended(random))]
    if random.random() < 0.3:
        notes.insert(0, Notification(at, fragment(random, 180), _active(random)))
    bye = max(0.0, at + random.choice((0.0, random.uniform(-1.5, 3.0))))
    return ReferPlan("handed over", (_accepted(random),), tuple(notes), bye)


def odd(random: Random) -> ReferPlan:
    """Garbage, a mirrored 202, several outcomes, another event package."""
    notes = _progress(random)
    at = notes[-1].after if notes else 0.0
    notes.append(Notification(at, _garbage(random), _active(random)))
    notes.append(Notification(at, fragment(random, 202), random.choice(("active", None))))
    if random.random() < 0.4:
        foreign = random.choice(("presence", "message-summary", "referral"))
        notes.append(Notification(at, fragment(random, 200), "terminated", foreign))
    for status in random.choice(((), (200, 486), (486, 200), (603, 603), (200,))):
        at += random.uniform(0.0, 2.0)
        notes.append(Notification(at, fragment(random, status), _active(random)))
    return ReferPlan("odd", (_accepted(random),), tuple(notes))


def hung_up(random: Random) -> ReferPlan:
    """BYE at any moment of whatever else happens."""
    plan = random.choice((succeeds, fails, silent, refused, unanswered))(random)
    return replace(plan, row=f"BYE in {plan.row}", bye_after=random.uniform(0.0, 6.0))


def challenged(random: Random) -> ReferPlan:
    """401 or 407 before whatever else happens, with known and unknown algorithms."""
    plan = carried_out(random)
    attempts = [_challenge(random, number) for number in range(random.choice((1, 1, 1, 2, 3, 7)))]
    return replace(plan, row=f"challenged, {plan.row}", attempts=(*attempts, *plan.attempts))


def _challenge(random: Random, number: int) -> Arrival:
    status = random.choice((401, 407))
    name = "WWW-Authenticate" if status == 401 else "Proxy-Authenticate"
    headers: list[tuple[str, str]] = []
    for realm in random.choice((("a",), ("a",), ("b",), ("a", "b"))):
        kinds = (("MD5",), ("MD5",), ("",), ("SHA-256", "MD5"), ("X-1", "MD5"), ("SHA-512-256",))
        for algorithm in random.choice(kinds):
            value = f'Digest realm="{realm}", nonce="n{number}", qop="auth"'
            value += f", algorithm={algorithm}" if algorithm else ""
            value += random.choice(("", "", ", stale=true", ", stale=FALSE"))
            headers.append((name, value))
    return Arrival(status, random.choice((0.0, random.uniform(0.0, 1.0))), headers=tuple(headers))


def waiting(random: Random) -> ReferPlan:
    """491, some times, before whatever else happens; perhaps with challenges between them."""
    plan = carried_out(random)
    times = random.choice((1, 1, 2, 3, 60))
    attempts = [Arrival(491)] * times
    if random.random() < 0.3:
        for number in range(random.choice((1, 2, 4))):
            attempts.insert(random.randint(0, times), _challenge(random, number))
    return replace(plan, row=f"491 x{times}, {plan.row}", attempts=(*attempts, *plan.attempts))


def carried_out(random: Random) -> ReferPlan:
    """Any plan without retries."""
    return random.choice(_PLAIN)(random)


_PLAIN: tuple[Callable[[Random], ReferPlan], ...] = (
    *(succeeds, succeeds, fails, late, refused, gone, unanswered, silent),
    *(unreported, terminated, terminated, handed_over, odd, hung_up),
)


def refer_plan(random: Random) -> ReferPlan:
    """Any plan. All NOTIFYs of one REFER name their event alike."""
    plan = random.choice((*_PLAIN, challenged, waiting))(random)
    if random.random() < 0.5:
        return plan
    event, compact = random.choice(_EVENTS), random.random() < 0.3
    return replace(
        plan,
        notifications=tuple(_named(each, event, compact) for each in plan.notifications),
        resumed=tuple(_named(each, event, compact) for each in plan.resumed),
    )


def _named(note: Notification, event: str | None, compact: bool) -> Notification:
    return note if note.event != "refer" else replace(note, event=event, compact=compact)
