"""`hookflash carrier`: its arguments. What it does is in `carrier_run.py`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import typer

from ..base.errors import ConfigError, HookflashError
from ..sip.flow import Address
from .carrier_tls import (
    FOLDER,
    CarrierTls,
    TlsAt,
    TlsCert,
    TlsKey,
    TlsMade,
    TlsOptions,
    TlsTrusted,
    carrier_tls,
)
from .exits import EXIT_CONFIG, fail
from .load_options import LoadAsked, with_load

EPILOG = """\
What to do with it: run `hookflash serve --dev` in one terminal, give it a trunk and a rule for
+15550000001, and run `hookflash carrier --profile twilio --call +15550000001` in another. A
telephone calls your exchange. Then `hookflash transfer +15105550123`: the exchange asks the
carrier to connect the caller to that number instead, as it would ask the real one. It refuses, as
Twilio does while transfers are off; with --transfer-mode enable-all it does it.
`hookflash carrier --profiles` lists the carriers, docs/carrier.md explains all of it.
"""
HttpAt = Annotated[
    str,
    typer.Option(
        metavar="IP:PORT", help="Where GET /calls and the carrier's REST are; '' for nowhere."
    ),
]
FirstCall = Annotated[
    str, typer.Option(metavar="NUMBER", help="The first telephone calls this number at the start.")
]
TransferModes = Annotated[
    str, typer.Option(metavar="MODE", help="Of all trunks: disable-all, enable-all or sip-only.")
]
CANNOT_LISTEN = "cannot listen at {}: {}; --sip and --tls name other ports"


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command(epilog=EPILOG)(with_load(carrier))


def carrier(
    asked: LoadAsked,
    profile: Annotated[
        str, typer.Option(metavar="NAME", help="Whose manners it has: twilio, telnyx, plain, ….")
    ] = "",
    config: Annotated[
        Path | None, typer.Option(help="YAML file with trunks and telephones of your own.")
    ] = None,
    sip: Annotated[
        str, typer.Option(metavar="IP:PORT", help="Where it listens for SIP (UDP and TCP).")
    ] = "127.0.0.1:5080",
    tls: TlsAt = "",
    tls_cert: TlsCert = None,
    tls_key: TlsKey = None,
    tls_ca: TlsTrusted = None,
    tls_folder: TlsMade = FOLDER,
    http: HttpAt = "127.0.0.1:8080",
    call: FirstCall = "",
    transfer_mode: TransferModes = "",
    json: Annotated[
        bool, typer.Option("--json", help="One line of JSON for each message and event.")
    ] = False,
    pcap: Annotated[Path | None, typer.Option(help="Write each message, for Wireshark.")] = None,
    profiles: Annotated[
        bool, typer.Option("--profiles", help="List the profiles, and end.")
    ] = False,
) -> None:
    """Run a telephone company on this machine, to try transfers with.

    It has telephones that ring, answer, are busy or decline, and a trunk (the line between a
    telephone company and an exchange such as Hookflash). It answers transfers as the real company
    of the profile does, and shows each message between the two.
    """
    from ..carrier.profile_files import load_profile, profile_names

    if profiles:
        for name in profile_names():
            typer.echo(f"{name:20}{load_profile(name).title}")
        return
    with _failures(" and ".join(filter(None, (sip, tls)))):
        network, named = _network(config, call, transfer_mode, profile)
        chosen = load_profile(profile or named or "plain")
        listen, face = read_address("--sip", sip), read_address("--http", http) if http else None
        at = read_address("--tls", tls) if tls else None
        given = TlsOptions(at, tls_cert, tls_key, tls_ca, tls_folder)
        secure = _tls(given, chosen, network, listen)
        order = asked.read(network)
        with _opened(pcap) as file:
            if order is None:
                from .carrier_run import run

                run(chosen, network, listen, face, as_json=json, pcap=file, tls=secure)
            else:
                from .carrier_load import run as load

                places = (listen, face)
                load(chosen, network, *places, order, asked, as_json=json, pcap=file, tls=secure)


@contextmanager
def _failures(places: str) -> Iterator[None]:
    """What goes wrong is one line; `places`: where SIP is listened for."""
    try:
        yield
    except OSError as error:
        why = os.strerror(error.errno) if error.errno else error
        raise fail(CANNOT_LISTEN.format(places, why), EXIT_CONFIG) from None
    except HookflashError as error:
        raise fail(str(error), EXIT_CONFIG if isinstance(error, ConfigError) else 1) from None


def _tls(options: TlsOptions, profile: Any, network: Any, listen: Address) -> CarrierTls | None:
    """Where TLS is taken; raises ConfigError."""
    from ..carrier.admission import by_tls_only
    from ..carrier.invites import origination

    manners, trunks = profile.manners, network.trunks
    places = [at for at in (origination(manners, trunk) for trunk in trunks) if at is not None]
    only = any(by_tls_only(manners, trunk) for trunk in (None, *trunks))
    only = only or any(at.param("transport") == "tls" for at in places)
    exchanges = [at.host for at in places]
    return carrier_tls(options, listen, exchanges, only=only)


def _opened(pcap: Path | None) -> AbstractContextManager[BinaryIO | None]:
    """The file to write to, if there is to be one; raises ConfigError."""
    try:
        return nullcontext() if pcap is None else pcap.open("wb")
    except OSError as error:
        allowed = "a file that can be written"
        raise ConfigError("--pcap", str(pcap), allowed, wrong=f"({error.strerror})") from None


def _network(config: Path | None, call: str, mode: str, profile: str = "") -> tuple[Any, str]:
    """(what the carrier serves, the profile that the file names); raises ConfigError."""
    import yaml

    from ..carrier import reading
    from ..carrier.config import example_config, parse_config
    from ..carrier.profile_files import load_profile

    by_tls = profile and load_profile(profile).manners.transport == "tls"
    network = example_config(5061 if by_tls else 5060)
    if config is not None:
        try:
            values = yaml.safe_load(config.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            what = getattr(error, "strerror", None) or " ".join(str(error).split())
            raise ConfigError("--config", str(config), "a YAML file", wrong=f"({what})") from None
        network = parse_config(str(config), values).beside(config.parent)
    if call:
        network = network.calling(reading.read("--call", call, reading.number))
    if mode:
        modes = reading.one_of("disable-all", "enable-all", "sip-only")
        reading.read("--transfer-mode", mode, modes)
        changed: dict[str, Any] = {"transfer_mode": mode}
        trunks = tuple(replace(trunk, **changed) for trunk in network.trunks)
        network = replace(network, trunks=trunks)
    return network, network.profile


def read_address(option: str, text: str) -> Address:
    """`127.0.0.1:5080`, `[::1]:5080`; raises ConfigError."""
    from ..base.hosts import ip_literal

    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    right = ip_literal(host) is not None and port.isascii() and port.isdecimal()
    if not right or int(port) > 65535:
        raise ConfigError(option, text, "an IP address and a port, such as 127.0.0.1:5080")
    return host, int(port)
