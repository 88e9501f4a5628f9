"""How a carrier behaves, as data: one trait a line, each with where it is known from.

A profile is a mapping from the names of traits to `{value: …, source: …}` or `{value: …, assumed:
true}`. A trait that it leaves out has the value of `CarrierManners` here, which is a carrier that
does everything by the RFCs. Files are in `profiles/`, read by `profile_files.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Final, Literal, get_args

from ..base.errors import ConfigError
from ..base.light import light_dataclass
from ..sdp.plan import CodecName
from ..sip.phrases import reason_phrase
from . import reading
from .faults import Faults
from .faults import faults as read_trait
from .reading import Reader

TargetForm = Literal["tel", "own-domain", "foreign-sip", "ip"]
CallerId = Literal["from-transferee", "from-transferor", "fixed"]
RefusalCause = Literal[
    "account", "address", "password", "caller-id", "transport", "srtp-required", "srtp-refused"
]
"""Why a call of the exchange is not let through: its trunk lets nobody call; address, password or
number are not the trunk's; it came without TLS; its sound is not encrypted, or is."""
CAUSES: Final[tuple[RefusalCause, ...]] = get_args(RefusalCause)
Transports = Literal["any", "tls"]
Srtp = Literal["none", "allowed", "required"]
TARGET_FORMS: Final[tuple[TargetForm, ...]] = ("tel", "own-domain", "foreign-sip", "ip")


@light_dataclass(frozen=True, slots=True)
class CarrierManners:
    """The traits of one carrier. Times in seconds."""

    refer: Literal["always", "trunk-setting", "never"] = "always"
    """Whether a REFER is carried out; `trunk-setting`: where the trunk's `transfer_mode` has it."""
    transfer_mode: Literal["disable-all", "enable-all", "sip-only"] = "enable-all"
    """The setting of a trunk that nobody has changed."""
    refused_status: int = 603
    """What a REFER gets that is not to be carried out at all."""
    refused_phrase: str = ""
    """"" for the phrase of the RFCs."""
    target_forms: tuple[TargetForm, ...] = TARGET_FORMS
    """Forms of Refer-To that are understood: `tel` URIs, sip URIs of the carrier's own domain, of
    other domains, and with a bare IP address for a host."""
    target_status: int = 403
    """What a Refer-To of another form gets."""
    target_phrase: str = ""
    domain: str = "carrier.test"
    """The carrier's own domain, and all below it."""
    replaces: Literal["supported", "unsupported", "refused"] = "supported"
    """Whether a call takes the place of another one by Replaces (RFC 3891), as in an attended
    transfer. `unsupported`: a REFER to a target with Replaces gets `replaces_status`, an INVITE
    with it is a call as any other. `refused`: both get it."""
    replaces_status: int = 501
    replaces_phrase: str = ""
    headers_required: tuple[str, ...] = ()
    """Headers without which a REFER is refused with `refused_status`."""
    digest: Literal["none", "refer", "calls", "all"] = "calls"
    """What is challenged with 407, and wants user and password of the trunk: nothing, each REFER,
    each call (INVITE) by a trunk that has a user, or both."""
    accounts: Literal["optional", "required"] = "optional"
    """Who may call by a trunk that has neither a user nor an address: anybody, or nobody."""
    account_check: Literal["both", "either"] = "both"
    """What is looked at on a trunk that has both: a call needs the address and the password, or
    one of the two."""
    forbidden_status: int = 403
    """What a call gets that the trunk's account does not admit."""
    forbidden_phrase: str = ""
    caller_id_rule: Literal["any", "refused", "replaced"] = "any"
    """What becomes of a call whose From is no number of its trunk: it goes through, is refused, or
    shows the trunk's first number instead."""
    caller_id_status: int = 403
    """What it gets where it is refused."""
    caller_id_phrase: str = ""
    transport: Transports = "any"
    """How calls of the exchange may come, and calls to it go: `tls` only, or any way."""
    transport_status: int = 403
    """What a call gets that came another way."""
    transport_phrase: str = ""
    srtp: Srtp = "none"
    """Encrypted sound, by keys in SDP (RFC 4568): not taken, offered and taken, or a must. A trunk
    may have it otherwise, as it may `transport`. What does not fit gets 488."""
    error_header: str = ""
    """A header of refusals that has one of `error_texts`; "" for none."""
    error_texts: tuple[tuple[RefusalCause, str], ...] = ()
    """What it says of each cause."""
    caller_id: CallerId = "from-transferee"
    """Whose number the target sees, on a trunk that says nothing else; `fixed`: the trunk's first
    number."""
    referred_by: bool = True
    """The Referred-By of a REFER goes on to a target that is called by SIP."""
    notify: Literal["all", "final", "100-terminated", "none"] = "all"
    """Which NOTIFYs go out; `100-terminated`: a single one, 100 Trying, that ends the
    subscription."""
    notify_before_answer: bool = False
    """The first NOTIFY goes out before the answer to REFER."""
    notify_id: bool = False
    """The Event names the REFER by its CSeq from the first REFER on."""
    notify_delay: float = 0.0
    """Between what happens and the NOTIFY that says so."""
    sipfrag_line_end: Literal["crlf", "lf"] = "crlf"
    sipfrag_phrase: bool = True
    """The sipfrag has a reason phrase."""
    refer_answer_delay: float = 0.0
    """Between a REFER and its answer."""
    hold: bool = False
    """The transferor's call is put on hold while the transfer is under way."""
    hang_up_at: Literal["target-answered", "refer-accepted"] = "target-answered"
    """What `hang_up_after` is counted from."""
    hang_up_after: float | None = 32.0
    """When the carrier ends the transferor's call if the transferor has not; None: never."""
    added_headers: tuple[tuple[str, str], ...] = ()
    """Headers of its INVITEs: name, and a value in which each `#` becomes a random hexadecimal
    digit."""
    number_format: Literal["e164", "e164-without-plus", "national"] = "e164"
    """How numbers are written in its INVITEs; `national`: as within their country, without a
    trunk prefix."""
    record_route: int = 0
    """How many proxies it has in front, each with its Record-Route and Via; the Contact behind them
    is an address of the carrier's own network. A request that does not take that route gets 404."""
    codecs: tuple[CodecName, ...] = ("PCMU", "PCMA")
    """What it offers and takes, the one it likes best first."""
    early_media: bool = False
    """Whom the exchange calls is heard ringing: 183 with SDP and a tone of 430 Hz, not 180."""
    ptime: int = 20
    """Milliseconds of sound in a packet that it asks for: 20, 40 or 60."""
    session_expires: int = 1800
    """Session interval that it asks for (RFC 4028); 0: only what the exchange asks for."""
    options_every: float = 0.0
    """How often it asks by OPTIONS whether the exchange of a trunk is there; 0: never."""
    keep_alive_every: float = 0.0
    """How often a double CRLF goes out on each of its connections, by TCP and TLS (RFC 5626
    §3.5.1); 0: never."""
    max_calls: int | None = None
    """How many calls the exchange of a trunk may make at once; None: any number."""
    full_status: int = 503
    """What one call more gets."""
    full_phrase: str = ""
    abandoned_for: float = 0.0
    """How long a transferor is left without a word where the caller hangs up before the target
    answers; 0: it is told by NOTIFY 487, and hung up on."""
    no_answer_after: float = 60.0
    """How long the target of a transfer may ring; then it is 480."""
    faults: Faults = Faults()
    """What goes wrong on the way to the exchange, from the start."""
    t1: int = 500
    """T1 of RFC 3261 §17.1.1.1 in milliseconds, 100, 200, 500, 1000 or 2000: after so long a
    request that is not answered goes out again by UDP, then after twice that, and so on."""
    user_agent: str = "Hookflash-Carrier"


@light_dataclass(frozen=True, slots=True)
class Trait:
    """One line of a profile."""

    name: str
    value: object
    """As in `CarrierManners`."""
    source: str
    """A page or a thread, with its date; "" where the value is assumed."""
    why: str = ""
    """A remark."""

    @property
    def assumed(self) -> bool:
        """Nobody has written it down; it is what fits the rest best."""
        return not self.source


@light_dataclass(frozen=True, slots=True)
class Profile:
    """One carrier."""

    name: str
    title: str
    """The carrier's own name."""
    manners: CarrierManners
    traits: tuple[Trait, ...]
    """Those that its file has, in the order of the file."""


def parse_profile(file: str, values: object) -> Profile:
    """Read a profile; `file` is its name for errors, the profile's own is that without `.yaml`.

    Raises:
        ConfigError: names the file, the trait, its value and what is allowed.
    """
    found = reading.read(file, values, reading.mapping)
    title = reading.read(f"{file}: title", found.get("title"), reading.text)
    traits = tuple(_trait(file, name, line) for name, line in found.items() if name != "title")
    manners = CarrierManners(**{trait.name: trait.value for trait in traits})  # type: ignore[arg-type]
    name = file.rpartition("/")[2].removesuffix(".yaml")
    return Profile(name, title, manners, traits)


def _trait(file: str, name: object, line: object) -> Trait:
    reader = _READERS.get(name) if isinstance(name, str) else None
    if reader is None or not isinstance(name, str):
        raise ConfigError(file, name, ", ".join(_READERS), wrong="is no trait")
    key = f"{file}: {name}"
    if not isinstance(line, Mapping) or "value" not in line:
        raise ConfigError(key, line, _SHAPE)
    reading.only(key, line, _KEYS)
    source = (
        reading.read(f"{key}: source", line["source"], reading.text) if "source" in line else ""
    )
    why = reading.read(f"{key}: why", line["why"], reading.text) if "why" in line else ""
    if (line.get("assumed") is True) == bool(source):
        raise ConfigError(key, dict(line), _SHAPE, wrong="has no source, or two")
    return Trait(name, reading.read(key, line["value"], reader), source, why)


_SHAPE: Final = "{value: …, source: a page or thread with its date} or {value: …, assumed: true}"
_KEYS: Final = ("value", "source", "assumed", "why")


_READERS: Final[dict[str, Reader]] = {
    "refer": reading.one_of("always", "trunk-setting", "never"),
    "transfer_mode": reading.one_of("disable-all", "enable-all", "sip-only"),
    "refused_status": reading.failure_status,
    "refused_phrase": reading.text,
    "target_forms": reading.some_of(*TARGET_FORMS),
    "target_status": reading.failure_status,
    "target_phrase": reading.text,
    "domain": reading.domain,
    "replaces": reading.one_of("supported", "unsupported", "refused"),
    "replaces_status": reading.failure_status,
    "replaces_phrase": reading.text,
    "headers_required": reading.names,
    "digest": reading.one_of("none", "refer", "calls", "all"),
    "accounts": reading.one_of("optional", "required"),
    "account_check": reading.one_of("both", "either"),
    "forbidden_status": reading.failure_status,
    "forbidden_phrase": reading.text,
    "caller_id_rule": reading.one_of("any", "refused", "replaced"),
    "caller_id_status": reading.failure_status,
    "caller_id_phrase": reading.text,
    "transport": reading.one_of("any", "tls"),
    "transport_status": reading.failure_status,
    "transport_phrase": reading.text,
    "srtp": reading.one_of("none", "allowed", "required"),
    "error_header": reading.name,
    "error_texts": reading.texts(*CAUSES),
    "caller_id": reading.one_of("from-transferee", "from-transferor", "fixed"),
    "referred_by": reading.boolean,
    "notify": reading.one_of("all", "final", "100-terminated", "none"),
    "notify_before_answer": reading.boolean,
    "notify_id": reading.boolean,
    "notify_delay": reading.seconds,
    "sipfrag_line_end": reading.one_of("crlf", "lf"),
    "sipfrag_phrase": reading.boolean,
    "refer_answer_delay": reading.seconds,
    "hold": reading.boolean,
    "hang_up_at": reading.one_of("target-answered", "refer-accepted"),
    "hang_up_after": reading.seconds_or_never,
    "added_headers": reading.headers,
    "number_format": reading.one_of("e164", "e164-without-plus", "national"),
    "record_route": reading.count(5),
    "codecs": reading.some_of("PCMU", "PCMA", "opus"),
    "early_media": reading.boolean,
    "ptime": reading.milliseconds(20, 40, 60),
    "session_expires": reading.count(7200),
    "options_every": reading.seconds,
    "keep_alive_every": reading.seconds,
    "max_calls": reading.count_or_any(1000),
    "full_status": reading.failure_status,
    "full_phrase": reading.text,
    "abandoned_for": reading.seconds,
    "no_answer_after": reading.seconds,
    "faults": read_trait,
    "t1": reading.milliseconds(100, 200, 500, 1000, 2000),
    "user_agent": reading.text,
}
"""How each trait is read."""
TRAITS: Final = tuple(entry.name for entry in fields(CarrierManners))
"""Every trait, as `CarrierManners` has them."""


def refusal(status: int, phrase: str) -> tuple[int, str]:
    """A status with its phrase, that of the RFCs where the carrier has none of its own."""
    return status, phrase or reason_phrase(status)
