"""The PEM files that the settings name for SIP over TLS, looked into before anything is opened."""

from __future__ import annotations

import ssl

from ..base.errors import ConfigError
from .sip_sockets import TlsFiles


def checked(
    files: TlsFiles, *, certs: str = "sip.tls.certs", ca_file: str = "sip.tls.ca_file"
) -> TlsFiles:
    """The same files: what the sockets would say of wrong ones names no file. `certs`, `ca_file`:
    the settings that name them.

    Raises:
        ConfigError: one cannot be read, or certificate and key do not fit.
    """
    if files.cert_file:
        try:
            chain = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            chain.load_cert_chain(files.cert_file, files.key_file, password="")  # asks nobody
        except OSError as error:
            allowed = "PEM files that can be read, of a certificate and of its key without password"
            value = f"{files.cert_file}, {files.key_file}"
            raise ConfigError(certs, value, f"{allowed} ({_why(error)})") from None
    if files.ca_file:
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(files.ca_file)
        except OSError as error:
            allowed = f"a PEM file of certificates that can be read ({_why(error)})"
            raise ConfigError(ca_file, files.ca_file, allowed) from None
    return files


def _why(error: OSError) -> str:
    """`KEY_VALUES_MISMATCH` of OpenSSL in words, or what the system says."""
    reason = error.reason if isinstance(error, ssl.SSLError) else error.strerror
    return (reason or "not readable as PEM").replace("_", " ").lower()
