"""Every setting in one place: LiveKit's key names where LiveKit has one.

Precedence: command-line flag over environment variable (`HOOKFLASH_` + path in capitals joined by
`__`) over file over default. `docs/configuration.md` is generated from these fields; a test fails
when it is out of date.
"""

from __future__ import annotations

import difflib
import ipaddress
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

import yaml
from pydantic import (
    BaseModel,
    Field,
    SecretStr,
    ValidationError,
)
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from .adapters.post_urls import check_url
from .api_secrets import MIN_SECRET, weakness
from .base.errors import ConfigError
from .base.light import light_dataclass
from .setting_kinds import (
    Duration,
    IpAddress,
    IpAddressOrEmpty,
    ListOf,
    Network,
    Port,
    PortRange,
    Section,
    TurnServer,
)

DEV_KEY = "devkey"
DEV_SECRET = "secret"
_SECRET = ("keys", "rtc.turn_servers")
"""Settings that nobody is to see."""


class Variables(EnvSettingsSource):
    """The environment. A value of a list, a range or a map may be JSON and need not be."""

    def decode_complex_value(self, field_name: str, field: FieldInfo, value: Any) -> Any:
        """What is no JSON is a text: the checks of the setting say what is wrong with it."""
        try:
            return super().decode_complex_value(field_name, field, value)
        except ValueError:
            return value


class WebhookSettings(Section):
    api_key: str = Field("", description="Key that signs webhooks; must be one of `keys`.")
    urls: ListOf[str] = Field([], description="Where events are posted.")
    include_events: ListOf[str] = Field([], description="Only these events, if any are named.")
    exclude_events: ListOf[str] = Field([], description="Never these; `include_events` wins.")


class HttpSettings(Section):
    max_connections: int = Field(
        0, ge=0, description="Most connections to the API; 0: an eighth of the open files, to 4096."
    )
    max_silent_per_address: int = Field(
        256, ge=0, description="Most of one address without a request in work; 0: no limit."
    )


class RoomSettings(Section):
    auto_create: bool = Field(True, description="Joining a room that does not exist creates it.")
    empty_timeout: int = Field(300, ge=0, description="Seconds that a room nobody joined lives.")
    departure_timeout: int = Field(20, ge=0, description="Seconds that a room outlives the last.")
    max_participants: int = Field(0, ge=0, description="Most participants of a room; 0: no limit.")
    enable_remote_unmute: bool = Field(False, description="Whether the API may unmute.")


class RtcSettings(Section):
    udp_port: Port = Field(7882, description="Port of WebRTC over UDP, one for all clients.")
    tcp_port: Port = Field(7881, description="The same over TCP, where UDP is blocked.")
    node_ip: IpAddressOrEmpty = Field("", description="Address that clients are told.")
    use_external_ip: bool = Field(
        False, description="Ask a STUN server for the address that clients are told."
    )
    allow_tcp_fallback: bool = Field(True, description="Whether clients may come by TCP.")
    stun_servers: ListOf[str] = Field([], description="`host:port`, told to clients; none needed.")
    turn_servers: list[TurnServer] = Field(
        [], description="`[{host, port, protocol, username, credential}]`, told to clients."
    )
    reconnect_timeout: Duration = Field(
        15.0, description="How long a client without its WebSocket stays in the room."
    )
    allow_simulation: bool = Field(
        False, description="Whether clients may ask for faults, for tests of SDKs."
    )


class Certificate(Section):
    cert_file: str = Field(description="PEM file of the certificate chain.")
    key_file: str = Field(description="PEM file of the private key.")


class TlsSettings(Section):
    port: Port = Field(5061, description="Port of SIP over TLS; used when `certs` are given.")
    certs: list[Certificate] = Field([], description="`[{cert_file, key_file}]`; none: no TLS in.")
    verify: bool = Field(True, description="Whether certificates of peers that we call must hold.")
    ca_file: str = Field("", description="PEM file of further authorities to trust.")


class SipSettings(Section):
    listen_ip: IpAddress = Field("0.0.0.0", description="Address for SIP and RTP.")
    sip_port: Port = Field(5060, description="Port of SIP over UDP and TCP.")
    rtp_port: PortRange = Field((10000, 20000), description="Ports of RTP and RTCP.")
    answer: Literal["subscribed", "immediately"] = Field(
        "subscribed",
        description="When a caller is answered: as soon as there is somebody in the room to be "
        "heard, or at once.",
    )
    nat_1_to_1_ip: IpAddressOrEmpty = Field(
        "", description="Public address that peers outside `local_net` are told."
    )
    use_external_ip: bool = Field(
        False, description="Ask a STUN server for the public address at the start."
    )
    stun_servers: ListOf[str] = Field(
        ["stun.l.google.com:19302"], description="Asked in turn by `use_external_ip`."
    )
    local_net: ListOf[Network] = Field(
        [], description="Networks of peers that are told our own address, not the public one."
    )
    sip_hostname: str = Field("", description="Host name in Contact and Via over TLS.")
    tls: TlsSettings = Field(TlsSettings(), description="SIP over TLS.")
    symmetric_rtp: Literal["auto", "always", "never"] = Field(
        "auto", description="Whether RTP goes to where RTP comes from."
    )
    codecs: ListOf[Literal["PCMU", "PCMA", "G722", "opus"]] = Field(
        ["PCMU", "PCMA", "G722"],
        min_length=1,
        description="Codecs of calls, best first. Not set: Opus for who offers nothing else.",
    )
    opus_complexity: int = Field(1, ge=0, le=10, description="Effort of Opus encoders, 0 to 10.")
    auth_algorithms: ListOf[Literal["MD5", "SHA-256"]] = Field(
        ["MD5"], min_length=1, description="Digest algorithms offered to callers."
    )
    accept_unmatched: bool = Field(
        False, description="Accept calls that match no trunk, as LiveKit does. Unsafe."
    )
    allowed_hosts: Literal["resolve", "from_header"] = Field(
        "resolve",
        description="What host names in `allowed_addresses` are compared with: the caller's "
        "address, or the host in From, as LiveKit does. The latter is unsafe.",
    )
    hide_passwords: bool = Field(False, description="Blank trunk passwords in API answers.")
    follow_redirects: bool = Field(False, description="Follow 3xx answers to outbound calls.")
    max_calls: int = Field(0, ge=0, description="Most calls at once; 0: no limit.")
    max_calls_per_trunk: int = Field(0, ge=0, description="Most calls of one trunk; 0: no limit.")
    max_invites_per_second_per_source: int | None = Field(
        None,
        description="INVITEs per second from one address; 0: no limit. Unset: 50, no limit for "
        "loopback, and for addresses that a trunk names 500 to each trunk, 100 while as many of "
        "its calls are not confirmed (ACK).",
    )
    shield: bool = Field(
        True, description="Ignore scanners and who guesses passwords for ten minutes."
    )
    max_requests_per_second_per_source: int | None = Field(
        None,
        ge=0,
        description="Messages per second from one address that has no call; more are read later "
        "(TCP, TLS) or dropped (UDP); 0: no limit. Unset: 300, and no limit for loopback and for "
        "addresses that a trunk names.",
    )
    max_connections: int = Field(
        0, ge=0, description="Most connections of peers; 0: an eighth of the open files, to 4096."
    )
    max_connections_per_address: int = Field(
        256, ge=0, description="Most of one address that have no call; at most half of all."
    )
    prompts_dir: str = Field("", description="Folder of PIN prompts (8 kHz WAV) of your own.")
    keep_messages: Duration = Field(
        30 * 86400.0, description="How long a call's SIP messages are kept with it; 0: not at all."
    )


class StoreSettings(Section):
    sync: Literal["normal", "full"] = Field(
        "normal", description="`normal` survives a kill, `full` also a power cut."
    )


class KeepSettings(Section):
    keep: Duration = Field(30 * 86400.0, description="How long records are kept.")


class AuditSettings(Section):
    keep: Duration = Field(90 * 86400.0, description="How long it is kept who changed what.")


class MetricsSettings(Section):
    bind: str = Field("127.0.0.1:6789", description="Where /metrics listens; empty: nowhere.")


class LogSettings(Section):
    level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least level.")
    format: Literal["auto", "json", "text"] = Field(
        "auto", description="`auto`: text on a terminal, JSON elsewhere."
    )


class Settings(BaseSettings):
    """All settings of `hookflash serve`."""

    model_config = SettingsConfigDict(
        env_prefix="HOOKFLASH_",
        env_nested_delimiter="__",
        extra="forbid",
        validate_default=True,
        env_ignore_empty=True,
    )

    port: Port = Field(7880, description="Port of the HTTP API.")
    bind_addresses: ListOf[IpAddress] = Field(
        ["0.0.0.0"], min_length=1, description="Addresses of the HTTP API."
    )
    http: HttpSettings = Field(HttpSettings(), description="Limits of the HTTP API.")
    keys: dict[str, SecretStr] = Field(
        {},
        description="API keys and their secrets of at least 32 characters; "
        "`hookflash keys` makes a pair.",
    )
    webhook: WebhookSettings = Field(WebhookSettings(), description="Webhooks.")
    room: RoomSettings = Field(RoomSettings(), description="Rooms.")
    rtc: RtcSettings = Field(RtcSettings(), description="WebRTC: agents and browsers.")
    data_dir: str = Field("./data", description="Folder of the database.")
    store: StoreSettings = Field(StoreSettings(), description="The database.")
    sip: SipSettings = Field(SipSettings(), description="SIP and RTP.")
    transfers: KeepSettings = Field(KeepSettings(), description="Stored transfers.")
    calls: KeepSettings = Field(KeepSettings(), description="Call history.")
    audit: AuditSettings = Field(AuditSettings(), description="Audit of changes over the API.")
    metrics: MetricsSettings = Field(MetricsSettings(), description="Prometheus metrics.")
    log: LogSettings = Field(LogSettings(), description="Logs.")
    drain: Duration = Field(
        30.0, description="How long SIGTERM waits for calls to end by themselves."
    )
    dev: bool = Field(
        False,
        description="Development mode: key `devkey`, secret `secret`, loopback only, nothing "
        "stored, callers answered at once, and a soft tone for a phone alone in a room.",
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        # Files and flags are merged by `load`, so that precedence holds for single keys of a
        # section too; the environment is read by the library.
        prefix = getattr(env_settings, "env_prefix", None)  # `Settings(_env_prefix=…)`
        return (Variables(settings_cls, env_prefix=prefix), init_settings)


@light_dataclass(frozen=True, slots=True)
class SettingLine:
    """One row of the table of settings."""

    key: str
    kind: str
    default: object
    help: str

    @property
    def variable(self) -> str:
        """The environment variable of this setting."""
        return "HOOKFLASH_" + self.key.upper().replace(".", "__")

    @property
    def flag(self) -> str | None:
        """The command-line flag; None for secrets, which other users of the machine would see."""
        return None if self.key in _SECRET else "--" + self.key.replace("_", "-")


def setting_lines(model: type[BaseModel] = Settings, prefix: str = "") -> Iterator[SettingLine]:
    """Every leaf setting, in the order of the file."""
    for name, field in model.model_fields.items():
        annotation = field.annotation
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            yield from setting_lines(annotation, f"{prefix}{name}.")
            continue
        yield SettingLine(
            f"{prefix}{name}", _kind(annotation), field.default, field.description or ""
        )


def _kind(annotation: Any) -> str:
    """The type of a setting in words for the table."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _kind(get_args(annotation)[0])
    if origin is Literal:
        return " or ".join(f"`{arg}`" for arg in get_args(annotation))
    if origin is list:
        inner = _kind(get_args(annotation)[0])
        return f"list of {inner}"
    if origin is dict:
        return "map of key to secret"
    if origin is tuple:
        return "range of ports"
    if origin is not None:
        return _kind(next(arg for arg in get_args(annotation) if arg is not type(None)))
    names = {str: "text", int: "number", float: "duration", bool: "yes or no"}
    return names.get(annotation, getattr(annotation, "__name__", str(annotation)).lower())


def load(
    file: Path | None = None, flags: Mapping[str, Any] | None = None, *, dev: bool = False
) -> Settings:
    """Read file, environment and flags (dotted keys); raise ConfigError for what is wrong."""
    values = _read_file(file) if file is not None else {}
    overrides: dict[str, Any] = {}
    for key, value in (flags or {}).items():
        _put(overrides, key, value)
    if dev:
        values = _merge(_dev_values(), values)
    try:
        from_environment = Settings(**values)
        if overrides:
            merged = _merge(from_environment.model_dump(exclude_unset=True), overrides)
            merged["keys"] = from_environment.keys
            settings = _without_environment(merged)
        else:
            settings = from_environment
    except ValidationError as error:
        raise _explain(error) from None
    if settings.dev and not dev:  # the file or a variable says so
        return load(file, flags, dev=True)
    settings.dev = dev
    _check(settings)
    return settings


def _without_environment(values: dict[str, Any]) -> Settings:
    """Validate values in which the environment already has its place."""
    saved = {
        name: os.environ.pop(name) for name in list(os.environ) if name.startswith("HOOKFLASH_")
    }
    try:
        return Settings(**values)
    finally:
        os.environ.update(saved)


def _dev_values() -> dict[str, Any]:
    return {
        "bind_addresses": ["127.0.0.1"],
        "keys": {DEV_KEY: DEV_SECRET},
        "webhook": {"api_key": DEV_KEY},
        "sip": {"listen_ip": "127.0.0.1", "answer": "immediately"},
    }


def _read_file(file: Path) -> dict[str, Any]:
    try:
        values = yaml.safe_load(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(
            "--config", str(file), f"a readable YAML file ({error.strerror})"
        ) from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigError("--config", str(file), f"YAML (line {line}: {error.problem})") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        first = str(error).splitlines()[0]
        raise ConfigError("--config", str(file), f"YAML ({first})") from None
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise ConfigError("--config", str(file), "a YAML mapping of settings")
    # A section whose lines are all comments is one that says nothing.
    return {key: value for key, value in values.items() if value is not None}


def _put(tree: dict[str, Any], dotted: str, value: Any) -> None:
    *path, last = dotted.split(".")
    for part in path:
        tree = tree.setdefault(part, {})
    tree[last] = value


def _merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        if isinstance(value, Mapping) and isinstance(merged.get(key), Mapping) and key != "keys":
            merged[key] = _merge(merged[key], value)
        else:
            merged[key] = value
    return merged


_ALLOWED = {
    "int_parsing": "a whole number",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a duration such as 30s, 5m, 24h or 30d",
    "bool_parsing": "true or false",
    "bool_type": "true or false",
    "string_type": "text",
    "list_type": "one value or a list",
    "dict_type": "a map of key to secret",
    "tuple_type": "a range of ports such as 10000-20000",
    "greater_than_equal": "{ge} or more",
    "less_than_equal": "{le} or less",
    "literal_error": "{expected}",
    "too_short": "at least one",
    "missing": "this one is needed too",
}
"""In words of a person what the library complains of."""


def _explain(error: ValidationError) -> ConfigError:
    """Turn the first of the library's complaints into key, value and what is allowed."""
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"])
    value: object = first["input"]
    allowed = first["msg"].removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        allowed = _near(key)
    elif first["type"].startswith("model_"):
        allowed = "settings below it"
    elif first["type"] in _ALLOWED:
        allowed = _ALLOWED[first["type"]].format(**first.get("ctx", {}))
    if key.startswith(_SECRET):
        value = "***"
    return ConfigError(key, value, allowed)


def _near(key: str) -> str:
    """What an unknown key may have been meant to be."""
    known = [line.key for line in setting_lines()]
    near = difflib.get_close_matches(key, known, 1)
    meant = f" (this one is unknown; {near[0]}?)" if near else " (this one is unknown)"
    return "a setting that `hookflash settings` lists" + meant


def _public_addresses(settings: Settings) -> list[tuple[str, str]]:
    """Where others than this machine's programs get in: setting and address."""
    listens = [("bind_addresses", address) for address in settings.bind_addresses]
    listens.append(("sip.listen_ip", settings.sip.listen_ip))
    return [entry for entry in listens if not ipaddress.ip_address(entry[1]).is_loopback]


def _check(settings: Settings) -> None:
    """What no single field can know."""
    if not settings.keys:
        raise ConfigError("keys", {}, "at least one API key with its secret (or --dev)")
    public = _public_addresses(settings)
    if public and settings.dev:
        key, address = public[0]
        raise ConfigError(key, address, "a loopback address (everybody knows the secret of --dev)")
    for key, secret in settings.keys.items():
        why = "" if settings.dev else weakness(secret.get_secret_value())
        if len(secret.get_secret_value()) < MIN_SECRET and why:
            allowed = f"a secret of at least {MIN_SECRET} characters (any secret with --dev)"
            raise ConfigError(f"keys.{key}", why, allowed)
        if public and why:
            allowed = "a secret that nobody can guess (`hookflash keys` makes one)"
            raise ConfigError(f"keys.{key}", why, allowed)
    webhook = settings.webhook
    if webhook.urls and webhook.api_key not in settings.keys:
        raise ConfigError("webhook.api_key", webhook.api_key, "one of the keys of `keys`")
    if webhook.urls:
        for url in webhook.urls:
            check_url("webhook.urls", url)
    for certificate in settings.sip.tls.certs:
        for file in (certificate.cert_file, certificate.key_file):
            if not Path(file).is_file():
                raise ConfigError("sip.tls.certs", file, "files that exist")
    if settings.sip.tls.ca_file and not Path(settings.sip.tls.ca_file).is_file():
        raise ConfigError("sip.tls.ca_file", settings.sip.tls.ca_file, "a file that exists")
    if settings.sip.prompts_dir and not Path(settings.sip.prompts_dir).is_dir():
        raise ConfigError("sip.prompts_dir", settings.sip.prompts_dir, "a folder that exists")
    bind = settings.metrics.bind
    if bind and not re.fullmatch(r"(\[[0-9a-fA-F:]+\]|[^:\s]+):\d{1,5}", bind):
        raise ConfigError("metrics.bind", bind, "address:port, or empty for none")
