"""`hookflash serve` as a process of its own."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import Any, Self

SECRET = "secretsecretsecretsecretsecretsecret"


class Serving:
    """`with Serving(data_dir) as server`: its log lines as JSON, its ports from `ready`."""

    def __init__(self, data_dir: Path, *flags: str) -> None:
        self._command = [
            *(sys.executable, "-m", "hookflash", "serve"),
            *("--port", "0", "--bind-addresses", "127.0.0.1", "--data-dir", str(data_dir)),
            *("--sip.listen-ip", "127.0.0.1", "--sip.sip-port", "0", "--metrics.bind", ""),
            *("--rtc.udp-port", "0", "--rtc.tcp-port", "0"),
            *("--log.format", "json", "--sip.rtp-port", "31000-31200"),
            *flags,
        ]
        self.lines: queue.Queue[str] = queue.Queue()
        self.log: list[str] = []
        self.process: subprocess.Popen[str]
        self.ready: dict[str, Any] = {}

    def __enter__(self) -> Self:
        environment = {**os.environ, "HOOKFLASH_KEYS": json.dumps({"devkey": SECRET})}
        self.process = subprocess.Popen(
            self._command,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
            start_new_session=True,  # without a terminal, wherever the tests run
        )
        threading.Thread(target=self._read, daemon=True).start()
        try:
            self.ready = self.wait_for("ready")
        except AssertionError:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(10)
        if self.process.stderr is not None:
            self.process.stderr.close()

    def _read(self) -> None:
        stream = self.process.stderr
        if stream is None:
            return
        for line in stream:
            self.log.append(line)
            self.lines.put(line)
        self.lines.put("")

    def wait_for(self, event: str, within: float = 30.0) -> dict[str, Any]:
        """The next log line of this event; AssertionError with the log where there is none."""
        while True:
            try:
                line = self.lines.get(timeout=within)
            except queue.Empty:
                line = ""
            if not line:
                raise AssertionError(f"no {event!r} in the log:\n{''.join(self.log)}")
            try:
                fields: dict[str, Any] = json.loads(line)
            except ValueError:
                continue
            if fields["event"] == event:
                return fields

    @property
    def url(self) -> str:
        """Of the API."""
        return str(self.ready["api"])

    @property
    def sip(self) -> tuple[str, int]:
        """Where it listens for SIP."""
        ip, port = self.ready["sip"]["udp"]
        return ip, port

    def terminate(self) -> int:
        """SIGTERM; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)
