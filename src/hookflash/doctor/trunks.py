"""What can be said of trunks: who may call by them, and what their peers answer to OPTIONS."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from ..base.errors import SdpError
from ..base.light import light_dataclass
from ..base.text import clean
from ..sdp.codecs import COMFORT_NOISE, PREFERRED, TELEPHONE_EVENT, read_codecs, read_formats
from ..sdp.session import SessionDescription
from ..sip.message import Response
from .diagnosis import Finding

_CANNOT: Final = {"exotel.com": "Exotel", "exotel.in": "Exotel"}
"""Domains of providers that have no REFER, whatever their Allow says."""
_ALIVE: Final = "answers OPTIONS"
_REACH: Final = (
    "check --address and --transport of the trunk, and the firewall; some providers do not answer "
    "OPTIONS of strangers at all"
)
_CERTIFICATE: Final = (
    "a certificate for the address of the trunk, by an authority that this machine trusts or that "
    "`sip.tls.ca_file` names (`--config FILE`)"
)


@light_dataclass(frozen=True, slots=True)
class Probe:
    """What came of one OPTIONS."""

    response: Response | None = None
    why: str = ""
    """Why there is no response: no address, no connection, silence."""
    seconds: float = 0.0
    """To the first answer."""
    gave_password: bool = False
    """The answer came to an OPTIONS with digest credentials."""


def judge_outbound(subject: str, host: str, probe: Probe, *, has_user: bool) -> Iterator[Finding]:
    """`subject`: the trunk as a person knows it."""
    response = probe.response
    if response is None:
        shown = "certificate refused" in probe.why
        yield Finding(
            "error" if "no address" in probe.why or "refused" in probe.why else "warning",
            subject,
            f"{host}: {probe.why}",
            _CERTIFICATE if shown else _REACH,
            "RFC 5922 §7" if shown else "RFC 3261 §11",
        )
        return
    yield _life(subject, response, probe, has_user=has_user)
    yield _refer(subject, host, response)
    yield from _codecs(subject, response)


def _life(subject: str, response: Response, probe: Probe, *, has_user: bool) -> Finding:
    status = response.status
    said = f"{status} {clean(response.reason)}".rstrip()
    if status in (401, 407) and probe.gave_password:
        return Finding(
            "error",
            subject,
            f"{said} to OPTIONS with user and password: they are wrong there",
            "`hookflash trunk outbound edit ST_… --user …` with the right HOOKFLASH_TRUNK_PASSWORD",
            "RFC 3261 §22.2",
        )
    if status in (401, 407) and not has_user:
        return Finding(
            "warning",
            subject,
            f"{said} to OPTIONS: it asks for a password, and the trunk has none",
            "`hookflash trunk outbound edit ST_… --user …` with HOOKFLASH_TRUNK_PASSWORD",
            "RFC 3261 §22",
        )
    if status == 403:
        who = "this address, or user and password," if probe.gave_password else "this address"
        return Finding(
            "warning",
            subject,
            f"{said} to OPTIONS: {who} may not be allowed there",
            "the provider's list of allowed addresses",
            "RFC 3261 §21.4.4",
        )
    if status >= 500 and status != 501:
        return Finding("warning", subject, f"{said} to OPTIONS: a fault on its side", "try later")
    server = clean(response.header("Server") or response.header("User-Agent") or "")
    who = f", {server}" if server else ""
    known = ", and takes user and password" if probe.gave_password else ""
    return Finding("ok", subject, f"{_ALIVE} ({said}, {probe.seconds * 1000:.0f} ms{who}){known}")


def _refer(subject: str, host: str, response: Response) -> Finding:
    for domain, name in _CANNOT.items():
        if host.lower().endswith(domain):
            return Finding(
                "warning",
                subject,
                f"{name} has no transfer by REFER",
                "its own API, or a call from the room (`hookflash call`)",
                "community.livekit.io/121",
            )
    if response.header("Allow") is None:
        return Finding("note", subject, "its answer has no Allow: nothing is said of REFER")
    if "REFER" in response.allow:
        return Finding("ok", subject, "its Allow has REFER: transfers, if they are enabled")
    methods = ", ".join(sorted(map(clean, response.allow)))
    return Finding(
        "warning",
        subject,
        f"its Allow has no REFER ({methods}): a transfer will be refused, most likely",
        "ask the provider; with some, REFER is switched on for a trunk (docs/transfers.md)",
        "RFC 3261 §20.5",
    )


def _codecs(subject: str, response: Response) -> Iterator[Finding]:
    """Of a description in the answer, which few send (RFC 3261 §11.2)."""
    if not (response.header("Content-Type") or "").lower().startswith("application/sdp"):
        return
    try:
        media = SessionDescription.parse(response.body).media
    except SdpError:
        return
    audio = next((one for one in media if one.kind == "audio"), None)
    if audio is None:
        return
    formats = read_formats(audio)
    common = [codec.name for codec in read_codecs(formats, PREFERRED)]
    if common:
        yield Finding("ok", subject, f"codecs in common: {', '.join(common)}")
        return
    sound = [one.name for one in formats if one.name not in (TELEPHONE_EVENT, COMFORT_NOISE)]
    theirs = ", ".join(sound) or f"payload types {' '.join(audio.formats)}"
    yield Finding(
        "warning",
        subject,
        f"no codec in common: it speaks {clean(theirs)}",
        f"ask the provider for one of {', '.join(PREFERRED)}",
        "RFC 3261 §11.2",
    )


def judge_inbound(
    subject: str, *, addresses: Sequence[str], callers: Sequence[str], user: str, has_rule: bool
) -> Iterator[Finding]:
    """Who may call by an inbound trunk, and whether there is somewhere to go."""
    if not has_rule:
        yield Finding(
            "error",
            subject,
            "no dispatch rule is for it: its calls are refused",
            "`hookflash rule add --room NAME`",
        )
    if not addresses and not user:
        which = "who writes an allowed number into From" if callers else "everybody"
        yield Finding(
            "warning",
            subject,
            f"it asks for neither address nor password: {which} may call",
            "`hookflash trunk inbound edit ST_… --allow-address …` with the provider's addresses",
            "docs/security.md",
        )
    if has_rule and (addresses or user):
        yield Finding("ok", subject, "has a rule, and says who may call")
