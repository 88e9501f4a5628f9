"""What the doctor looks at on the machine of the server: ports, addresses, clock, files, dates."""

from __future__ import annotations

import ctypes
import shutil
import socket
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from ..adapters.limits import FILES_BESIDES_CALLS, FILES_PER_CALL
from ..doctor.diagnosis import Finding
from ..doctor.facts import is_ip, is_private

SOON: Final = 21
"""Days before its end from which on a certificate is told of."""
LITTLE: Final = 500 * 1024 * 1024
"""Octets of free disk."""
BUFFER: Final = 4 * 1024 * 1024
"""Octets that the sockets of SIP and WebRTC ask for."""
_TIME_ERROR: Final = 5
"""What adjtimex(2) returns where nobody keeps the clock."""
_TIMEX: Final = 512
"""Octets of its structure, with room to spare; the first word asks for changes, and 0 for none."""


def look(values: Mapping[str, Any], *, running: bool) -> list[Finding]:
    """All but what asks others (`outside`). `running`: the server answers, so its ports are
    taken."""
    found = [*ports(values, running=running), *rtp_range(values), *open_files(values)]
    found += [*clock(_synchronised()), *buffers(_kernel("net/core/rmem_max"))]
    found += [*disk(Path(str(values["data_dir"])), dev=bool(values["dev"])), *certificates(values)]
    return found


# --- ports --------------------------------------------------------------------------------------


def ports(values: Mapping[str, Any], *, running: bool) -> Iterator[Finding]:
    """Whether each port can be listened at; while the server runs they are its own."""
    if running:
        yield Finding("ok", "ports", "taken, by the server that answers")
        return
    taken = [
        (name, kind, ip, port)
        for name, kind, ip, port in _wanted(values)
        if port and not _free(kind, ip, port)
    ]
    for name, kind, ip, port in taken:
        yield Finding(
            "error",
            name,
            f"port {port} ({kind}) at {ip} cannot be listened at: another program has it, or the "
            "address is not this machine's",
            f"end that program (`ss -lnp | grep :{port}`), or set {name} to another port",
        )
    if not taken:
        yield Finding("ok", "ports", "all are free")


def _wanted(values: Mapping[str, Any]) -> Iterator[tuple[str, str, str, int]]:
    sip = str(values["sip.listen_ip"])
    yield "sip.sip_port", "udp", sip, int(values["sip.sip_port"])
    yield "sip.sip_port", "tcp", sip, int(values["sip.sip_port"])
    if values["sip.tls.certs"]:
        yield "sip.tls.port", "tcp", sip, int(values["sip.tls.port"])
    for ip in values["bind_addresses"]:
        yield "port", "tcp", ip, int(values["port"])
        yield "rtc.udp_port", "udp", ip, int(values["rtc.udp_port"])
        if values["rtc.allow_tcp_fallback"]:
            yield "rtc.tcp_port", "tcp", ip, int(values["rtc.tcp_port"])


def _free(kind: str, ip: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in ip else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM if kind == "udp" else socket.SOCK_STREAM) as tried:
        if kind == "tcp":  # as the server does; a former connection is no program
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind((ip, port))
            if kind == "tcp":
                tried.listen(1)
        except OSError:
            return False
    return True


def rtp_range(values: Mapping[str, Any]) -> Iterator[Finding]:
    """Ports of calls that any program may be given by the kernel."""
    low, high = values["sip.rtp_port"]
    text = _kernel("net/ipv4/ip_local_port_range")
    given = [int(part) for part in text.split()] if text else []
    if len(given) == 2 and low <= given[1] and given[0] <= high:
        yield Finding(
            "warning",
            "sip.rtp_port",
            f"{low}-{high} overlaps the ports that the kernel gives to any program "
            f"({given[0]}-{given[1]})",
            "another range, or net.ipv4.ip_local_reserved_ports",
        )


# --- limits -------------------------------------------------------------------------------------


def open_files(values: Mapping[str, Any]) -> Iterator[Finding]:
    """Whether as many files may be open as the calls want."""
    import resource

    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    low, high = values["sip.rtp_port"]
    wanted = int(values["sip.max_calls"]) or min((int(high) - int(low) + 1) // 2, 1000)
    possible = (hard - FILES_BESIDES_CALLS) // FILES_PER_CALL
    if hard != resource.RLIM_INFINITY and possible < wanted:
        yield Finding(
            "warning",
            "open files",
            f"the limit of {hard} allows {max(0, possible)} calls at once, fewer than {wanted}",
            "LimitNOFILE of the service, or `ulimit -n` before the start",
        )


def buffers(text: str) -> Iterator[Finding]:
    """Of UDP sockets; `text`: net.core.rmem_max."""
    if text.isdigit() and int(text) < BUFFER:
        yield Finding(
            "note",
            "net.core.rmem_max",
            f"the kernel gives UDP sockets {int(text) // 1024} kB instead of {BUFFER // 1024}: "
            "with many clients or calls packets may be lost in bursts",
            f"sudo sysctl -w net.core.rmem_max={BUFFER} net.core.wmem_max={BUFFER}",
        )


def disk(folder: Path, *, dev: bool) -> Iterator[Finding]:
    """Room for the database."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    if not dev and free < LITTLE:
        yield Finding(
            "warning",
            "data_dir",
            f"{free // 1024**2} MB are free: with a full disk no transfer can be stored, so none "
            "is made",
            "room, or shorter calls.keep and sip.keep_messages",
        )


def _kernel(name: str) -> str:
    try:
        return (Path("/proc/sys") / name).read_text(encoding="ascii").strip()
    except OSError:
        return ""


# --- clock --------------------------------------------------------------------------------------


def clock(synchronised: bool | None) -> Iterator[Finding]:
    """None: nobody can say."""
    if synchronised is False:
        yield Finding(
            "warning",
            "clock",
            "the kernel says that nobody keeps this machine's clock: tokens and certificates have "
            "dates",
            "chrony or systemd-timesyncd",
        )


def _synchronised() -> bool | None:
    try:
        libc = ctypes.CDLL(None)
        state: int = libc.adjtimex(ctypes.create_string_buffer(_TIMEX))
    except (OSError, AttributeError):
        return None
    return None if state < 0 else state != _TIME_ERROR


# --- certificates -------------------------------------------------------------------------------


def certificates(values: Mapping[str, Any]) -> Iterator[Finding]:
    """Their dates and names."""
    from cryptography import x509

    name = str(values["sip.sip_hostname"])
    for pair in values["sip.tls.certs"]:
        file = Path(pair["cert_file"])
        try:
            found = x509.load_pem_x509_certificate(file.read_bytes())
        except (OSError, ValueError) as error:
            yield Finding("error", str(file), f"no certificate can be read ({error})", "a PEM file")
            continue
        yield dates(str(file), found.not_valid_before_utc, found.not_valid_after_utc)
        try:
            names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
            given = names.get_values_for_type(x509.DNSName)
        except x509.ExtensionNotFound:
            given = []
        if name and not any(_covers(pattern, name) for pattern in given):
            yield Finding(
                "error",
                str(file),
                f"it is for {', '.join(given) or 'no name'}, and sip.sip_hostname is {name}",
                "a certificate for that name",
            )


def dates(file: str, begins: datetime, ends: datetime, now: datetime | None = None) -> Finding:
    """Whether a certificate holds, and for how long."""
    now = now or datetime.now(UTC)
    left = (ends - now).days
    if now > ends:
        return Finding("error", file, f"expired on {ends:%Y-%m-%d}", "a new certificate")
    if now < begins:
        return Finding("error", file, f"holds from {begins:%Y-%m-%d} on only", "wait, or the clock")
    if left < SOON:
        return Finding("warning", file, f"expires in {left} days ({ends:%Y-%m-%d})", "a new one")
    return Finding("ok", file, f"holds until {ends:%Y-%m-%d}")


def _covers(pattern: str, name: str) -> bool:
    pattern, name = pattern.lower(), name.lower()
    if pattern.startswith("*."):
        return name.partition(".")[2] == pattern[2:]
    return pattern == name


# --- addresses ----------------------------------------------------------------------------------


async def outside(values: Mapping[str, Any]) -> list[Finding]:
    """What the internet sees, against what peers are told; by the settings' STUN servers. And
    what the DNS says of our name."""
    from ..adapters.dns import Resolver
    from ..adapters.entropy import Entropy
    from ..adapters.interfaces import own_addresses
    from ..adapters.stun import external_ip
    from ..base.ids import Ids

    listen = str(values["sip.listen_ip"])
    told = str(values["sip.nat_1_to_1_ip"])
    own = own_addresses([listen])
    if all(ip.startswith("127.") or ip == "::1" for ip in own):
        return [Finding("note", "sip.listen_ip", "loopback only: nobody else can call")]
    seen = await external_ip(values["sip.stun_servers"], wait=0.25)
    found = list(addresses(told, own, seen, asks=bool(values["sip.use_external_ip"])))
    name = str(values["sip.sip_hostname"])
    if name and not is_ip(name):
        known, answered = await Resolver(Ids(Entropy())).peer(name)
        ours = [ip for ip in dict.fromkeys([told, seen or "", *own]) if ip]
        found.append(host_name(name, known, ours, answered=answered))
    return found


def host_name(name: str, known: list[str], ours: list[str], *, answered: bool) -> Finding:
    """Whether who is told `sip.sip_hostname` gets here by it. `known`: its addresses in the DNS,
    `ours`: those at which this machine is reached, `answered`: by each name server asked."""
    if not known:
        if not answered:
            why, remedy = "no name server answers", "the name servers of this machine (resolv.conf)"
            return Finding("warning", "DNS", f"{why}: what is {name}?", remedy)
        return Finding(
            "error",
            "sip.sip_hostname",
            f"peers are told {name} over TLS, and the name has no address (DNS)",
            "an A or AAAA record, or leave sip.sip_hostname out",
        )
    if not set(known) & set(ours):
        return Finding(
            "warning",
            "sip.sip_hostname",
            f"peers are told {name} over TLS, which is {', '.join(known)} (DNS); this machine is "
            f"{', '.join(ours)}",
            "the record of that name, or sip.nat_1_to_1_ip",
        )
    return Finding("ok", "sip.sip_hostname", f"{name} is {', '.join(known)} (DNS)")


def addresses(told: str, own: list[str], seen: str | None, *, asks: bool) -> Iterator[Finding]:
    """`told`: what the settings say, `own`: the machine's, `seen`: what a STUN server sees."""
    if seen is None:
        gravity: Any = "error" if asks and not told else "note"
        remedy = "sip.nat_1_to_1_ip" if asks else ""
        yield Finding(gravity, "address", "no STUN server answered: not compared", remedy)
    elif told and told != seen:
        yield Finding(
            "warning",
            "sip.nat_1_to_1_ip",
            f"peers are told {told}, and the internet sees {seen}",
            "the one to which the ports are forwarded",
        )
    elif not told and not asks and seen not in own and all(map(is_private, own)):
        yield Finding(
            "warning",
            "sip.nat_1_to_1_ip",
            f"peers are told an address of this network ({own[0]}), and the internet sees {seen}: "
            "a provider cannot send sound there",
            f"sip.nat_1_to_1_ip: {seen}, with sip.sip_port and sip.rtp_port forwarded",
        )
    else:
        yield Finding("ok", "address", f"the internet sees {seen}")
