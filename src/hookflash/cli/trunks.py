"""`hookflash trunk inbound|outbound add|ls|rm|edit`."""

from __future__ import annotations

import ipaddress
import json
import re
from enum import StrEnum
from typing import Annotated, Any

import typer
from google.protobuf.message import Message

from ..providers.trunk_metadata import PROVIDER
from .options import ApiSession, Headers, duration, pairs, server_command

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Trunks: where calls come from and go to."
)
inbound = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Trunks that calls come in by."
)
outbound = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Trunks that calls go out by."
)
app.add_typer(inbound, name="inbound")
app.add_typer(outbound, name="outbound")


_ADDRESS = re.compile(
    r"(?:\[(?P<ip6>[0-9A-Fa-f:.]+)\]|(?P<name>\w(?:[\w.-]*\w)?\.?))(?::(?P<port>\d{1,9}))?",
    re.ASCII,
)
_DIGITS = re.compile(r"[\d.]+", re.ASCII)


class Include(StrEnum):
    """Which headers become attributes; the values of SIPHeaderOptions."""

    NO = "none"
    X = "x"
    ALL = "all"


class Encryption(StrEnum):
    """SRTP; the values of SIPMediaEncryption."""

    DISABLE = "disable"
    ALLOW = "allow"
    REQUIRE = "require"


class Transport(StrEnum):
    """SIPTransport."""

    AUTO = "auto"
    UDP = "udp"
    TCP = "tcp"
    TLS = "tls"


Id = Annotated[str, typer.Argument(metavar="TRUNK", help="ST_… id.")]
Ids = Annotated[list[str], typer.Argument(metavar="TRUNK...", help="ST_… ids.")]
Name = Annotated[str, typer.Option(help="For people.")]
Numbers = Annotated[list[str], typer.Option("--number", help="A number of ours; repeatable.")]
Addresses = Annotated[
    list[str], typer.Option("--allow-address", help="IP or network that may call; repeatable.")
]
Callers = Annotated[
    list[str], typer.Option("--allow-caller", help="Number that may call; repeatable.")
]
User = Annotated[str, typer.Option(help="User name for digest authentication.")]
Password = Annotated[
    str, typer.Option(envvar="HOOKFLASH_TRUNK_PASSWORD", help="Better given by the variable.")
]
ToAttributes = Annotated[
    list[str],
    typer.Option("--header-attribute", metavar="HEADER=ATTRIBUTE", help="Repeatable."),
]
FromAttributes = Annotated[
    list[str],
    typer.Option("--attribute-header", metavar="ATTRIBUTE=HEADER", help="Repeatable."),
]
IncludeHeaders = Annotated[Include, typer.Option(help="Headers that become sip.h.… attributes.")]
Encrypt = Annotated[Encryption, typer.Option("--encryption", help="SRTP.")]
Seconds = Annotated[float, typer.Option(min=0.0, help="Seconds; 0: the server's default.")]
Metadata = Annotated[str, typer.Option(help="Kept with the trunk.")]
Provider = Annotated[
    str, typer.Option(help="Whose trunk it is; `hookflash provider list` shows the names.")
]
Address = Annotated[str, typer.Option(help="Host or host:port of the provider.")]
FromHost = Annotated[str, typer.Option(help="Host of our From header.")]


def _headers(header: list[str], to: list[str], back: list[str], include: Include) -> dict[str, Any]:
    return {
        "headers": pairs(header, "--header"),
        "headers_to_attributes": pairs(to, "--header-attribute"),
        "attributes_to_headers": pairs(back, "--attribute-header"),
        "include_headers": f"SIP_{include.name}_HEADERS",
    }


# --- inbound ------------------------------------------------------------------------------------


@server_command(inbound, "add")
def add_inbound(
    session: ApiSession,
    number: Numbers = [],  # noqa: B006  # typer reads it, nobody writes to it
    name: Name = "",
    allow_address: Addresses = [],  # noqa: B006
    allow_caller: Callers = [],  # noqa: B006
    user: User = "",
    password: Password = "",
    realm: Annotated[str, typer.Option(help="Realm of the challenge.")] = "",
    header: Headers = [],  # noqa: B006
    header_attribute: ToAttributes = [],  # noqa: B006
    attribute_header: FromAttributes = [],  # noqa: B006
    include_headers: IncludeHeaders = Include.NO,
    encryption: Encrypt = Encryption.DISABLE,
    ringing_timeout: Seconds = 0.0,
    max_call_duration: Seconds = 0.0,
    metadata: Metadata = "",
    provider: Provider = "",
) -> None:
    """Make a trunk that calls come in by."""
    from livekit.protocol import sip

    from .kept import INBOUND

    _given(number, allow_address, allow_caller)
    if user and not password:
        raise typer.BadParameter("--user wants a password: set HOOKFLASH_TRUNK_PASSWORD")
    if password and not user:
        raise typer.BadParameter("a password (HOOKFLASH_TRUNK_PASSWORD is set?) wants --user")
    if not (number or allow_address or user):
        raise typer.BadParameter("whose calls? Give --number, --allow-address or --user")
    trunk = sip.SIPInboundTrunkInfo(
        name=name,
        numbers=number,
        allowed_addresses=allow_address,
        allowed_numbers=allow_caller,
        auth_username=user,
        auth_password=password,
        auth_realm=realm,
        media_encryption=f"SIP_MEDIA_ENCRYPT_{encryption.name}",
        ringing_timeout=duration(ringing_timeout),
        max_call_duration=duration(max_call_duration),
        metadata=with_provider(metadata, provider),
        **_headers(header, header_attribute, attribute_header, include_headers),
    )
    request = sip.CreateSIPInboundTrunkRequest(trunk=trunk)
    INBOUND.ask(session, "made", "SIP/CreateSIPInboundTrunk", request)


@server_command(inbound, "ls")
def list_inbound(session: ApiSession, number: Numbers = []) -> None:  # noqa: B006
    """Show the trunks that calls come in by."""
    from .kept import INBOUND

    INBOUND.show(session, number)


@server_command(inbound, "rm")
def remove_inbound(session: ApiSession, trunks: Ids) -> None:
    """Delete trunks that calls come in by."""
    from .kept import INBOUND

    INBOUND.remove(session, trunks)


@server_command(inbound, "edit")
def edit_inbound(
    session: ApiSession,
    trunk: Id,
    number: Numbers = [],  # noqa: B006
    name: Annotated[str | None, typer.Option(help="For people.")] = None,
    allow_address: Addresses = [],  # noqa: B006
    allow_caller: Callers = [],  # noqa: B006
    user: Annotated[str | None, typer.Option(help="User name for digest.")] = None,
    password: Annotated[str | None, typer.Option(envvar="HOOKFLASH_TRUNK_PASSWORD")] = None,
    realm: Annotated[str | None, typer.Option(help="Realm of the challenge.")] = None,
    metadata: Annotated[str | None, typer.Option(help="Kept with the trunk.")] = None,
    provider: Provider = "",
    clear: Annotated[
        list[str], typer.Option("--clear", help="A list to empty: numbers, addresses, callers.")
    ] = [],  # noqa: B006
) -> None:
    """Change what is given; a list replaces the former one."""
    from livekit.protocol import sip

    from .kept import INBOUND

    lists = {"numbers": number, "addresses": allow_address, "callers": allow_caller}
    numbers, addresses, callers = (_list_update(lists, key, clear) for key in lists)
    update = sip.SIPInboundTrunkUpdate(
        numbers=numbers,
        allowed_addresses=addresses,
        allowed_numbers=callers,
        name=name,
        auth_username=user,
        auth_password=password,
        auth_realm=realm,
        metadata=_changed_metadata(session, INBOUND, trunk, metadata, provider),
    )
    _some_change(update)
    request = sip.UpdateSIPInboundTrunkRequest(sip_trunk_id=trunk, update=update)
    INBOUND.ask(session, "changed", "SIP/UpdateSIPInboundTrunk", request)


# --- outbound -----------------------------------------------------------------------------------


@server_command(outbound, "add")
def add_outbound(
    session: ApiSession,
    address: Address,
    number: Numbers,
    name: Name = "",
    user: User = "",
    password: Password = "",
    transport: Annotated[Transport, typer.Option(help="Of SIP.")] = Transport.AUTO,
    from_host: FromHost = "",
    country: Annotated[str, typer.Option(help="Country that is called, two letters.")] = "",
    header: Headers = [],  # noqa: B006
    header_attribute: ToAttributes = [],  # noqa: B006
    attribute_header: FromAttributes = [],  # noqa: B006
    include_headers: IncludeHeaders = Include.NO,
    encryption: Encrypt = Encryption.DISABLE,
    metadata: Metadata = "",
    provider: Provider = "",
) -> None:
    """Make a trunk that calls go out by."""
    from livekit.protocol import sip

    from .kept import OUTBOUND

    _given(number)
    check_address(address)
    trunk = sip.SIPOutboundTrunkInfo(
        name=name,
        address=address,
        numbers=number,
        auth_username=user,
        auth_password=password,
        transport=f"SIP_TRANSPORT_{transport.name}",
        from_host=from_host,
        destination_country=country,
        media_encryption=f"SIP_MEDIA_ENCRYPT_{encryption.name}",
        metadata=with_provider(metadata, provider),
        **_headers(header, header_attribute, attribute_header, include_headers),
    )
    request = sip.CreateSIPOutboundTrunkRequest(trunk=trunk)
    OUTBOUND.ask(session, "made", "SIP/CreateSIPOutboundTrunk", request)


@server_command(outbound, "ls")
def list_outbound(session: ApiSession, number: Numbers = []) -> None:  # noqa: B006
    """Show the trunks that calls go out by."""
    from .kept import OUTBOUND

    OUTBOUND.show(session, number)


@server_command(outbound, "rm")
def remove_outbound(session: ApiSession, trunks: Ids) -> None:
    """Delete trunks that calls go out by."""
    from .kept import OUTBOUND

    OUTBOUND.remove(session, trunks)


@server_command(outbound, "edit")
def edit_outbound(
    session: ApiSession,
    trunk: Id,
    address: Annotated[str | None, typer.Option(help="Host or host:port.")] = None,
    number: Numbers = [],  # noqa: B006
    name: Annotated[str | None, typer.Option(help="For people.")] = None,
    user: Annotated[str | None, typer.Option(help="User name for digest.")] = None,
    password: Annotated[str | None, typer.Option(envvar="HOOKFLASH_TRUNK_PASSWORD")] = None,
    transport: Annotated[Transport | None, typer.Option(help="Of SIP.")] = None,
    from_host: Annotated[str | None, typer.Option(help="Host of our From header.")] = None,
    country: Annotated[str | None, typer.Option(help="Country that is called.")] = None,
    metadata: Annotated[str | None, typer.Option(help="Kept with the trunk.")] = None,
    provider: Provider = "",
) -> None:
    """Change what is given; a list replaces the former one."""
    from livekit.protocol import sip

    from .kept import OUTBOUND

    if address is not None:
        check_address(address)
    update = sip.SIPOutboundTrunkUpdate(
        address=address,
        numbers=_list_update({"numbers": number}, "numbers", []),
        name=name,
        auth_username=user,
        auth_password=password,
        transport=f"SIP_TRANSPORT_{transport.name}" if transport is not None else None,
        from_host=from_host,
        destination_country=country,
        metadata=_changed_metadata(session, OUTBOUND, trunk, metadata, provider),
    )
    _some_change(update)
    request = sip.UpdateSIPOutboundTrunkRequest(sip_trunk_id=trunk, update=update)
    OUTBOUND.ask(session, "changed", "SIP/UpdateSIPOutboundTrunk", request)


# --- both ---------------------------------------------------------------------------------------


def _given(*lists: list[str]) -> None:
    """An empty text in a list is a variable of the shell that is not set."""
    if any(not text.strip() for texts in lists for text in texts):
        raise typer.BadParameter("an empty number or address")


def with_provider(metadata: str, provider: str) -> str:
    """The metadata of a trunk of this provider ("": as it is). Raises typer.BadParameter where it
    is no JSON object to write that into."""
    if not provider:
        return metadata
    try:
        content = json.loads(metadata or "{}")
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise typer.BadParameter(
            "it is written into the trunk's metadata, which is no JSON object",
            param_hint="provider",
        )
    return json.dumps({**content, PROVIDER: provider})


def _changed_metadata(
    session: ApiSession, kind: Any, trunk: str, metadata: str | None, provider: str
) -> str | None:
    """What an edit makes of it; None: nothing. `--provider` alone leaves the rest as it is."""
    if not provider:
        return metadata
    if metadata is None:
        metadata = next((t.metadata for t in kind.find(session.client, [trunk], [])), "")
    return with_provider(metadata, provider)


def check_address(text: str) -> None:
    """Raises typer.BadParameter for what no call could be sent to."""
    match = _ADDRESS.fullmatch(text)
    why = "it is to be a host or host:port, such as sip.example.com or 192.0.2.1:5060"
    if match is not None:
        name, port = match["name"], match["port"]
        good = _is_ip(match["ip6"]) if match["ip6"] else not _DIGITS.fullmatch(name) or _is_ip(name)
        if good and (port is None or 0 < int(port) < 65536):
            return
        why = "its port is to be 1 to 65535" if good else "it is no IP address"
    elif _is_ip(text):
        why = f"an IPv6 address stands in brackets: [{text}]"
    raise typer.BadParameter(f"{text!r}: {why}", param_hint="--address")


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _list_update(lists: dict[str, list[str]], key: str, clear: list[str]) -> Any:
    from livekit.protocol.models import ListUpdate

    unknown = [name for name in clear if name not in lists]
    if unknown:
        raise typer.BadParameter(
            f"{unknown[0]!r} is none of {', '.join(lists)}", param_hint="clear"
        )
    if key in clear:
        return ListUpdate(clear=True)
    return ListUpdate(set=lists[key]) if lists[key] else None


def _some_change(update: Message) -> None:
    if not update.ListFields():
        raise typer.BadParameter("nothing to change is given")
