"""The exchange under attack and the addresses of all who take part.

Everything lives in a network namespace of its own: the addresses below are on its loopback, and
there is no way out of it. They are none of 127.0.0.0/8, for to the exchange that is no stranger.
"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.wire.kit.server import Exchange, free_port, until

SERVER = "10.77.0.1"
CARRIER = "10.77.0.2"
"""Whose calls run, and have to go on."""
OTHER_CARRIER = "10.77.0.3"
"""Whose address is forged."""
NAMES = "10.77.0.53"
"""A name server that nobody should believe."""
STRANGER = "10.77.0.66"
GUESSER = "10.77.0.67"
"""Another one, for the exchange hears no more of the first after his flood of INVITEs."""
PUBLIC_CARRIER = "192.88.99.2"
PUBLIC_STRANGER = "192.88.99.66"
"""Of a network that is global by its number and given to nobody (RFC 7526)."""
ADDRESSES = (
    SERVER,
    CARRIER,
    OTHER_CARRIER,
    NAMES,
    STRANGER,
    GUESSER,
    PUBLIC_CARRIER,
    PUBLIC_STRANGER,
)

OPEN_FILES = 4096
"""What the exchange may have open: a stranger can reach that."""
GUARDED = "+15559999"
"""A number whose trunk wants a password, from wherever the call comes."""
PROBED = "+15550999"
"""A number in whose room somebody waits: a call to it is answered at once."""
PAIRED = tuple(f"+1555010{number}" for number in range(5))
"""Numbers of the rooms in which two calls stand."""
ATTACKED = tuple(f"+1555020{number}" for number in range(6))
"""Numbers of the calls whose sound a stranger wants."""
RINGING_SECONDS = 10
RTC_UDP, RTC_TCP = 7882, 7881
"""Where the exchange has its WebRTC ports: the defaults, in a namespace of our own."""
SHARED = f"r_{PAIRED[0]}"
"""The room of the first pair: a bad client has a token for it."""


@dataclass(frozen=True, slots=True)
class Scene:
    """What a stranger knows: where to send to; and the exchange itself, for the API."""

    exchange: Exchange
    sip_port: int
    tls_port: int
    http_port: int

    @property
    def sip(self) -> tuple[str, int]:
        """Of SIP over UDP and TCP."""
        return SERVER, self.sip_port

    @property
    def http(self) -> tuple[str, int]:
        """Of the API."""
        return SERVER, self.http_port

    def resident_mb(self) -> float:
        """Resident memory of the exchange."""
        process = self.exchange.process
        assert process is not None
        for line in Path(f"/proc/{process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS"):
                return int(line.split()[1]) / 1024
        raise RuntimeError("the exchange is gone")


def start(folder: Path) -> Scene:
    """The exchange with its settings' defaults, a certificate, three trunks and their rules.

    Raises:
        AssertionError: it does not start.
    """
    tls_port = free_port(SERVER)
    exchange = Exchange.configured(
        folder,
        ip=SERVER,
        answer="subscribed",
        rtp_port="10000-20000",
        tls={"port": tls_port, "certs": [_certificate(folder)]},
        top={
            "bind_addresses": ["127.0.0.1", SERVER],
            "rtc": {"udp_port": RTC_UDP, "tcp_port": RTC_TCP, "node_ip": SERVER},
        },
    )
    file = folder / "hookflash.yaml"
    file.write_text(_yaml(exchange.settings), "utf-8")
    command = ["prlimit", f"--nofile={OPEN_FILES}:{OPEN_FILES}", sys.executable, "-m", "hookflash"]
    with exchange.log.open("ab") as log:
        exchange.process = subprocess.Popen(
            [*command, "serve", "--config", str(file)], stdout=log, stderr=log
        )
    until(lambda: exchange._answers(200), "the API answers", 15)
    _furnish(exchange)
    settings = exchange.settings
    return Scene(exchange, int(settings["sip"]["sip_port"]), tls_port, int(settings["port"]))


def _furnish(exchange: Exchange) -> None:
    carrier = exchange.trunk(
        name="carrier",
        numbers=[*PAIRED, PROBED, *ATTACKED],
        allowed_addresses=[CARRIER, PUBLIC_CARRIER],
    )
    other = exchange.trunk(
        name="other", allowed_addresses=[OTHER_CARRIER], ringing_timeout=f"{RINGING_SECONDS}s"
    )
    guarded = exchange.trunk(
        name="guarded",
        numbers=[GUARDED],
        allowed_addresses=["0.0.0.0/0"],
        auth_username="guarded",
        auth_password="a-password-that-nobody-guesses",
    )
    by_number = {"dispatch_rule_callee": {"room_prefix": "r"}}
    one_each = {"dispatch_rule_individual": {"room_prefix": "alone"}}
    for trunk, rule in ((carrier, by_number), (other, one_each), (guarded, one_each)):
        body = {"dispatch_rule": {"trunk_ids": [trunk], "rule": rule}}
        exchange.ok("SIP/CreateSIPDispatchRule", body)


def _certificate(folder: Path) -> dict[str, str]:
    certificate, key = folder / "cert.pem", folder / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    command += ["-nodes", "-days", "2", "-subj", f"/CN={SERVER}"]
    command += ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True)
    return {"cert_file": str(certificate), "key_file": str(key)}


def _yaml(settings: dict[str, object]) -> str:
    import json

    return json.dumps(settings)  # JSON is YAML
