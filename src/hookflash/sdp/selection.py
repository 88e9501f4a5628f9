"""What an offer has for us: its first audio line that our settings can take (RFC 3264 §6)."""

from __future__ import annotations

import re
from collections.abc import Callable

from ..base.errors import SdpError
from ..base.light import light_dataclass
from ..sip.flow import Address
from . import crypto
from .codecs import Format, find_event, read_codecs, read_formats
from .plan import Codec, CryptoKey, MediaSettings
from .session import (
    Connection,
    Media,
    SessionDescription,
    ip_family,
    is_multicast,
    is_unspecified,
    whole_number,
)

_HOST_NAME = re.compile(r"(?:[A-Za-z0-9_\-]{1,63}\.){0,32}[A-Za-z][A-Za-z0-9\-]{0,62}\.?")
"""The last label begins with a letter: what is all digits is a misspelt address."""

PLAIN = frozenset({"RTP/AVP", "RTP/AVPF"})
SECURE = frozenset({"RTP/SAVP", "RTP/SAVPF"})

LocalAddress = Callable[[str], str]
"""Our own media address for a peer's; one of another IP family says that we have none of its."""


def any_family(address: str) -> str:
    """A `LocalAddress` that takes whatever the peer has."""
    return address


@light_dataclass(frozen=True, slots=True)
class Choice:
    """The line of an offer that we take, and what we take of it."""

    index: int
    media: Media
    connection: Connection
    codec: Codec
    event: Format | None
    key: CryptoKey | None
    """The peer's key, where the line is to be encrypted."""


def check_offer(
    offer: bytes | SessionDescription,
    settings: MediaSettings,
    signalling: str = "",
    local: LocalAddress = any_family,
) -> str:
    """The IP address at which the peer wants its audio, for choosing ours before media is open.

    "" where the offer says 0.0.0.0 or `::`. `signalling`: see `usable_connection`; `local`: what
    we would take for such an address. Raises `SdpError` just as `SdpNegotiator.answer`.
    """
    if isinstance(offer, bytes):
        offer = SessionDescription.parse(offer)
    choice = choose(offer, settings, signalling, local)
    return "" if choice.connection.unspecified else choice.connection.address


def choose(
    description: SessionDescription,
    settings: MediaSettings,
    signalling: str = "",
    local: LocalAddress = any_family,
) -> Choice:
    """The first audio line of an offer that we can take (RFC 3264 §6); raises `SdpError`. Two of
    them may differ in their IP family alone (RFC 4091), with either one first."""
    first: SdpError | None = None
    for index, media in enumerate(description.media):
        if media.kind != "audio" or media.port == 0:
            continue
        try:
            choice = _fit(index, media, description, settings, signalling)
            address = choice.connection.address
            check_family(address, local(address))
            return choice
        except SdpError as error:
            first = first or error
    try:
        raise first or SdpError("no usable audio in the offer", status=488, warning=304)
    finally:
        first = None  # its traceback leads here: the two would keep each other, and the whole leg


def _fit(
    index: int,
    media: Media,
    description: SessionDescription,
    settings: MediaSettings,
    signalling: str,
) -> Choice:
    """What we take of this line, or the `SdpError` that says why nothing."""
    protocol = media.protocol.upper()
    secure = protocol in SECURE
    if not secure and protocol not in PLAIN:
        raise SdpError(f"profile {media.protocol[:40]!r}", status=488, warning=304)
    connection = usable_connection(description, media, signalling)
    key = None
    if settings.encryption == "disable":
        if secure:
            raise SdpError("encryption is off here", status=488, warning=304)
    else:
        keys = crypto.read_keys(media)
        # One without an MKI leaves the packets as they are.
        key = min(keys, key=lambda key: bool(key.mki), default=None)
        if key is None and secure:
            raise SdpError("no common SRTP suite", status=488)
        if key is None and settings.encryption == "require":
            raise SdpError("encryption is required here", status=488)
    formats = read_formats(media)
    codecs = read_codecs(formats, settings.codecs) or read_codecs(formats, settings.fallback)
    if not codecs:
        raise SdpError("no common codec", status=488, warning=305)
    codec = codecs[0]
    return Choice(index, media, connection, codec, find_event(formats, codec.clock), key)


def usable_connection(
    description: SessionDescription, media: Media, signalling: str = ""
) -> Connection:
    """The c= of a media line, as an IP literal that is one host; raises `SdpError`.

    A host name (RFC 8866 §5.7) stands for the address that the peer's signalling comes from, where
    that is given: nearly always it is the same machine, and from another its first packets tell.
    """
    connection = description.connection_of(media)
    if connection is None:
        raise SdpError("audio without a c= line")
    if not connection.address:
        raise SdpError("the c= line of the audio cannot be read")
    family = ip_family(connection.address)
    if family is None and signalling and _HOST_NAME.fullmatch(connection.address):
        connection = Connection.of(signalling)
        family = ip_family(signalling)
    if connection.network != "IN" or family is None:
        raise SdpError("media address that is no IP literal", status=488, warning=301)
    if is_multicast(connection.address):
        raise SdpError("multicast media address", status=488, warning=330)
    return connection


def check_family(address: str, local: str) -> None:
    """Raises `SdpError` where the peer's media address is of another IP family than our own; one
    that says nothing (0.0.0.0, `::`, "" for either) fits."""
    if address and not is_unspecified(address) and ip_family(address) != ip_family(local):
        raise SdpError("media address of the other IP family", status=488, warning=301)


def rtcp_address(media: Media, rtp: Address) -> Address:
    """a=rtcp (RFC 3605) where it can be used, else the next port of the same host."""
    host, port = rtp
    parts = (media.attribute("rtcp") or "").split()
    named = whole_number(parts[0], 65535) if parts else None
    if not named:
        return host, port + 1 if port < 65535 else port
    if len(parts) >= 4:
        other = parts[3]
        same_family = ip_family(other) == ip_family(host)
        if same_family and not is_unspecified(other) and not is_multicast(other):
            host = other
    return host, named


def refuse(media: Media) -> Media:
    """The same line with port 0 (RFC 3264 §6)."""
    return Media(media.kind, 0, media.protocol, media.formats)
