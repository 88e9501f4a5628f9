"""Session descriptions as text (RFC 8866): read leniently, written canonically.

Reading accepts CRLF, LF or CR, blank lines, trailing blanks, a missing `s=`, `o=` or `t=`, and
line types that it does not know (kept). Lines that cannot be read are passed over where sound can
be sent without them: `o=`, those that are no line at all, and `m=` of media other than audio, which
the answer repeats with a port of 0. What it refuses, it refuses with `SdpError` (400).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from ipaddress import AddressValueError, IPv6Address
from typing import cast

from ..base.errors import SdpError
from ..base.light import light_dataclass
from .plan import Direction

MAX_BYTES = 65536
MAX_LINES = 2048
MAX_LINE = 8192
MAX_MEDIA = 64

Attribute = tuple[str, str | None]
"""(name, value); the value of a flag such as `sendrecv` is None."""
Line = tuple[str, str]
"""(type, value) of a line that is kept but not interpreted."""


@light_dataclass(frozen=True, slots=True)
class Limits:
    """How long a description may be. As it stands: for a telephone's."""

    octets: int = MAX_BYTES
    lines: int = MAX_LINES
    media: int = MAX_MEDIA


_TELEPHONE = Limits()

DIRECTIONS: frozenset[str] = frozenset({"sendrecv", "sendonly", "recvonly", "inactive"})

_RANK = {kind: rank for rank, kind in enumerate("iuepcbtrzk")}
_FIRST_OTHER = len(_RANK)
_MULTICAST_4 = 224
_OCTET = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_IP4 = re.compile(rf"{_OCTET}(?:\.{_OCTET}){{3}}")  # ipaddress takes ten times as long
_BLANKS = " \t\0"


@light_dataclass(frozen=True, slots=True)
class Connection:
    """A c= line (RFC 8866 §5.7). `address` is without the TTL and the count of a group; "" where
    the line cannot be read, which matters to whoever needs it."""

    address: str
    family: str = "IP4"
    network: str = "IN"

    @classmethod
    def of(cls, address: str) -> Connection:
        """The connection line of an IP literal."""
        return cls(address, "IP6" if ":" in address else "IP4")

    @property
    def unspecified(self) -> bool:
        """True for 0.0.0.0 and `::`, RFC 2543's way to say hold."""
        return is_unspecified(self.address)


@light_dataclass(frozen=True, slots=True)
class Origin:
    """An o= line (RFC 8866 §5.2); the numbers are text, since peers write what they like."""

    session_id: str = "0"
    version: str = "0"
    address: str = "0.0.0.0"
    family: str = "IP4"
    network: str = "IN"
    username: str = "-"


@light_dataclass(frozen=True, slots=True)
class Media:
    """An m= line (RFC 8866 §5.14) with all that follows it."""

    kind: str
    """`audio`, `video`, `image`, …"""
    port: int
    protocol: str
    formats: tuple[str, ...]
    connection: Connection | None = None
    attributes: tuple[Attribute, ...] = ()
    lines: tuple[Line, ...] = ()
    port_count: int = 1

    def attribute(self, name: str) -> str | None:
        """The value of the first attribute `name`; "" for a flag; None where there is none."""
        return _attribute(self.attributes, name)

    def attribute_values(self, name: str) -> list[str]:
        """The values of all attributes `name`, in order."""
        return [value or "" for key, value in self.attributes if key == name]

    @property
    def direction(self) -> Direction | None:
        """The direction that stands at this media line, if one does."""
        return _direction(self.attributes)


@light_dataclass(frozen=True, slots=True)
class SessionDescription:
    """One whole session description."""

    origin: Origin = Origin()
    name: str = "-"
    connection: Connection | None = None
    times: tuple[str, ...] = ("0 0",)
    attributes: tuple[Attribute, ...] = ()
    lines: tuple[Line, ...] = ()
    media: tuple[Media, ...] = ()

    @classmethod
    def parse(cls, data: bytes, limits: Limits = _TELEPHONE) -> SessionDescription:
        """Read a body of application/sdp. Raises `SdpError` (400)."""
        single, times, (head, *rest) = _sections(_rows(data, limits), limits)
        return cls(
            origin=_origin(single["o"]) if "o" in single else Origin(),
            name=single.get("s") or "-",
            connection=head.connection,
            times=tuple(times) or ("0 0",),
            attributes=tuple(head.attributes),
            lines=tuple(head.lines),
            media=tuple(map(_media, rest)),
        )

    def encode(self) -> bytes:
        """The description in the order of RFC 8866 §9, with CRLF."""
        origin = self.origin
        out = [
            "v=0",
            f"o={origin.username} {origin.session_id} {origin.version} "
            f"{origin.network} {origin.family} {origin.address}",
            f"s={self.name}",
        ]
        _write_section(
            out, self.lines, self.connection, self.attributes, times=self.times or ("0 0",)
        )
        for media in self.media:
            port = f"{media.port}/{media.port_count}" if media.port_count > 1 else str(media.port)
            out.append(f"m={media.kind} {port} {media.protocol} {' '.join(media.formats)}")
            _write_section(out, media.lines, media.connection, media.attributes)
        out.append("")
        return "\r\n".join(out).encode("utf-8", "surrogateescape")

    def connection_of(self, media: Media) -> Connection | None:
        """The media line's own c=, else the session's."""
        return media.connection or self.connection

    def direction_of(self, media: Media) -> Direction:
        """The media line's own direction, else the session's, else sendrecv (RFC 8866 §6.7)."""
        return media.direction or _direction(self.attributes) or "sendrecv"


def ip_family(address: str) -> str | None:
    """`IP4` or `IP6` for a literal without scope; None for a name or anything else."""
    if _IP4.fullmatch(address):
        return "IP4"
    try:
        return None if IPv6Address(address).scope_id else "IP6"
    except AddressValueError:
        return None


def is_unspecified(address: str) -> bool:
    """True for 0.0.0.0 and every spelling of `::`."""
    if ":" in address:
        return not address.strip("0:")
    return address == "0.0.0.0"


def is_multicast(address: str) -> bool:
    """True for a group address; `address` must be an IP literal."""
    if ":" in address:
        return IPv6Address(address).is_multicast
    return int(address.partition(".")[0]) >= _MULTICAST_4


def whole_number(text: str, limit: int) -> int | None:
    """`text` as a number from 0 to `limit`, else None; a long run of digits costs nothing."""
    if not text.isascii() or not text.isdigit() or len(text) > 10:
        return None
    number = int(text)
    return number if number <= limit else None


def _attribute(attributes: Iterable[Attribute], name: str) -> str | None:
    for key, value in attributes:
        if key == name:
            return value or ""
    return None


def _direction(attributes: Iterable[Attribute]) -> Direction | None:
    for key, value in attributes:
        if value is None and key in DIRECTIONS:
            return cast(Direction, key)
    return None


def _write_section(
    out: list[str],
    lines: Iterable[Line],
    connection: Connection | None,
    attributes: Iterable[Attribute],
    times: Iterable[str] = (),
) -> None:
    """Append c=, t=, the kept lines at their places, and the attributes."""
    rows = list(lines)
    if connection is not None:
        rows.append(("c", f"{connection.network} {connection.family} {connection.address}"))
    rows.extend(("t", time) for time in times)
    rows.sort(key=lambda line: _RANK.get(line[0], _FIRST_OTHER))
    out.extend(f"{kind}={value}" for kind, value in rows)
    out.extend(f"a={key}" if value is None else f"a={key}:{value}" for key, value in attributes)


@dataclass(slots=True)
class _Section:
    """What is collected between two m= lines; `fields` are those of the m= line."""

    fields: tuple[str, int, str, tuple[str, ...], int] | None = None
    connection: Connection | None = None
    attributes: list[Attribute] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)

    def add(self, kind: str, value: str) -> None:
        """Take one line that belongs into any section."""
        if kind == "a":
            name, colon, rest = value.partition(":")
            self.attributes.append((name.rstrip(), rest.lstrip() if colon else None))
        elif kind == "c":
            # More than one c= only ever lists the layers of a group; the first is the base.
            self.connection = self.connection or _connection(value)
        else:
            self.lines.append((kind, value))


def _rows(data: bytes, limits: Limits) -> list[Line]:
    """The lines after `v=0` as (type, value)."""
    if len(data) > limits.octets:
        raise SdpError(f"session description over {limits.octets} bytes")
    text = data.decode("utf-8", "surrogateescape")
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    rows: list[Line] = []
    seen = 0
    for row in text.split("\n"):
        row = row.rstrip(_BLANKS)
        if not row:
            continue
        if len(row) > MAX_LINE:
            raise SdpError(f"session description line over {MAX_LINE} characters")
        kind = row[0]
        seen += 1
        if seen > limits.lines:
            raise SdpError(f"session description over {limits.lines} lines")
        if row[1:2] == "=" and kind.isascii() and kind.isalpha():
            rows.append((kind, row[2:].strip()))
    if not rows:
        raise SdpError("empty session description")
    if rows[0] != ("v", "0"):
        raise SdpError("session description does not start with v=0")
    del rows[0]
    return rows


def _sections(rows: list[Line], limits: Limits) -> tuple[dict[str, str], list[str], list[_Section]]:
    """The o= and s= lines, the t= lines, and the sections: first the session, then each media."""
    single: dict[str, str] = {}
    times: list[str] = []
    section = _Section()
    sections = [section]
    for kind, value in rows:
        if kind == "m":
            if len(sections) > limits.media:
                raise SdpError(f"session description over {limits.media} media")
            section = _Section(_media_fields(value))
            sections.append(section)
        elif section.fields is None and kind in "os":
            single.setdefault(kind, value)
        elif section.fields is None and kind == "t":
            times.append(value)
        else:
            section.add(kind, value)
    return single, times, sections


def _media(section: _Section) -> Media:
    assert section.fields is not None
    kind, port, protocol, formats, port_count = section.fields
    return Media(
        kind,
        port,
        protocol,
        formats,
        section.connection,
        tuple(section.attributes),
        tuple(section.lines),
        port_count,
    )


def _media_fields(value: str) -> tuple[str, int, str, tuple[str, ...], int]:
    parts = value.split()
    try:
        return _whole_fields(parts, value)
    except SdpError:
        kind = parts[0].lower() if parts else ""
        if kind == "audio":
            raise
    # Refused by whoever answers, who repeats these; the grammar wants one of each.
    return kind or "-", 0, parts[2] if len(parts) > 2 else "-", tuple(parts[3:]) or ("-",), 1


def _whole_fields(parts: list[str], value: str) -> tuple[str, int, str, tuple[str, ...], int]:
    if len(parts) < 4:
        raise SdpError(f"m= line with {len(parts)} fields: {value[:40]!r}")
    kind, ports, protocol = parts[:3]
    first, slash, count = ports.partition("/")
    port = whole_number(first, 65535)
    port_count = whole_number(count, 65535) if slash else 1
    if port is None or port_count is None:
        raise SdpError(f"m= line with port {ports[:20]!r}")
    return kind.lower(), port, protocol, tuple(parts[3:]), port_count


def _connection(value: str) -> Connection:
    parts = value.split()
    if len(parts) < 3:
        return Connection("")
    return Connection(parts[2].partition("/")[0], parts[1].upper(), parts[0].upper())


def _origin(value: str) -> Origin:
    # From the right: there are phones with a blank in the user name.
    parts = value.rsplit(None, 5)
    if len(parts) < 6:
        return Origin()
    username, session_id, version, network, family, address = parts
    return Origin(session_id, version, address, family, network, username)
