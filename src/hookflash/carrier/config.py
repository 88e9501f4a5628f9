"""What a carrier serves, as data: its trunks with their numbers, and its telephones.

Read from YAML (`parse_config`); `example_config` is what there is without a file. Pure.
"""

from __future__ import annotations

from dataclasses import field, fields, replace
from pathlib import Path
from typing import Final, Literal, get_args

from ..base.errors import ConfigError, SipError
from ..base.light import light_dataclass
from ..sip.uri import Uri
from . import reading
from .manners import CallerId, Srtp, Transports
from .reading import NotAllowed, Reader, is_wave

Does = Literal["answers", "busy", "declines", "never-answers", "unreachable", "voicemail", "fax"]
DOES: Final[tuple[Does, ...]] = get_args(Does)
TransferMode = Literal["disable-all", "enable-all", "sip-only"]


@light_dataclass(frozen=True, slots=True)
class TrunkUser:
    """Somebody who may call by a trunk."""

    username: str
    password: str = field(repr=False)


@light_dataclass(frozen=True, slots=True)
class TrunkConfig:
    """One customer's trunk."""

    name: str
    """No two trunks have the same."""
    numbers: tuple[str, ...]
    """Calls to these go to `origination`, and calls from there come by this trunk."""
    origination: Uri | None
    """Where the customer's exchange listens; None: nowhere yet, and calls to it get 404."""
    transfer_mode: TransferMode | None = None
    """None: as the profile has it for a new trunk."""
    transfer_caller_id: CallerId | None = None
    """None: as the profile has it."""
    username: str = ""
    """Of digest challenges: those of the carrier, where its profile has any, and those of the
    exchange."""
    password: str = field(default="", repr=False)
    users: tuple[TrunkUser, ...] = ()
    """Who else may call by it."""
    allowed_addresses: tuple[str, ...] = ()
    """IP addresses and networks of those who may call by it; none: the address says nothing."""
    transport: Transports | None = None
    """None: as the profile has it."""
    srtp: Srtp | None = None
    """None: as the profile has it."""

    @property
    def callers(self) -> tuple[TrunkUser, ...]:
        """Everybody who may call by a password."""
        own = (TrunkUser(self.username, self.password),) if self.username else ()
        return (*own, *self.users)


@light_dataclass(frozen=True, slots=True)
class PhoneConfig:
    """One telephone, and how it behaves. Times in seconds."""

    number: str
    name: str = ""
    does: Does = "answers"
    after: float = 1.0
    """How long it rings before it answers or declines."""
    tone: float = 440.0
    """What it says all the time, in Hz; 0: silence."""
    hangs_up_after: float | None = None
    """From the answer on; None: never."""
    gives_up_after: float | None = None
    """As caller: it hangs up where nobody has answered so long after it called; None: never."""
    presses: str | tuple[tuple[float, str], ...] = ""
    """Keys that it presses once, `presses_after` the answer; or by times after it."""
    presses_after: float = 1.0
    holds_after: float | None = None
    """It puts the other side on hold so long after the answer, for `holds_for`; None: never."""
    holds_for: float = 5.0
    menu: tuple[tuple[str, str], ...] = ()
    """Its caller is connected with a number by pressing a key."""
    says: str = ""
    """A WAV file, or a text, that it says once from the answer on, instead of its tone."""
    records: str = ""
    """A WAV file for what it hears."""
    calls: str = ""
    """A number that it calls once, when the carrier starts."""
    calls_after: float = 0.5
    """How long after the start."""

    @property
    def key_times(self) -> tuple[tuple[float, str], ...]:
        """(seconds after the answer, keys that it presses then)."""
        if isinstance(self.presses, str):
            return ((self.presses_after, self.presses),) if self.presses else ()
        return self.presses


@light_dataclass(frozen=True, slots=True)
class AccountConfig:
    """The customer's account, as the REST face of the carrier asks for it."""

    sid: str = "AC" + "5" * 32
    token: str = field(default="carrier-on-this-machine", repr=False)


@light_dataclass(frozen=True, slots=True)
class NetworkConfig:
    """Everything of a carrier but its manners."""

    trunks: tuple[TrunkConfig, ...]
    phones: tuple[PhoneConfig, ...]
    profile: str = ""
    """Name of the profile, "" where the file has none."""
    numbers: tuple[str, ...] = ()
    """The customer's numbers that are on no trunk yet."""
    account: AccountConfig = AccountConfig()

    def calling(self, number: str) -> NetworkConfig:
        """The same, but that the first phone calls this number at the start."""
        first, *others = self.phones
        return replace(self, phones=(replace(first, calls=number), *others))

    def beside(self, folder: Path) -> NetworkConfig:
        """The same; the files of its telephones are in this folder, unless they say where."""

        def found(file: str) -> str:
            return str(folder / file) if is_wave(file) else file

        phones = (replace(p, says=found(p.says), records=found(p.records)) for p in self.phones)
        return replace(self, phones=tuple(phones))


def example_config(port: int = 5060) -> NetworkConfig:
    """A trunk to an exchange on this machine, at this port, and a phone of each sort."""
    origination = Uri.sip(None, "127.0.0.1", port)
    return NetworkConfig(
        trunks=(
            TrunkConfig(
                "example", ("+15550000001",), origination, allowed_addresses=("127.0.0.1",)
            ),
        ),
        phones=(
            PhoneConfig("+14155550100", "caller", tone=330.0),
            PhoneConfig("+15105550123", "sales", tone=1000.0),
            PhoneConfig("+15105550124", "busy line", "busy"),
            PhoneConfig("+15105550125", "in a meeting", "declines"),
            PhoneConfig("+15105550126", "not at home", "never-answers"),
            PhoneConfig("+15105550127", "out of reach", "unreachable"),
            PhoneConfig("+15105550128", "voicemail", "voicemail"),
            PhoneConfig("+15105550129", "fax", "fax"),
            PhoneConfig("+15105550130", "menu", tone=700.0, menu=(("1", "+15105550123"),)),
        ),
    )


def parse_config(file: str, values: object) -> NetworkConfig:
    """Read a configuration; `file` names it in errors.

    Raises:
        ConfigError: names the file, the key, its value and what is allowed.
    """
    found = reading.read(file, values, reading.mapping)
    reading.only(file, found, ("profile", "trunks", "phones", "numbers", "account"))
    trunks = tuple(
        TrunkConfig(**_entry(f"{file}: trunks[{at}]", one, _TRUNK, ("numbers", "origination")))  # type: ignore[arg-type]
        for at, one in enumerate(_list(f"{file}: trunks", found.get("trunks", [])))
    )
    for trunk in trunks:
        if bool(trunk.username) != bool(trunk.password):
            key = f"{file}: {trunk.name}: username, password"
            raise ConfigError(key, trunk.username, "both, or none of them")
    phones = tuple(
        PhoneConfig(**_entry(f"{file}: phones[{at}]", one, _PHONE, ("number",)))  # type: ignore[arg-type]
        for at, one in enumerate(_list(f"{file}: phones", found.get("phones", [])))
    )
    for at, phone in enumerate(phones):
        if phone.says and phone.does == "fax":
            raise ConfigError(f"{file}: phones[{at}]: says", phone.says, "nothing with does: fax")
    if not phones:
        raise ConfigError(f"{file}: phones", found.get("phones"), "one telephone at least")
    spare = reading.read(f"{file}: numbers", found.get("numbers", []), reading.numbers)
    given = [*(n for trunk in trunks for n in trunk.numbers), *(p.number for p in phones), *spare]
    _distinct(file, given, "number")
    _distinct(file, [trunk.name for trunk in trunks], "name of a trunk")
    account = AccountConfig(**_entry(f"{file}: account", found.get("account", {}), _ACCOUNT, ()))  # type: ignore[arg-type]
    profile = found.get("profile", "")
    if profile:
        profile = reading.read(f"{file}: profile", profile, reading.text)
    return NetworkConfig(trunks, phones, str(profile), spare, account)


def _entry(
    key: str, values: object, readers: dict[str, Reader], needed: tuple[str, ...]
) -> dict[str, object]:
    found = reading.read(key, values, reading.mapping)
    reading.only(key, found, tuple(readers))
    for name in needed:
        if name not in found:
            raise ConfigError(key, name, "it must be there", wrong="is missing")
    read = {
        name: reading.read(f"{key}: {name}", found[name], reader)
        for name, reader in readers.items()
        if name in found
    }
    if "name" in readers:
        read.setdefault("name", key.rpartition(": ")[2])
    return read


def _list(key: str, value: object) -> list[object]:
    def reader(found: object) -> list[object]:
        if not isinstance(found, list):
            raise NotAllowed("a list")
        return found

    return reading.read(key, value, reader)


def _distinct(file: str, values: list[str], what: str) -> None:
    for at, value in enumerate(values):
        if value in values[:at]:
            raise ConfigError(file, value, f"each {what} once", wrong="is there twice")


def _origination(value: object) -> Uri:
    try:
        uri = Uri.parse(value) if isinstance(value, str) else None
    except SipError:
        uri = None
    if uri is None or not uri.is_sip:
        raise NotAllowed("a SIP URI such as sip:127.0.0.1:5060")
    return uri


def _users(value: object) -> tuple[TrunkUser, ...]:
    return tuple(TrunkUser(name, password) for name, password in reading.users(value))


_TRUNK: Final[dict[str, Reader]] = {
    "name": reading.text,
    "numbers": reading.numbers,
    "origination": _origination,
    "transfer_mode": reading.one_of("disable-all", "enable-all", "sip-only"),
    "transfer_caller_id": reading.one_of("from-transferee", "from-transferor", "fixed"),
    "username": reading.text,
    "password": reading.text,
    "users": _users,
    "allowed_addresses": reading.addresses,
    "transport": reading.one_of("any", "tls"),
    "srtp": reading.one_of("none", "allowed", "required"),
}
_ACCOUNT: Final[dict[str, Reader]] = {"sid": reading.account_sid, "token": reading.text}
_PHONE: Final[dict[str, Reader]] = {
    "number": reading.number,
    "name": reading.text,
    "does": reading.one_of(*DOES),
    "after": reading.seconds,
    "tone": reading.hertz,
    "hangs_up_after": reading.seconds_or_never,
    "gives_up_after": reading.seconds_or_never,
    "presses": reading.keys_or_times,
    "presses_after": reading.seconds,
    "holds_after": reading.seconds_or_never,
    "holds_for": reading.seconds,
    "menu": reading.menu,
    "says": reading.says,
    "records": reading.wave_name,
    "calls": reading.number,
    "calls_after": reading.seconds,
}
KEYS: Final = {
    "trunks": tuple(entry.name for entry in fields(TrunkConfig)),
    "phones": tuple(entry.name for entry in fields(PhoneConfig)),
    "account": tuple(entry.name for entry in fields(AccountConfig)),
}
"""What may stand in a trunk, in a phone and in the account."""
