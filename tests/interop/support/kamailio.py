"""Kamailio as record-routing proxy between callers and the exchange."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .certificates import Certificate
from .lab import Lab
from .process import Process, need

CONFIG = """\
debug=2
log_stderror=yes
fork=yes
children=1
tcp_children=1
auto_aliases=no
{listen}
{tls_core}
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "maxfwd.so"
loadmodule "textops.so"
loadmodule "siputils.so"
loadmodule "xlog.so"
{tls_module}
modparam("rr", "enable_full_lr", 1)
modparam("rr", "enable_double_rr", 1)

request_route {{
    xlog("L_NOTICE", "PROXY {name} $rm from $sp route=$hdr(Route) uri=$ru\\n");
    if (!mf_process_maxfwd_header("10")) {{
        sl_send_reply("483", "Too Many Hops");
        exit;
    }}
    if (has_totag()) {{
        if (!loose_route()) {{
            if (is_method("ACK")) {{
                if (t_check_trans()) t_relay();
                exit;
            }}
            xlog("L_NOTICE", "PROXY {name} $rm WITHOUT ROUTE\\n");
            sl_send_reply("404", "Not Here");
            exit;
        }}
        xlog("L_NOTICE", "PROXY {name} $rm LOOSE to $du $ru\\n");
        t_relay();
        exit;
    }}
    if (is_method("CANCEL")) {{
        if (t_check_trans()) t_relay();
        exit;
    }}
    record_route();
    $du = "{next_hop}";
    t_relay();
}}
"""

TLS = """\
[server:default]
method = TLSv1.2+
certificate = {certificate.cert}
private_key = {certificate.key}

[client:default]
method = TLSv1.2+
certificate = {certificate.cert}
private_key = {certificate.key}
verify_certificate = yes
require_certificate = yes
ca_list = {authority}
"""


@dataclass(slots=True)
class Kamailio:
    """A proxy that sends every new call to `next_hop` and stays on the route."""

    process: Process
    name: str
    port: int
    tls_port: int

    @property
    def address(self) -> str:
        """ip:port of SIP over UDP and TCP."""
        return f"127.0.0.1:{self.port}"

    @classmethod
    async def start(
        cls,
        lab: Lab,
        name: str,
        next_hop: str,
        *,
        certificate: Certificate | None = None,
        authority: Path | None = None,
    ) -> Kamailio:
        """Start it; `next_hop` is a SIP URI. With a certificate it speaks TLS too."""
        port, tls_port = lab.ports.take(), lab.ports.take()
        folder = lab.path(f"kamailio-{name}/kamailio.cfg").parent
        listen = [f"listen=udp:127.0.0.1:{port}", f"listen=tcp:127.0.0.1:{port}"]
        core = module = ""
        if certificate is not None:
            listen.append(f"listen=tls:127.0.0.1:{tls_port}")
            tls = folder / "tls.cfg"
            tls.write_text(TLS.format(certificate=certificate, authority=authority), "utf-8")
            core = "enable_tls=yes"
            module = f'loadmodule "tls.so"\nmodparam("tls", "config", "{tls}")'
        text = CONFIG.format(
            name=name,
            listen="\n".join(listen),
            tls_core=core,
            tls_module=module,
            next_hop=next_hop,
        )
        (folder / "kamailio.cfg").write_text(text, "utf-8")
        command = [need("kamailio"), "-DD", "-E", "-m", "32", "-M", "8", "-f", "kamailio.cfg"]
        command += ["-Y", str(folder), "-w", str(folder)]
        process = await lab.start(f"kamailio {name}", command, cwd=folder)
        kamailio = cls(process, name, port, tls_port)
        await process.listening(port)
        return kamailio

    def loose(self, method: str) -> int:
        """How many requests of this method were sent on by their Route."""
        return self.process.count(rf"PROXY {self.name} {method} LOOSE ")
