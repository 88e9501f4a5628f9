"""Settings: precedence, LiveKit's names, and errors that name key, value and what is allowed."""

from __future__ import annotations

from pathlib import Path

import pytest

from hookflash.audio.opus import COMPLEXITY
from hookflash.base.errors import ConfigError
from hookflash.config import Settings, load, setting_lines

SECRET = "secretsecretsecretsecretsecretsecret"
GOOD = "hQ3vT9zKp1wXc7Lr5mYb2NdF8sGj4RaU"
EXAMPLE = f"""
port: 7880
bind_addresses: ["127.0.0.1"]
keys: {{devkey: {SECRET}}}
webhook: {{api_key: devkey, urls: ["http://127.0.0.1:9099/hook"]}}
data_dir: ./data
sip: {{listen_ip: 127.0.0.1, sip_port: 5060, rtp_port: 10000-20000, answer: subscribed}}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "hookflash.yaml"
    path.write_text(EXAMPLE)
    return path


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "hookflash.yaml"
    path.write_text(text)
    return path


def test_the_example_of_the_readme_works_as_it_stands(file: Path) -> None:
    settings = load(file)
    assert settings.port == 7880
    assert settings.keys["devkey"].get_secret_value() == SECRET
    assert settings.webhook.urls == ["http://127.0.0.1:9099/hook"]
    assert settings.sip.rtp_port == (10000, 20000)
    assert settings.sip.opus_complexity == COMPLEXITY
    assert settings.sip.answer == "subscribed"


def test_flag_over_variable_over_file_over_default(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOOKFLASH_PORT", "8001")
    monkeypatch.setenv("HOOKFLASH_SIP__SIP_PORT", "8002")
    settings = load(file, {"port": "9001"})
    assert settings.port == 9001
    assert settings.sip.sip_port == 8002
    assert settings.sip.listen_ip == "127.0.0.1"
    assert settings.sip.tls.port == 5061


def test_a_variable_changes_one_key_of_a_section_only(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOOKFLASH_WEBHOOK__API_KEY", "devkey")
    monkeypatch.setenv("HOOKFLASH_KEYS", f'{{"other": "{SECRET}", "devkey": "{SECRET}"}}')
    settings = load(file)
    assert settings.webhook.urls == ["http://127.0.0.1:9099/hook"]
    assert set(settings.keys) == {"other", "devkey"}


def test_dev_needs_nothing() -> None:
    settings = load(dev=True)
    assert settings.dev
    assert settings.keys["devkey"].get_secret_value() == "secret"
    assert settings.bind_addresses == ["127.0.0.1"]
    assert settings.sip.answer == "immediately"


@pytest.mark.parametrize(
    ("text", "key", "allowed"),
    [
        ("sip: {answer: later}", "sip.answer", "subscribed"),
        ("sip: {rtp_port: many}", "sip.rtp_port", "10000-20000"),
        ("sip: {rtp_port: 20000-10000}", "sip.rtp_port", "10000-20000"),
        ("sip: {listen_ip: here}", "sip.listen_ip", "IP address"),
        ("sip: {local_net: nowhere}", "sip.local_net.0", "network"),
        ("sip: {codecs: [GSM]}", "sip.codecs.0", "PCMU"),
        ("port: 70000", "port", "65535"),
        ("drain: soon", "drain", "30s"),
        ("port: many", "port", "a whole number"),
        ("port: -1", "port", "0 or more"),
        ("dev: maybe", "dev", "true or false"),
        ("data_dir: 3", "data_dir", "text"),
        ("drain: [1]", "drain", "30s"),
        ("sip: 5060", "sip", "settings below it"),
        ("sip: {rtp_port: 10000}", "sip.rtp_port", "10000-20000"),
        ("sip: {rtp_port: [10000, 10001, 2]}", "sip.rtp_port", "10000-20000"),
        ("sip: {codecs: []}", "sip.codecs", "at least one"),
        ("sip: {prompts_dir: /no}", "sip.prompts_dir", "a folder that exists"),
        ("sip: {tls: {certs: here}}", "sip.tls.certs", "a list"),
        ("sip: {tls: {certs: [{cert_file: a}]}}", "sip.tls.certs.0.key_file", "needed"),
        ("sipp: {}", "sipp", "unknown"),
        ("sip: {sipport: 1}", "sip.sipport", "sip.sip_port?"),
        ("webhook: {urls: [ftp://x], api_key: k}", "webhook.urls", "http"),
        ("webhook: {urls: ['http://me:secret@x'], api_key: k}", "webhook.urls", "no user name"),
        ("webhook: {urls: ['http://x:port/'], api_key: k}", "webhook.urls", "http"),
        ("webhook: {urls: ['http://x'], api_key: nobody}", "webhook.api_key", "keys"),
        ("metrics: {bind: here}", "metrics.bind", "address:port"),
        ("sip: {tls: {certs: [{cert_file: /no, key_file: /no}]}}", "sip.tls.certs", "exist"),
        ("sip: {tls: {ca_file: /no}}", "sip.tls.ca_file", "exists"),
    ],
)
def test_a_wrong_setting_names_key_and_what_is_allowed(
    tmp_path: Path, text: str, key: str, allowed: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        load(write(tmp_path, f"keys: {{k: {GOOD}}}\n{text}\n"))
    assert caught.value.key == key
    assert allowed in caught.value.allowed


@pytest.mark.parametrize(
    ("variable", "value", "key", "allowed"),
    [
        ("KEYS", "devkey", "keys", "a map of key to secret"),
        ("SIP__RTP_PORT", "many", "sip.rtp_port", "10000-20000"),
        ("SIP__TLS__CERTS", "here", "sip.tls.certs", "a list"),
        ("SIP__SIP_PROT", "1", "sip.sip_prot", "sip.sip_port?"),
    ],
)
def test_a_wrong_variable_is_refused_in_the_same_words(
    file: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, key: str, allowed: str
) -> None:
    monkeypatch.setenv(f"HOOKFLASH_{variable}", value)
    with pytest.raises(ConfigError) as caught:
        load(file)
    assert caught.value.key == key
    assert allowed in caught.value.allowed
    assert "devkey" not in str(caught.value)


def test_lists_and_ranges_are_written_plainly_in_a_variable_and_in_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOOKFLASH_SIP__RTP_PORT", "30000-30100")
    monkeypatch.setenv("HOOKFLASH_SIP__CODECS", "PCMA, PCMU")
    monkeypatch.setenv("HOOKFLASH_BIND_ADDRESSES", '["127.0.0.1", "::1"]')
    monkeypatch.setenv("HOOKFLASH_WEBHOOK__URLS", "http://a/x")
    text = f"keys: {{k: {GOOD}}}\nwebhook: {{api_key: k}}\nsip: {{local_net: 10.0.0.0/8}}\n"
    settings = load(write(tmp_path, text))
    assert settings.sip.rtp_port == (30000, 30100)
    assert settings.sip.codecs == ["PCMA", "PCMU"]
    assert settings.bind_addresses == ["127.0.0.1", "::1"]
    assert settings.webhook.urls == ["http://a/x"]
    assert settings.sip.local_net == ["10.0.0.0/8"]


def test_settings_with_another_prefix_see_only_its_variables(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HOOKFLASH_PORT", "1")
    monkeypatch.setenv("OTHER_SIP__SIP_PORT", "2")
    settings = Settings(_env_prefix="OTHER_")
    assert (settings.port, settings.sip.sip_port) == (7880, 2)


def test_a_section_whose_lines_are_comments_says_nothing(tmp_path: Path) -> None:
    text = f"keys: {{k: {GOOD}}}\nsip:\n  # sip_port: 5070\n"
    assert load(write(tmp_path, text)).sip.sip_port == 5060


def test_a_fault_in_the_yaml_is_told_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="line 3"):
        load(write(tmp_path, "port: 1\n\nsip: ]\n"))


def test_a_password_of_a_turn_server_is_not_shown(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(write(tmp_path, f"rtc: {{turn_servers: [{{credential: {SECRET}}}]}}\n"))
    assert "rtc.turn_servers.0.host" in str(caught.value)
    assert SECRET not in str(caught.value)
    whole = f"rtc: {{turn_servers: [{{host: t, port: 9, credential: {SECRET}}}]}}\n"
    (relay,) = load(write(tmp_path, whole), dev=True).rtc.turn_servers
    assert relay.credential.get_secret_value() == SECRET
    assert SECRET not in repr(relay)


def test_a_short_secret_is_refused_and_not_shown(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(write(tmp_path, "keys: {k: tooshort}"))
    assert "32" in str(caught.value)
    assert "tooshort" not in str(caught.value)


@pytest.mark.parametrize(
    "secret",
    [
        "secretsecretsecretsecretsecretsecret",
        "s" * 40,
        "devkey" * 5 + "dev",
        "0123456789abcdef" * 2,
    ],
)
def test_a_secret_that_can_be_guessed_is_for_loopback_only(tmp_path: Path, secret: str) -> None:
    ours = "bind_addresses: ['127.0.0.1', '::1']\nsip: {listen_ip: 127.0.0.2}\n"
    keys = f"keys: {{k: '{secret}'}}\n"
    assert load(write(tmp_path, keys + ours)).keys["k"].get_secret_value() == secret
    for flags in ({"bind_addresses": ["127.0.0.1", "::"]}, {"sip.listen_ip": "192.0.2.1"}):
        with pytest.raises(ConfigError, match="hookflash keys") as caught:
            load(write(tmp_path, keys + ours), flags)
        assert caught.value.key == "keys.k"
        assert secret not in str(caught.value)


@pytest.mark.parametrize("way", ["flag", "file", "variable"])
@pytest.mark.parametrize("key", ["bind_addresses", "sip.listen_ip"])
def test_dev_is_for_loopback_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str, key: str
) -> None:
    """With a good secret too: the mode is for trying out."""
    file = write(tmp_path, f"keys: {{k: {GOOD}}}\ndev: {str(way == 'file').lower()}\n")
    if way == "variable":
        monkeypatch.setenv("HOOKFLASH_DEV", "true")
    assert load(file, dev=way == "flag").bind_addresses == ["127.0.0.1"]
    with pytest.raises(ConfigError, match="loopback") as caught:
        load(file, {key: "0.0.0.0"}, dev=way == "flag")
    assert caught.value.key == key


def test_no_key_at_all_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="at least one API key"):
        load(write(tmp_path, "port: 1"))


@pytest.mark.parametrize("text", ["[1, 2]", "a: [", "port: 1\n\tx"])
def test_a_file_that_is_no_mapping_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(write(tmp_path, text))
    assert caught.value.key == "--config"


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="readable"):
        load(tmp_path / "none.yaml")


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "hookflash.yaml"
    path.write_bytes(b"port: \xff\xfe")
    with pytest.raises(ConfigError, match="YAML"):
        load(path)


def test_a_range_of_ports_may_have_names(tmp_path: Path) -> None:
    text = f"keys: {{k: {GOOD}}}\nsip: {{rtp_port: {{start: 10000, end: 20000}}}}\n"
    assert load(write(tmp_path, text)).sip.rtp_port == (10000, 20000)


def test_durations_have_units(tmp_path: Path) -> None:
    text = f"keys: {{k: {GOOD}}}\ntransfers: {{keep: 2d}}\ncalls: {{keep: 1h}}\ndrain: 500ms\n"
    settings = load(write(tmp_path, text))
    assert (settings.transfers.keep, settings.calls.keep, settings.drain) == (172800, 3600, 0.5)


def test_an_empty_file_leaves_the_defaults(tmp_path: Path) -> None:
    assert load(write(tmp_path, ""), dev=True).port == 7880


def test_every_setting_has_a_description_a_variable_and_a_flag() -> None:
    lines = list(setting_lines())
    assert len(lines) > 40
    for line in lines:
        assert line.help, line.key
        assert line.variable.startswith("HOOKFLASH_")
        assert (line.flag is None) == (line.key in ("keys", "rtc.turn_servers"))


def test_the_table_in_the_docs_is_up_to_date() -> None:
    from hookflash.cli.settings import markdown_table

    page = Path(__file__).parent.parent / "docs" / "configuration.md"
    assert markdown_table() in page.read_text(encoding="utf-8"), "run `make docs`"
