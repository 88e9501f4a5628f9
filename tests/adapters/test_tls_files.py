"""How each wrong file is told is a table of `tests/test_server.py`, with real certificates."""

from __future__ import annotations

from pathlib import Path

import pytest

from hookflash.adapters.sip_sockets import TlsFiles
from hookflash.adapters.tls_files import checked
from hookflash.base.errors import ConfigError


def test_no_files_are_right() -> None:
    files = TlsFiles()
    assert checked(files) is files


def test_a_wrong_file_is_named(tmp_path: Path) -> None:
    gone, bad = str(tmp_path / "gone.pem"), tmp_path / "bad.pem"
    bad.write_text("no certificate")
    for files, key, text in (
        (TlsFiles(gone, gone), "sip.tls.certs", "no such file or directory"),
        (TlsFiles(str(bad), str(bad)), "sip.tls.certs", "not readable as pem"),
        (TlsFiles(ca_file=gone), "sip.tls.ca_file", "no such file or directory"),
    ):
        with pytest.raises(ConfigError) as raised:
            checked(files)
        assert raised.value.key == key
        assert text in str(raised.value)
