"""The arguments of `hookflash carrier`."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.cli import invoke

from hookflash.base.errors import ConfigError
from hookflash.carrier.profile_files import load_profile, profile_names
from hookflash.cli.carrier import _network, _tls, read_address
from hookflash.cli.carrier_tls import TlsOptions
from hookflash.cli.exits import EXIT_CONFIG


def carrier(*arguments: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr."""
    ran = invoke("", "carrier", *arguments)
    return ran.code, ran.out, ran.err


def test_its_help_needs_no_sip() -> None:
    code, text, _ = carrier("--help")
    assert code == 0
    for words in ("telephone company", "hookflash serve --dev", "--transfer-mode", "--profiles"):
        assert words in " ".join(text.split())


def test_it_lists_the_profiles() -> None:
    code, text, _ = carrier("--profiles")
    assert code == 0
    assert [line.split()[0] for line in text.splitlines()] == profile_names()
    assert "Twilio Elastic SIP Trunking" in text


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (["--profile", "twillio"], "--profile: 'twillio' is no profile; allowed: asterisk, "),
        (["--sip", "5080"], "--sip: '5080' is not allowed; allowed: an IP address and a port"),
        (["--http", "localhost:8080"], "--http: 'localhost:8080' is not allowed"),
        (["--call", "sales"], "--call: 'sales' is not allowed; allowed: a number such as"),
        (
            ["--transfer-mode", "on"],
            "--transfer-mode: 'on' is not allowed; allowed: one of",
        ),
        (["--pcap", "/nowhere/a.pcap"], "--pcap: '/nowhere/a.pcap' (No such file or directory)"),
        (["--config", "/nowhere.yaml"], "--config: '/nowhere.yaml' (No such file or directory)"),
    ],
)
def test_what_is_wrong_is_one_line(arguments: list[str], fault: str) -> None:
    code, out, error = carrier(*arguments)
    assert code == EXIT_CONFIG
    assert error.startswith(f"hookflash: {fault}")
    assert error.count("\n") == 1
    assert out == ""


def test_a_file_that_is_no_yaml(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("phones: [", "utf-8")
    code, _, error = carrier("--config", str(file))
    assert code == EXIT_CONFIG
    assert error.count("\n") == 1


def test_a_configuration_with_changes_from_the_command(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(
        'profile: telnyx\nphones: [{number: "+15105550123"}]\n'
        'trunks: [{numbers: ["+15550000001"], origination: "sip:192.0.2.1"}]\n',
        "utf-8",
    )
    network, profile = _network(file, "+15550000001", "enable-all")
    assert profile == "telnyx"
    assert network.phones[0].calls == "+15550000001"
    assert network.trunks[0].transfer_mode == "enable-all"
    assert _network(None, "", "")[1] == ""


@pytest.mark.parametrize(("profile", "port"), [("", 5060), ("twilio", 5060), ("whatsapp", 5061)])
def test_the_exchange_that_there_is_without_a_file(profile: str, port: int) -> None:
    (trunk,) = _network(None, "", "", profile)[0].trunks
    assert trunk.origination.port == port


@pytest.mark.parametrize(
    ("trunk", "secure"),
    [
        ("", False),
        ("transport: tls", True),
        ('origination: "sip:192.0.2.1;transport=tls"', True),
        ('origination: "sips:192.0.2.1"', True),
    ],
)
def test_tls_is_there_where_a_trunk_wants_it(tmp_path: Path, trunk: str, secure: bool) -> None:
    file = tmp_path / "mine.yaml"
    origination = "" if "origination" in trunk else 'origination: "sip:192.0.2.1", '
    file.write_text(
        'phones: [{number: "+15105550123"}]\n'
        f'trunks: [{{numbers: ["+15550000001"], {origination}{trunk}}}]\n',
        "utf-8",
    )
    options = TlsOptions(None, None, None, None, tmp_path / "made")
    listens = ("127.0.0.1", 5080)
    found = _tls(options, load_profile("plain"), _network(file, "", "")[0], listens)
    assert (found is not None) == secure
    if found is not None:
        assert found.address == ("127.0.0.1", 5081)


def test_addresses() -> None:
    assert read_address("--sip", "127.0.0.1:5080") == ("127.0.0.1", 5080)
    assert read_address("--sip", "[::1]:0") == ("::1", 0)
    for wrong in ("127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "a.test:1", ""):
        with pytest.raises(ConfigError):
            read_address("--sip", wrong)
