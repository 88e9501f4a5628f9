"""TLS of `hookflash carrier`: what its options say, and certificates where they name none."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from ..base.errors import ConfigError
from ..base.light import light_dataclass
from ..sip.flow import Address

FOLDER = Path("carrier-tls")
"""Where certificates are that the carrier makes, unless --tls-folder names another one."""
TlsAt = Annotated[
    str, typer.Option(metavar="IP:PORT", help="Where it listens for SIP over TLS, too.")
]
TlsCert = Annotated[
    Path | None, typer.Option(help="PEM file of its certificate; else it makes one.")
]
TlsKey = Annotated[Path | None, typer.Option(help="PEM file of its key.")]
TlsTrusted = Annotated[
    Path | None, typer.Option(help="PEM file of those whom it trusts when it calls by TLS.")
]
TlsMade = Annotated[Path, typer.Option(help="Where the certificates are that it makes.")]


@light_dataclass(frozen=True, slots=True)
class TlsOptions:
    """As they were given."""

    address: Address | None
    cert: Path | None
    key: Path | None
    ca: Path | None
    folder: Path


@light_dataclass(frozen=True, slots=True)
class CarrierTls:
    """Where the carrier listens for TLS, its files, and what people are told about them."""

    address: Address
    files: Any
    """`adapters.sip_sockets.TlsFiles`."""
    told: tuple[str, ...]


def carrier_tls(
    options: TlsOptions, sip: Address, exchanges: Sequence[str], *, only: bool
) -> CarrierTls | None:
    """`sip`: where it listens without TLS; `exchanges`: the hosts that it calls. `only`: there is
    somebody with whom it talks by TLS only, so that it listens beside `sip` where no address was
    given.

    Raises:
        ConfigError: options that do not fit, files that cannot be read or written.
    """
    from ..adapters import tls_files
    from ..adapters.interfaces import own_addresses
    from ..adapters.sip_sockets import TlsFiles
    from ..carrier.tls_folder import TlsFolder

    address = options.address
    if address is None and only:
        address = (sip[0], sip[1] + 1 if sip[1] else 0)
    if address is None:
        given = {"--tls-cert": options.cert, "--tls-key": options.key, "--tls-ca": options.ca}
        for name, value in given.items():
            if value is not None:
                raise ConfigError(name, str(value), "it goes with --tls IP:PORT")
        return None
    if (options.cert is None) != (options.key is None):
        raise ConfigError("--tls-cert, --tls-key", str(options.cert or options.key), "both or none")
    if options.cert is not None:
        ca = str(options.ca or "")
        files = TlsFiles(str(options.cert), str(options.key), ca)
        tls_files.checked(files, certs="--tls-cert, --tls-key", ca_file="--tls-ca")
        return CarrierTls(address, files, ())
    made = TlsFolder(options.folder)
    try:
        made.fill(own_addresses([address[0]]), exchanges)
    except OSError as error:
        wrong = f"({error.strerror})"
        allowed = "a folder that can be written"
        raise ConfigError("--tls-folder", str(options.folder), allowed, wrong=wrong) from None
    files = made.files
    if options.ca is not None:
        files = TlsFiles(files.cert_file, files.key_file, str(options.ca))
        tls_files.checked(files, ca_file="--tls-ca")
    exchange = options.folder / "exchange.pem", options.folder / "exchange.key"
    return CarrierTls(
        address,
        files,
        (
            f"certificates: {options.folder}; the exchange trusts the carrier by sip.tls.ca_file: "
            f"{made.authority}",
            f"  and shows one of its own by sip.tls.certs: [{{cert_file: {exchange[0]}, key_file: "
            f"{exchange[1]}}}]",
        ),
    )
